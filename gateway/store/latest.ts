import type { Millis } from '../../contract/time.ts';
import type { Segment } from './segments.ts';
import type { StoredReading } from './store.ts';

/** More points than this are not named in a query but picked from its answer. */
const NAMED_POINTS_MAX = 500;
/** Most points have their newest reading within this of the newest of all: they are found without looking at the rest. */
const RECENT_MS = 600_000;
/** Segments looked through for points that have been silent: a start must not read all of history. */
const SEGMENTS_MAX = 256;

/** Newest readings of points (undefined = of all) that are not older than `since`. */
type Newest = (points: readonly number[] | undefined, since: Millis) => Promise<Map<number, StoredReading>>;

/**
 * Newest reading of each point by source time: from the hot tables, then from sealed segments, newest first,
 * only as far as they may hold something newer than what was found.
 */
export async function latestOf(
  points: readonly number[],
  parts: {
    readonly segments: readonly Segment[];
    /** Newest source time of the hot tables. */
    readonly hotUntil: () => Promise<Millis>;
    readonly readHot: Newest;
    readonly readSegment: (segment: Segment, ...rest: Parameters<Newest>) => ReturnType<Newest>;
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
  const lookIn = async (wanted: readonly number[], until: Millis, read: Newest) => {
    const since = until - RECENT_MS;
    take(wanted, await read(named(wanted), Math.max(0, since)));
    const rest = wanted.filter((point) => (found.get(point)?.ts ?? 0) < since);
    if (rest.length > 0) take(rest, await read(named(rest), 0));
  };
  if (points.length === 0) return found;
  await lookIn(points, await parts.hotUntil(), parts.readHot);
  const segments = parts.segments
    .filter(({ kind }) => kind === 'readings')
    .sort((a, b) => b.maxTs - a.maxTs || b.lastCommit - a.lastCommit);
  let looked = 0;
  for (const segment of segments) {
    const { minPoint, maxPoint, maxTs } = segment;
    const wanted = points.filter(
      (point) => point >= minPoint && point <= maxPoint && (found.get(point)?.ts ?? 0) < maxTs,
    );
    if (wanted.length === 0) continue;
    if (++looked > SEGMENTS_MAX) break;
    await lookIn(wanted, maxTs, (named, since) => parts.readSegment(segment, named, since));
  }
  return found;
}
