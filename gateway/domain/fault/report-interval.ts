import type { Millis } from '../../../contract/time.ts';

/**
 * Who reports at least this often keeps to {@link PATIENCE_MIN_MS}, and is not followed further: three times this, as for a
 * declared interval (fault-rules, 6).
 */
export const QUIET_MS = 100_000;
/** Nobody is stale sooner than this, however often it used to report: it may report by exception. */
export const PATIENCE_MIN_MS = 3 * QUIET_MS;
/** Missed reports after which a point is stale, and the longest it is waited for beyond its interval: a daily meter has 26 h. */
const MISSED_MAX = 3;
const OVERDUE_MAX_MS = 2 * 3_600_000;
/** Before its interval is known: a meter that reports once a day is not stale. */
export const UNLEARNED_MS = 26 * 3_600_000;
/** Intervals from which the next is told, and the last ones that are kept of a point. */
const LEARNED_MIN = 3;
const KEPT_MAX = 32;
/** From so many on, the longest one counts for nothing: it was an outage. */
const ROBUST_MIN = 8;

/** A new point that reports again so many times without a silence between reports often. */
export const OFTEN_READINGS = 10;
/** Such a point counts as heard for so long: then it is told when it is stale. */
export const LEARNED_AFTER_MS = LEARNED_MIN * QUIET_MS;

/** The last intervals of a point; 0 is {@link QUIET_MS} in which it reported more often than that. */
interface Known {
  /** Its last silence ended. */
  since: Millis;
  intervals: number[];
}

/**
 * How long points may be silent of which nobody said how often they report. Learned from the silences that ended, in the time
 * in which silence is counted: source time, or that of receipt for a device that publishes by itself. Who reports often costs
 * nothing: what lies between two silences is counted when the second begins, and nothing is kept before the first.
 */
export class ReportIntervals {
  private readonly known = new Map<number, Known>();

  /**
   * How long a point that has fallen silent is waited for.
   *
   * @param heardFrom - when it was first heard; NaN: not yet
   * @param last - when it was heard last
   */
  patienceMs(point: number, heardFrom: Millis, last: Millis): Millis {
    const intervals = this.upTo(point, heardFrom, last);
    if (intervals.length < LEARNED_MIN) return UNLEARNED_MS;
    const longest = intervals.toSorted((a, b) => b - a)[intervals.length < ROBUST_MIN ? 0 : 1] as number;
    return Math.max(PATIENCE_MIN_MS, Math.min(MISSED_MAX * longest, longest + OVERDUE_MAX_MS));
  }

  /** A silence that began at `last` ended. */
  ended(point: number, heardFrom: Millis, last: Millis, at: Millis): void {
    const intervals = this.upTo(point, heardFrom, last);
    intervals.push(at - last);
    this.known.set(point, { since: at, intervals: intervals.slice(-KEPT_MAX) });
  }

  /** It is measured in another time now. */
  forget(point: number): void {
    this.known.delete(point);
  }

  private upTo(point: number, heardFrom: Millis, last: Millis): number[] {
    const { since, intervals } = this.known.get(point) ?? { since: heardFrom, intervals: [] };
    const often = Math.floor((last - since) / QUIET_MS);
    return [...intervals, ...Array.from({ length: often > 0 ? Math.min(KEPT_MAX, often) : 0 }, () => 0)].slice(
      -KEPT_MAX,
    );
  }

  snapshot(): unknown {
    return [...this.known];
  }

  restore(state: unknown): void {
    this.known.clear();
    for (const [point, known] of (state ?? []) as [number, Known][]) this.known.set(point, known);
  }
}
