import { describe, expect, it } from 'vitest';
import { leakOf, valueAt } from '../../../dashboards/web/leak.ts';
import {
  isRunning,
  periodsOf,
  rateShown,
  readFigures,
  readWhatIf,
  readZone,
  realLossOf,
} from '../../../dashboards/web/leakage.ts';
import { labelPlaces, planOf, scaleBarOf } from '../../../dashboards/web/plan.ts';
import { said } from '../../../dashboards/web/text/gateway-zh.ts';

const FROM = '2026-10-31T16:00:00.000Z';
const TO = '2026-11-30T16:00:00.000Z';
const zoneRow = (more: object) => ({ zone: 'north', period: '2026-11', from: FROM, to: TO, days: 30, ...more });
const only = (more: object) => {
  const row = readFigures({ zones: [zoneRow(more)], network: [] }).zones[0];
  if (row === undefined) throw new Error('no zone');
  return row;
};

describe('the figures of a zone', () => {
  it('show the rate that the gateway says is for headlines, with its grade', () => {
    const rates = [
      { basis: 'gross', percent: 14.2 },
      { basis: 'corrected', percent: 11.7, grade: 'II' },
    ];
    expect(rateShown(only({ rates, shown: 'corrected' }))).toEqual({ basis: 'corrected', percent: 11.7, grade: 'II' });
    expect(rateShown(only({ rates, shown: 'gross' }))).toMatchObject({ percent: 14.2 });
    expect(rateShown(only({ rates: [] }))).toBeUndefined();
  });

  it('tell leakage by the balance before that by night flow, and which of both it is', () => {
    const night = { realLossByNight: { value: 90, unit: 'm3/day', origin: 'estimated' } };
    const balance = { balance: { realM3: 3000, authorisedM3: 1, lossesM3: 1, apparentM3: 1, nonRevenueM3: 1 } };
    expect(realLossOf(only({ ...night, ...balance }))).toEqual({ m3PerDay: 100, by: 'balance' });
    expect(realLossOf(only(night))).toEqual({ m3PerDay: 90, by: 'night' });
    expect(realLossOf(only({}))).toBeUndefined();
  });

  it('keep the reason of what is absent, and never become a number', () => {
    const row = only({ supplied: { value: 'much' }, missing: [{ figure: 'ili', reason: 'no unavoidable losses' }] });
    expect(row.supplied).toBeUndefined();
    expect(row.missing.get('ili')).toBe('no unavoidable losses');
  });

  it('are told by the periods that had data; the one that still runs is known', () => {
    const figures = readFigures({
      zones: [zoneRow({}), zoneRow({ period: '2026-10', days: 0 }), { zone: 'broken' }, 'x'],
      network: [{ period: '2026-10' }, { period: '2026-11' }, {}],
    });
    expect(periodsOf(figures)).toEqual(['2026-11']);
    expect(isRunning(figures.zones, '2026-11', Date.parse(TO) + 60_000)).toBe(true);
    expect(isRunning(figures.zones, '2026-11', Date.parse(TO) + 7_200_000)).toBe(false);
  });

  it('survive an answer that is none', () => {
    expect(readFigures(undefined)).toEqual({ zones: [], network: [] });
    expect(readZone({ zone: 'north', state: 'asleep' })).toBeUndefined();
    expect(readZone({ zone: 'north', state: 'learning', daysLeft: 9 })).toMatchObject({ daysLeft: 9, silent: [] });
    expect(readWhatIf('nothing')).toBeUndefined();
  });
});

describe('a what-if', () => {
  it('pairs what rang with what would have rung; one of both may be absent', () => {
    const alarm = { zone: 'north', kind: 'abrupt', raisedAt: TO, since: FROM, sizeM3PerH: 9.5, location: 'north' };
    const found = readWhatIf({ from: FROM, to: TO, usual: 0, changed: 1, rows: [{ changed: alarm }], learning: ['a'] });
    expect(found?.rows).toEqual([{ changed: expect.objectContaining({ zone: 'north', sizeM3PerH: 9.5 }) }]);
    expect(found?.learning).toEqual(['a']);
  });
});

describe('where a leak is', () => {
  it('is read with its pipes, its circle and its doubt; sensors keep how far they fell', () => {
    const leak = leakOf({
      size: 9,
      sensors: [{ point: 'pt-1/pressure', drop: 4, sigmas: 12 }, 'pt-2', 3],
      located: {
        basis: 'hydraulic model',
        model: 'town.inp 1a2b',
        pipe: 'p12',
        radiusM: 240,
        probability: 0.82,
        doubt: 'two leaks at once',
        pipes: [{ pipe: 'p12', probability: 0.5 }, { probability: 1 }],
        pattern: { latitude: 31.1, longitude: 108.4, radiusM: 300 },
      },
    });
    expect(leak?.sensors).toEqual([{ point: 'pt-1/pressure', drop: 4, sigmas: 12 }, { point: 'pt-2' }]);
    expect(leak?.place).toMatchObject({
      pipe: 'p12',
      doubt: 'two leaks at once',
      pipes: [{ pipe: 'p12', probability: 0.5 }],
      about: { radiusM: 300 },
    });
    expect(leakOf({ size: 9, located: { pipe: 'p12' } })?.place).toBeUndefined();
  });

  it('is drawn to one scale, north up, with room for a circle', () => {
    const west = { latitude: 31.16, longitude: 108.39 };
    const northEast = { latitude: 31.17, longitude: 108.4, radiusM: 200 };
    const { place, metresPerPixel } = planOf([west, northEast], 300, 150);
    expect(place(northEast).x).toBeGreaterThan(place(west).x);
    expect(place(northEast).y).toBeLessThan(place(west).y);
    expect(place(northEast).y - 200 / metresPerPixel).toBeGreaterThanOrEqual(0);
    const bar = scaleBarOf(metresPerPixel);
    expect([1, 2, 5]).toContain(Number(String(bar.metres)[0]));
    expect(bar.px).toBeLessThanOrEqual(61);
  });

  it('has labels beside their marks that do not write over the next mark', () => {
    const [west, east] = labelPlaces(
      [
        { x: 120, y: 50, text: 'Logger West Gate' },
        { x: 150, y: 54, text: 'Logger Market Lane' },
      ],
      400,
    );
    expect(east).toMatchObject({ anchor: 'start' });
    expect(west).toMatchObject({ anchor: 'end' });
    expect(labelPlaces([{ x: 380, y: 50, text: '市场巷压力' }], 400)[0]).toMatchObject({ anchor: 'end' });
  });

  it('leaves out the names that would write over each other or over the edge, the first come first', () => {
    const crowd = Array.from({ length: 30 }, (_, index) => ({
      x: 180 + 8 * (index % 6),
      y: 60 + 8 * Math.floor(index / 6),
      text: `Pressure n${index}`,
    }));
    const places = labelPlaces(crowd, 240);
    expect(places.filter((place) => place !== undefined).length).toBeLessThan(crowd.length);
    expect(
      labelPlaces([{ x: 120, y: 60, text: 'Pressure n1' }], 240, [{ left: 125, right: 240, top: 0, bottom: 150 }]),
    ).toEqual([{ x: 108, y: 64, anchor: 'end' }]);
    expect(labelPlaces([{ x: 20, y: 60, text: 'A name that is much wider than all of the drawing' }], 100)).toEqual([
      undefined,
    ]);
  });

  it('finds the sample nearest to a moment', () => {
    const series = [{ at: 0, flow: 1 }, { at: 10, flow: 2 }, { at: 20 }];
    expect(valueAt(series, 14)).toEqual({ at: 10, flow: 2 });
    expect(valueAt([], 14)).toBeUndefined();
  });
});

describe('what the gateway says', () => {
  it('is said in Chinese where it is known, and as it came where not', () => {
    expect(said('outside the limits of the formula: fewer than 3000 connections, pressure below 25 m', 'zh')).toBe(
      '超出公式适用范围：接户少于 3000, 压力低于 25 m',
    );
    expect(said('too many pipes explain the pressures equally well', 'zh')).toBe('能同样解释压力的管段过多');
    expect(said('meter drift: 5 of 5 pressures fell, too, pt-14/pressure by 0.57 m', 'zh')).toBe(
      '仪表漂移：5 个压力测点中 5 个同时下降，pt-14/pressure 降 0.57 m',
    );
    expect(
      said(
        'meter fault: flow known in 10 of 12 bins since; fm-02/flow shows 1 like values in a row, by itself up to 2',
        'zh',
      ),
    ).toBe('仪表故障：此后 12 个时段中 10 个有流量数据；fm-02/flow 连续 1 个相同值，自身最多 2 个');
    expect(said('something new', 'zh')).toBe('something new');
    expect(said('population is not configured', 'en')).toBe('population is not configured');
  });
});
