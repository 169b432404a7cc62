import type { Millis } from '../../../contract/time.ts';

/** A register never stood still for so long: water runs on the premises. */
export const NEVER_ZERO_MS = 24 * 3_600_000;
/** An hour without a litre is "back to zero" once; shorter pauses may be the register's resolution. */
const ZERO_MS = 3_600_000;
/** Readings further apart than this hide whether the register stood still. */
const GAP_MAX_MS = 2 * 3_600_000;
/** Nobody uses water for so long while the neighbours do: stopped, or away. At least this, and twice the longest pause known. */
const STOPPED_MIN_MS = 4 * 3_600_000;
/** Before it was watched for a week, weekend included, nobody knows its longest pause: the first nights would all ring. */
const PAUSES_KNOWN_MS = 7 * 86_400_000;
/** Of a pause that was taken for a stop so much is learned: holidays do not blind it, and the same night does not ring twice. */
const PAUSE_LEARNED_MAX_MS = 24 * 3_600_000;

export type CustomerFinding =
  | { readonly kind: 'premises-leak'; readonly since: Millis; readonly at: Millis; readonly flowM3h: number }
  | { readonly kind: 'backwards' | 'reset'; readonly at: Millis; readonly by: number }
  | { readonly kind: 'stopped'; readonly since: Millis; readonly at: Millis };

export interface CustomerMeterState {
  /** First reading; absent in states of earlier versions, which count as known. */
  watchedSince?: Millis;
  lastTs: Millis | null;
  lastTotal: number;
  /** Start of the time without a pause; null while a gap makes it unknown. */
  runningSince: Millis | null;
  runningTotal: number;
  standingSince: Millis | null;
  longestPauseMs: number;
  told: '' | 'premises-leak' | 'stopped';
}

export const newCustomerMeter = (): CustomerMeterState => ({
  lastTs: null,
  lastTotal: 0,
  runningSince: null,
  runningTotal: 0,
  standingSince: null,
  longestPauseMs: 0,
  told: '',
});

/**
 * One register value of a customer's meter, m3, in order of time; the state changes in place.
 *
 * A gap proves nothing: neither that water ran all the time nor that the meter stood still. So the day of
 * {@link NEVER_ZERO_MS} begins anew after a gap of more than two hours.
 *
 * @param neighboursUse - others of the same zone use water now; without it nothing is called stopped
 */
export function readCustomerMeter(
  state: CustomerMeterState,
  ts: Millis,
  total: number,
  neighboursUse: boolean,
): CustomerFinding[] {
  const { lastTs, lastTotal } = state;
  if (lastTs !== null && ts <= lastTs) return [];
  state.lastTs = ts;
  state.lastTotal = total;
  if (lastTs === null) {
    state.watchedSince = ts;
    return [];
  }
  const by = total - lastTotal;
  if (by < 0) {
    forget(state);
    state.told = '';
    // A new register starts near zero; one that turns back keeps most of its figure.
    return [{ kind: total < 0.1 * lastTotal ? 'reset' : 'backwards', at: ts, by }];
  }
  if (ts - lastTs > GAP_MAX_MS) {
    forget(state);
    return [];
  }
  return by > 0 ? ran(state, lastTs, ts, lastTotal, total) : stood(state, lastTs, ts, neighboursUse);
}

function ran(state: CustomerMeterState, from: Millis, ts: Millis, before: number, total: number): CustomerFinding[] {
  if (state.standingSince !== null) {
    const pauseMs = from - state.standingSince;
    const learned = state.told === 'stopped' ? Math.min(pauseMs, PAUSE_LEARNED_MAX_MS) : pauseMs;
    state.longestPauseMs = Math.max(state.longestPauseMs, learned);
    if (pauseMs >= ZERO_MS) state.runningSince = null;
    state.standingSince = null;
  }
  if (state.told === 'stopped') state.told = '';
  if (state.runningSince === null) {
    state.runningSince = from;
    state.runningTotal = before;
  }
  const { runningSince } = state;
  if (state.told === 'premises-leak' || ts - runningSince < NEVER_ZERO_MS) return [];
  state.told = 'premises-leak';
  const flowM3h = ((total - state.runningTotal) * 3_600_000) / (ts - runningSince);
  return [{ kind: 'premises-leak', since: runningSince, at: ts, flowM3h }];
}

function stood(state: CustomerMeterState, from: Millis, ts: Millis, neighboursUse: boolean): CustomerFinding[] {
  state.standingSince ??= from;
  const since = state.standingSince;
  const pauseMs = ts - since;
  if (pauseMs >= ZERO_MS) {
    state.runningSince = null;
    if (state.told === 'premises-leak') state.told = '';
  }
  const areKnown = state.longestPauseMs > 0 && ts - (state.watchedSince ?? 0) >= PAUSES_KNOWN_MS;
  const longest = Math.max(STOPPED_MIN_MS, 2 * state.longestPauseMs);
  if (!neighboursUse || !areKnown || state.told === 'stopped' || pauseMs < longest) return [];
  state.told = 'stopped';
  return [{ kind: 'stopped', since, at: ts }];
}

/** What was told stays told: a gap does not prove that it ended. */
function forget(state: CustomerMeterState): void {
  state.runningSince = null;
  state.standingSince = null;
}
