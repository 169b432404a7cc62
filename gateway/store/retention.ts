import type { Millis } from '../../contract/time.ts';
import { bytesOf, DAY_MS, LATE, type Segment } from './segments.ts';

/** How long sealed readings are kept. Absent = for ever. */
export interface RetentionPolicy {
  /** Whole days older than this go. */
  readonly maxAgeMs?: number;
  /** Of sealed files; the oldest days go first, today's never. */
  readonly maxBytes?: number;
  /** Points that are kept for less than the rest, for example by asset class. */
  readonly shorter?: readonly {
    readonly name: string;
    readonly maxAgeMs: number;
    readonly points: readonly number[];
  }[];
}

/** What is to go now. */
export interface RetentionPlan {
  /** Days before this one go whole; undefined = none. */
  readonly dropBefore?: number;
  /** Days to be rewritten without these points, oldest first. */
  readonly thin: readonly { readonly name: string; readonly day: number; readonly points: readonly number[] }[];
}

/**
 * Decides by age and by budget.
 *
 * @param thinnedBefore - per name of `shorter`: days before this one were rewritten already
 */
export function planRetention(
  segments: readonly Segment[],
  policy: RetentionPolicy,
  now: Millis,
  thinnedBefore: ReadonlyMap<string, number>,
): RetentionPlan {
  const today = Math.floor(now / DAY_MS);
  const byDay = new Map<number, number>();
  for (const segment of segments)
    if (segment.day !== LATE) byDay.set(segment.day, (byDay.get(segment.day) ?? 0) + bytesOf([segment]));
  const days = [...byDay.keys()].sort((a, b) => a - b);
  let dropBefore =
    policy.maxAgeMs === undefined ? Number.NEGATIVE_INFINITY : today - Math.ceil(policy.maxAgeMs / DAY_MS);
  if (policy.maxBytes !== undefined) {
    let bytes = 0;
    for (const day of [...days].reverse()) {
      bytes += byDay.get(day) as number;
      if (bytes > policy.maxBytes && day < today) {
        dropBefore = Math.max(dropBefore, day + 1);
        break;
      }
    }
  }
  const thin = (policy.shorter ?? []).flatMap(({ name, maxAgeMs, points }) =>
    days
      .filter(
        (day) =>
          day >= dropBefore &&
          day < today - Math.ceil(maxAgeMs / DAY_MS) &&
          day >= (thinnedBefore.get(name) ?? Number.NEGATIVE_INFINITY),
      )
      .map((day) => ({ name, day, points })),
  );
  return days.some((day) => day < dropBefore) ? { dropBefore, thin } : { thin };
}
