import { describe, expect, it } from 'vitest';
import { type LeakFacts, ruledOut } from '../../../../../gateway/domain/leakage/ruled-out.ts';

const HOUR_MS = 3_600_000;
const AT = Date.UTC(2026, 0, 5, 6);

/** A burst of 10 m3/h for four hours on top of 20; two of the sixteen quarters are not known. */
const BURST: LeakFacts = {
  kind: 'abrupt',
  since: AT - 4 * HOUR_MS,
  at: AT,
  size: 10,
  series: Array.from({ length: 32 }, (_, index) => {
    const end = AT - (31 - index) * (HOUR_MS / 4);
    const isLeak = end > AT - 4 * HOUR_MS;
    return [end, index === 20 || index === 21 ? null : isLeak ? 30 : 18, 20] as const;
  }),
  meters: [
    { point: 'fm-1/flow', alike: 1, alikeUsual: 2 },
    { point: 'fm-2/flow', alike: 4, alikeUsual: 3.2 },
  ],
  tanks: 0,
  longestDrawMs: 1.5 * HOUR_MS,
  odd: 1.24,
  others: [
    { zone: 'south', change: -0.6 },
    { zone: 'west', change: 2 },
  ],
  sensors: [
    { point: 'pt-1/pressure', drop: 0.84, sigmas: 6 },
    { point: 'pt-2/pressure', drop: 0.1, sigmas: 1 },
  ],
};

describe('what a leak alarm rules out', () => {
  it('is said with the numbers it rests on', () => {
    expect(ruledOut(BURST)).toEqual([
      'meter fault: flow known in 14 of 16 bins since; fm-2/flow shows 4 like values in a row, by itself up to 3',
      'meter drift: 1 of 2 pressures fell, too, pt-1/pressure by 0.84 m',
      'supply interruption: least 90 % of the expectation within 7.8 h',
      'flushing, fire flow, irrigation: it lasts for 4 h, the longest that ended by itself of late 1.5 h',
      'holiday: the shape of the last day strays 1.2 times as usual',
      'boundary valve: no other zone takes clearly less, south -0.6 m3/h',
      'tank: not checked, no level of a tank in this zone',
      'planned works: not checked here; a maintenance window of the zone suppresses the alarm',
    ]);
  });

  it('says what was not checked for lack of a sensor', () => {
    const { odd: _, ...rest } = BURST;
    const poor = ruledOut({ ...rest, kind: 'slow', sensors: [], others: [], series: [] });
    expect(poor).toContain('meter drift: not checked, no pressure sensor in this zone');
    expect(poor).toContain('boundary valve: not checked, no other metered zone with a known flow');
    expect(poor).toContain('supply interruption: not checked, the expectation is not known');
    expect(poor).toContain('holiday: not checked, the shape of days is not known yet');
  });

  it('names a reason that the numbers do not rule out', () => {
    const doubtful = ruledOut({
      ...BURST,
      kind: 'slow',
      odd: 4,
      sensors: [{ point: 'pt-1/pressure', drop: 0, sigmas: 0 }],
      others: [{ zone: 'south', change: -7 }],
    });
    expect(doubtful).toContain('boundary valve: not ruled out, south takes 7 m3/h less than expected');
    expect(doubtful).toContain('holiday: not ruled out, the shape of the last day strays 4 times as usual');
    expect(doubtful).toContain('meter drift: not ruled out, none of 1 pressures fell clearly');
  });
});
