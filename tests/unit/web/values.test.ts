import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  siteTime,
  writeAge,
  writeClockSpan,
  writeExact,
  writeNumber,
  writingOf,
  zoneName,
} from '../../../dashboards/web/format.ts';
import type { Point } from '../../../dashboards/web/model.ts';
import { strengthOf } from '../../../dashboards/web/password.ts';
import { groupPlant, spread } from '../../../dashboards/web/plant.ts';
import { readPreferences } from '../../../dashboards/web/preferences.ts';
import { countStandings, notGood, standingOf } from '../../../dashboards/web/quality.ts';
import { boundsOf, shiftRange } from '../../../dashboards/web/range.ts';
import { keyPoints, showReading } from '../../../dashboards/web/reading.ts';
import { hrefOf, parseRoute } from '../../../dashboards/web/route.ts';
import { indicatorOf } from '../../../dashboards/web/scale.ts';
import { extendShape, SHAPE_SLOTS, shapeOf, strokesOf } from '../../../dashboards/web/shape.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const point = (more: Partial<Point> = {}): Point => ({
  id: 'fm-12/flow',
  device: 'fm-12',
  measurement: 'flow',
  unit: 'm3/h',
  maxSilenceMs: 10_000,
  reportingDelayMs: 0,
  limits: [],
  ...more,
});
const last = (ts: number, value?: number, more: object = {}) => ({
  ts,
  quality: 'good' as const,
  ...(value === undefined ? {} : { value }),
  ...more,
});

describe('a limit', () => {
  it('is never rounded to another number than people chose', () => {
    expect(writeExact(-0.5, 0)).toBe('−0.5');
    expect(writeExact(135, 0)).toBe('135');
    expect(writeExact(0, 0)).toBe('0');
    expect(writeExact(0.25, 2)).toBe('0.25');
  });
});

describe('points that are not good', () => {
  it('are named worst first, and no more than wanted', () => {
    const points = [
      point({ id: 'a/good', last: last(NOON, 1) }),
      point({ id: 'b/none' }),
      point({ id: 'c/bad', last: { ...last(NOON), quality: 'bad' } }),
      point({ id: 'd/stale', last: last(NOON - 60_000, 1) }),
    ];
    expect(notGood(points, NOON, true, 9).map(({ point: { id }, standing }) => `${id} ${standing}`)).toEqual([
      'c/bad bad',
      'd/stale stale',
      'b/none none',
    ]);
    expect(notGood(points, NOON, true, 1)).toHaveLength(1);
  });
});

describe('how far a value can be trusted', () => {
  it('is good while it is young, stale when it is silent for too long or the connection is lost', () => {
    const fresh = point({ last: last(NOON - 9_000, 1) });
    expect(standingOf(fresh, NOON, true)).toBe('good');
    expect(standingOf(fresh, NOON, false)).toBe('stale');
    expect(standingOf(fresh, NOON + 2_000, true)).toBe('stale');
  });

  it('is bad without a value, uncertain with a doubt, late when it took too long, none before the first', () => {
    expect(standingOf(point({ last: last(NOON, undefined, { quality: 'bad', reason: 'timeout' }) }), NOON, true)).toBe(
      'bad',
    );
    expect(standingOf(point({ last: last(NOON, 1, { quality: 'uncertain' }) }), NOON, true)).toBe('uncertain');
    const late = point({ maxSilenceMs: 3_600_000, last: last(NOON - 600_000, 1, { receivedAt: NOON }) });
    expect(standingOf(late, NOON, true)).toBe('late');
    expect(standingOf({ ...late, reportingDelayMs: 1_200_000 }, NOON, true)).toBe('good');
    expect(standingOf(point(), NOON, true)).toBe('none');
  });

  it('counts every point once', () => {
    const counts = countStandings([point(), point({ last: last(NOON, 1) })], NOON, true);
    expect(counts).toMatchObject({ none: 1, good: 1 });
  });
});

describe('how a value is written', () => {
  const writing = writingOf('m3/h', 112, undefined);

  it('shows a bad value as a dash and an uncertain one with a sign', () => {
    const bad = point({ last: last(NOON, 41.2, { quality: 'bad' }) });
    expect(showReading(bad, writing, undefined, NOON, true)).toMatchObject({ digits: '–', value: undefined });
    const doubtful = point({ last: last(NOON, 41.2, { quality: 'uncertain' }) });
    expect(showReading(doubtful, writing, undefined, NOON, true).digits).toBe('≈\u202f41');
  });

  it('says how far it is beyond its band', () => {
    const shown = showReading(point({ normal: [84, 112], last: last(NOON, 164) }), writing, undefined, NOON, true);
    expect(shown).toMatchObject({ outside: true, beyond: '+52', band: ['84', '112'] });
  });

  it('keeps the digits of a point whatever its value', () => {
    expect(writeNumber(9.996, 2)).toBe('10.00');
    expect(writeNumber(-4.1, 1)).toBe('−4.1');
    expect(writeNumber(-0.001, 1)).toBe('0.0');
    expect(writeNumber(1_234_567, 0)).toBe('1,234,567');
  });

  it('writes pressure in the unit of the site', () => {
    const inBar = writingOf('MPa', 0.4, 'bar');
    expect([inBar.label, inBar.show(0.3)]).toEqual(['bar', expect.closeTo(3)]);
    expect(writingOf('MPa', 0.4, 'm').label).toBe('m');
    expect(writingOf('m3/h', 0.4, 'bar').label).toBe('m³/h');
    expect(writingOf('furlong', 1, 'bar').label).toBe('furlong');
  });

  it('writes ages as people say them, in both languages', () => {
    expect(['en', 'zh'].map((language) => writeAge(22_440_000, language as 'en' | 'zh'))).toEqual([
      '6 h 14 min',
      '6 小时 14 分',
    ]);
    expect(writeAge(240_000, 'en')).toBe('4 min');
    expect(writeAge(75 * 3_600_000, 'en')).toBe('3 d 3 h');
    expect(writeAge(-5, 'en')).toBe('0 s');
    expect(writeClockSpan(42_000)).toBe('00:42');
  });

  it('writes times in the zone of the site, and in UTC where the zone is unknown', () => {
    const site = siteTime('Asia/Shanghai', 'en', NOON);
    expect([site.clock(NOON), site.zone]).toEqual(['20:00:00', 'UTC+8']);
    expect(siteTime('Nowhere/Land', 'en', NOON).clock(NOON)).toBe('12:00:00');
    expect(zoneName('Asia/Kolkata', NOON)).toBe('UTC+5:30');
  });
});

describe('the indicator', () => {
  it('keeps the pointer on the track wherever the value goes', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const pointer = indicatorOf(value, [84, 112], [{ kind: 'high', setpoint: 130 }])?.pointer ?? -1;
        expect(pointer).toBeGreaterThanOrEqual(0);
        expect(pointer).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('has nothing to compare with when there is neither band nor limit', () => {
    expect(indicatorOf(5, undefined, [])).toBeUndefined();
    expect(indicatorOf(undefined, [1, 2], [])?.pointer).toBeUndefined();
    expect(indicatorOf(5, [0, 0], [])).toBeDefined();
  });

  it('knows outside by the band, or by the side of a limit where there is no band', () => {
    expect(indicatorOf(5, undefined, [{ kind: 'low', setpoint: 10 }])?.outside).toBe(true);
    expect(indicatorOf(5, undefined, [{ kind: 'high', setpoint: 10 }])?.outside).toBe(false);
  });
});

describe('the recent shape', () => {
  it('grows slot by slot, forgets the oldest and leaves gaps as gaps', () => {
    let shape = shapeOf([], 1_000);
    for (let slot = 0; slot < 200; slot += 1)
      if (slot < 150 || slot > 170)
        shape = extendShape(shape, { point: 'a/b', ts: NOON + slot * 1_000, value: slot, quality: 'good' });
    expect(shape.slots.length).toBeLessThanOrEqual(SHAPE_SLOTS);
    expect(strokesOf(shape, 3_000)).toHaveLength(2);
  });

  it('takes no bad value and nothing older than its end', () => {
    const shape = shapeOf([{ ts: NOON, value: 1 }], 1_000);
    expect(extendShape(shape, { point: 'a/b', ts: NOON + 5_000, quality: 'bad', value: 9 })).toBe(shape);
    expect(extendShape(shape, { point: 'a/b', ts: NOON - 5_000, quality: 'good', value: 9 })).toBe(shape);
  });
});

describe('the order of the plant', () => {
  const devices = new Map(
    ['fm-2', 'fm-10', 'lc-1'].map((id) => [id, { id, class: id.startsWith('fm') ? 'flow-meter' : 'lighting-cabinet' }]),
  );

  it('depends on names only: water before light, fm-2 before fm-10', () => {
    const groups = groupPlant([point({ id: 'fm-10/flow', device: 'fm-10' })], devices);
    expect(groups.map((group) => group.devices.map(({ id }) => id))).toEqual([['fm-2', 'fm-10'], ['lc-1']]);
  });

  it('spreads panels so that each stands where there is most room', () => {
    expect(spread([5, 1, 1, 1], 2, (height) => height)).toEqual([[5], [1, 1, 1]]);
  });

  it('shows the compared measurements first', () => {
    const counter = point({ id: 'a/total', measurement: 'total' });
    const flow = point({ id: 'a/flow', normal: [1, 2] });
    expect(keyPoints([counter, flow], 4)).toEqual([flow]);
    expect(keyPoints([counter], 4)).toEqual([counter]);
  });
});

describe('ranges, addresses and choices', () => {
  it('shifts a range back, and forward no further than now', () => {
    const hour = { kind: 'relative', name: '1h' } as const;
    const back = shiftRange(hour, NOON, -1);
    expect(boundsOf(back, NOON)).toEqual({ from: NOON - 5_400_000, to: NOON - 1_800_000 });
    expect(boundsOf(shiftRange(shiftRange(back, NOON, 1), NOON, 1), NOON).to).toBe(NOON);
  });

  it('finds every page again by its address', () => {
    for (const route of [
      { page: 'overview' },
      { page: 'alarms', alarm: 'fm-12/flow#high@17' },
      { page: 'explore', point: 'fm-12/flow' },
      { page: 'device', device: 'a.b_c-1' },
      { page: 'settings' },
    ] as const)
      expect(parseRoute(hrefOf(route))).toEqual(route);
    expect(parseRoute('#/alarms/%E0%A4%A')).toEqual({ page: 'alarms', alarm: '%E0%A4%A' });
    expect(parseRoute('#/nothing')).toEqual({ page: 'overview' });
  });

  it('starts afresh when what was stored is broken', () => {
    for (const stored of [null, '', '{', '5', '[]', '{"theme":"pink","range":"9y","watched":5}'])
      expect(readPreferences(stored)).toMatchObject({ theme: 'system', range: '15m', flashing: true });
    expect(readPreferences('{"watched":["a/b",5]}').watched).toEqual(['a/b']);
  });

  it('rates a sentence above a puzzle and anything short as too short', () => {
    expect(strengthOf('Passw0rd!')).toBe(0);
    expect(strengthOf('aaaaaaaaaaaaaaaa')).toBe(1);
    expect(strengthOf('the lake is calm')).toBeGreaterThanOrEqual(3);
  });
});

describe('the headline of a device', () => {
  const named = (measurement: string, more: Partial<Point> = {}) =>
    point({ id: `x/${measurement}`, measurement, unit: 'V', ...more });

  it('is what it is about, one of each kind before three phases of the same', () => {
    const limits = [{ kind: 'low', setpoint: 198 }];
    const cabinet = [
      named('voltageA', { limits }),
      named('voltageB', { limits }),
      named('currentA', { limits }),
      named('currentB', { limits }),
      named('energy'),
      named('power'),
    ];
    expect(keyPoints(cabinet, 3).map(({ measurement }) => measurement)).toEqual(['power', 'currentA', 'voltageA']);
    expect(keyPoints(cabinet, 4).map(({ measurement }) => measurement)).toEqual([
      'power',
      'currentA',
      'currentB',
      'voltageA',
    ]);
  });

  it('shows a contact only where nothing is measured', () => {
    const door = named('door', { unit: '1', limits: [{ kind: 'high', setpoint: 0.5 }] });
    expect(keyPoints([door, named('flow')], 3).map(({ measurement }) => measurement)).toEqual(['flow']);
    expect(keyPoints([door], 3)).toEqual([door]);
    expect(keyPoints([], 3)).toEqual([]);
  });
});
