import type { Millis } from '../../contract/time.ts';
import type { Point } from './model.ts';

/** How a value is drawn: the three qualities, and what only time can tell. */
export type Standing = 'good' | 'uncertain' | 'bad' | 'stale' | 'late' | 'none';

/** A reading may be this much longer under way than expected before it counts as late: polling and the broker take a moment. */
const LATE_MARGIN_MS = 60_000;

/**
 * How far the newest value of a point can be trusted now.
 *
 * @param now - the gateway's clock
 * @param connected - false while the page hears nothing: then every value is stale
 */
export function standingOf(point: Point, now: Millis, connected: boolean): Standing {
  const { last } = point;
  if (last === undefined) return 'none';
  if (last.quality === 'bad' || last.value === undefined) return 'bad';
  if (!connected || last.reason === 'stale' || now - last.ts > point.maxSilenceMs + point.reportingDelayMs)
    return 'stale';
  if (last.quality === 'uncertain') return 'uncertain';
  if (last.receivedAt !== undefined && last.receivedAt - last.ts > point.reportingDelayMs + LATE_MARGIN_MS)
    return 'late';
  return 'good';
}

/** Worst first: the order in which the standing of many points is summed up. */
export const WORST_FIRST: readonly Standing[] = ['bad', 'stale', 'none', 'uncertain', 'late', 'good'];

export function worstOf(standings: Iterable<Standing>): Standing {
  let worst = WORST_FIRST.length - 1;
  for (const standing of standings) worst = Math.min(worst, WORST_FIRST.indexOf(standing));
  return WORST_FIRST[worst] ?? 'good';
}

/** Points that are not good, worst first, then by name. @param most - no more than these */
export function notGood(
  points: Iterable<Point>,
  now: Millis,
  connected: boolean,
  most: number,
): readonly { readonly point: Point; readonly standing: Standing }[] {
  const found: { point: Point; standing: Standing }[] = [];
  for (const point of points) {
    const standing = standingOf(point, now, connected);
    if (standing !== 'good') found.push({ point, standing });
  }
  const rank = ({ standing }: { standing: Standing }) => WORST_FIRST.indexOf(standing);
  return found.sort((one, other) => rank(one) - rank(other) || (one.point.id < other.point.id ? -1 : 1)).slice(0, most);
}

/** How many points stand how: the data health panel. */
export function countStandings(
  points: Iterable<Point>,
  now: Millis,
  connected: boolean,
): Readonly<Record<Standing, number>> {
  const counts: Record<Standing, number> = { good: 0, uncertain: 0, bad: 0, stale: 0, late: 0, none: 0 };
  for (const point of points) counts[standingOf(point, now, connected)] += 1;
  return counts;
}
