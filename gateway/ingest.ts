import type { Logger } from 'pino';
import type { Alarm, Flood, JournalEntry } from '../contract/alarm.ts';
import type { BatchEnvelope } from '../contract/batch.ts';
import type { EdgeState } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import { countValues, type RejectReason } from '../contract/wire-readings.ts';
import { Admission, CLOCK_OFF_MS, type SourceRange } from './admission.ts';
import type { Bundle } from './bundle.ts';
import { Burial } from './burial.ts';
import { CommitQueue, type PlanNotifications } from './commit-queue.ts';
import type { Judge, Verdict } from './domain/judge.ts';
import type { DeviceInfo, JudgeInput, OperatorCommand } from './domain/plant.ts';
import type { Readings } from './domain/readings.ts';
import { type Door, DoorReadings, type DoorReceipt } from './door-readings.ts';
import { EdgeWatch } from './edge-watch.ts';
import { countDuplicates, countReadings, newLane, placeBatch } from './lanes.ts';
import { type PlantCatalog, PlantGrowth, UNNAMED_LINE } from './plant-growth.ts';
import { recoverPlant } from './recovery.ts';
import type { PlantRegistry } from './registry.ts';
import { writeSnapshot } from './snapshot-text.ts';
import type {
  AuditEntry,
  Commit,
  DeadLetter,
  EdgeRecord,
  IdempotencyKey,
  LaneMark,
  Notification,
  Store,
} from './store/store.ts';

export type { DoorReceipt };

/** One durable step, after the fact: what the screens, the marks and the phones are told. */
export interface Committed {
  readonly number: number;
  readonly at: Millis;
  /** Valid only during the call: the columns are re-used for the next commit. */
  readonly readings: Readings;
  readonly alarms: readonly Alarm[];
  readonly journal: readonly JournalEntry[];
  readonly floods: readonly Flood[];
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
  /**
   * Readings from a door without lanes (a device's own message, HTTP, line protocol).
   *
   * @param once - done once however often it comes
   * @throws KeyReusedError when the key was used for other readings
   */
  readings(door: Door, entries: readonly unknown[], receivedAt: Millis, once?: IdempotencyKey): Promise<DoorReceipt>;
  edgeState(edge: string, state: EdgeState, at: Millis): Promise<void>;
  /** @throws OperatorError when the alarm is unknown or the action makes no sense in its state */
  operate(command: OperatorCommand): Promise<Alarm>;
  /**
   * What the catalog says of these devices has changed: their points are judged by it from now on.
   *
   * @param change - who made which rules different, and why: their open alarms follow at once
   */
  renewRules(devices: readonly string[], change?: RulesChange): Promise<void>;
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

/** Rules that somebody made different. */
export type RulesChange = Omit<Extract<JudgeInput, { kind: 'rules' }>, 'kind'>;

/** What came out of reading stored history with fresh detectors. */
export type Lesson = Omit<Extract<JudgeInput, { kind: 'taught' }>, 'kind'>;

/** Ticks closer together than this are one. */
export const TICK_MS = 1000;

export interface IngestOptions {
  readonly store: Store;
  readonly judge: Judge;
  readonly registry: PlantRegistry;
  readonly catalog: PlantCatalog;
  /** Whether unknown devices and points are taken up, or their readings become dead letters. */
  readonly discovery: 'accept' | 'dead-letter';
  readonly planNotifications: PlanNotifications;
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
  readonly rejected: ReadonlyMap<RejectReason, number>;
  listenerErrors: number;
  judgeErrors: number;
}

/** The path: what each kind of message does to the next commit, and what is told once it is on disk. */
export class IngestPath implements Ingest {
  readonly counts: IngestCounts;
  private readonly options: IngestOptions;
  private readonly growth: PlantGrowth;
  private readonly admission: Admission;
  private readonly queue: CommitQueue;
  private readonly doors: DoorReadings;
  private readonly burial: Burial;
  private readonly lanes = new Map<string, LaneMark>();
  private readonly edges: EdgeWatch;
  private readonly listeners = new Set<(committed: Committed) => void>();
  private lastTickAt = Number.NEGATIVE_INFINITY;

  private constructor(options: IngestOptions) {
    this.options = options;
    const { store, registry, judge, catalog, planNotifications, now, log, onBroken } = options;
    this.queue = new CommitQueue({
      store,
      freeze: () => {
        const judged = judge.freeze();
        return () => writeSnapshot(judged, registry.lastAsText());
      },
      planNotifications,
      onCommitted: (bundle, commit) => this.announce(bundle, commit),
      now,
      log,
      onBroken,
    });
    this.burial = new Burial(() => this.filling, options.newId);
    this.counts = {
      stored: 0,
      duplicates: 0,
      corrected: 0,
      duplicateBatches: 0,
      refusedBatches: 0,
      rejected: this.burial.counts,
      listenerErrors: 0,
      judgeErrors: 0,
    };
    this.growth = new PlantGrowth({ registry, judge, catalog, bundle: () => this.filling });
    this.admission = new Admission({ registry, growth: this.growth, discovers: options.discovery === 'accept' });
    this.edges = new EdgeWatch({
      registry,
      filling: () => this.filling,
      storing: () => this.queue.storing,
      judge: (input) => this.judgeInput(input),
    });
    this.doors = new DoorReadings({
      store,
      queue: this.queue,
      admission: this.admission,
      judgeRanges: (ranges, receivedAt) => this.judgeRanges(ranges, receivedAt),
      burial: this.burial,
      count: ({ stored, duplicate, corrected }) => {
        this.counts.stored += stored + corrected;
        this.counts.duplicates += duplicate;
        this.counts.corrected += corrected;
      },
    });
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
    for (let point = 0; point < registry.pointCount; point++) path.admission.noteTime(point, registry.lastTime(point));
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
    return this.queue.enqueue(() => this.takeBatch(edge, envelope, receivedAt), `edge/${edge}`);
  }

  readings(door: Door, entries: readonly unknown[], receivedAt: Millis, once?: IdempotencyKey): Promise<DoorReceipt> {
    return this.doors.readings(door, entries, receivedAt, once);
  }

  edgeState(edge: string, state: EdgeState, at: Millis): Promise<void> {
    return this.queue.enqueue(() => {
      this.growth.learn(edge, state, (device) => this.admission.accepts(device));
      this.edges.state(edge, state, at);
    });
  }

  renewRules(devices: readonly string[], change?: RulesChange): Promise<void> {
    return this.queue.enqueue(() => {
      this.growth.renew(devices);
      if (change !== undefined) this.judgeInput({ kind: 'rules', ...change });
      // A replay judges by the rules of its start: it shall not begin before these.
      this.queue.snapshotSoon();
    });
  }

  /** What the detectors learned from stored history takes the place of what they know. */
  teach(lesson: Lesson): Promise<void> {
    return this.queue.enqueue(() => this.judgeInput({ kind: 'taught', ...lesson }));
  }

  async operate(command: OperatorCommand): Promise<Alarm> {
    const alarm = await this.queue.enqueue(() => {
      const floods: Flood[] = [];
      const verdict: Verdict = { alarms: [], journal: [], floods };
      const input: JudgeInput = { kind: 'operator', command };
      const refusal = this.options.judge.apply(input, this.filling.readings, verdict);
      if (refusal !== undefined) throw new OperatorError(refusal.code, refusal.message);
      this.filling.inputs.push(input);
      this.filling.verdict.alarms.push(...verdict.alarms);
      this.filling.verdict.journal.push(...verdict.journal);
      this.filling.verdict.floods.push(...floods);
      return verdict.alarms.findLast(({ id }) => id === command.alarm);
    });
    // A comment may leave the record as it was.
    const record = alarm ?? (await this.options.store.alarm(command.alarm));
    if (record === undefined) throw new OperatorError('alarm-unknown', `no alarm ${command.alarm}`);
    return record;
  }

  /** It was found out where an open alarm comes from. */
  located(found: Omit<Extract<JudgeInput, { kind: 'located' }>, 'kind'>): Promise<void> {
    return this.queue.enqueue(() => this.judgeInput({ kind: 'located', ...found }));
  }

  notified(outcome: Notification): Promise<void> {
    return this.queue.enqueue(() => void this.filling.notifications.set(outcome.id, outcome));
  }

  deadLetter(letter: DeadLetter): Promise<void> {
    return this.queue.enqueue(() => this.burial.bury(letter));
  }

  audit(entry: AuditEntry): Promise<void> {
    return this.queue.enqueue(() => void this.filling.audit.push(entry));
  }

  async tick(at: Millis): Promise<void> {
    if (at - this.lastTickAt < TICK_MS && at >= this.lastTickAt) return;
    this.lastTickAt = at;
    await this.queue.enqueue(() => {
      this.edges.tick(at, this.lanes.values());
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

  /** Snapshots of the judge that could not be saved: the next start replays more. */
  get snapshotFailures(): number {
    return this.queue.snapshotFailures;
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
    this.edges.heard(edge, receivedAt);
    const place = placeBatch(before, { seq, made, dropped, at: receivedAt, unsent });
    if (place.kind === 'too-far') {
      this.counts.refusedBatches++;
      return before;
    }
    let mark = place.lane;
    if (place.kind === 'duplicate') {
      this.counts.duplicateBatches++;
      mark = countDuplicates(mark, countValues(readings));
    } else mark = this.admitBatch(edge, envelope, receivedAt, mark);
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
    this.burial.buryParts(admitted.rejections, admitted.rejected, { door: 'batch', source: edge, at: receivedAt });
    this.counts.stored += admitted.stored;
    return countReadings(lane, admitted);
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
      floods: commit.floods ?? [],
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
