import type { Flood, JournalEntry } from '../contract/alarm.ts';
import type { Millis } from '../contract/time.ts';
import type { Verdict } from './domain/judge.ts';
import type { DeviceInfo, JudgeInput, PointInfo, SourceInfo } from './domain/plant.ts';
import { ReadingBuffer } from './domain/readings.ts';
import type {
  AuditEntry,
  Commit,
  DeadLetter,
  EdgeRecord,
  IdempotencyKey,
  LaneMark,
  Notification,
} from './store/store.ts';

/** Somebody who waits for a bundle to be on disk. */
export interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Everything that goes into the next commit, and who waits for it. The newest record per id wins. */
export class Bundle {
  readonly readings = new ReadingBuffer(1 << 16);
  inputs: JudgeInput[] = [];
  verdict: Verdict & { readonly floods: Flood[] } = { alarms: [], journal: [], floods: [] };
  readonly devices = new Map<string, DeviceInfo>();
  readonly points = new Map<number, PointInfo>();
  /** Of those, the ones that no commit before this has. */
  readonly fresh = { points: new Set<number>(), devices: new Set<string>() };
  sources: SourceInfo[] = [];
  readonly edges = new Map<string, EdgeRecord>();
  /** Edges that sent something: shown, but not worth a row a second. */
  readonly heard = new Map<string, Millis>();
  readonly marks = new Map<string, LaneMark>();
  readonly notifications = new Map<string, Notification>();
  deadLetters: DeadLetter[] = [];
  audit: AuditEntry[] = [];
  idempotencyKeys: IdempotencyKey[] = [];
  /** Set by things that must be on disk though they leave no other trace. */
  touched = false;
  private waiters: Waiter[] = [];

  /** Resolves with `result` once this bundle is on disk. Keeps nothing else of what was put in. */
  settle<T>(result: T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiters.push({ resolve: () => resolve(result), reject });
    });
  }

  isEmpty(): boolean {
    return !this.touched && this.waiters.length === 0;
  }

  toCommit(number: number, at: Millis): Commit {
    const { alarms, journal, floods } = this.verdict;
    return {
      number,
      at,
      readings: this.readings,
      inputs: this.inputs,
      points: [...this.points.values()],
      devices: [...this.devices.values()],
      fresh: this.fresh,
      sources: this.sources,
      edges: [...this.edges.values()],
      marks: [...this.marks.values()],
      alarms: newestPerId(alarms),
      journal: journal as readonly JournalEntry[],
      floods: newestPerId(floods),
      notifications: [...this.notifications.values()],
      deadLetters: this.deadLetters,
      audit: this.audit,
      idempotencyKeys: this.idempotencyKeys,
    };
  }

  /** Those who wait for this bundle; from now on they are the caller's. */
  takeWaiters(): readonly Waiter[] {
    const { waiters } = this;
    this.waiters = [];
    return waiters;
  }

  /** Empty again; the columns keep their memory. */
  clear(): void {
    this.readings.clear();
    this.inputs = [];
    this.verdict = { alarms: [], journal: [], floods: [] };
    this.devices.clear();
    this.points.clear();
    this.fresh.points.clear();
    this.fresh.devices.clear();
    this.sources = [];
    this.edges.clear();
    this.heard.clear();
    this.marks.clear();
    this.notifications.clear();
    this.deadLetters = [];
    this.audit = [];
    this.idempotencyKeys = [];
    this.touched = false;
  }
}

/** The last record of each id, in order of its last change. */
export function newestPerId<T extends { readonly id: string }>(records: readonly T[]): T[] {
  const newest = new Map<string, T>();
  for (const record of records) {
    newest.delete(record.id);
    newest.set(record.id, record);
  }
  return [...newest.values()];
}
