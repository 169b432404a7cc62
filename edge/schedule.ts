/** Something read at a steady rate. */
export interface Beat {
  readonly everyMs: number;
  /** Where in its period it is read, 0..1: spreads many devices over the period. */
  readonly phase: number;
  /** When it is due next, monotonic ms. */
  dueMs: number;
}

/** Everything is read once within this time after the start, however slow its rate. */
const START_SPREAD_MS = 1000;

/** Golden ratio: any number of consecutive phases is spread evenly. */
const GOLDEN = 0.618_033_988_749_895;

/** Phase of the n-th beat, 0..1. */
export function phaseOf(index: number): number {
  return (index * GOLDEN) % 1;
}

/** When a new beat is due first. */
export function firstDueMs(everyMs: number, phase: number, nowMs: number): number {
  return nowMs + phase * Math.min(everyMs, START_SPREAD_MS);
}

/**
 * When a beat is due after it was served: the next moment of its own rhythm. What was missed is not made up for: a line
 * that is too slow would otherwise read ever older plans.
 *
 * @returns the next due time and how many were missed
 */
export function nextDueMs(beat: Beat, nowMs: number): { readonly dueMs: number; readonly missed: number } {
  const offsetMs = beat.phase * beat.everyMs;
  // The first reading after the start may come just before its place in the rhythm: that place counts as served.
  const dueMs = offsetMs + beat.everyMs * Math.ceil((nowMs - offsetMs) / beat.everyMs + 0.1);
  const missed = Math.max(0, Math.floor((nowMs - beat.dueMs) / beat.everyMs));
  return { dueMs, missed };
}

/** Probing a dead device: its neighbours must not feel it. */
export const PROBE_FIRST_MS = 2000;
export const PROBE_MAX_MS = 300_000;

/**
 * When a device that doesn't answer is asked again.
 *
 * @param probes - probes it has left unanswered already
 */
export function probeDelayMs(probes: number): number {
  return Math.min(PROBE_MAX_MS, PROBE_FIRST_MS * 2 ** probes);
}
