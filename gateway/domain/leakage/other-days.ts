import { rowBack } from './expectation.ts';
import type { Sum } from './flow-state.ts';
import { type FlowZone, meanOf, type Sample, type Sign } from './flow-zone.ts';

/** Days of the week (Monday 0) whose shape today may have besides its own, whichever of them rest here. */
const SORTS_OF_DAY = [0, 2, 4, 5, 6] as const;
/** The same time is looked up on so many days before, and counts with this part of its bins known. */
const DAYS_BEFORE = 6;
const DAY_KNOWN_PART = 0.6;
/** Of more days than this the oddest may have been a flushing. */
const DAYS_TO_SPARE_ONE = 3;
/** What strays this many times more than 3 h do by themselves is beyond any day. */
const BEYOND_FACTOR = 1.3;
/** Part of a rise that must be left when it is held against any of the last four weeks. */
const PAST_PART = 0.5;

/** Keeps the last three hours, with the highest and lowest use any sort of day would show. */
export function followLastHours(zone: FlowZone, { slot, flow, base, residual }: Sample): void {
  const { state } = zone;
  const [low, high] = zone.options.metered ? [base, base] : envelope(zone, slot);
  const reach = Math.max(2, Math.round(zone.perDay / 8));
  for (const [list, value] of [
    [state.recent, residual],
    [state.recentFlow, flow],
    [state.recentHigh, high],
    [state.recentLow, low],
  ] as const) {
    list.push(value);
    if (list.length > reach) list.shift();
  }
}

/** Lowest and highest use that any sort of day would show within an hour of now: a holiday is none of the profile's days. */
function envelope({ state: { profile }, perDay, perHour: reach }: FlowZone, slot: number): readonly [number, number] {
  const bin = slot % perDay;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const day of [Math.floor(slot / perDay), ...SORTS_OF_DAY])
    for (let by = -reach; by <= reach; by++) {
      const value = profile[day * perDay + ((bin + by + perDay) % perDay)]!;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  return [low, high];
}

/** The last hours lie beyond what any sort of day of the last weeks shows. */
export function isBeyondAnyDay({ state, known }: FlowZone, sign: Sign): boolean {
  const flow = meanOf(state.recentFlow);
  const base = meanOf(sign > 0 ? state.recentHigh : state.recentLow);
  const fit = state.fit!;
  const least = BEYOND_FACTOR * state.naturalMean3h;
  if (sign * (flow - fit.slope * base - fit.offset) <= least) return false;
  return state.pastSlopes.every(
    (slope, index) => sign * (flow - slope * base - state.pastOffsets[index]! - known) > PAST_PART * least,
  );
}

/** How much more than today the quiet hours of the last bins would show on another sort of day, at most, m3/h. */
export function liftOfAnyDay(zone: FlowZone, bins: number): number {
  const { state, perDay } = zone;
  // Bins of three hours hold the morning of one sort of day and the night of another.
  if (zone.options.metered || perDay < 24) return 0;
  const lifts: number[] = SORTS_OF_DAY.map(() => 0);
  let n = 0;
  for (let ago = 1; ago <= Math.min(bins, zone.perWeek - 1); ago++) {
    const slot = state.ringSlot[rowBack(zone, ago)]!;
    if (!zone.isQuiet(zone.hourOf(slot))) continue;
    n++;
    SORTS_OF_DAY.forEach((day, index) => {
      lifts[index]! += state.profile[day * perDay + (slot % perDay)]! - state.profile[slot]!;
    });
  }
  return n === 0 ? 0 : (state.fit!.slope * Math.max(0, ...lifts)) / n;
}

/** Compared with what was normal in any of the last four weeks, too: people come back from holidays. */
export function isNewAtNight({ state, known }: FlowZone, sum: Sum, sign: Sign, mean: number, least: number): boolean {
  const fit = state.fit!;
  const base = sum.quietBase / sum.quietWeight;
  return state.pastSlopes.every((slope, index) => {
    const then = slope * base + state.pastOffsets[index]! + known;
    const now = fit.slope * base + fit.offset;
    return sign * (mean + now - then) > PAST_PART * least;
  });
}

/**
 * How far the flow of the last bins lies above that of the same time on any of the days before, given the usual
 * difference of those days.
 *
 * @param isQuietOnly - only the hours of least use are compared
 * @returns m3/h; infinity when there is nothing to compare with
 */
export function rawRise(zone: FlowZone, sign: Sign, bins: number, isQuietOnly: boolean): number {
  const { state } = zone;
  const { slope } = state.fit!;
  const isEmpty = (row: number) => state.ringFlow[row] === 0 && state.ringBase[row] === 0;
  let now = 0;
  let n = 0;
  const days = Array.from({ length: DAYS_BEFORE }, () => ({ sum: 0, n: 0 }));
  for (let ago = 1; ago <= Math.min(bins, zone.perWeek - 1); ago++) {
    const row = rowBack(zone, ago);
    if (isEmpty(row)) continue;
    if (isQuietOnly && !zone.isQuiet(zone.hourOf(state.ringSlot[row]!))) continue;
    now += state.ringFlow[row]!;
    n++;
    days.forEach((day, index) => {
      const back = ago + (index + 1) * zone.perDay;
      if (back <= bins || back > state.filled) return;
      const then = rowBack(zone, back);
      if (isEmpty(then)) return;
      day.sum += state.ringFlow[then]! + slope * (state.ringBase[row]! - state.ringBase[then]!);
      day.n++;
    });
  }
  const before = days.filter((day) => day.n >= DAY_KNOWN_PART * n).map((day) => sign * (day.sum / day.n));
  if (n === 0 || before.length === 0) return Number.POSITIVE_INFINITY;
  before.sort((a, b) => b - a);
  return (sign * now) / n - before[before.length > DAYS_TO_SPARE_ONE ? 1 : 0]!;
}
