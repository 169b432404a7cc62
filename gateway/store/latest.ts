import type { Segment } from './segments.ts';
import type { StoredReading } from './store.ts';

/** More points than this are not named in a query but picked from its answer. */
const NAMED_POINTS_MAX = 5000;
/** Segments looked through for points that have been silent: a start must not read all of history. */
const SEGMENTS_MAX = 64;

type Newest = (points: readonly number[] | undefined) => Promise<Map<number, StoredReading>>;

/**
 * Newest reading of each point by source time: from the hot tables, then from sealed segments, newest first,
 * only as far as they may hold something newer than what was found.
 */
export async function latestOf(
  points: readonly number[],
  parts: {
    readonly segments: readonly Segment[];
    readonly readHot: Newest;
    readonly readSegment: (
      segment: Segment,
      points: readonly number[] | undefined,
    ) => Promise<Map<number, StoredReading>>;
  },
): Promise<Map<number, StoredReading>> {
  const found = new Map<number, StoredReading>();
  const named = (wanted: readonly number[]) => (wanted.length > NAMED_POINTS_MAX ? undefined : wanted);
  const take = (wanted: readonly number[], newest: Map<number, StoredReading>) => {
    for (const point of wanted) {
      const reading = newest.get(point);
      const before = found.get(point);
      if (reading !== undefined && (before === undefined || reading.ts > before.ts)) found.set(point, reading);
    }
  };
  if (points.length === 0) return found;
  take(points, await parts.readHot(named(points)));
  const segments = parts.segments
    .filter(({ kind }) => kind === 'readings')
    .sort((a, b) => b.maxTs - a.maxTs || b.lastCommit - a.lastCommit)
    .slice(0, SEGMENTS_MAX);
  for (const segment of segments) {
    const wanted = points.filter((point) => (found.get(point)?.ts ?? 0) < segment.maxTs);
    if (wanted.length > 0) take(wanted, await parts.readSegment(segment, named(wanted)));
  }
  return found;
}
