import type { Millis } from '../../../contract/time.ts';
import { DAY_MS, type FlowZone } from './flow-zone.ts';
import { enlarge, learnIn, open } from './leak-book.ts';

/** After a repair a rise of less than this part of it is what it left behind: more was taken off than was repaired. */
const LEFT_PART = 0.6;
/** So long after it; nights say so sooner. */
const LEFT_DAYS = 7;
const LEFT_NIGHTS = 5;
/** In parts of the smallest rise worth a crew: what is by itself taken for left over, and what may be growth told of before. */
const LEFT_LEAST_PART = 0.6;
const GROWN_LEAST_PART = 0.25;

/** Accounts for a rise of the nights that is only what a repair left behind. @returns false: it is something else */
export function isLeftInNights(zone: FlowZone, at: Millis, since: Millis, size: number): boolean {
  const { state } = zone;
  if (at - state.lastRepairAt >= LEFT_NIGHTS * DAY_MS || size >= LEFT_PART * state.lastRepairSize) return false;
  learnIn(zone, size, since, Math.round((at - since) / zone.options.binMs));
  const newest = state.leaks.at(-1);
  if (newest === undefined) open(zone, { kind: 'slow', since, at: since, size, grownAt: at, isUntold: true });
  else newest.size += size;
  return true;
}

/**
 * Accounts for an excess of the week that a repair left behind, or that was told of as growth before it.
 *
 * @param least - smallest rise worth a crew, m3/h
 * @returns false: it is something else
 */
export function isLeftInWeek(zone: FlowZone, at: Millis, excess: number, least: number): boolean {
  const { state } = zone;
  const isLately = state.lastRepairAt > 0 && at - state.lastRepairAt < LEFT_DAYS * DAY_MS;
  if (!isLately || excess <= GROWN_LEAST_PART * least) return false;
  const isLeftOver = excess > LEFT_LEAST_PART * least && excess < LEFT_PART * state.lastRepairSize;
  if (state.grownTold <= 0 && !isLeftOver) return false;
  const size = isLeftOver ? excess : Math.min(excess, state.grownTold);
  state.grownTold = Math.max(0, state.grownTold - size);
  const since = state.lastRepairAt;
  const newest = state.leaks.at(-1);
  if (newest !== undefined) enlarge(zone, newest, size, since);
  else open(zone, { kind: 'slow', since, at: since, size, grownAt: at, isUntold: true });
  return true;
}

/** With all leaks closed for so long, no growth is left to account for. */
export function forgetGrowth({ state }: FlowZone, at: Millis): void {
  if (state.leaks.length === 0 && at - state.lastRepairAt >= LEFT_DAYS * DAY_MS) state.grownTold = 0;
}
