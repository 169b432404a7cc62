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
const PROBE_FIRST_MS = 2000;
const PROBE_MAX_MS = 300_000;
/** Probes of all dead devices together may take this share of a line that others use. */
const PROBE_SHARE = 0.02;

/**
 * When a device that doesn't answer is asked again.
 *
 * @param probes - probes it has left unanswered already
 * @param cost - what a probe costs the line, and how many devices are probed; undefined where nobody else uses the line
 */
export function probeDelayMs(
  probes: number,
  cost: { readonly timeoutMs: number; readonly dead: number } | undefined,
): number {
  const leastMs = cost === undefined ? 0 : (cost.timeoutMs * cost.dead) / PROBE_SHARE;
  return Math.min(PROBE_MAX_MS, Math.max(PROBE_FIRST_MS, leastMs) * 2 ** Math.min(probes, 16));
}

/** Round trips known before a time-out is guessed from them. */
const KNOWN_ROUND_TRIPS = 20;

/**
 * How long to wait for a device that has just been silent: a few times the slowest round trip known, so that a device
 * that died costs its neighbours little. Its probes later wait the full time again.
 *
 * @param slowestMs - 99th percentile of its own round trips, or of the line's while it has none
 */
export function shortTimeoutMs(timeoutMs: number, slowestMs: number | undefined, samples: number): number {
  if (slowestMs === undefined || samples < KNOWN_ROUND_TRIPS) return timeoutMs;
  return Math.min(timeoutMs, Math.max(100, slowestMs * 5));
}
