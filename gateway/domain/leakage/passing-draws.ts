import { type FlowZone, HOUR_MS, type Sample } from './flow-zone.ts';

/** After a supply interruption pipes and roof tanks fill: nothing is judged for so long. */
const REFILL_MS = 6 * HOUR_MS;
/** Below this part of the expectation, and so many deviations away, there is no supply; less clearly, for an hour. */
const LOW_PART = 0.25;
const LOW_SIGMAS = 1;
const CUT_SIGMAS = 4;
const CUT_MS = HOUR_MS;
/** A step lasts: shorter than this it may be a flushing, a fire, or a tank lorry. */
const PERSIST_MS = 2.5 * HOUR_MS;
const PERSIST_MAX_MS = 4 * HOUR_MS;
/** It must last this many times longer than what has passed by itself before. */
const PERSIST_FACTOR = 1.3;
/** Part of the longest flushing that is remembered from one day to the next. */
const TRANSIENT_KEPT = 0.99;
/** Only what is so many times more than 3 h stray by themselves is remembered as a flushing. */
const TRANSIENT_FACTOR = 2;

/** Sees a supply interruption by next to no flow. @returns whether the zone is cut off or fills again: nothing is judged */
export function isRefilling(zone: FlowZone, { at, flow, expected, residual, sigma }: Sample): boolean {
  const { state, options } = zone;
  // Without the open leaks: the repair of one larger than all use is no interruption.
  const used = expected - zone.known;
  const isLow = used > 0 && flow < LOW_PART * used && residual < -LOW_SIGMAS * sigma;
  state.lowBins = isLow ? state.lowBins + 1 : 0;
  const isInterrupted = (isLow && residual < -CUT_SIGMAS * sigma) || state.lowBins * options.binMs >= CUT_MS;
  if (isInterrupted) state.refillUntil = at + REFILL_MS;
  return at < state.refillUntil;
}

/** Bins a step must last before it is more than what the zone draws in passing. */
export function binsToPersist({ state, options }: FlowZone): number {
  const ms = Math.min(PERSIST_MAX_MS, Math.max(PERSIST_MS, PERSIST_FACTOR * state.longestTransient));
  return Math.max(2, Math.round(ms / options.binMs));
}

/** It was over by itself: flushing, a fire, a filled tank. @param size - m3/h */
export function rememberTransient({ state, options }: FlowZone, bins: number, size: number): void {
  const ms = bins * options.binMs;
  if (ms < PERSIST_MAX_MS && size > TRANSIENT_FACTOR * state.naturalMean3h)
    state.longestTransient = Math.max(state.longestTransient, ms);
}

export function forgetTransients({ state }: FlowZone): void {
  state.longestTransient *= TRANSIENT_KEPT;
}
