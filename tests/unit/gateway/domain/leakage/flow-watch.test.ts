import { describe, expect, it } from 'vitest';
import { type MadeYear, makeYear, STEP_MS, TOWN, VILLAGE } from '../../../../../bench/leakage/made-network.ts';
import type { FlowEvent } from '../../../../../gateway/domain/leakage/flow-state.ts';
import { FlowWatch } from '../../../../../gateway/domain/leakage/flow-watch.ts';
import type { Fall } from '../../../../../gateway/domain/leakage/flow-zone.ts';

const PER_DAY = 96;
const DAY_MS = 86_400_000;
const CALM = { ...TOWN, flushings: 0, irrigation: 0, holidays: [], weather: 0.01, meterDrift: 0, missing: 0 };
const YEAR = makeYear(CALM, 11, 0);

interface Change {
  readonly fromDay: number;
  readonly toDay: number;
  readonly flow: (usual: number, index: number) => number | null;
}

/** Runs days of a made year with something happening to its flow. */
function run(
  days: number,
  changes: readonly Change[] = [],
  year: MadeYear = YEAR,
  watch = newWatch(),
  fall?: Fall,
): FlowEvent[] {
  const events: FlowEvent[] = [];
  for (let index = 0; index < days * PER_DAY; index++) events.push(...watch.step(binOf(index, changes, year), fall));
  return events;
}

function binOf(index: number, changes: readonly Change[], year: MadeYear) {
  const day = index / PER_DAY;
  let flow = year.flow[index] ?? null;
  for (const change of changes)
    if (flow !== null && day >= change.fromDay && day < change.toDay) flow = change.flow(flow, index);
  return { at: year.from + (index + 1) * STEP_MS, slot: year.slot[index]!, flow: flow ?? undefined, demand: undefined };
}

const newWatch = () => new FlowWatch({ binMs: STEP_MS, metered: false });
const leak = (fromDay: number, toDay: number, size: number): Change => ({
  fromDay,
  toDay,
  flow: (usual) => usual + size,
});
const alarms = (events: readonly FlowEvent[]) => events.filter(({ kind }) => kind === 'abrupt' || kind === 'slow');

describe('the inflow of a zone', () => {
  it('says how many days are left to learn, and raises nothing meanwhile', () => {
    const watch = newWatch();
    expect(watch.daysLeft()).toBe(14);
    expect(run(10, [leak(6, 10, 40)], YEAR, watch)).toEqual([]);
    expect(watch.daysLeft()).toBe(4);
  });

  it('learns longer when samples are missing', () => {
    const watch = newWatch();
    run(14, [{ fromDay: 2, toDay: 8, flow: () => null }], YEAR, watch);
    expect(watch.daysLeft()).toBeGreaterThan(4);
  });

  it('shows a burst within a day: since when, about how much', () => {
    const [found, ...more] = alarms(run(34, [leak(30.1, 34, 15)]));
    expect(more).toEqual([]);
    expect(found).toMatchObject({ kind: 'abrupt' });
    const start = YEAR.from + 30.1 * DAY_MS;
    expect(found!.at - start).toBeLessThan(DAY_MS);
    expect(Math.abs((found as { since: number }).since - start)).toBeLessThan(DAY_MS / 8);
    expect(found!.size).toBeGreaterThan(10);
    expect(found!.size).toBeLessThan(20);
  });

  it('shows a leak that grows for weeks, once', () => {
    const growing: Change = {
      fromDay: 30,
      toDay: 90,
      flow: (usual, index) => usual + 12 * Math.min(1, (index / PER_DAY - 30) / 40) ** 2,
    };
    expect(alarms(run(80, [growing]))).toHaveLength(1);
  });

  it.each([
    { seed: 10, jump: 3, growthPerDay: 1 },
    { seed: 3, jump: 5, growthPerDay: 0.8 },
  ])(
    'shows a leak that begins with $jump m3/h and grows by $growthPerDay a day, once',
    ({ seed, jump, growthPerDay }) => {
      const growing: Change = {
        fromDay: 30.1,
        toDay: 52,
        flow: (usual, index) => usual + jump + growthPerDay * (index / PER_DAY - 30.1),
      };
      expect(alarms(run(52, [growing], makeYear(CALM, seed, 0)))).toHaveLength(1);
    },
  );

  it('takes no rise for new that was there six weeks ago as it is now', () => {
    const watch = newWatch();
    run(60, [], YEAR, watch);
    const { state } = watch;
    // A reference that was learned too low, and nights that were lower a month ago: together they look like a slow rise.
    state.reference! -= 8;
    state.referenceMin! -= 8;
    for (const night of state.nights.nights.slice(0, 15)) night.raw -= 8;
    const events: FlowEvent[] = [];
    for (let index = 60 * PER_DAY; index < 70 * PER_DAY; index++) events.push(...watch.step(binOf(index, [], YEAR)));
    expect(alarms(events)).toEqual([]);
  });

  it('closes the leak when the flow falls back, and rings again for the next', () => {
    const events = run(60, [leak(30.1, 40.4, 15), leak(50.1, 60, 15)]);
    expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'growth')).toEqual(['abrupt', 'repair', 'abrupt']);
  });

  it('closes a leak that was larger than all use: its repair is no interruption', () => {
    const events = run(70, [leak(30.1, 31, 4 * TOWN.meanFlow)]);
    expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'growth')).toEqual(['abrupt', 'repair']);
  });

  it('tells a second burst during the first as one of its own', () => {
    expect(alarms(run(50, [leak(30.1, 50, 15), leak(40.1, 50, 18)]))).toHaveLength(2);
  });

  it('learns a leak in: no second alarm for weeks after the first', () => {
    expect(alarms(run(80, [leak(30.1, 80, 15)]))).toHaveLength(1);
  });

  it('is not impressed by two hours of flushing', () => {
    expect(alarms(run(50, [leak(30.4, 30.48, 40), leak(40.35, 40.43, 40)]))).toEqual([]);
  });

  it('is not impressed by two flushings of a village one after the other, whatever its loggers felt', () => {
    const village = makeYear({ ...VILLAGE, flushings: 0 }, 11, 0);
    const felt = () => 8;
    const flushed = (hours: number) =>
      [31, 38, 45].map((day) => leak(day + 9 / 24, day + (9 + hours) / 24, 3 * VILLAGE.meanFlow));
    expect(alarms(run(50, flushed(4.5), village, newWatch(), felt))).toEqual([]);
    // What outlasts a shift is a burst, and each of them is told.
    expect(alarms(run(50, flushed(14), village, newWatch(), felt)).length).toBeGreaterThanOrEqual(3);
  });

  it('is not impressed by a flushing that began while the sum was above zero by chance', () => {
    // For an hour before it people draw a little more; the flushing itself is shorter than a step must last.
    const changes = [leak(30.4, 30.45, 12), leak(30.45, 30.53, 90)];
    expect(alarms(run(36, changes, YEAR, newWatch(), () => 8))).toEqual([]);
  });

  it('bridges a gap of days', () => {
    expect(alarms(run(50, [{ fromDay: 30, toDay: 34, flow: () => null }]))).toEqual([]);
  });

  it('waits until pipes have filled after an interruption', () => {
    const cut: Change = { fromDay: 30.3, toDay: 30.5, flow: () => 0 };
    expect(alarms(run(40, [cut, leak(30.5, 30.7, 60)]))).toEqual([]);
  });

  it('takes a weekday with the habits of a Sunday for a holiday', () => {
    const holidays = makeYear({ ...CALM, holidays: [37, 38, 46] }, 11, 0);
    expect(alarms(run(60, [], holidays))).toEqual([]);
  });

  it('keeps quiet in the weeks when the clocks change', () => {
    const shifted = makeYear({ ...CALM, summerTime: true }, 12, 0);
    expect(alarms(run(110, [], shifted))).toEqual([]);
  });

  it('goes on from its saved state as if nothing had been', () => {
    const changes = [leak(30.1, 40, 15)];
    const whole = run(36, changes);
    for (const cut of [5.3, 20.7, 30.15]) {
      let watch = newWatch();
      const events: FlowEvent[] = [];
      for (let index = 0; index < 36 * PER_DAY; index++) {
        if (index === Math.round(cut * PER_DAY)) {
          const state = JSON.parse(JSON.stringify(watch.state)) as typeof watch.state;
          watch = newWatch();
          watch.state = state;
        }
        events.push(...watch.step(binOf(index, changes, YEAR)));
      }
      expect(events).toEqual(whole);
    }
  });
});
