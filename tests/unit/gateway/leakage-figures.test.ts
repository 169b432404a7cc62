import { afterEach, describe, expect, it } from 'vitest';
import type { ZoneModel } from '../../../gateway/domain/leakage/network.ts';
import type { PointInfo } from '../../../gateway/domain/plant.ts';
import { FIGURES_WAITING_MAX, LeakageFigures } from '../../../gateway/leakage-figures.ts';
import type { SeriesQuery } from '../../../gateway/store/store.ts';
import { type TestDoor, testDoor } from '../../support/http-door.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Midnight in Shanghai. */
const START = Date.parse('2026-03-01T00:00:00+08:00');

type Signal = (ts: number) => number | undefined | { readonly value: number; readonly doubtful: true };

/** Zones of 100 m3/h by day and 40 by night, of which the customers' meters see 60 and 10. */
function world(
  signals: Record<string, Signal>,
  zone: Partial<ZoneModel> = {},
  timezone = 'Asia/Shanghai',
  units: Readonly<Record<string, string>> = {},
) {
  const names = Object.keys(signals);
  const model: ZoneModel = {
    id: 'north',
    inlets: ['fm-1/flow'],
    outlets: [],
    tanks: [],
    customers: [],
    pressures: [],
    ...zone,
  };
  const clock = { now: START + 400 * DAY_MS };
  const asked: string[] = [];
  const refuse = new Set<string>();
  const figures = new LeakageFigures({
    zones: [model],
    timezone,
    night: [2, 5],
    registry: {
      pointId: (device, measurement) => {
        const id = names.indexOf(`${device}/${measurement}`);
        return id < 0 ? undefined : id;
      },
      point: (id) => {
        const unit = units[names[id] ?? ''];
        return unit === undefined ? undefined : ({ unit } as PointInfo);
      },
    },
    store: {
      query: async ({ points, from, to, stepMs, aggregate }: SeriesQuery) => {
        asked.push(aggregate);
        if (refuse.has(aggregate)) throw new Error('took longer than 5 s');
        // Whatever was told in a slot counts, not only what was told at its start.
        const toldIn = (point: number, ts: number) =>
          aggregate !== 'count' ||
          Array.from({ length: Math.ceil(stepMs / HOUR_MS) }, (_, hour) => ts + hour * HOUR_MS).some(
            (at) => signals[names[point]!]!(at) !== undefined,
          );
        return points.map((point) => ({
          point,
          values: Array.from({ length: Math.ceil((to - from) / stepMs) }, (_, slot) => from + slot * stepMs).flatMap(
            (ts) => {
              // A counter's last value of a slot stands at its end.
              const value =
                aggregate === 'count' ? 1 : signals[names[point]!]!(aggregate === 'last' ? ts + stepMs : ts);
              if (value === undefined || !toldIn(point, ts)) return [];
              const isPlain = typeof value === 'number';
              return [
                {
                  ts,
                  value: isPlain ? value : value.value,
                  count: 1,
                  worstQuality: isPlain ? ('good' as const) : ('uncertain' as const),
                },
              ];
            },
          ),
        }));
      },
    },
    now: () => clock.now,
  });
  return { figures, model, clock, asked, refuse };
}

const hourOf = (ts: number) => ((ts - START) / HOUR_MS + 24 * 1000) % 24;
const byHour =
  (night: number, day: number): Signal =>
  (ts) =>
    hourOf(ts) >= 2 && hourOf(ts) < 5 ? night : day;
const counter =
  (perHour: number): Signal =>
  (ts) =>
    1000 + ((ts - START) / HOUR_MS) * perHour;

async function oneDay(made: ReturnType<typeof world>) {
  const { zones } = await made.figures.figures([made.model], { from: START, to: START + DAY_MS, period: 'day' });
  return zones[0]!;
}

describe('the volume of a day', () => {
  it('comes from the counter where there is one, also over a gap, and from the flow otherwise; which is said', async () => {
    const gap = (ts: number) => (hourOf(ts) > 8 && hourOf(ts) < 16 ? undefined : (counter(50)(ts) as number));
    const register = await oneDay(world({ 'fm-1/flow': () => 55, 'fm-1/total': gap }));
    expect(register.supplied).toMatchObject({ value: 1200, source: 'register', origin: 'measured', coverage: 1 });
    const flow = await oneDay(world({ 'fm-1/flow': () => 55 }));
    expect(flow.supplied).toMatchObject({ value: 1320, source: 'flow', origin: 'measured' });
  });

  it('takes the counter that is named, and takes off what ran back', async () => {
    const signals = { 'fm-1/flow': () => 1, 'plc/c1': counter(50), 'fm-1/totalReverse': counter(2) };
    const day = await oneDay(world(signals, { totalizers: { 'fm-1/flow': 'plc/c1' } }));
    expect(day.supplied?.value).toBeCloseTo(1152, 6);
  });

  it('fills holes of the flow with its mean, counts the hours nobody measured, and calls it estimated', async () => {
    const holes = await oneDay(world({ 'fm-1/flow': (ts) => (hourOf(ts) < 18 ? 40 : undefined) }));
    expect(holes.supplied).toMatchObject({ value: 960, origin: 'estimated', coverage: 0.75 });
    const entered = await oneDay(world({ 'fm-1/flow': (ts) => (hourOf(ts) < 3 ? { value: 40, doubtful: true } : 40) }));
    expect(entered.supplied).toMatchObject({ value: 960, origin: 'estimated', doubtfulHours: 3 });
  });

  it('is absent with a reason when less than half of it is known', async () => {
    const day = await oneDay(world({ 'fm-1/flow': (ts) => (hourOf(ts) < 6 ? 40 : undefined) }));
    expect(day.supplied).toBeUndefined();
    expect(day.missing).toContainEqual({
      figure: 'supplied',
      reason: 'inlets and outlets are known for 25 % of the time',
    });
  });

  it('does not count what only went into the tank, nor what left by an outlet', async () => {
    const signals = { 'fm-1/flow': () => 100, 'fm-2/flow': () => 30, 't/level': (ts: number) => (ts - START) / DAY_MS };
    const zone = { outlets: ['fm-2/flow'], tanks: [{ level: 't/level', areaM2: 240 }] };
    expect((await oneDay(world(signals, zone))).supplied?.value).toBeCloseTo(2400 - 720 - 240, -1);
  });
});

describe('units', () => {
  it('are those of the points: a sensor in kPa and a meter in L/s count like one in m and in m3/h', async () => {
    const units = { 'fm-1/flow': 'L/s', 'pt/pressure': 'kPa' };
    const signals = { 'fm-1/flow': () => 10, 'pt/pressure': () => 392.266 };
    const day = await oneDay(world(signals, { pressures: ['pt/pressure'] }, 'Asia/Shanghai', units));
    expect(day.supplied?.value).toBeCloseTo(864, 6);
    expect(day.pressure).toMatchObject({ value: expect.closeTo(40, 6), unit: 'm' });
  });
});

describe('losses', () => {
  it('are told with what is registered for the figures alone, where leaks are looked for without it', async () => {
    const found = await oneDay(
      world({ 'fm-1/flow': () => 50, 'amr/flow': () => 45 }, { registered: ['amr/flow'], customers: [] }),
    );
    expect(found.rates).toEqual([{ basis: 'gross', percent: expect.closeTo(10, 6) }]);
    expect(found.registered).toMatchObject({ value: 1080, origin: 'measured' });
  });

  const signals = { 'fm-1/flow': byHour(40, 100), 'amr/demand': () => 36, 'pt/pressure': byHour(50, 40) };
  const zone: Partial<ZoneModel> = {
    customers: ['amr/demand'],
    coverage: 0.5,
    pressures: ['pt/pressure'],
    population: 10_000,
    mainsKm: 30,
    connections: 4000,
    unbilledM3PerDay: 20,
    apparentPercent: 5,
  };

  it('are what the balance leaves, with the gross rate; every figure says where it comes from', async () => {
    const day = await oneDay(world(signals, zone));
    expect(day.supplied?.value).toBeCloseTo(2220, 6);
    expect(day.registered).toMatchObject({ value: 1728, origin: 'estimated' });
    expect(day.balance).toMatchObject({ authorisedM3: 1748, lossesM3: 472, nonRevenueM3: 492 });
    expect(day.balance?.realM3).toBeCloseTo(472 - 86.4, 6);
    expect(day.shown).toBe('gross');
    expect(day.rates).toEqual([{ basis: 'gross', percent: expect.closeTo(22.162, 2) }]);
    expect(day.missing.map(({ figure }) => figure)).toContain('correctedRate');
  });

  it('are told by the night, too: least hour, legitimate use, pressures over the day', async () => {
    const day = await oneDay(world(signals, zone));
    expect(day.nightFlow).toMatchObject({ value: 40, unit: 'm3/h', origin: 'measured' });
    expect(day.legitimateNightUse?.value).toBe(6);
    // 21 h at 40 m and 3 h at 50 m, against 50 m at night.
    expect(day.nightToDay?.value).toBeCloseTo(19.8, 6);
    expect(day.realLossByNight?.value).toBeCloseTo(34 * 19.8, 6);
    expect(day.background?.value).toBeGreaterThan(0);
  });

  it('make an index only within the limits of its formula', async () => {
    const day = await oneDay(world(signals, zone));
    expect(day.uarl?.value).toBeCloseTo(((18 * 30 + 0.8 * 4000) * 41.25) / 1000, 6);
    expect(day.ili).toMatchObject({
      value: expect.closeTo(2.5, 1),
      band: 'A',
      basis: expect.stringContaining('balance'),
    });
    const small = await oneDay(world(signals, { ...zone, connections: 900 }));
    expect(small.ili).toBeUndefined();
    expect(small.missing.find(({ figure }) => figure === 'ili')?.reason).toContain('fewer than 3000 connections');
  });

  it('have a grade for a whole year only', async () => {
    const made = world(signals, { ...zone, corrections: { households: 8, pipeLength: 2, pressure: 0.5, frost: 0 } });
    const from = Date.parse('2025-01-01T00:00+08:00');
    made.clock.now = Date.parse('2026-02-01T00:00Z');
    const ask = (period: 'month' | 'year', to: string) =>
      made.figures.figures([made.model], { from, to: Date.parse(to), period });
    const year = (await ask('year', '2026-01-01T00:00+08:00')).zones[0]!;
    expect(year).toMatchObject({ label: '2025', days: 365, shown: 'corrected' });
    expect(year.rates[1]).toMatchObject({ basis: 'corrected', grade: 'II', percent: expect.closeTo(11.66, 1) });
    const months = (await ask('month', '2025-03-01T00:00+08:00')).zones;
    expect(months.map(({ label, days }) => [label, days])).toEqual([
      ['2025-01', 31],
      ['2025-02', 28],
    ]);
    expect(months[0]!.rates[1]).toEqual({ basis: 'corrected', percent: expect.any(Number) });
  });

  it('are computed anew when late data has come', async () => {
    let late: Signal = () => undefined;
    const made = world({ 'fm-1/flow': (ts) => late(ts) });
    expect((await oneDay(made)).supplied).toBeUndefined();
    late = () => 10;
    expect((await oneDay(made)).supplied?.value).toBeCloseTo(240, 6);
  });
});

describe('days', () => {
  it('are local, with 23 h when the clocks go forward; today counts until now', async () => {
    const made = world({ 'fm-1/flow': () => 10 }, {}, 'Europe/Berlin');
    const from = Date.parse('2026-03-28T12:00+01:00');
    made.clock.now = Date.parse('2026-03-30T06:00+02:00');
    const { zones } = await made.figures.figures([made.model], { from, to: from + 5 * DAY_MS, period: 'day' });
    expect(zones.map(({ label, supplied }) => [label, Math.round(supplied!.value)])).toEqual([
      ['2026-03-28', 240],
      ['2026-03-29', 230],
      ['2026-03-30', 60],
    ]);
  });

  it('are refused when they are too many, and so is a crowd that asks at once', async () => {
    const made = world({ 'fm-1/flow': () => 10 });
    const ask = (from: number) =>
      made.figures.figures([made.model], { from, to: START + 300 * DAY_MS, period: 'year' });
    await expect(ask(START - 2000 * DAY_MS)).rejects.toMatchObject({ code: 'query-too-large' });
    const crowd = Array.from({ length: FIGURES_WAITING_MAX + 1 }, (_, day) => ask(START + (294 + day) * DAY_MS));
    const ends = await Promise.allSettled(crowd);
    expect(ends.map(({ status }) => status)).toEqual([
      ...new Array<string>(FIGURES_WAITING_MAX).fill('fulfilled'),
      'rejected',
    ]);
  });

  it('are computed once for all who ask the same at once, and again for who asks later', async () => {
    const made = world({ 'fm-1/flow': () => 10 });
    const ask = () => made.figures.figures([made.model], { from: START, to: START + 3 * DAY_MS, period: 'day' });
    const [first, ...others] = await Promise.all(Array.from({ length: 2 * FIGURES_WAITING_MAX }, ask));
    for (const other of others) expect(other).toBe(first);
    const questions = made.asked.length;
    expect(await ask()).toEqual(first);
    expect(made.asked.length).toBe(2 * questions);
  });

  it('of a year of which a week was told rest on that week, and the rest is not read', async () => {
    const told = (ts: number) => (ts >= START + 200 * DAY_MS && ts < START + 207 * DAY_MS ? 40 : undefined);
    const made = world({ 'fm-1/flow': told });
    const { zones } = await made.figures.figures([made.model], {
      from: START,
      to: START + 365 * DAY_MS,
      period: 'day',
    });
    expect(zones).toHaveLength(365);
    expect(zones.filter(({ supplied }) => supplied !== undefined).map(({ supplied }) => supplied?.value)).toEqual(
      Array.from({ length: 7 }, () => expect.closeTo(960, 6)),
    );
    // Of the twelve pieces of the year those that the week, and two days around it, touch.
    expect(made.asked.filter((aggregate) => aggregate === 'mean').length).toBeLessThanOrEqual(2);
  });

  it('come also from a store that is too busy to say which days it holds', async () => {
    const made = world({ 'fm-1/flow': () => 40 });
    made.refuse.add('count');
    const { zones } = await made.figures.figures([made.model], { from: START, to: START + DAY_MS, period: 'day' });
    expect(zones[0]?.supplied?.value).toBeCloseTo(960, 6);
  });

  it('of a meter that tells its counter alone rest on that', async () => {
    const made = world({ 'fm-1/total': (ts) => 1000 + ((ts - START) / HOUR_MS) * 40 });
    const { zones } = await made.figures.figures([made.model], { from: START, to: START + 2 * DAY_MS, period: 'day' });
    expect(zones.map(({ supplied }) => supplied?.value)).toEqual([expect.closeTo(960, 3), expect.closeTo(960, 3)]);
  });
});

describe('GET /api/v1/leakage/figures', () => {
  let door: TestDoor;
  afterEach(() => door.app.close());
  const open = async () => {
    const made = world({ 'fm-1/flow': () => 50, 'amr/demand': () => 40 }, { customers: ['amr/demand'], name: 'North' });
    door = await testDoor({ figures: made.figures });
    return door.signIn('vera');
  };
  const range = `from=${new Date(START).toISOString()}&to=${new Date(START + DAY_MS).toISOString()}`;

  it('tells the zones and the network they make', async () => {
    const { status, body } = await door_get(`/api/v1/leakage/figures?${range}`);
    expect(status).toBe(200);
    expect(body.zones).toMatchObject([
      { zone: 'north', name: 'North', period: '2026-03-01', supplied: { value: 1200 }, shown: 'gross' },
    ]);
    expect(body.network).toMatchObject([
      { period: '2026-03-01', suppliedM3: 1200, rate: { basis: 'gross', percent: 20 } },
    ]);
  });

  it('tells the same as CSV', async () => {
    const { body, headers } = await door_get(`/api/v1/leakage/figures?${range}&format=csv`);
    expect(headers['content-type']).toContain('text/csv');
    const [head, row] = String(body).split('\n');
    expect(head).toContain('zone,period,from,to,supplied m3');
    expect(row).toMatch(/^north,2026-03-01,2026-02-28T16:00:00.000Z,2026-03-01T16:00:00.000Z,1200,measured,flow,1,960/);
  });

  it.each([
    ['zone=west', 404, 'zone-unknown'],
    ['period=week', 400, 'input-invalid'],
    ['from=2026-03-02&to=2026-03-01', 400, 'input-invalid'],
    ['from=2001-01-01&period=year', 422, 'query-too-large'],
  ])('refuses %s', async (query, status, code) => {
    expect(await door_get(`/api/v1/leakage/figures?${query}`)).toMatchObject({ status, body: { code } });
  });

  async function door_get(url: string) {
    const cookie = await open();
    return door.get(url, cookie);
  }
});
