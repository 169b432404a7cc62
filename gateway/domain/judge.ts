import type { Alarm, JournalEntry } from '../../contract/alarm.ts';
import type { JudgeInput, PointInfo, Rule, SourceInfo } from './plant.ts';
import type { Readings } from './readings.ts';

/** What one step of judging brought about, in order; the caller writes it in the commit of its input. */
export interface Verdict {
  /** Alarms whose record changed; the last entry per id wins. */
  readonly alarms: Alarm[];
  readonly journal: JournalEntry[];
}

/** Why a person's action was refused; nothing changed. */
export interface Refusal {
  readonly code: 'alarm-unknown' | 'action-not-possible' | 'action-invalid';
  readonly message: string;
}

/**
 * Judges readings in event time. Its private state changes in place; otherwise pure: same start and inputs, same verdicts.
 */
export interface Judge {
  /** A point or source that came into being after the start. Rules for a new point may come with it. */
  addPoint(point: PointInfo, source: number, rules: readonly Rule[]): void;
  addSource(source: SourceInfo): void;
  /** @returns a refusal for an operator's input that makes no sense, otherwise undefined */
  apply(input: JudgeInput, readings: Readings, verdict: Verdict): Refusal | undefined;
  /** The whole state as JSON text. */
  snapshot(): string;
  restore(state: string): void;
}
