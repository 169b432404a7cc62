import { describe, expect, it } from 'vitest';
import { DAY_LEVEL, DAY_MS, type Segment, SHARD_POINTS } from '../../../gateway/store/segments.ts';
import { CHEAP_READINGS, DAY_CLOSED_MS, type Due, MERGE_SEGMENTS, tidyDue } from '../../../gateway/store/tidy-plan.ts';

const DAY = 20_000;
const DURING = DAY * DAY_MS + 3_600_000;
const CLOSED = (DAY + 1) * DAY_MS + DAY_CLOSED_MS;

let id = 0;
function file(part: Partial<Segment> = {}): Segment {
  id++;
  const kind = part.kind ?? 'readings';
  return {
    id,
    kind,
    day: DAY,
    level: 0,
    file: `${kind}-${id}.parquet`,
    readings: 1000,
    bytes: 1000,
    byPointBytes: 0,
    minPoint: 0,
    maxPoint: 10,
    minTs: DAY * DAY_MS,
    maxTs: DAY * DAY_MS + 1,
    firstCommit: id,
    lastCommit: id,
    ...part,
  };
}
const files = (count: number, part: Partial<Segment> = {}) => Array.from({ length: count }, () => file(part));
const due = (
  segments: readonly Segment[],
  now: number,
  { waitedMs = 0, unsummed = [] as number[] } = {},
): Due | undefined => tidyDue(segments, { now, waitedMs: () => waitedMs, unsummed: new Set(unsummed) });
const other: Partial<Segment> = { minPoint: SHARD_POINTS, maxPoint: SHARD_POINTS + 10 };

describe('what is tidied next', () => {
  it('is nothing while a day in progress has few files of each level', () => {
    const segments = [...files(MERGE_SEGMENTS - 1), ...files(MERGE_SEGMENTS - 1, { level: 1 })];
    expect(due(segments, DURING)).toBeUndefined();
  });

  it('is a run of one level of one shard; files of another shard stay', () => {
    const run = files(MERGE_SEGMENTS);
    const segments = [...run, ...files(MERGE_SEGMENTS - 1, other)];
    expect(due(segments, DURING)).toEqual({ what: 'merge-readings', segments: run, level: 1 });
  });

  it('counts a merged run that lies in several files once', () => {
    const pieces = files(MERGE_SEGMENTS, { level: 1, firstCommit: 1, lastCommit: 8 });
    expect(due(pieces, DURING)).toBeUndefined();
  });

  it('is sums with sums of a day in progress', () => {
    const sums = files(MERGE_SEGMENTS, { kind: 'quarters' });
    expect(due([...files(2), ...sums], DURING)).toEqual({ what: 'merge-quarters', segments: sums, level: 1 });
  });

  it('is, of a closed day, one shard after the other, then the sums of all, then nothing', () => {
    const [first, second] = [files(3), files(2, other)];
    const sums = files(3, { kind: 'quarters', maxPoint: SHARD_POINTS + 10 });
    expect(due([...first, ...second, ...sums], CLOSED)).toMatchObject({ segments: first, level: DAY_LEVEL });
    const merged = file({ level: DAY_LEVEL });
    expect(due([merged, ...second, ...sums], CLOSED)).toMatchObject({ segments: second, level: DAY_LEVEL });
    const whole = [merged, file({ ...other, level: DAY_LEVEL })];
    expect(due([...whole, ...sums], CLOSED)).toEqual({
      what: 'sum-day',
      day: DAY,
      level: DAY_LEVEL,
      readings: whole,
      old: sums,
      kept: [],
    });
    const done = [
      ...whole,
      file({ kind: 'quarters', level: DAY_LEVEL }),
      file({ kind: 'quarters', level: DAY_LEVEL, ...other }),
      file({ kind: 'days', level: DAY_LEVEL, maxPoint: SHARD_POINTS + 10 }),
    ];
    expect(due(done, CLOSED)).toBeUndefined();
  });

  it('sums only the shard anew that late readings changed, and the day', () => {
    const whole = [file({ level: DAY_LEVEL }), file({ ...other, level: DAY_LEVEL })];
    const [quarters, kept] = [
      file({ kind: 'quarters', level: DAY_LEVEL }),
      file({ kind: 'quarters', level: DAY_LEVEL, ...other }),
    ] as const;
    const days = file({ kind: 'days', level: DAY_LEVEL, maxPoint: SHARD_POINTS + 10 });
    const late = file({ kind: 'quarters', minPoint: 3, maxPoint: 3 });
    expect(due([...whole, quarters, kept, days, late], CLOSED)).toMatchObject({
      what: 'sum-day',
      readings: [whole[0]],
      old: [quarters, days, late],
      kept: [kept],
    });
  });

  it('does not rewrite a large closed day for every few late readings: they wait for company, or an hour', () => {
    const large = file({ level: DAY_LEVEL, readings: 10 * CHEAP_READINGS });
    const late = file({ readings: 5 });
    expect(due([large, late], CLOSED)).toBeUndefined();
    expect(due([large, late], CLOSED, { waitedMs: 3_600_000 })).toMatchObject({ segments: [large, late] });
    expect(due([large, file({ readings: 2 * CHEAP_READINGS })], CLOSED)).toMatchObject({ level: DAY_LEVEL });
    const many = files(MERGE_SEGMENTS, { readings: 5 });
    expect(due([large, ...many], CLOSED)).toMatchObject({ segments: [large, ...many] });
  });

  it('rewrites, of a day in several files, only those that hold the late points', () => {
    const [low, high] = [
      file({ level: DAY_LEVEL, maxPoint: 99 }),
      file({ level: DAY_LEVEL, minPoint: 100, maxPoint: 200 }),
    ] as const;
    const late = file({ minPoint: 150, maxPoint: 150 });
    expect(due([low, high, late], CLOSED)).toMatchObject({ segments: [high, late] });
  });

  it('makes all sums of a day anew when a file of them is damaged, closed or not', () => {
    const [raw, sums] = [file(), file({ kind: 'quarters' })] as const;
    expect(due([raw, sums], DURING, { unsummed: [DAY] })).toMatchObject({
      what: 'sum-day',
      level: 0,
      readings: [raw],
      old: [sums],
    });
  });
});
