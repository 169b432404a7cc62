import type { Alarm, Flood, JournalEntry } from '../../contract/alarm.ts';
import type { Whereabouts } from './alarm/raising.ts';
import type { MaintenanceWindow } from './alarm/suppression.ts';
import type { Detector } from './detector.ts';
import { LiveJudge } from './live-judge.ts';
import type { JudgeInput, PointInfo, Refusal, Rule, SourceInfo } from './plant.ts';
import type { Readings } from './readings.ts';
import type { RuleSheet } from './rule-table.ts';

/** What one step of judging brought about, in order; the caller writes it in the commit of its input. */
export interface Verdict {
  /** Alarms whose record changed; the last entry per id wins. */
  readonly alarms: Alarm[];
  readonly journal: JournalEntry[];
  /** Floods whose record changed; the last entry per id wins. Absent: not wanted. */
  readonly floods?: Flood[];
}

/**
 * Judges readings in event time. Its private state changes in place; otherwise pure: same start and inputs, same verdicts.
 *
 * Start: `addSource` and `addPoint` for all that is known, then `restore`, then the inputs since the snapshot.
 * Within a commit the readings of a batch come before its `up-to`.
 */
export interface Judge {
  /** So many points are about to be added: their room is made at once. */
  reserve(points: number): void;
  /** A point that came into being, with its rules; told again with the same id, its rules are replaced. */
  addPoint(point: PointInfo, source: number, rules: readonly Rule[] | RuleSheet): void;
  addSource(source: SourceInfo): void;
  /** @returns a refusal for an operator's input that makes no sense, otherwise undefined */
  apply(input: JudgeInput, readings: Readings, verdict: Verdict): Refusal | undefined;
  /** The whole state as JSON text. */
  snapshot(): string;
  /**
   * The same text in pieces: the state is held fast by the call until the next one, and each piece is some milliseconds of
   * work that can be done between other things.
   */
  freeze(): Iterable<string>;
  /** @throws Error, with nothing changed, for a text it can't use */
  restore(state: string): void;
  /** Instead of a snapshot that can't be used: alarms that are open by their records. They are not raised again. */
  adopt(open: readonly Alarm[]): void;
  /**
   * After the replay, once: the configuration may be another one than before. Alarms whose rule is gone are closed, the
   * others follow their rule as it is now, and what is open on disk only is taken over.
   */
  reconcile(open: readonly Alarm[], verdict: Verdict): void;
}

export interface JudgeOptions {
  /** IANA name of the site's zone, for the times in messages. */
  readonly timezone: string;
  /** What a device or an asset is, where, and what it hangs on. */
  readonly device?: (id: string) => Whereabouts | undefined;
  /** What watches many points at once. */
  readonly detectors?: readonly Detector[];
  /** Who has to deal with an alarm: floods are recognised per operator group; absent: one group, `all`. */
  readonly groupOf?: (alarm: Alarm) => string;
  /** Work that is planned: its alarms are suppressed. */
  readonly maintenance?: readonly MaintenanceWindow[];
}

export function createJudge(options: JudgeOptions): Judge {
  return new LiveJudge(options);
}

export type { Refusal };
