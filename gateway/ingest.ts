import type { Alarm, JournalEntry } from '../contract/alarm.ts';
import type { BatchEnvelope, RejectReason } from '../contract/reading.ts';
import type { CommandResult, EdgeState } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import type { DeviceInfo, OperatorCommand } from './domain/plant.ts';
import type { Readings } from './domain/readings.ts';
import type { AuditEntry, DeadLetter, EdgeRecord, LaneMark, Notification } from './store/store.ts';

/** What became of a message at a door other than the batch door; sent once it is on disk. */
export interface DoorReceipt {
  readonly stored: number;
  /** Same point, time and value as before: nothing to do. */
  readonly duplicate: number;
  /** Same point and time, another value: the last one wins. */
  readonly corrected: number;
  readonly rejected: readonly { readonly reason: RejectReason; readonly detail: string }[];
}

/** One durable step, after the fact: what the screens, the marks and the phones are told. */
export interface Committed {
  readonly number: number;
  readonly at: Millis;
  /** Valid only during the call: the columns are re-used for the next commit. */
  readonly readings: Readings;
  readonly alarms: readonly Alarm[];
  readonly journal: readonly JournalEntry[];
  readonly marks: readonly LaneMark[];
  readonly notifications: readonly Notification[];
  readonly devices: readonly DeviceInfo[];
  readonly edges: readonly EdgeRecord[];
}

/**
 * The one path into the store: judge -> commit -> announce. Every promise resolves after the commit that holds its input;
 * when the queue is full the promise stays open, which is the back-pressure to the doors.
 */
export interface Ingest {
  /** A batch of an edge's outbox; stored once, whatever comes twice, late or out of order. */
  batch(edge: string, envelope: BatchEnvelope, receivedAt: Millis): Promise<LaneMark>;
  /** Readings from a door without lanes (a device's own message, HTTP, line protocol). */
  readings(
    door: 'mqtt' | 'http' | 'line-protocol',
    entries: readonly unknown[],
    receivedAt: Millis,
    idempotencyKey?: string,
  ): Promise<DoorReceipt>;
  edgeState(edge: string, state: EdgeState, at: Millis): Promise<void>;
  /** @throws OperatorError when the alarm is unknown or the action makes no sense in its state */
  operate(command: OperatorCommand): Promise<Alarm>;
  notified(outcome: Notification): Promise<void>;
  deadLetter(letter: DeadLetter): Promise<void>;
  audit(entry: AuditEntry): Promise<void>;
  /** Once a second. */
  tick(at: Millis): Promise<void>;
  /** Whether what comes now can be stored; the reason is for the log and for people with a login. */
  ready(): { readonly ready: boolean; readonly reason?: string };
  onCommitted(listener: (committed: Committed) => void): () => void;
  /** Commits what is queued, snapshots, and takes nothing more. */
  close(): Promise<void>;
}

export class OperatorError extends Error {
  readonly code: 'alarm-unknown' | 'action-not-possible' | 'action-invalid';
  constructor(code: OperatorError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export type { CommandResult };
