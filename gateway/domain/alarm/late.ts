import type { Millis } from '../../../contract/time.ts';
import { ACTIVE, Conditions, ENDING } from './condition.ts';

/** Rules that may follow late data at once; beyond it the oldest is forgotten: an alarm of the past goes unrecorded, never a live one. */
export const LATE_RULES_MAX = 10_000;

/** Told about what happened in late data. */
export interface LateSink {
  /** @param returnedAt - undefined while the late data has not shown the end */
  raisedLate(rule: number, since: Millis, at: Millis, value: number): string;
  returnedLate(id: string, at: Millis): void;
}

interface Trace {
  readonly slot: number;
  newest: Millis;
  /** Tripped in late data, not told yet because it may run on into what is active now. */
  tripped?: { readonly since: Millis; readonly at: Millis; readonly value: number };
  /** Told, its end not seen yet. */
  raisedId?: string;
}

/**
 * Follows conditions through readings that came after newer ones (a lane of backlog behind the live lane), beside the live state,
 * so that what began and ended in there is journalled as raised late. It never moves a live condition.
 */
export class LateConditions {
  private readonly conditions = new Conditions();
  private readonly traces = new Map<number, Trace>();
  private readonly free: number[] = [];
  private slots = 0;

  follows(rule: number): boolean {
    return this.traces.has(rule);
  }

  /**
   * @param truth - of the condition in this late reading, given whether it is tripped in the late data
   * @param liveIsTripped - the condition holds at the newest data: the end of this episode may be the live one
   */
  feed(
    rule: number,
    reading: {
      readonly ts: Millis;
      readonly value: number;
      readonly liveIsTripped: boolean;
      readonly maxSilenceMs: number;
    },
    truth: (tripped: boolean) => boolean,
    delays: { readonly onDelayMs: number; readonly offDelayMs: number },
    sink: LateSink,
  ): void {
    const { ts, value } = reading;
    const trace = this.traces.get(rule) ?? this.open(rule);
    if (ts <= trace.newest) return;
    const adapter = {
      tripped: (_slot: number, since: Millis, at: Millis) => {
        if (reading.liveIsTripped) trace.tripped = { since, at, value };
        else trace.raisedId = sink.raisedLate(rule, since, at, value);
      },
      cleared: (_slot: number, at: Millis) => {
        const { tripped } = trace;
        const id = trace.raisedId ?? (tripped && sink.raisedLate(rule, tripped.since, tripped.at, tripped.value));
        delete trace.tripped;
        delete trace.raisedId;
        if (id !== undefined) sink.returnedLate(id, at);
      },
    };
    this.conditions.complete(trace.slot, ts - 1, trace.newest + reading.maxSilenceMs, adapter);
    trace.newest = ts;
    const phase = this.conditions.phase[trace.slot];
    this.conditions.feed(trace.slot, truth(phase === ACTIVE || phase === ENDING), ts, delays, adapter);
    if (this.conditions.phase[trace.slot] === 0) this.close(rule, trace);
  }

  snapshot(keyOf: (rule: number) => string): unknown {
    return [...this.traces].map(([rule, { slot, ...trace }]) => ({
      key: keyOf(rule),
      ...trace,
      phase: this.conditions.phase[slot],
      since: this.conditions.since[slot],
      due: this.conditions.due[slot],
    }));
  }

  restore(state: unknown, rowOf: (key: string) => number | undefined): void {
    this.traces.clear();
    for (const entry of state as (Omit<Trace, 'slot'> & { key: string; phase: number; since: number; due: number })[]) {
      const { key, phase, since, due, newest, ...trace } = entry;
      const row = rowOf(key);
      if (row === undefined) continue;
      const opened = this.open(row);
      Object.assign(opened, trace, { newest: newest ?? Number.NEGATIVE_INFINITY });
      this.conditions.phase[opened.slot] = phase;
      this.conditions.since[opened.slot] = since;
      this.conditions.due[opened.slot] = due;
    }
  }

  private open(rule: number): Trace {
    if (this.traces.size >= LATE_RULES_MAX) {
      const [oldest, trace] = this.traces.entries().next().value as [number, Trace];
      this.close(oldest, trace);
    }
    const slot = this.free.pop() ?? this.slots++;
    this.conditions.resize(this.slots);
    this.conditions.drop(slot);
    const trace: Trace = { slot, newest: Number.NEGATIVE_INFINITY };
    this.traces.set(rule, trace);
    return trace;
  }

  private close(rule: number, trace: Trace): void {
    this.traces.delete(rule);
    this.free.push(trace.slot);
  }
}
