import type { QualityCode } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { Segment } from './segments.ts';
import type { TellReading } from './store.ts';

/** More points than this are not named in a query but picked from its answer. */
const NAMED_POINTS_MAX = 500;
/**
 * Most points have their newest reading within one of these of the newest of all: they are found without looking at the
 * rest. At full load a few seconds hold all of them.
 */
const RECENT_MS = [5000, 600_000] as const;
/** Segments looked through for points that have been silent: a start must not read all of history. */
const SEGMENTS_MAX = 256;

/**
 * Readings of points (undefined = of all) that are not older than `since`: of each point the newest at least, and of two
 * of one moment the one committed last comes last.
 */
type ReadNewest = (points: readonly number[] | undefined, since: Millis, tell: TellReading) => Promise<void>;

/** Newest readings as columns, row = dense id; a moment of -1 is none. */
class Newest {
  private readonly wanted: Uint8Array;
  readonly ts: Float64Array;
  private readonly value: Float64Array;
  private readonly quality: Uint8Array;
  private readonly reason: Uint8Array;

  constructor(points: readonly number[]) {
    const size = points.reduce((most, point) => Math.max(most, point + 1), 0);
    this.wanted = new Uint8Array(size);
    for (const point of points) this.wanted[point] = 1;
    this.ts = new Float64Array(size).fill(-1);
    this.value = new Float64Array(size);
    this.quality = new Uint8Array(size);
    this.reason = new Uint8Array(size);
  }

  /** @param wins - a reading of the same moment takes the place of the one that is there */
  take(wins: boolean): TellReading {
    return (point, ts, value, quality, reason) => {
      if (this.wanted[point] !== 1 || ts < this.ts[point]! || (ts === this.ts[point] && !wins)) return;
      this.ts[point] = ts;
      this.value[point] = value;
      this.quality[point] = quality;
      this.reason[point] = reason;
    };
  }

  tell(point: number, tell: TellReading): void {
    if (this.ts[point]! >= 0)
      tell(point, this.ts[point]!, this.value[point]!, this.quality[point] as QualityCode, this.reason[point]!);
  }
}

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
    readonly readHot: ReadNewest;
    readonly readSegment: (segment: Segment, ...rest: Parameters<ReadNewest>) => Promise<void>;
  },
  tell: TellReading,
): Promise<void> {
  if (points.length === 0) return;
  const newest = new Newest(points);
  const lookIn = async (wanted: readonly number[], until: Millis, wins: boolean, read: ReadNewest) => {
    let rest = wanted;
    for (const since of [...RECENT_MS.map((ms) => until - ms), 0]) {
      if (rest.length === 0) return;
      await read(rest.length > NAMED_POINTS_MAX ? undefined : rest, Math.max(0, since), newest.take(wins));
      rest = rest.filter((point) => newest.ts[point]! < since);
    }
  };
  await lookIn(points, await parts.hotUntil(), true, parts.readHot);
  const segments = parts.segments
    .filter(({ kind }) => kind === 'readings')
    .sort((a, b) => b.maxTs - a.maxTs || b.lastCommit - a.lastCommit);
  let open = points;
  let looked = 0;
  for (const segment of segments) {
    const { minPoint, maxPoint, maxTs } = segment;
    // The next files end earlier: a point that can't gain here can't gain there.
    open = open.filter((point) => newest.ts[point]! < maxTs);
    if (open.length === 0) break;
    const wanted = open.filter((point) => point >= minPoint && point <= maxPoint);
    if (wanted.length === 0) continue;
    if (++looked > SEGMENTS_MAX) break;
    await lookIn(wanted, maxTs, false, (...asked) => parts.readSegment(segment, ...asked));
  }
  for (const point of points) newest.tell(point, tell);
}
