import type { Logger } from 'pino';
import type { Alarm, JournalEntry } from '../contract/alarm.ts';
import type { BatchEnvelope, RejectReason } from '../contract/reading.ts';
import type { EdgeState } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import {
  Admission,
  type Admitted,
  CLOCK_OFF_MS,
  type DoubtfulReading,
  type Rejection,
  type SourceRange,
} from './admission.ts';
import type { Bundle } from './bundle.ts';
import { CommitQueue } from './commit-queue.ts';
import type { Judge, Verdict } from './domain/judge.ts';
import type { DeviceInfo, JudgeInput, OperatorCommand } from './domain/plant.ts';
import type { Readings } from './domain/readings.ts';
import { countDuplicates, countReadings, missingReadings, newLane, placeBatch } from './lanes.ts';
import { type PlantCatalog, PlantGrowth, UNNAMED_LINE } from './plant-growth.ts';
import { recoverPlant } from './recovery.ts';
import type { PlantRegistry } from './registry.ts';
import type {
  AuditEntry,
  Commit,
  DeadLetter,
  EdgeRecord,
  LaneMark,
  Notification,
  Store,
  StoredReading,
} from './store/store.ts';

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
  /** What the catalog says of these devices has changed: their points are judged by it from now on. */
  renewRules(devices: readonly string[]): Promise<void>;
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

/** Ticks closer together than this are one. */
export const TICK_MS = 1000;
/** Bytes of a dead letter's payload that are kept. */
export const DEAD_LETTER_BYTES_MAX = 4096;
/** Dead letters of one message; the other rejections are counted in its receipt and lane. */
const LETTERS_PER_MESSAGE_MAX = 100;
/** An edge's sign of life enters the judge's inputs at most this often. */
const HEARD_MS = 1000;
/** Look-ups repeated because a commit went between; after these the reading is stored as it is, and the last committed wins. */
const LOOKUPS_MAX = 5;

export interface IngestOptions {
  readonly store: Store;
  readonly judge: Judge;
  readonly registry: PlantRegistry;
  readonly catalog: PlantCatalog;
  /** Whether unknown devices and points are taken up, or their readings become dead letters. */
  readonly discovery: 'accept' | 'dead-letter';
  /** What the alarms and journal lines of one commit make due. */
  readonly planNotifications: (alarms: readonly Alarm[], journal: readonly JournalEntry[]) => readonly Notification[];
  readonly now: () => Millis;
  readonly newId: () => string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** The store is broken for good: the process must end and start again. */
  readonly onBroken: (error: unknown) => void;
}

/** Numbers since the start, for the metrics. */
export interface IngestCounts {
  stored: number;
  duplicates: number;
  corrected: number;
  duplicateBatches: number;
  refusedBatches: number;
  readonly rejected: Map<RejectReason, number>;
  listenerErrors: number;
  judgeErrors: number;
}

/** The path: what each kind of message does to the next commit, and what is told once it is on disk. */
export class IngestPath implements Ingest {
  readonly counts: IngestCounts = {
    stored: 0,
    duplicates: 0,
    corrected: 0,
    duplicateBatches: 0,
    refusedBatches: 0,
    rejected: new Map(),
    listenerErrors: 0,
    judgeErrors: 0,
  };
  private readonly options: IngestOptions;
  private readonly growth: PlantGrowth;
  private readonly admission: Admission;
  private readonly queue: CommitQueue;
  private readonly lanes = new Map<string, LaneMark>();
  private readonly heardAt = new Map<string, Millis>();
  /** Readings missing per edge, as the judge was told since the start: the first time also that there is none. */
  private readonly missing = new Map<string, number>();
  private readonly keysUnderWay = new Map<string, Promise<DoorReceipt>>();
  private readonly listeners = new Set<(committed: Committed) => void>();
  private lastTickAt = Number.NEGATIVE_INFINITY;

  private constructor(options: IngestOptions) {
    this.options = options;
    const { store, registry, judge, catalog, planNotifications, now, log, onBroken } = options;
    this.queue = new CommitQueue({
      store,
      freeze: () => judge.freeze(),
      planNotifications,
      onCommitted: (bundle, commit) => this.announce(bundle, commit),
      now,
      log,
      onBroken,
    });
    this.growth = new PlantGrowth({ registry, judge, catalog, bundle: () => this.filling });
    this.admission = new Admission({ registry, growth: this.growth, discovers: options.discovery === 'accept' });
  }

  /** Brings registry and judge to where the last commit left them, adds what the configuration declares, and is ready. */
  static async open(options: IngestOptions): Promise<IngestPath> {
    const path = new IngestPath(options);
    const { store, judge, registry } = options;
    const { forgotten, ...start } = await recoverPlant({
      store,
      judge,
      registry,
      growth: path.growth,
      log: options.log,
    });
    for (const mark of registry.marks()) path.lanes.set(`${mark.edge}/${mark.lane}`, mark);
    for (const { id } of registry.points()) path.admission.noteTime(id, registry.last(id)?.ts ?? 0);
    if (forgotten.alarms.length > 0) {
      path.filling.verdict.alarms.push(...forgotten.alarms);
      path.filling.verdict.journal.push(...forgotten.journal);
      path.filling.touched = true;
    }
    path.queue.start(start);
    return path;
  }

  private get filling(): Bundle {
    return this.queue.filling;
  }

  batch(edge: string, envelope: BatchEnvelope, receivedAt: Millis): Promise<LaneMark> {
    return this.queue.enqueue(() => this.takeBatch(edge, envelope, receivedAt));
  }

  readings(
    door: 'mqtt' | 'http' | 'line-protocol',
    entries: readonly unknown[],
    receivedAt: Millis,
    idempotencyKey?: string,
  ): Promise<DoorReceipt> {
    if (idempotencyKey === undefined) return this.takeReadings(door, entries, receivedAt);
    const underWay = this.keysUnderWay.get(idempotencyKey);
    if (underWay !== undefined) return underWay;
    const receipt = this.takeKeyed(door, entries, receivedAt, idempotencyKey).finally(() =>
      this.keysUnderWay.delete(idempotencyKey),
    );
    this.keysUnderWay.set(idempotencyKey, receipt);
    return receipt;
  }

  edgeState(edge: string, state: EdgeState, at: Millis): Promise<void> {
    return this.queue.enqueue(() => {
      const known = this.edgeRecord(edge);
      // A last will says no more than that the edge is gone: what its birth said stays.
      const text = state.online || known === undefined ? JSON.stringify(state) : known.state;
      const changed = known?.online !== state.online;
      this.filling.edges.set(edge, {
        id: edge,
        online: state.online,
        changedAt: changed ? at : known.changedAt,
        lastHeardAt: at,
        state: text,
      });
      this.growth.learn(edge, state, (device) => this.admission.accepts(device));
      const { heartbeatMs } = state;
      this.judgeInput({
        kind: 'edge',
        edge,
        online: state.online,
        at,
        ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      });
    });
  }

  renewRules(devices: readonly string[]): Promise<void> {
    return this.queue.enqueue(() => this.growth.renew(devices));
  }

  async operate(command: OperatorCommand): Promise<Alarm> {
    const alarm = await this.queue.enqueue(() => {
      const verdict: Verdict = { alarms: [], journal: [] };
      const input: JudgeInput = { kind: 'operator', command };
      const refusal = this.options.judge.apply(input, this.filling.readings, verdict);
      if (refusal !== undefined) throw new OperatorError(refusal.code, refusal.message);
      this.filling.inputs.push(input);
      this.filling.verdict.alarms.push(...verdict.alarms);
      this.filling.verdict.journal.push(...verdict.journal);
      return verdict.alarms.findLast(({ id }) => id === command.alarm);
    });
    // A comment may leave the record as it was.
    const record = alarm ?? (await this.options.store.alarm(command.alarm));
    if (record === undefined) throw new OperatorError('alarm-unknown', `no alarm ${command.alarm}`);
    return record;
  }

  notified(outcome: Notification): Promise<void> {
    return this.queue.enqueue(() => void this.filling.notifications.set(outcome.id, outcome));
  }

  deadLetter(letter: DeadLetter): Promise<void> {
    return this.queue.enqueue(() => {
      this.countRejected(letter.reason as RejectReason, 1);
      this.filling.deadLetters.push({ ...letter, payload: letter.payload.slice(0, DEAD_LETTER_BYTES_MAX) });
    });
  }

  audit(entry: AuditEntry): Promise<void> {
    return this.queue.enqueue(() => void this.filling.audit.push(entry));
  }

  async tick(at: Millis): Promise<void> {
    if (at - this.lastTickAt < TICK_MS && at >= this.lastTickAt) return;
    this.lastTickAt = at;
    await this.queue.enqueue(() => {
      this.judgeDelivery(at);
      this.judgeInput({ kind: 'tick', at });
    });
  }

  ready() {
    return this.queue.ready();
  }

  /** Commits since the start, how often one had to be repeated, and how long the last one took. */
  get commits(): { readonly done: number; readonly retries: number; readonly lastMs: number } {
    const { commits, retries, lastCommitMs } = this.queue;
    return { done: commits, retries, lastMs: lastCommitMs };
  }

  /** Messages that wait for room. */
  get queued(): number {
    return this.queue.queued;
  }

  onCommitted(listener: (committed: Committed) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  // ---- what the messages do to the open bundle ----

  private takeBatch(edge: string, envelope: BatchEnvelope, receivedAt: Millis): LaneMark {
    const { outbox: lane, seq, made, dropped, readings, unsent } = envelope;
    const key = `${edge}/${lane}`;
    const before = this.lanes.get(key) ?? newLane(edge, lane);
    this.hear(edge, receivedAt);
    const place = placeBatch(before, { seq, made, dropped, at: receivedAt });
    if (place.kind === 'too-far') {
      this.counts.refusedBatches++;
      return before;
    }
    let { unsent: _, ...after } = place.lane;
    if (place.kind === 'duplicate') {
      this.counts.duplicateBatches++;
      after = countDuplicates(after, countValues(readings));
    } else after = this.admitBatch(edge, envelope, receivedAt, after);
    const mark: LaneMark = unsent === undefined ? after : { ...after, unsent };
    this.lanes.set(key, mark);
    this.filling.marks.set(key, mark);
    return mark;
  }

  private admitBatch(edge: string, envelope: BatchEnvelope, receivedAt: Millis, lane: LaneMark): LaneMark {
    const offMs = receivedAt - envelope.sentAt;
    const shiftMs = Math.abs(offMs) > CLOCK_OFF_MS ? offMs : 0;
    const admitted = this.admission.admit(envelope.readings, {
      edge,
      receivedAt,
      ...(shiftMs !== 0 || envelope.clock === 'free' ? { clockShiftMs: shiftMs } : {}),
      into: this.filling.readings,
    });
    this.judgeRanges(admitted.ranges, receivedAt);
    let oldest = Number.POSITIVE_INFINITY;
    for (const line in envelope.upTo) {
      const upTo = (envelope.upTo[line] as Millis) + shiftMs;
      oldest = Math.min(oldest, upTo);
      this.judgeInput({ kind: 'up-to', source: this.growth.lineSource(edge, line), upTo });
    }
    const unnamed = this.options.registry.sourceId(`edge/${edge}/${UNNAMED_LINE}`);
    if (unnamed !== undefined && Number.isFinite(oldest) && !(UNNAMED_LINE in envelope.upTo))
      this.judgeInput({ kind: 'up-to', source: unnamed, upTo: oldest });
    this.bury(admitted.rejections, admitted.rejected, { door: 'batch', source: edge, at: receivedAt });
    this.counts.stored += admitted.stored;
    return countReadings(lane, admitted);
  }

  private async takeKeyed(
    door: 'mqtt' | 'http' | 'line-protocol',
    entries: readonly unknown[],
    receivedAt: Millis,
    key: string,
  ): Promise<DoorReceipt> {
    if (await this.options.store.hasIdempotencyKey(key))
      return { stored: 0, duplicate: countValues(entries), corrected: 0, rejected: [] };
    return this.takeReadings(door, entries, receivedAt, key);
  }

  /** Newer than anything of its point is new without a look-up; the rest is looked up in what is stored and under way. */
  private async takeReadings(
    door: 'mqtt' | 'http' | 'line-protocol',
    entries: readonly unknown[],
    receivedAt: Millis,
    key?: string,
  ): Promise<DoorReceipt> {
    const doubtful: DoubtfulReading[] = [];
    const finish = (
      counts: { duplicate: number; corrected: number; late: number },
      admitted: Admitted,
    ): DoorReceipt => {
      if (key !== undefined) this.filling.idempotencyKeys.push(key);
      const stored = admitted.stored + counts.late;
      this.counts.stored += stored + counts.corrected;
      this.counts.duplicates += counts.duplicate;
      this.counts.corrected += counts.corrected;
      return {
        stored,
        duplicate: counts.duplicate,
        corrected: counts.corrected,
        rejected: admitted.rejections.map(({ reason, detail }) => ({ reason, detail })),
      };
    };
    let admitted: Admitted | undefined;
    const first = this.queue.enqueue(() => {
      const taken = this.admission.admit(entries, { receivedAt, into: this.filling.readings, doubtful });
      admitted = taken;
      this.judgeRanges(taken.ranges, receivedAt);
      const source = sourceName(entries);
      this.bury(taken.rejections, taken.rejected, { door, source, at: receivedAt });
      return doubtful.length === 0 ? finish({ duplicate: 0, corrected: 0, late: 0 }, taken) : undefined;
    });
    const isTaken = admitted !== undefined;
    if (isTaken && doubtful.length > 0) {
      // What is settled comes into the same commit or a later one: waiting for the first would be waiting twice.
      first.catch(() => {});
    } else {
      const receipt = await first;
      if (receipt !== undefined) return receipt;
    }
    return this.settle(doubtful, receivedAt, (counts) => finish(counts, admitted as Admitted));
  }

  private async settle(
    doubtful: readonly DoubtfulReading[],
    receivedAt: Millis,
    finish: (counts: { duplicate: number; corrected: number; late: number }) => DoorReceipt,
  ): Promise<DoorReceipt> {
    for (let attempt = 1; ; attempt++) {
      const asOf = this.queue.commits;
      const stored = await this.options.store.existing(doubtful);
      let stale = false;
      const receipt = await this.queue.enqueue(() => {
        // A commit went between: what it held is neither in the answer nor under way any more.
        stale = asOf !== this.queue.commits && attempt < LOOKUPS_MAX;
        return stale ? undefined : finish(this.putDoubtful(doubtful, stored, receivedAt));
      });
      if (!stale && receipt !== undefined) return receipt;
    }
  }

  private putDoubtful(
    doubtful: readonly DoubtfulReading[],
    stored: readonly (StoredReading | undefined)[],
    receivedAt: Millis,
  ): { duplicate: number; corrected: number; late: number } {
    const counts = { duplicate: 0, corrected: 0, late: 0 };
    const underWay = this.underWay(doubtful);
    const { readings } = this.filling;
    doubtful.forEach(({ source, point, ts, value, quality, reason }, index) => {
      const key = `${point}@${ts}`;
      const before = stored[index];
      const known = underWay.get(key) ?? (before === undefined ? undefined : (before.value ?? Number.NaN));
      if (known !== undefined && Object.is(known, value)) {
        counts.duplicate++;
        return;
      }
      if (known === undefined) counts.late++;
      else counts.corrected++;
      underWay.set(key, value);
      const from = readings.length;
      readings.push(point, ts, value, quality, reason);
      this.judgeRanges([{ source, from, to: from + 1 }], receivedAt);
    });
    return counts;
  }

  /** Values of these moments in the commits under way; the later row wins. */
  private underWay(wanted: readonly DoubtfulReading[]): Map<string, number> {
    const found = new Map<string, number>();
    const points = new Set(wanted.map(({ point }) => point));
    const keys = new Set(wanted.map(({ point, ts }) => `${point}@${ts}`));
    for (const bundle of [this.queue.storing, this.filling]) {
      if (bundle === undefined) continue;
      const { point, tsMs, value, length } = bundle.readings;
      for (let row = 0; row < length; row++) {
        if (!points.has(point[row] as number)) continue;
        const key = `${point[row]}@${tsMs[row]}`;
        if (keys.has(key)) found.set(key, value[row] as number);
      }
    }
    return found;
  }

  /** What the ledger misses of each edge, whenever it has changed. */
  private judgeDelivery(at: Millis): void {
    const missing = new Map<string, number>();
    for (const lane of this.lanes.values())
      missing.set(lane.edge, (missing.get(lane.edge) ?? 0) + missingReadings(lane));
    for (const [edge, readings] of missing) {
      if (this.missing.get(edge) === readings) continue;
      this.missing.set(edge, readings);
      this.judgeInput({ kind: 'delivery', edge, missing: readings, at });
    }
  }

  /** An edge is alive, whatever its retained state says. */
  private hear(edge: string, at: Millis): void {
    this.filling.heard.set(edge, at);
    if (this.edgeRecord(edge) === undefined)
      this.filling.edges.set(edge, {
        id: edge,
        online: true,
        changedAt: at,
        lastHeardAt: at,
        state: '{"online":true}',
      });
    const last = this.heardAt.get(edge);
    if (last !== undefined && Math.abs(at - last) < HEARD_MS) return;
    this.heardAt.set(edge, at);
    this.judgeInput({ kind: 'heard', edge, at });
  }

  /** The newest record, what is not committed yet included. */
  private edgeRecord(edge: string): EdgeRecord | undefined {
    return this.filling.edges.get(edge) ?? this.queue.storing?.edges.get(edge) ?? this.options.registry.edge(edge);
  }

  private judgeRanges(ranges: readonly SourceRange[], receivedAt: Millis): void {
    for (const { source, from, to } of ranges) this.judgeInput({ kind: 'readings', source, from, to, receivedAt });
  }

  private judgeInput(input: JudgeInput): void {
    this.filling.inputs.push(input);
    try {
      this.options.judge.apply(input, this.filling.readings, this.filling.verdict);
    } catch (error) {
      // A mistake in judging must not keep readings from the disk; what it concluded so far stands.
      this.counts.judgeErrors++;
      this.options.log.error({ err: error, input: input.kind }, 'judging failed');
    }
  }

  private bury(
    rejections: readonly Rejection[],
    rejected: number,
    { door, source, at }: { door: string; source: string; at: Millis },
  ): void {
    if (rejected === 0) return;
    for (const { reason } of rejections) this.countRejected(reason, 1);
    if (rejected > rejections.length) this.countRejected('too-large', rejected - rejections.length);
    for (const { reason, detail, entry } of rejections.slice(0, LETTERS_PER_MESSAGE_MAX)) {
      const payload = (JSON.stringify(entry) ?? '').slice(0, DEAD_LETTER_BYTES_MAX);
      this.filling.deadLetters.push({ id: this.options.newId(), at, door, source, reason, detail, payload });
    }
  }

  private countRejected(reason: RejectReason, count: number): void {
    this.counts.rejected.set(reason, (this.counts.rejected.get(reason) ?? 0) + count);
  }

  private announce(bundle: Bundle, commit: Commit): void {
    const { registry, log } = this.options;
    for (const input of commit.inputs)
      if (input.kind === 'readings') registry.putLast(commit.readings, input.from, input.to, input.receivedAt);
    for (const edge of bundle.edges.values()) registry.putEdge(edge);
    for (const [id, at] of bundle.heard) {
      const edge = registry.edge(id);
      if (edge !== undefined) registry.putEdge({ ...edge, lastHeardAt: Math.max(edge.lastHeardAt, at) });
    }
    for (const mark of bundle.marks.values()) registry.putMark(mark);
    const committed: Committed = {
      number: commit.number,
      at: commit.at,
      readings: commit.readings,
      alarms: commit.alarms ?? [],
      journal: commit.journal ?? [],
      marks: commit.marks ?? [],
      notifications: commit.notifications ?? [],
      devices: commit.devices ?? [],
      edges: commit.edges ?? [],
    };
    for (const listener of this.listeners) {
      try {
        listener(committed);
      } catch (error) {
        this.counts.listenerErrors++;
        log.error({ err: error }, 'a listener of commits failed');
      }
    }
  }
}

/** How many values a message holds, whatever they are. */
function countValues(entries: readonly unknown[]): number {
  let count = 0;
  for (const entry of entries) {
    const values = (entry as { values?: unknown } | null | undefined)?.values;
    if (typeof values === 'object' && values !== null) for (const _ in values) count++;
  }
  return count;
}

/** The device a door's message is about, for its dead letters. */
function sourceName(entries: readonly unknown[]): string {
  const device = (entries[0] as { device?: unknown } | null | undefined)?.device;
  return typeof device === 'string' ? device.slice(0, 64) : '';
}
