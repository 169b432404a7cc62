import type { Millis } from '../../../contract/time.ts';

/** Where one condition stands between quiet and tripped. */
export const QUIET = 0;
/** True since `since`, the on-delay is running. */
export const PENDING = 1;
/** Tripped. */
export const ACTIVE = 2;
/** False since `since`, the off-delay is running. */
export const ENDING = 3;
export type Phase = typeof QUIET | typeof PENDING | typeof ACTIVE | typeof ENDING;

/** Told when a condition trips or clears; times are event times. */
export interface ConditionSink {
  /**
   * @param since - when it became true
   * @param at - when the on-delay was over
   */
  tripped(rule: number, since: Millis, at: Millis): void;
  /** @param at - when the off-delay was over */
  cleared(rule: number, at: Millis): void;
}

/**
 * On-delays and off-delays of all rules in event time, row = dense rule number.
 *
 * A truth holds until the next reading says otherwise (as long as its point is not silent for too long), so the outcome
 * does not depend on how readings were cut into batches.
 */
export class Conditions {
  phase = new Uint8Array(1024);
  /** PENDING: true since. ENDING: false since. */
  since = new Float64Array(1024);
  /** Event time at which the running delay is over. */
  due = new Float64Array(1024);

  resize(rules: number): void {
    if (rules <= this.phase.length) return;
    const capacity = Math.max(rules, this.phase.length * 2);
    const phase = new Uint8Array(capacity);
    const since = new Float64Array(capacity);
    const due = new Float64Array(capacity);
    phase.set(this.phase);
    since.set(this.since);
    due.set(this.due);
    Object.assign(this, { phase, since, due });
  }

  /**
   * A reading says whether the condition is true at `ts`. What was due before it must have been settled with
   * {@link complete} first, because it happened on what was known until then.
   */
  feed(
    rule: number,
    truth: boolean,
    ts: Millis,
    delays: { readonly onDelayMs: number; readonly offDelayMs: number },
    sink: ConditionSink,
  ): void {
    switch (this.phase[rule]) {
      case QUIET:
        if (truth) this.begin(rule, PENDING, ts, delays.onDelayMs, sink);
        return;
      case PENDING:
        if (!truth) this.phase[rule] = QUIET;
        else if (ts >= this.due[rule]!) this.settle(rule, this.due[rule]!, sink);
        return;
      case ACTIVE:
        if (!truth) this.begin(rule, ENDING, ts, delays.offDelayMs, sink);
        return;
      case ENDING:
        if (truth) this.phase[rule] = ACTIVE;
        else if (ts >= this.due[rule]!) this.settle(rule, this.due[rule]!, sink);
        return;
    }
  }

  /**
   * Time alone has moved: a running delay may be over.
   *
   * @param now - everything sampled until then (inclusive) is known
   * @param heldUntil - how far the last truth may be held over (its point's last reading + maxSilence)
   */
  complete(rule: number, now: Millis, heldUntil: Millis, sink: ConditionSink): void {
    const phase = this.phase[rule];
    if (phase !== PENDING && phase !== ENDING) return;
    const due = this.due[rule]!;
    if (due <= now && due <= heldUntil) this.settle(rule, due, sink);
  }

  /** A delay that runs goes on with another length. */
  setDelays(rule: number, delays: { readonly onDelayMs: number; readonly offDelayMs: number }): void {
    if (this.isTimed(rule))
      this.due[rule] = this.since[rule]! + (this.phase[rule] === PENDING ? delays.onDelayMs : delays.offDelayMs);
  }

  /** Back to quiet without a word: the rule no longer applies. */
  drop(rule: number): void {
    this.phase[rule] = QUIET;
  }

  isTimed(rule: number): boolean {
    const phase = this.phase[rule];
    return phase === PENDING || phase === ENDING;
  }

  isTripped(rule: number): boolean {
    const phase = this.phase[rule];
    return phase === ACTIVE || phase === ENDING;
  }

  private begin(rule: number, phase: Phase, ts: Millis, delayMs: number, sink: ConditionSink): void {
    this.phase[rule] = phase;
    this.since[rule] = ts;
    this.due[rule] = ts + delayMs;
    if (delayMs === 0) this.settle(rule, ts, sink);
  }

  private settle(rule: number, at: Millis, sink: ConditionSink): void {
    const wasPending = this.phase[rule] === PENDING;
    this.phase[rule] = wasPending ? ACTIVE : QUIET;
    if (wasPending) sink.tripped(rule, this.since[rule]!, at);
    else sink.cleared(rule, at);
  }
}
