import type { FlowBin, FlowState } from './flow-state.ts';
import { type FlowZone, HOUR_MS } from './flow-zone.ts';
import { type FitColumns, fitLine } from './line-fit.ts';

/** The expectation of now is fitted to what lies this far back, so that a step does not hide itself. */
const FIT_LAG_MS = 3 * HOUR_MS;
const FIT_SPAN_MS = 72 * HOUR_MS;
/** A slope this many times smaller or larger than before is a misfit. */
const SLOPE_JUMP_MAX = 5;
/** A value of the profile is the mean of so many weeks, then it forgets. */
const PROFILE_WEEKS = 12;

/**
 * What a zone takes when nothing is wrong: `slope * base + offset`, where the base is the zone's usual week or its
 * metered demand. The slope follows season and weather over the last days; the offset holds what leaks all day.
 *
 * @returns m3/h; undefined while the zone learns
 */
export function expectedFlow({ fit, scale }: FlowState, base: number): number | undefined {
  return scale === null || fit === null ? undefined : fit.slope * base + fit.offset;
}

/** Usual use in a bin, m3/h; undefined when the demand is not known. */
export function baseOf(zone: FlowZone, { slot, demand }: Pick<FlowBin, 'slot' | 'demand'>): number | undefined {
  return zone.options.metered ? demand : zone.state.profile[slot];
}

/** Puts a bin into the last week. @param weight - 0: no fit rests on it */
export function remember(zone: FlowZone, flow: number | null, base: number, slot: number, weight: number): void {
  const { state } = zone;
  const { head } = state;
  state.ringFlow[head] = flow ?? 0;
  state.ringBase[head] = base;
  state.ringSigma[head] = state.scale!.hourly[zone.hourOf(slot)]!;
  state.ringWeight[head] = flow === null ? 0 : weight;
  state.ringSlot[head] = slot;
  state.head = (head + 1) % zone.perWeek;
  state.filled = Math.min(zone.perWeek, state.filled + 1);
}

/** Rows of the last week from `fromAgo` to `toAgo` bins back, older first. */
export function* rowsBack(zone: FlowZone, fromAgo: number, toAgo: number): Generator<number> {
  const { filled } = zone.state;
  for (let ago = Math.min(fromAgo, filled); ago > toAgo; ago--) yield rowBack(zone, ago);
}

export const rowBack = ({ state, perWeek }: FlowZone, ago: number): number =>
  (state.head - ago + 2 * perWeek) % perWeek;

export function lastWeek({ ringFlow, ringBase, ringSigma, ringWeight }: FlowState): FitColumns {
  return { flow: ringFlow, base: ringBase, sigma: ringSigma, weight: ringWeight };
}

/** Fits slope and offset to the last days; the offset alone when too little of them is known. */
export function refit(zone: FlowZone): void {
  const { state, options, perDay } = zone;
  const lag = Math.max(1, Math.round(FIT_LAG_MS / options.binMs));
  const span = Math.round(((options.metered ? 2 : 1) * FIT_SPAN_MS) / options.binMs);
  const rows = [...rowsBack(zone, lag + span, lag)];
  const prior = state.fit?.slope ?? 1;
  const fit =
    fitLine(lastWeek(state), rows, Math.max(6, perDay * 0.9)) ??
    fitLine(lastWeek(state), rows, Math.max(3, perDay / 12), prior);
  if (fit !== undefined && fit.slope > 0.2 * prior && fit.slope < SLOPE_JUMP_MAX * prior) state.fit = fit;
}

/** The profile takes in what this bin of the week shows, season and open leaks taken off. */
export function followProfile({ state, options }: FlowZone, slot: number, flow: number): void {
  if (options.metered) return;
  const fit = state.fit!;
  const seen = (flow - fit.offset) / fit.slope;
  const n = state.profileN[slot]!;
  state.profileN[slot] = Math.min(PROFILE_WEEKS, n + 1);
  state.profile[slot] = state.profile[slot]! + (seen - state.profile[slot]!) / (n + 1);
}

/** What lies before a step is told as if the step had been there already, so that fits run through. */
export function liftPast(zone: FlowZone, size: number, binsSince: number): void {
  const { state } = zone;
  for (const row of rowsBack(zone, zone.perWeek, binsSince)) state.ringFlow[row] = state.ringFlow[row]! + size;
  trustAgain(zone, binsSince);
  if (state.fit !== null) state.fit = { ...state.fit, offset: state.fit.offset + size };
  state.minima = state.minima.map((value) => value + size);
  state.recent = [];
  state.recentFlow = [];
  state.recentHigh = [];
  state.recentLow = [];
}

/** Fits rest on the last bins again, although they were suspected. */
export function trustAgain(zone: FlowZone, bins: number): void {
  const { ringFlow, ringWeight } = zone.state;
  for (const row of rowsBack(zone, bins, 0)) if (ringFlow[row] !== 0) ringWeight[row] = 1;
}

/** Flow of the hour of least use, m3/h; of a balance, which has no profile, a guess. */
export function nightLevel({ state, options, perHour }: FlowZone, slope: number): number {
  if (options.metered) return 0.3 * state.meanFlow;
  let least = Number.POSITIVE_INFINITY;
  for (let bin = 0; bin + perHour <= state.profile.length; bin += perHour) {
    let sum = 0;
    for (let i = 0; i < perHour; i++) sum += state.profile[bin + i]!;
    least = Math.min(least, sum / perHour);
  }
  return slope * least;
}
