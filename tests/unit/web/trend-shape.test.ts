import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  extendBuckets,
  shapeTrend,
  summarize,
  type TrendFrame,
  verticalSpan,
} from '../../../dashboards/web/trend-shape.ts';
import type { Bucket } from '../../../dashboards/web/wire.ts';

const STEP = 10_000;
const bucket = (slot: number, mean: number, more: Partial<Bucket> = {}): Bucket => ({
  ts: slot * STEP,
  min: mean - 1,
  max: mean + 1,
  mean,
  count: 5,
  worstQuality: 'good',
  held: false,
  ...more,
});
const frame = (slots: number, more: Partial<TrendFrame> = {}): TrendFrame => ({
  from: 0,
  to: slots * STEP,
  until: slots * STEP,
  live: false,
  stepMs: STEP,
  everyMs: 0,
  ...more,
});

describe('the shape of a trend', () => {
  it('puts a break into a gap and calls it no data', () => {
    const { columns, stretches } = shapeTrend([bucket(0, 1), bucket(1, 2), bucket(5, 3), bucket(6, 3)], frame(7));
    expect(columns.good).toEqual([1, 2, null, 3, 3]);
    expect(stretches).toEqual([{ from: 2 * STEP, to: 5 * STEP, kind: 'no-data' }]);
  });

  it('never draws a line across silence', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1 }), (slots) => {
        const sorted = [...slots].sort((one, other) => one - other);
        const { columns } = shapeTrend(
          sorted.map((slot) => bucket(slot, slot)),
          frame(61),
        );
        for (let index = 1; index < columns.timesS.length; index += 1) {
          const joined = columns.good[index - 1] !== null && columns.good[index] !== null;
          const apart = (columns.timesS[index] as number) - (columns.timesS[index - 1] as number);
          expect(apart).toBeGreaterThan(0);
          if (joined) expect(apart).toBeLessThanOrEqual((STEP / 1000) * 1.5);
        }
      }),
    );
  });

  it('draws uncertain values dashed and joined to their good neighbours', () => {
    const { columns, stretches } = shapeTrend(
      [bucket(0, 1), bucket(1, 2), bucket(2, 3, { worstQuality: 'uncertain' }), bucket(3, 4)],
      frame(4),
    );
    expect(columns.good).toEqual([1, 2, null, 4]);
    expect(columns.uncertain).toEqual([null, 2, 3, 4]);
    expect(stretches).toEqual([{ from: 2 * STEP, to: 3 * STEP, kind: 'uncertain' }]);
  });

  it('draws bad samples as crosses and no line through them', () => {
    const { columns, stretches } = shapeTrend([bucket(0, 1), bucket(1, 9, { worstQuality: 'bad' })], frame(2));
    expect(columns.good).toEqual([1, null]);
    expect(columns.bad).toEqual([null, 9]);
    expect(columns.max).toEqual([2, null]);
    expect(stretches[0]?.kind).toBe('bad');
  });

  it('calls silence at the end of a live range stale, and at the end of a past one no data', () => {
    const buckets = [bucket(0, 1), bucket(1, 1)];
    expect(shapeTrend(buckets, frame(9, { live: true })).stretches).toEqual([
      { from: 2 * STEP, to: 9 * STEP, kind: 'stale' },
    ]);
    expect(shapeTrend(buckets, frame(9)).stretches[0]?.kind).toBe('no-data');
  });

  it('does not call a slow meter silent', () => {
    const slow = [bucket(0, 1), bucket(6, 2), bucket(12, 3)];
    const { columns, stretches } = shapeTrend(slow, frame(13, { everyMs: 6 * STEP }));
    expect(stretches).toEqual([]);
    expect(columns.good).toEqual([1, 2, 3]);
  });

  it('draws a held value dotted, from the last real one on', () => {
    const held = [2, 3, 4].map((slot) => bucket(slot, 7, { held: true, count: 0 }));
    const { columns, stretches, last } = shapeTrend([bucket(0, 6), bucket(1, 7), ...held], frame(5, { live: true }));
    expect(columns.good).toEqual([6, 7, null, null, null]);
    expect(columns.held).toEqual([null, 7, 7, 7, 7]);
    expect(stretches[0]?.kind).toBe('stale');
    expect(last?.value).toBe(7);
  });

  it('keeps the newest value left of now while its slot is filling', () => {
    const { last } = shapeTrend([bucket(0, 1)], frame(1, { until: 2_000, live: true }));
    expect(last?.ts).toBe(2_000);
  });

  it('is empty for no buckets: all of it is no data', () => {
    expect(shapeTrend([], frame(3, { live: true })).stretches).toEqual([{ from: 0, to: 3 * STEP, kind: 'no-data' }]);
    expect(summarize([])).toBeUndefined();
  });
});

describe('growing with the live feed', () => {
  it('adds to the slot that is filling and starts the next on the same grid', () => {
    const grown = [
      { ts: STEP + 1_000, value: 5 },
      { ts: 3 * STEP + 4_000, value: 9 },
    ].reduce<readonly Bucket[]>(
      (buckets, { ts, value }) => extendBuckets(buckets, { point: 'a/b', ts, value, quality: 'good' }, STEP, 0),
      [bucket(1, 3, { count: 1, min: 3, max: 3 })],
    );
    expect(grown[0]).toMatchObject({ ts: STEP, mean: 4, min: 3, max: 5, count: 2 });
    expect(grown[1]).toMatchObject({ ts: 3 * STEP, mean: 9 });
  });

  it('lets old slots fall off and keeps the worst quality of a slot', () => {
    const grown = extendBuckets(
      [bucket(0, 1), bucket(5, 1)],
      { point: 'a/b', ts: 5 * STEP + 1, quality: 'bad' },
      STEP,
      4 * STEP,
    );
    expect(grown).toHaveLength(1);
    expect(grown[0]).toMatchObject({ worstQuality: 'bad', mean: 1 });
  });

  it('stays sorted whatever the order of arrival', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 * STEP }), { maxLength: 30 }), (times) => {
        const grown = times.reduce<readonly Bucket[]>(
          (buckets, ts) => extendBuckets(buckets, { point: 'a/b', ts, value: 1, quality: 'good' }, STEP, 0),
          [],
        );
        const sorted = [...grown].sort((one, other) => one.ts - other.ts);
        expect(grown).toEqual(sorted);
        expect(new Set(grown.map(({ ts }) => ts)).size).toBe(grown.length);
      }),
    );
  });
});

describe('the vertical axis', () => {
  it('shows a near limit and leaves out one that would flatten the line', () => {
    const { columns } = shapeTrend([bucket(0, 50), bucket(1, 60)], frame(2));
    expect(verticalSpan(columns, undefined, [65])[1]).toBeGreaterThan(65);
    expect(verticalSpan(columns, undefined, [500])[1]).toBeLessThan(100);
  });

  it('does not go below zero for a quantity that never does', () => {
    const { columns } = shapeTrend([bucket(0, 1.5), bucket(1, 60)], frame(2));
    expect(verticalSpan(columns, undefined, [])[0]).toBe(0);
  });
});
