import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type DeviceReadings, ID_PATTERN } from '../contract/reading.ts';
import type { StoredMark } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import { type Clock, isFreeTime } from './clock.ts';
import { fileErrorCode } from './outbox/files.ts';
import type { GoneRange } from './outbox/find-lane.ts';
import { Lane } from './outbox/lane.ts';
import { type Ledger, writeLedger } from './outbox/ledger.ts';
import { lockFolder } from './outbox/lock.ts';
import type { SealedBatch } from './outbox/record.ts';
import { recoverOutbox } from './outbox/recovery.ts';
import type { OutboxSettings } from './outbox/settings.ts';
import { FAST_BATCH_MAX, Waiting } from './outbox/waiting.ts';

/** More lanes than this are not kept: each long outage, torn tail or new store makes one. Then live waits in the newest. */
const LANES_MAX = 64;
/** A lane ends here, so that its list of freed numbers stays below 4 MB. */
const LANE_NUMBERS_MAX = 1_000_000;
/** Newest batches kept in memory as well: what the uplink sends next. */
const RECENT_MAX = 32;
/** Marks are told again by the gateway at every connect; losing a few seconds of them costs a few duplicates. */
const LEDGER_EVERY_MS = 5000;
const AGE_CHECK_EVERY_MS = 60_000;
/** After a failed write; the disk may have room again. */
const RETRY_AFTER_MS = 1000;

/** A lane as the sender sees it. Numbers 1..last exist; those in `gone` are no longer on disk. */
export interface LaneView {
  readonly id: string;
  readonly last: number;
  readonly ended: boolean;
  readonly gone: readonly GoneRange[];
}

/** Fill and losses, for the local face, the alarms and the API. */
export interface OutboxStatus {
  readonly lane: string;
  readonly lanes: number;
  readonly bytes: number;
  readonly bytesMax: number;
  /** Values ever made, over all lanes. */
  readonly made: number;
  /** Values not yet on every gateway's disk. */
  readonly unstored: number;
  /** When the oldest of them was sealed. */
  readonly oldestUnstoredAt?: Millis;
  /** Values lost for lack of space or through damage on disk; never goes down. */
  readonly dropped: number;
  /** Values waiting in memory. */
  readonly waiting: number;
  /** `ok`, or the system's code of the last failed write, for example `ENOSPC`. */
  readonly disk: string;
}

export interface OutboxOptions {
  readonly folder: string;
  readonly settings: OutboxSettings;
  /** Gateways that must have a batch before it may be freed; none = every gateway ever heard. */
  readonly gateways: readonly string[];
  readonly clock: Clock;
  /** A new id that never repeats, for a lane. */
  readonly newId: () => string;
  readonly log: Logger;
}

/** `write`: to disk; `seal`: also give the growing batch's number out; `beat`: and give out an empty one if there is none. */
type Flush = 'write' | 'seal' | 'beat';
const FLUSHES: readonly Flush[] = ['write', 'seal', 'beat'];

/**
 * Bounded store-and-forward on disk. Readings become numbered batches in lanes; a number is told to nobody before its batch
 * is on disk, and is never used again. Call `tick` several times a second.
 */
export class Outbox {
  private readonly options: OutboxOptions;
  private readonly ledgerFile: string;
  private readonly unlock: () => void;
  private readonly lanes: Lane[];
  private ledger: Ledger;
  private readonly waiting: Waiting;
  private readonly recent = new Map<string, SealedBatch>();
  private readonly listeners = new Set<() => void>();
  private jobs: Promise<void> = Promise.resolve();
  private flushQueued: Flush | undefined;
  /** Start of the machine in which the growing batch was begun while the clock was free. */
  private growingFreeBoot: string | undefined;
  private linked = true;
  private mustRoll = false;
  private disk = 'ok';
  private lastFlushMs: number;
  private lastSealMs: number;
  private lastLedgerMs: number;
  private lastAgeCheckMs: number;
  private retryAtMs = 0;
  private ledgerDirty = false;
  private closed = false;

  private constructor(options: OutboxOptions, lanes: Lane[], ledger: Ledger, unlock: () => void) {
    this.options = options;
    this.ledgerFile = join(options.folder, 'lanes.json');
    this.lanes = lanes;
    this.ledger = ledger;
    this.unlock = unlock;
    this.waiting = new Waiting(options.settings);
    const nowMs = options.clock.monotonicMs();
    this.lastFlushMs = nowMs;
    this.lastSealMs = nowMs;
    this.lastLedgerMs = nowMs;
    this.lastAgeCheckMs = nowMs;
  }

  /** @throws FolderInUseError when another process has it; the system's error when the folder can't be used */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const { folder, clock, log } = options;
    await mkdir(folder, { recursive: true, mode: 0o750 });
    const unlock = lockFolder(folder);
    try {
      const { lanes, ledger } = await recoverOutbox({
        folder,
        boot: clock.boot,
        laneNumbersMax: LANE_NUMBERS_MAX,
        log,
      });
      const outbox = new Outbox(options, lanes, ledger, unlock);
      const live = ledger.lanes.at(-1);
      if (live === undefined || live.end !== undefined) await outbox.openLane();
      else await outbox.saveLedger();
      return outbox;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /**
   * Takes readings; they are safe once a later {@link settled} resolved. Never waits, never throws: when neither disk nor
   * memory has room, the oldest in memory go and are counted.
   *
   * @param upTo - per line: everything sampled until then was handed over
   */
  append(readings: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>): void {
    this.waiting.add(readings, upTo);
    const { settings, clock } = this.options;
    const isMany = this.waiting.values >= Math.max(settings.batchReadings, FAST_BATCH_MAX);
    if (isMany && clock.monotonicMs() >= this.retryAtMs) this.queueFlush('write');
  }

  /** Seals what waits. Resolves when all work so far is done; true when all is on disk, or was dropped and counted. */
  async settled(): Promise<boolean> {
    this.queueFlush('seal');
    await this.jobs;
    return this.waiting.isEmpty;
  }

  /** Resolves when all work begun so far is done. */
  async idle(): Promise<void> {
    await this.jobs;
  }

  /** Moves what depends on time: flush, heartbeat, age, marks to disk. */
  tick(): void {
    if (this.closed) return;
    const { settings, clock } = this.options;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.retryAtMs) return;
    if (nowMs - this.lastSealMs >= settings.heartbeat) this.queueFlush('beat');
    else if (!this.waiting.isEmpty && nowMs - this.lastFlushMs >= settings.flushEvery) this.queueFlush('write');
    else if (this.live().growing !== undefined && this.isSealDue(nowMs)) this.queueFlush('seal');
    if (this.ledgerDirty && nowMs - this.lastLedgerMs >= LEDGER_EVERY_MS) this.enqueue(() => this.saveLedger());
    if (nowMs - this.lastAgeCheckMs >= AGE_CHECK_EVERY_MS) {
      this.lastAgeCheckMs = nowMs;
      this.enqueue(() => this.freeAged());
    }
  }

  /** While nobody listens, batches are fewer and larger: what was recorded then is sent in a fraction of the messages. */
  setLinked(linked: boolean): void {
    this.linked = linked;
  }

  /** Oldest first; the last one takes the live readings. */
  laneViews(): readonly LaneView[] {
    return this.lanes.map((lane, index) => ({
      id: lane.id,
      last: lane.last,
      ended: this.ledger.lanes[index]?.end !== undefined,
      gone: lane.gone(),
    }));
  }

  get liveLane(): string {
    return this.live().id;
  }

  /** @returns undefined when that batch is gone */
  async read(lane: string, seq: number): Promise<SealedBatch | undefined> {
    return this.recent.get(`${lane} ${seq}`) ?? (await this.lane(lane)?.read(seq));
  }

  /** Exactly how many values were put into each of the numbers from..to, and into all numbers up to `to`. */
  async count(lane: string, from: number, to: number): Promise<{ values: readonly number[]; made: number }> {
    const found = this.lane(lane);
    if (found === undefined) return { values: [], made: 0 };
    return { values: await found.countsIn(from, to), made: await found.valuesIn(1, to) };
  }

  /** When a batch was sealed; undefined when it is gone. */
  sealedAt(lane: string, seq: number): Millis | undefined {
    return this.lane(lane)?.sealedAt(seq);
  }

  /** The marks a gateway announced last, as they survived a restart. */
  marksOf(): Readonly<Record<string, { readonly store: string; readonly marks: Readonly<Record<string, number>> }>> {
    return this.ledger.gateways;
  }

  /** Takes a gateway's word for what is on its disk; the last word counts, also when it goes back. */
  setMarks(gateway: string, { store, marks }: StoredMark): void {
    const known: Record<string, number> = {};
    for (const { id } of this.lanes) if (marks[id] !== undefined) known[id] = marks[id];
    this.ledger = { ...this.ledger, gateways: { ...this.ledger.gateways, [gateway]: { store, marks: known } } };
    this.ledgerDirty = true;
    const live = this.live();
    if ((marks[live.id] ?? 0) > live.last) {
      // Our folder is an older copy: numbers after `last` were used before.
      this.options.log.warn(
        { code: 'outbox-behind', lane: live.id, last: live.last, mark: marks[live.id] },
        'a gateway has numbers this outbox never gave; new lane',
      );
      this.roll();
    }
  }

  /** Ends the live lane: later readings get a new one and need not wait behind its backlog. */
  roll(): void {
    this.mustRoll = true;
    this.queueFlush('write');
  }

  onChanged(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Values some gateway lacks, on disk and in memory, and when the oldest batch of them was sealed. */
  unstored(): { readonly values: number; readonly oldestAt?: Millis } {
    let values = this.waiting.values;
    let oldestAt: Millis | undefined;
    for (const lane of this.lanes) {
      const held = lane.heldAbove(this.storedTo(lane));
      values += held.values;
      if (held.values > 0) oldestAt ??= held.oldestAt;
    }
    return { values, ...(oldestAt === undefined ? {} : { oldestAt }) };
  }

  status(): OutboxStatus {
    const { values, oldestAt } = this.unstored();
    return {
      lane: this.live().id,
      lanes: this.lanes.length,
      bytes: this.bytes(),
      bytesMax: this.options.settings.bytes,
      made: this.made(),
      unstored: values,
      ...(oldestAt === undefined ? {} : { oldestUnstoredAt: oldestAt }),
      dropped: this.dropped(),
      waiting: this.waiting.values,
      disk: this.disk,
    };
  }

  private made(): number {
    const inLanes = this.lanes.reduce((sum, lane) => sum + lane.made + (lane.growing?.count ?? 0), 0);
    return this.ledger.forgotten.made + inLanes + this.waiting.values + this.waiting.overflow;
  }

  /** Values lost for lack of space or through damage; never goes down. */
  dropped(): number {
    const inLanes = this.lanes.reduce((sum, lane) => sum + lane.droppedValues, 0);
    return this.ledger.forgotten.dropped + this.ledger.overflowed + this.waiting.overflow + inLanes;
  }

  /** Lets go of files and folder as they are; what waits in memory is lost, as by a kill. */
  async release(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.jobs;
    for (const lane of this.lanes) await lane.close();
    this.unlock();
  }

  /** Writes what waits, then lets go of the folder. */
  async close(): Promise<void> {
    if (this.closed) return;
    await this.settled();
    this.closed = true;
    await this.jobs;
    try {
      for (const lane of this.lanes) await lane.close();
      await this.saveLedger(true);
    } catch (error) {
      this.report(error);
    }
    this.unlock();
  }

  private queueFlush(flush: Flush): void {
    if (this.closed) return;
    const queued = this.flushQueued;
    if (queued === undefined || FLUSHES.indexOf(flush) > FLUSHES.indexOf(queued)) this.flushQueued = flush;
    if (queued !== undefined) return;
    this.enqueue(async () => {
      const strongest = this.flushQueued ?? flush;
      this.flushQueued = undefined;
      await this.flush(strongest);
    });
  }

  private isSealDue(nowMs: number): boolean {
    const { batchEvery, heartbeat } = this.options.settings;
    return nowMs - this.lastSealMs >= (this.linked ? batchEvery : Math.max(batchEvery, heartbeat));
  }

  /** One job at a time; a failed one is reported and the next goes on. */
  private enqueue(job: () => Promise<void>): void {
    this.jobs = this.jobs.then(job).catch((error: unknown) => this.report(error));
  }

  private report(error: unknown): void {
    const code = fileErrorCode(error);
    if (code !== this.disk) this.options.log.error({ code: 'outbox-write-failed', cause: code, err: error }, 'outbox');
    this.disk = code;
    this.retryAtMs = this.options.clock.monotonicMs() + RETRY_AFTER_MS;
  }

  private async flush(flush: Flush): Promise<void> {
    if (this.mustRoll || this.live().last >= LANE_NUMBERS_MAX) await this.rollNow();
    const maySeal = flush !== 'write' || this.isSealDue(this.options.clock.monotonicMs());
    let isEmpty = flush === 'beat' && this.live().growing === undefined;
    while (isEmpty || !this.waiting.isEmpty) {
      isEmpty = false;
      const batches = this.number();
      const keepOpen = !maySeal && this.waiting.isEmpty && batches.at(-1)?.overflow !== true;
      const growing = this.live().growing?.seq;
      try {
        await this.write(batches, keepOpen);
      } catch (error) {
        this.waiting.giveBack();
        throw error;
      }
      this.written(batches, growing);
      await this.freeOverLimit();
    }
    if (maySeal) this.sealGrowing();
  }

  private sealGrowing(): void {
    if (this.live().growing === undefined) return;
    this.live().seal();
    this.lastSealMs = this.options.clock.monotonicMs();
    this.changed();
  }

  /** Numbers what waits; nobody hears of a number before its batch is on disk and complete. */
  private number(): SealedBatch[] {
    const { clock } = this.options;
    const freeBoot = clock.state() === 'free' ? clock.boot : undefined;
    if (this.waiting.mustSeal(this.live().growing) || freeBoot !== this.growingFreeBoot) this.sealGrowing();
    this.growingFreeBoot = freeBoot;
    const { last, made, growing } = this.live();
    const stamp = { sealedAt: clock.now(), ...(freeBoot === undefined ? {} : { freeBoot }) };
    return this.waiting.number({ last, made, growing }, stamp);
  }

  private async write(batches: readonly SealedBatch[], keepOpen: boolean): Promise<void> {
    const { settings } = this.options;
    const options = {
      compress: settings.compress,
      sync: settings.fsync,
      segmentBytes: Math.min(4 * 1024 * 1024, Math.max(32 * 1024, Math.floor(settings.bytes / 32))),
      segmentAgeMs: settings.age / 32,
      keepOpen,
    };
    for (;;) {
      try {
        return await this.live().append(batches, options);
      } catch (error) {
        const code = fileErrorCode(error);
        const isFull = code === 'ENOSPC' || code === 'EDQUOT';
        // After any other failure nobody knows what the disk holds: these numbers are not tried again.
        if (!isFull) this.mustRoll = true;
        if (!isFull || !(await this.freeStored())) throw error;
      }
    }
  }

  /** @param growing - number of the batch the first of them continued */
  private written(batches: readonly SealedBatch[], growing: number | undefined): void {
    const lane = this.live();
    const nowMs = this.options.clock.monotonicMs();
    this.lastFlushMs = nowMs;
    const explained = this.waiting.written(batches);
    if (explained > 0) {
      this.ledger = { ...this.ledger, overflowed: this.ledger.overflowed + explained };
      this.ledgerDirty = true;
    }
    for (const batch of batches) {
      if (batch.seq <= lane.last) this.lastSealMs = nowMs;
      const isWhole = batch.seq !== growing && batch.seq <= lane.last;
      if (isWhole) this.recent.set(`${lane.id} ${batch.seq}`, batch);
    }
    for (const key of this.recent.keys()) {
      if (this.recent.size <= RECENT_MAX) break;
      this.recent.delete(key);
    }
    if (this.disk !== 'ok') this.options.log.info({ code: 'outbox-write-resumed' }, 'the outbox can write again');
    this.disk = 'ok';
    this.changed();
  }

  private async rollNow(): Promise<void> {
    this.mustRoll = false;
    const live = this.live();
    this.sealGrowing();
    if (live.last === 0) return;
    if (this.lanes.length >= LANES_MAX) await this.forgetOldest();
    if (this.lanes.length >= LANES_MAX) {
      this.options.log.warn({ code: 'outbox-lanes-full', lanes: LANES_MAX }, 'no room for another lane');
      return;
    }
    await live.close();
    const entries = this.ledger.lanes.slice(0, -1);
    entries.push({ id: live.id, end: { seq: live.last, made: live.made } });
    const before = this.ledger;
    this.ledger = { ...before, lanes: entries };
    try {
      await this.openLane();
    } catch (error) {
      this.ledger = before;
      this.mustRoll = true;
      throw error;
    }
  }

  /** The list is on disk before the first number of a lane is. */
  private async openLane(): Promise<void> {
    const id = this.options.newId();
    if (!ID_PATTERN.test(id)) throw new Error(`lane id ${id}`);
    const lane = await Lane.create(id, join(this.options.folder, id));
    const before = this.ledger;
    this.ledger = { ...before, lanes: [...before.lanes, { id }] };
    try {
      await this.saveLedger();
    } catch (error) {
      this.ledger = before;
      await lane.remove();
      throw error;
    }
    this.lanes.push(lane);
    this.changed();
  }

  private async saveLedger(clean = false): Promise<void> {
    this.ledgerDirty = false;
    this.lastLedgerMs = this.options.clock.monotonicMs();
    this.ledger = { ...this.ledger, boot: this.options.clock.boot, clean };
    await writeLedger(this.ledgerFile, this.ledger);
  }

  private async freeOverLimit(): Promise<void> {
    let freed = false;
    while (this.bytes() > this.options.settings.bytes) {
      if (!(await this.freeStored()) && !(await this.dropOldest())) break;
      freed = true;
    }
    if (freed) this.changed();
  }

  private async freeAged(): Promise<void> {
    const { clock, settings, log } = this.options;
    if (clock.state() === 'free') return;
    const oldest = clock.now() - settings.age;
    let freed = false;
    for (const lane of this.lanes) {
      for (;;) {
        const segment = lane.oldestSegment();
        if (segment === undefined || isFreeTime(segment.newestAt) || segment.newestAt >= oldest) break;
        const lost = await lane.freeOldest(this.storedTo(lane));
        if (lost > 0) log.error({ code: 'outbox-dropped', lane: lane.id, values: lost, why: 'age' }, 'values dropped');
        freed = true;
      }
    }
    if (freed) this.changed();
  }

  /** Frees the oldest file whose batches every gateway has. */
  private async freeStored(): Promise<boolean> {
    for (const lane of this.lanes) {
      const segment = lane.oldestSegment();
      if (segment === undefined || segment.last > this.storedTo(lane)) continue;
      await lane.freeOldest(segment.last);
      return true;
    }
    return false;
  }

  /** Drops the oldest file though somebody lacks it. */
  private async dropOldest(): Promise<boolean> {
    for (const lane of this.lanes) {
      if (lane.oldestSegment() === undefined) continue;
      const lost = await lane.freeOldest(this.storedTo(lane));
      if (lost > 0)
        this.options.log.error({ code: 'outbox-dropped', lane: lane.id, values: lost, why: 'space' }, 'values dropped');
      return true;
    }
    return false;
  }

  /** Takes the oldest lane off the list when it is ended, off the disk, and every number of it is explained to everybody. */
  private async forgetOldest(): Promise<boolean> {
    for (const [index, lane] of this.lanes.entries()) {
      if (index === this.lanes.length - 1) return false;
      if (this.storedTo(lane) < lane.last) continue;
      while (!lane.isEmptyOnDisk) await lane.freeOldest(lane.last);
      const { forgotten } = this.ledger;
      this.ledger = {
        ...this.ledger,
        lanes: this.ledger.lanes.filter(({ id }) => id !== lane.id),
        forgotten: { made: forgotten.made + lane.made, dropped: forgotten.dropped + lane.droppedValues },
      };
      await this.saveLedger();
      this.lanes.splice(index, 1);
      await lane.remove();
      this.changed();
      return true;
    }
    return false;
  }

  /** Every gateway that counts has the numbers of the lane up to this. */
  private storedTo(lane: Lane): number {
    const required = this.options.gateways.length > 0 ? this.options.gateways : Object.keys(this.ledger.gateways);
    if (required.length === 0) return 0;
    return Math.min(...required.map((id) => this.ledger.gateways[id]?.marks[lane.id] ?? 0), lane.last);
  }

  private bytes(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.bytes, 0);
  }

  private live(): Lane {
    return this.lanes.at(-1) as Lane;
  }

  private lane(id: string): Lane | undefined {
    return this.lanes.find((lane) => lane.id === id);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
