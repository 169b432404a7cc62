import type { Millis } from '../../contract/time.ts';
import { byShard, DAY_LEVEL, DAY_MS, LATE, type Segment, SHARD_POINTS, shardOf } from './segments.ts';

/** Runs of one day, shard and level before they become one of the next level. */
export const MERGE_SEGMENTS = 8;
/** A day is closed, and becomes one file per shard, this long after its end: what is reported daily has come by then. */
export const DAY_CLOSED_MS = 2 * 3_600_000;
/** A closed day is rewritten at once for late readings when it is this small, or they are this part of it … */
export const CHEAP_READINGS = 2_000_000;
const LATE_PART = 8;
/** … and otherwise when this many files of them have come, or the first has waited this long. */
export const LATE_WAIT_MS = 3_600_000;

/** One piece of tidying. */
export type Due =
  | {
      readonly what: 'merge-readings' | 'merge-quarters';
      readonly segments: readonly Segment[];
      readonly level: number;
    }
  | {
      readonly what: 'sum-day';
      readonly day: number;
      readonly level: number;
      /** What is summed anew. */
      readonly readings: readonly Segment[];
      /** Sums that go, and those of quarters that stay. */
      readonly old: readonly Segment[];
      readonly kept: readonly Segment[];
    };

interface State {
  readonly now: Millis;
  /** How long a file has been there. */
  readonly waitedMs: (segment: Segment) => Millis;
  /** Days of which a file of sums is damaged. */
  readonly unsummed: ReadonlySet<number>;
}

/**
 * The next piece: of a closed day all files of a shard into one, then its sums anew; of a day in progress the oldest run
 * of one level. One shard at a time, so that a crash loses little of the work, and memory and disk are bounded.
 */
export function tidyDue(segments: readonly Segment[], state: State): Due | undefined {
  for (const [day, ofDay] of byDay(segments)) {
    const readings = ofDay.filter(({ kind }) => kind === 'readings');
    const isClosed = (day + 1) * DAY_MS + DAY_CLOSED_MS <= state.now;
    const due =
      mendSums(day, ofDay, isClosed, state) ??
      (isClosed ? (closeReadings(readings, state) ?? closeSums(day, ofDay)) : undefined) ??
      run('merge-readings', readings) ??
      run(
        'merge-quarters',
        ofDay.filter(({ kind }) => kind === 'quarters'),
      );
    if (due !== undefined) return due;
  }
  return undefined;
}

function byDay(segments: readonly Segment[]): Map<number, Segment[]> {
  const days = new Map<number, Segment[]>();
  for (const segment of segments) {
    if (segment.day === LATE) continue;
    const list = days.get(segment.day);
    if (list === undefined) days.set(segment.day, [segment]);
    else list.push(segment);
  }
  return days;
}

/** Files of one level that came one after another, so that a merged one has no other's commits inside. */
function run(what: 'merge-readings' | 'merge-quarters', segments: readonly Segment[]): Due | undefined {
  const groups = new Map<string, Segment[]>();
  for (const segment of segments) {
    const { level } = segment;
    // What several shards share is merged with its like.
    const key = `${shardOf(segment) ?? 'shared'}/${level}`;
    const list = groups.get(key);
    if (list === undefined) groups.set(key, [segment]);
    else list.push(segment);
  }
  for (const list of groups.values()) {
    const level = (list[0] as Segment).level + 1;
    // A run may lie in several files, one point after another.
    const runs = new Set(list.map(({ lastCommit }) => lastCommit)).size;
    if (runs >= MERGE_SEGMENTS && level < DAY_LEVEL) return { what, segments: list, level };
  }
  return undefined;
}

/** Of a closed day one shard with what has come since it was last merged, and only the files that hold its points. */
function closeReadings(readings: readonly Segment[], { waitedMs }: State): Due | undefined {
  for (const shard of byShard(readings)) {
    const added = shard.filter(({ level }) => level < DAY_LEVEL);
    if (added.length === 0) continue;
    const touched = shard.filter((segment) => added.some((each) => overlaps(each, segment)));
    const late = readingsOf(added);
    const all = readingsOf(touched);
    const isDue =
      added.length === touched.length ||
      all <= Math.max(CHEAP_READINGS, LATE_PART * late) ||
      added.length >= MERGE_SEGMENTS ||
      added.some((segment) => waitedMs(segment) >= LATE_WAIT_MS);
    if (isDue) return { what: 'merge-readings', segments: touched, level: DAY_LEVEL };
  }
  return undefined;
}

/** Once all readings of a day are merged: sums of the shards that changed, free of what was corrected. */
function closeSums(day: number, ofDay: readonly Segment[]): Due | undefined {
  const readings = ofDay.filter(({ kind }) => kind === 'readings');
  const sums = ofDay.filter(({ kind }) => kind !== 'readings');
  if (readings.length === 0 || readings.some(({ level }) => level < DAY_LEVEL)) return undefined;
  const added = sums.filter(({ kind, level }) => kind === 'quarters' && level < DAY_LEVEL);
  const whole = sums.filter(({ kind, level }) => kind === 'quarters' && level === DAY_LEVEL);
  const hasDays = sums.some(({ kind }) => kind === 'days');
  if (added.length === 0 && hasDays) return undefined;
  const kept = whole.filter((segment) => hasDays && !added.some((each) => sharesShard(each, segment)));
  const stays = new Set(kept);
  return {
    what: 'sum-day',
    day,
    level: DAY_LEVEL,
    readings: readings.filter((segment) => !kept.some((each) => sharesShard(each, segment))),
    old: sums.filter((segment) => !stays.has(segment)),
    kept,
  };
}

/** All sums of a day anew when a file of them is damaged. */
function mendSums(day: number, ofDay: readonly Segment[], isClosed: boolean, { unsummed }: State): Due | undefined {
  if (!unsummed.has(day)) return undefined;
  const readings = ofDay.filter(({ kind }) => kind === 'readings');
  // A closed day's sums are made by and by, of merged readings.
  if (isClosed && readings.some(({ level }) => level < DAY_LEVEL)) return undefined;
  const old = ofDay.filter(({ kind }) => kind !== 'readings');
  return { what: 'sum-day', day, level: isClosed ? DAY_LEVEL : 0, readings, old, kept: [] };
}

function overlaps(a: Segment, b: Segment): boolean {
  return a.minPoint <= b.maxPoint && a.maxPoint >= b.minPoint;
}

function sharesShard(a: Segment, b: Segment): boolean {
  const shard = (point: number) => Math.floor(point / SHARD_POINTS);
  return shard(a.minPoint) <= shard(b.maxPoint) && shard(a.maxPoint) >= shard(b.minPoint);
}

function readingsOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { readings }) => sum + readings, 0);
}
