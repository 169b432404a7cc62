import { mkdir } from 'node:fs/promises';
import type { DeviceReadings } from '../contract/reading.ts';
import type { StoredMark } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import { fileErrorCode, isDiskFull } from './outbox/files.ts';
import { lockFolder } from './outbox/lock.ts';
import type { SealedBatch } from './outbox/record.ts';
import { type LaneView, Shelf, type ShelfOptions } from './outbox/shelf.ts';
import { FAST_BATCH_MAX, Waiting } from './outbox/waiting.ts';

/** Newest batches kept in memory as well: what the uplink sends next. */
const RECENT_MAX = 32;
/** Marks are told again by the gateway at every connect; losing a few seconds of them costs a few duplicates. */
const LEDGER_EVERY_MS = 5000;
const AGE_CHECK_EVERY_MS = 60_000;
/** After a failed write; the disk may have room again. */
const RETRY_AFTER_MS = 1000;

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

export type OutboxOptions = ShelfOptions;

/** `write`: to disk; `seal`: also give the growing batch's number out; `beat`: and give out an empty one if there is none. */
type Flush = 'write' | 'seal' | 'beat';
const FLUSHES: readonly Flush[] = ['write', 'seal', 'beat'];

/**
 * Bounded store-and-forward on disk. Readings become numbered batches in lanes; a number is told to nobody before its batch
 * is on disk, and is never used again. Call `tick` several times a second.
 */
export class Outbox {
  private readonly options: OutboxOptions;
  private readonly unlock: () => void;
  private readonly shelf: Shelf;
  private readonly waiting: Waiting;
  private readonly recent = new Map<string, SealedBatch>();
  private readonly listeners = new Set<() => void>();
  private jobs: Promise<void> = Promise.resolve();
  private flushQueued: Flush | undefined;
  /** Start of the machine in which the growing batch was begun while the clock was free. */
  private growingFreeBoot: string | undefined;
  private linked = true;
  /** `wanted`: for live's sake; `needed`: the numbers of the live lane must not go on. */
  private rolling: 'no' | 'wanted' | 'needed' = 'no';
  private disk = 'ok';
  private lastFlushMs: number;
  private lastSealMs: number;
  private lastLedgerMs: number;
  private lastAgeCheckMs: number;
  private retryAtMs = 0;
  private closed = false;

  private constructor(options: OutboxOptions, shelf: Shelf, unlock: () => void) {
    this.options = options;
    this.shelf = shelf;
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
    await mkdir(options.folder, { recursive: true, mode: 0o750 });
    const unlock = lockFolder(options.folder);
    try {
      return new Outbox(options, await Shelf.open(options), unlock);
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
    else if (this.shelf.live.growing !== undefined && this.isSealDue(nowMs)) this.queueFlush('seal');
    if (this.shelf.isDirty && nowMs - this.lastLedgerMs >= LEDGER_EVERY_MS) {
      this.lastLedgerMs = nowMs;
      this.enqueue(() => this.shelf.save());
    }
    if (nowMs - this.lastAgeCheckMs >= AGE_CHECK_EVERY_MS) {
      this.lastAgeCheckMs = nowMs;
      this.enqueue(async () => {
        if (await this.shelf.freeAged()) this.changed();
      });
    }
  }

  /** While nobody listens, batches are fewer and larger: what was recorded then is sent in a fraction of the messages. */
  setLinked(linked: boolean): void {
    this.linked = linked;
  }

  /** Oldest first; the last one takes the live readings. */
  laneViews(): readonly LaneView[] {
    return this.shelf.views();
  }

  get liveLane(): string {
    return this.shelf.live.id;
  }

  /** @returns undefined when that batch is gone */
  async read(lane: string, seq: number): Promise<SealedBatch | undefined> {
    return this.recent.get(`${lane} ${seq}`) ?? (await this.shelf.lane(lane)?.read(seq));
  }

  /** Exactly how many values were put into each of the numbers from..to, and into all numbers up to `to`. */
  async count(lane: string, from: number, to: number): Promise<{ values: readonly number[]; made: number }> {
    const found = this.shelf.lane(lane);
    if (found === undefined) return { values: [], made: 0 };
    return { values: await found.countsIn(from, to), made: await found.valuesIn(1, to) };
  }

  /** When a batch was sealed; undefined when it is gone. */
  sealedAt(lane: string, seq: number): Millis | undefined {
    return this.shelf.lane(lane)?.sealedAt(seq);
  }

  /** The marks a gateway announced last, as they survived a restart. */
  marksOf(): Readonly<Record<string, { readonly store: string; readonly marks: Readonly<Record<string, number>> }>> {
    return this.shelf.marks();
  }

  /** Takes a gateway's word for what is on its disk; the last word counts, also when it goes back. */
  setMarks(gateway: string, mark: StoredMark): void {
    if (this.shelf.setMarks(gateway, mark)) return;
    const { id: lane, last } = this.shelf.live;
    this.options.log.warn(
      { code: 'outbox-behind', lane, last, mark: mark.marks[lane] },
      'a gateway has numbers this outbox never gave; new lane',
    );
    this.rolling = 'needed';
    this.queueFlush('write');
  }

  /** Ends the live lane: later readings get a new one and need not wait behind its backlog. */
  roll(): void {
    if (this.rolling === 'no') this.rolling = 'wanted';
    this.queueFlush('write');
  }

  onChanged(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Values some gateway lacks, on disk and in memory, and when the oldest batch of them was sealed. */
  unstored(): { readonly values: number; readonly oldestAt?: Millis } {
    const onDisk = this.shelf.unstored();
    return { ...onDisk, values: onDisk.values + this.waiting.values };
  }

  status(): OutboxStatus {
    const { values, oldestAt } = this.unstored();
    return {
      lane: this.shelf.live.id,
      lanes: this.shelf.count,
      bytes: this.shelf.bytes,
      bytesMax: this.options.settings.bytes,
      made: this.shelf.made + this.waiting.values + this.waiting.overflow,
      unstored: values,
      ...(oldestAt === undefined ? {} : { oldestUnstoredAt: oldestAt }),
      dropped: this.dropped(),
      waiting: this.waiting.values,
      disk: this.disk,
    };
  }

  /** Values lost for lack of space or through damage; never goes down. */
  dropped(): number {
    return this.shelf.dropped + this.waiting.overflow;
  }

  /** Lets go of files and folder as they are; what waits in memory is lost, as by a kill. */
  async release(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.jobs;
    await this.shelf.close();
    this.unlock();
  }

  /** Writes what waits, then lets go of the folder. */
  async close(): Promise<void> {
    if (this.closed) return;
    await this.settled();
    this.closed = true;
    await this.jobs;
    try {
      await this.shelf.close();
      await this.shelf.save(true);
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
    if (this.rolling !== 'no' || this.shelf.isLiveLong) await this.rollNow();
    const maySeal = flush !== 'write' || this.isSealDue(this.options.clock.monotonicMs());
    let isEmpty = flush === 'beat' && this.shelf.live.growing === undefined;
    while (isEmpty || !this.waiting.isEmpty) {
      isEmpty = false;
      const batches = this.number();
      const keepOpen = !maySeal && this.waiting.isEmpty && batches.at(-1)?.overflow !== true;
      const growing = this.shelf.live.growing?.seq;
      try {
        await this.write(batches, keepOpen);
      } catch (error) {
        this.waiting.giveBack();
        throw error;
      }
      this.written(batches, growing);
      if (await this.shelf.freeOverLimit()) this.changed();
    }
    if (maySeal) this.sealGrowing();
  }

  private sealGrowing(): void {
    if (this.shelf.live.growing === undefined) return;
    this.shelf.live.seal();
    this.lastSealMs = this.options.clock.monotonicMs();
    this.changed();
  }

  /** Numbers what waits; nobody hears of a number before its batch is on disk and complete. */
  private number(): SealedBatch[] {
    const { clock } = this.options;
    const freeBoot = clock.state() === 'free' ? clock.boot : undefined;
    if (this.waiting.mustSeal(this.shelf.live.growing) || freeBoot !== this.growingFreeBoot) this.sealGrowing();
    this.growingFreeBoot = freeBoot;
    const { last, made, growing } = this.shelf.live;
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
        return await this.shelf.live.append(batches, options);
      } catch (error) {
        // After any other failure nobody knows what the disk holds: these numbers are not tried again.
        if (!isDiskFull(error)) this.rolling = 'needed';
        if (!isDiskFull(error) || !(await this.shelf.freeStored())) throw error;
      }
    }
  }

  /** @param growing - number of the batch the first of them continued */
  private written(batches: readonly SealedBatch[], growing: number | undefined): void {
    const lane = this.shelf.live;
    const nowMs = this.options.clock.monotonicMs();
    this.lastFlushMs = nowMs;
    const explained = this.waiting.written(batches);
    if (explained > 0) this.shelf.addOverflowed(explained);
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
    const { rolling } = this;
    this.rolling = 'no';
    this.sealGrowing();
    try {
      await this.shelf.roll();
      this.changed();
    } catch (error) {
      if (rolling === 'needed') {
        this.rolling = 'needed';
        throw error;
      }
      // Live readings wait behind the backlog then, which is better than not being written.
      this.report(error);
      this.retryAtMs = 0;
    }
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
