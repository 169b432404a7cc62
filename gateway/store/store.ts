import type { Alarm, AlarmState, Flood, JournalEntry } from '../../contract/alarm.ts';
import type { Quality, QualityCode, Reason } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { RuleName } from '../domain/alarm/performance.ts';
import type { DeviceInfo, JudgeInput, PointInfo, SourceInfo } from '../domain/plant.ts';
import type { Readings } from '../domain/readings.ts';

/** How far one lane of an edge's outbox is on our disk, and its ledger. */
export interface LaneMark {
  readonly edge: string;
  readonly lane: string;
  /** Every batch up to this number is stored. */
  readonly mark: number;
  /** Numbers above `mark` that are stored already, ascending; bounded by AHEAD_MAX. */
  readonly ahead: readonly number[];
  /** Highest `made` seen. */
  readonly made: number;
  /** Readings of this lane stored, rejected into dead letters, and dropped by the edge with a tombstone. */
  readonly stored: number;
  readonly rejected: number;
  readonly dropped: number;
  /** Batches that came again and were not stored again. */
  readonly duplicateBatches: number;
  readonly duplicateReadings: number;
  readonly lastAt: Millis;
  /** What the whole outbox still held when it last sent something in this lane; absent = nothing. */
  readonly unsent?: { readonly readings: number; readonly oldestAt: Millis } | undefined;
}

/** A message for one person or system, due to be sent; retried from the store. */
export interface Notification {
  /** Derived from alarm, event and channel, so that a replay makes the same. */
  readonly id: string;
  readonly channel: string;
  /** Id of the alarm; of the flood, for a digest. */
  readonly alarm: string;
  readonly event: 'raise' | 're-raise' | 'return' | 'acknowledge' | 'escalate' | 'flood';
  readonly payload: string;
  readonly dueAt: Millis;
  readonly attempts: number;
  readonly state: 'due' | 'sent' | 'failed';
  readonly lastError?: string;
  readonly sentAt?: Millis;
}

export interface DeadLetter {
  readonly id: string;
  readonly at: Millis;
  readonly door: string;
  readonly source: string;
  readonly reason: string;
  readonly detail: string;
  /** The message or entry itself, cut at DEAD_LETTER_BYTES_MAX. */
  readonly payload: string;
}

export interface AuditEntry {
  readonly at: Millis;
  readonly who: string;
  readonly what: string;
  readonly target: string;
  readonly detail?: string;
}

export interface EdgeRecord {
  readonly id: string;
  readonly online: boolean;
  readonly changedAt: Millis;
  readonly lastHeardAt: Millis;
  /** Last retained state as JSON. */
  readonly state: string;
}

/** A request that is done once, and what tells its body from another. */
export interface IdempotencyKey {
  readonly key: string;
  readonly fingerprint: string;
}

/** Everything one commit writes, in one transaction. Absent = nothing of that kind. */
export interface Commit {
  /** 1, 2, 3 … assigned by ingest. */
  readonly number: number;
  readonly at: Millis;
  /** Rows to store; only the first `readings.length` count. */
  readonly readings: Readings;
  /** What the judge was told, for the replay after a restart. */
  readonly inputs: readonly JudgeInput[];
  readonly points?: readonly PointInfo[];
  readonly devices?: readonly DeviceInfo[];
  /** Those of them of which no record is stored yet: nothing has to be looked for in their place. */
  readonly fresh?: { readonly points: ReadonlySet<number>; readonly devices: ReadonlySet<string> };
  readonly sources?: readonly SourceInfo[];
  readonly edges?: readonly EdgeRecord[];
  readonly marks?: readonly LaneMark[];
  readonly alarms?: readonly Alarm[];
  readonly journal?: readonly JournalEntry[];
  readonly floods?: readonly Flood[];
  readonly notifications?: readonly Notification[];
  readonly deadLetters?: readonly DeadLetter[];
  readonly audit?: readonly AuditEntry[];
  /** Requests that must not be done twice. */
  readonly idempotencyKeys?: readonly IdempotencyKey[];
}

/** What a start needs. */
export interface Recovered {
  readonly lastCommit: number;
  readonly snapshot?: { readonly commit: number; readonly state: string };
  readonly points: readonly PointInfo[];
  readonly devices: readonly DeviceInfo[];
  readonly sources: readonly SourceInfo[];
  readonly edges: readonly EdgeRecord[];
  readonly marks: readonly LaneMark[];
  /** Alarms that are not `normal` or have a hold or latch. */
  readonly openAlarms: readonly Alarm[];
}

export interface StoredReading {
  readonly ts: Millis;
  /** Absent when there is none. */
  readonly value?: number;
  readonly quality: Quality;
  readonly reason?: Reason;
}

/** One time slot of one point; absent slots hold no data and nothing held over. */
export interface Bucket {
  readonly ts: Millis;
  readonly min?: number;
  readonly max?: number;
  /** Time-weighted. */
  readonly mean?: number;
  readonly count: number;
  readonly worstQuality: Quality;
  readonly held?: true;
}

export interface Range {
  /** Inclusive. */
  readonly from: Millis;
  /** Exclusive. */
  readonly to: Millis;
}

export interface SeriesQuery extends Range {
  readonly points: readonly number[];
  readonly stepMs: number;
  readonly aggregate: 'min' | 'max' | 'mean' | 'sum' | 'last' | 'count';
  readonly across?: 'sum' | 'mean' | 'max';
}

export interface Series {
  /** Absent when `across` folded all points into one. */
  readonly point?: number;
  readonly values: readonly {
    readonly ts: Millis;
    readonly value: number;
    readonly count: number;
    readonly worstQuality: Quality;
  }[];
}

/** Told one reading: dense id, source time, value or NaN for none, quality and reason as codes of contract/reading. */
export type TellReading = (point: number, ts: Millis, value: number, quality: QualityCode, reason: number) => void;

export interface Page<T> {
  readonly items: readonly T[];
  /** Give it back to get the next page; absent on the last. */
  readonly cursor?: string;
}

/** Names behind the numbers of the pages. */
export interface Annunciations {
  readonly rules: readonly RuleName[];
  readonly people: readonly string[];
}

/** Lines as columns of the same length. */
export interface AnnunciationPage {
  readonly length: number;
  /** A number that stands for the occurrence. */
  readonly alarm: ArrayLike<number>;
  /** Row in the rules. */
  readonly rule: ArrayLike<number>;
  readonly at: ArrayLike<number>;
  readonly recordedAt: ArrayLike<number>;
  /** 0 nothing, otherwise place in ALARM_NEWS + 1. */
  readonly told: ArrayLike<number>;
  /** Row in the people, -1 for the system. */
  readonly who: ArrayLike<number>;
}

export interface AlarmFilter {
  readonly states?: readonly AlarmState[];
  /** Only those not normal, held or latched. */
  readonly open?: true;
  readonly priorities?: readonly number[];
  readonly asset?: string;
  readonly kind?: string;
  readonly from?: Millis;
  readonly to?: Millis;
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * The gateway's memory. One writer: only ingest calls `commit`, one at a time.
 * Whatever `commit` resolved for survives SIGKILL at any instant and is there once.
 */
export interface Store {
  /** Id of this data folder; a copy restored from a backup gets a new one, so that edges send again what it lacks. */
  readonly id: string;
  /** After a restore: the folder is another one now. */
  adoptNewId(id: string): Promise<void>;
  recover(): Promise<Recovered>;
  /** Commits after `after`, in order, with the inputs and readings they were made of. */
  replay(after: number): AsyncIterable<{
    readonly number: number;
    readonly at: Millis;
    readonly inputs: readonly JudgeInput[];
    readonly readings: Readings;
  }>;
  /** @throws StoreError; after a retryable one the same commit may be given again */
  commit(commit: Commit): Promise<void>;
  /**
   * The judge's state as of `commit`; older replay records may go.
   * @param state - pieces of one text, taken one by one while commits go on
   */
  saveSnapshot(commit: number, state: Iterable<string>): Promise<void>;
  /** Something waits for a snapshot that covers it; undefined = never. */
  readonly wantsSnapshot?: boolean;

  /** Oldest first. When a moment was stored twice the last committed wins. */
  readings(point: number, range: Range, limit: number): Promise<readonly StoredReading[]>;
  /**
   * Equal slots over the range.
   * @param maxSilenceMs - how long a last good value may be held over slots without readings
   */
  buckets(point: number, range: Range, count: number, maxSilenceMs: number): Promise<readonly Bucket[]>;
  query(query: SeriesQuery): Promise<readonly Series[]>;
  /** Newest reading of each point by source time, told one after another; of a point without readings nothing is told. */
  latest(points: readonly number[], tell: TellReading): Promise<void>;
  /** Values already stored for (point, ts) pairs; undefined where there is none. Used at the doors that give identity by time. */
  existing(
    pairs: readonly { readonly point: number; readonly ts: Millis }[],
  ): Promise<readonly (StoredReading | undefined)[]>;
  /** What a key was used for: the fingerprint given then, '' when it was kept without; undefined = never used. */
  idempotencyFingerprint(key: string): Promise<string | undefined>;

  /** Lists come newest first. */
  alarms(filter: AlarmFilter): Promise<Page<Alarm>>;
  alarm(id: string): Promise<Alarm | undefined>;
  journal(
    filter: Partial<Range> & { readonly alarm?: string; readonly limit: number; readonly cursor?: string },
  ): Promise<Page<JournalEntry>>;
  /**
   * What people were told and did in a range (of when it was recorded), oldest first, in pages; a year of it in seconds.
   *
   * @param open - is given the names behind the numbers, and gives back what is called per page; the columns are valid only
   *   during that call
   */
  annunciations(range: Range, open: (names: Annunciations) => (page: AnnunciationPage) => void): Promise<void>;
  /** Floods that overlap a range, latest begun first. */
  floods(
    filter: Partial<Range> & { readonly active?: boolean; readonly limit: number; readonly cursor?: string },
  ): Promise<Page<Flood>>;
  dueNotifications(now: Millis, limit: number): Promise<readonly Notification[]>;
  notifications(filter: {
    readonly alarm?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<Page<Notification>>;
  deadLetters(filter: {
    readonly reason?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<Page<DeadLetter>>;
  deadLetter(id: string): Promise<DeadLetter | undefined>;
  audit(filter: Partial<Range> & { readonly limit: number; readonly cursor?: string }): Promise<Page<AuditEntry>>;
  /** Readings of a range as a Parquet file (timestamp, point, value, quality, reason), sorted; `file` below the data folder. */
  exportParquet(points: readonly number[], range: Range, file: string): Promise<void>;
  /** A consistent copy in a new folder below the data folder, while the store goes on. */
  backup(folder: string): Promise<void>;
  /** What an operator should know of: damaged files moved aside, no room for maintenance. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

export class StoreError extends Error {
  readonly code:
    | 'store-full'
    | 'store-broken'
    | 'query-too-large'
    | 'query-timeout'
    | 'history-away'
    | 'cursor-invalid';
  readonly retryable: boolean;
  constructor(code: StoreError['code'], message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
  }
}

/** Where a list goes on: the last key of the page before, of two columns. */
export type PageKey<K extends string | number> = readonly [number, K];

export function encodePageKey(key: PageKey<string | number>): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * @param kind - of the key's second column
 * @throws StoreError `cursor-invalid` for a text that no list of this kind gave out
 */
export function decodePageKey<K extends 'string' | 'number'>(
  cursor: string,
  kind: K,
): PageKey<K extends 'string' ? string : number> {
  try {
    const key = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown;
    if (Array.isArray(key) && key.length === 2 && Number.isSafeInteger(key[0]))
      if (kind === 'string' ? typeof key[1] === 'string' : Number.isSafeInteger(key[1])) return key as never;
  } catch {
    // Falls through.
  }
  throw new StoreError('cursor-invalid', 'this cursor is none of ours', { retryable: false });
}
