import type { FileHandle } from 'node:fs/promises';
import { appendFile, mkdir, open, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Millis } from '../../contract/time.ts';
import { syncFolder } from './files.ts';
import {
  COUNT_MASK,
  DROPPED_BIT,
  type FoundLane,
  findLane,
  GONE_FILE,
  type GoneRange,
  type LaneFindings,
  SEGMENT_SUFFIX,
  type Segment,
} from './find-lane.ts';
import { decodeBatchRecords, encodeRecord, joinPart, type RecordInfo, type SealedBatch } from './record.ts';

/** How batches are written, and when a new file is begun: only whole files can be freed. */
export interface AppendOptions {
  readonly compress: boolean;
  readonly sync: boolean;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  /** The last batch may still grow: it is on disk, but its number is not given out yet. */
  readonly keepOpen: boolean;
}

/** One lane of the outbox: numbered batches in segment files of one folder, freed from the oldest side. One owner, one call at a time. */
export class Lane {
  readonly id: string;
  readonly findings: LaneFindings;
  private readonly folder: string;
  private readonly segments: Segment[];
  private active: FileHandle | undefined;
  /** Numbers 1..goneTo have left the disk; `goneMade` values were in them. */
  private goneTo: number;
  private goneMade: number;
  private dropped: number;
  /** The last number on disk and the values up to it; with `open` that number is not given out yet. */
  private end: { seq: number; made: number };
  private open: { readonly seq: number; readonly count: number } | undefined;
  private sizeBytes: number;

  private constructor(id: string, folder: string, found: Omit<FoundLane, 'findings'>, findings: LaneFindings) {
    this.id = id;
    this.folder = folder;
    this.findings = findings;
    this.segments = found.segments;
    this.goneTo = found.goneTo;
    this.goneMade = found.goneMade;
    this.dropped = found.dropped;
    this.end = found.end;
    this.sizeBytes = found.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  static async create(id: string, folder: string): Promise<Lane> {
    await mkdir(folder, { mode: 0o750 });
    const found = { segments: [], goneTo: 0, goneMade: 0, dropped: 0, end: { seq: 0, made: 0 } };
    return new Lane(id, folder, found, { tornBytes: 0, holes: [] });
  }

  /**
   * Reads a lane back: every record is checked, a torn tail is cut off.
   *
   * @param end - where an ended lane ended, as the ledger knows it; undefined for the one that was live
   */
  static async open(id: string, folder: string, end?: { seq: number; made: number }): Promise<Lane> {
    const found = await findLane(folder, end);
    return new Lane(id, folder, found, found.findings);
  }

  /** Highest number given out, and the values in all numbers so far. */
  get last(): number {
    return this.open === undefined ? this.end.seq : this.end.seq - 1;
  }
  get made(): number {
    return this.end.made - (this.open?.count ?? 0);
  }
  /** The batch that still grows. */
  get growing(): { readonly seq: number; readonly count: number } | undefined {
    return this.open;
  }
  get bytes(): number {
    return this.sizeBytes;
  }
  /** Values that left the disk before every gateway had them, as far as was known then. */
  get droppedValues(): number {
    return this.dropped;
  }
  get isEmptyOnDisk(): boolean {
    return this.segments.length === 0;
  }

  /** Numbers that left the disk or were damaged on it, ascending, without overlap. */
  gone(): GoneRange[] {
    const ranges: GoneRange[] = [];
    let next = 1;
    for (const { first, records } of this.segments) {
      if (first > next) ranges.push({ from: next, to: first - 1 });
      next = first + records.length;
    }
    if (this.end.seq >= next) ranges.push({ from: next, to: this.end.seq });
    return ranges;
  }

  /** Values still on disk in numbers above `seq`, and when the oldest of them was sealed. */
  heldAbove(seq: number): { readonly values: number; readonly oldestAt?: Millis } {
    const oldest = this.locate(seq + 1)?.record ?? this.segments.find(({ first }) => first > seq)?.records[0];
    if (oldest === undefined) return { values: 0 };
    return { values: this.end.made - (oldest.made - oldest.count), oldestAt: oldest.sealedAt };
  }

  /** When a batch was sealed; undefined when it is gone. */
  sealedAt(seq: number): Millis | undefined {
    return this.locate(seq)?.record.sealedAt;
  }

  oldestSealedAt(): Millis | undefined {
    return this.segments[0]?.records[0]?.sealedAt;
  }

  /** The oldest file's last number and newest time. */
  oldestSegment(): { readonly last: number; readonly newestAt: Millis; readonly bytes: number } | undefined {
    const segment = this.segments[0];
    const newest = segment?.records.at(-1);
    if (segment === undefined || newest === undefined) return undefined;
    return { last: newest.seq, newestAt: newest.sealedAt, bytes: segment.bytes };
  }

  /**
   * Writes batches numbered last + 1 …; when one is growing, the first has its number and is a part of it. With `sync`, waits until they are on disk. All or nothing: after a failure
   * the files are as before, and the numbers may be used again because nobody was told of them.
   */
  async append(batches: readonly SealedBatch[], options: AppendOptions): Promise<void> {
    const oldest = batches[0];
    if (oldest === undefined) return;
    const growing = this.open;
    const expected = growing?.seq ?? this.end.seq + 1;
    if (oldest.seq !== expected) throw new Error(`lane ${this.id}: ${oldest.seq}, expected ${expected}`);
    const segment = await this.writable(oldest, options);
    const records = batches.map((batch) => encodeRecord(batch, options.compress, batch.seq === growing?.seq));
    const before = segment.bytes;
    try {
      await writeAll(this.active as FileHandle, Buffer.concat(records), before);
      if (options.sync) await (this.active as FileHandle).datasync();
    } catch (error) {
      await this.undo(segment, before);
      throw error;
    }
    for (const [index, batch] of batches.entries()) {
      const bytes = (records[index] as Buffer).length;
      const { seq, made, count, sealedAt, overflow = false } = batch;
      const part = seq === growing?.seq;
      const info = { offset: segment.bytes, bytes, seq, made, count, sealedAt, overflow, part };
      if (part) segment.records.push(joinPart(segment.records.pop() as RecordInfo, info));
      else segment.records.push(info);
      segment.bytes += bytes;
      this.sizeBytes += bytes;
      this.end = { seq, made };
    }
    const newest = segment.records.at(-1) as RecordInfo;
    this.open = options.keepOpen ? { seq: newest.seq, count: newest.count } : undefined;
  }

  /** Gives the growing batch's number out. Nothing is written: whatever a start finds on disk is complete. */
  seal(): void {
    this.open = undefined;
  }

  /** @returns undefined when that number is gone (or never was) */
  async read(seq: number): Promise<SealedBatch | undefined> {
    const found = this.locate(seq);
    if (found === undefined) return undefined;
    const { segment, record } = found;
    const buffer = Buffer.allocUnsafe(record.bytes);
    const file = await open(segment.path, 'r').catch((error: unknown) => {
      // Freed between the look-up and now.
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    try {
      const { bytesRead } = await file.read(buffer, 0, record.bytes, record.offset);
      return bytesRead === record.bytes ? decodeBatchRecords(buffer) : undefined;
    } finally {
      await file.close();
    }
  }

  /** Exactly how many values were put into the numbers from..to, gone or not. */
  async valuesIn(from: number, to: number): Promise<number> {
    return (await this.madeUpTo(to)) - (await this.madeUpTo(from - 1));
  }

  /**
   * Values of each of the numbers from..to, gone or not. Where damage hides the single numbers, the first of them
   * carries the sum.
   */
  async countsIn(from: number, to: number): Promise<number[]> {
    const counts: number[] = [];
    const listedTo = Math.min(to, this.goneTo);
    if (from <= listedTo) {
      const listed = await readFile(join(this.folder, GONE_FILE)).catch(() => Buffer.alloc(0));
      let unlisted = this.goneMade;
      for (let seq = 1; seq <= listedTo; seq++) {
        const isListed = 4 * seq <= listed.length;
        const count = isListed ? listed.readUInt32LE(4 * (seq - 1)) & COUNT_MASK : unlisted;
        unlisted -= count;
        if (seq >= from) counts.push(count);
      }
    }
    let before = from > this.goneTo ? await this.madeUpTo(from - 1) : this.goneMade;
    for (let seq = Math.max(from, this.goneTo + 1); seq <= to; seq++) {
      const made = await this.madeUpTo(seq);
      counts.push(made - before);
      before = made;
    }
    return counts;
  }

  /**
   * Frees the oldest segment file.
   *
   * @param storedTo - every gateway has the numbers up to this; later ones count as dropped
   * @returns values that some gateway may lack now
   */
  async freeOldest(storedTo: number): Promise<number> {
    const segment = this.segments[0];
    if (segment === undefined) return 0;
    if (this.segments.length === 1) {
      this.seal();
      await this.closeActive();
    }
    const holeNumbers = segment.first - 1 - this.goneTo;
    const counts = Buffer.alloc(4 * (holeNumbers + segment.records.length));
    let lost = 0;
    const put = (seq: number, count: number, isCounted: boolean) => {
      const missing = seq > storedTo && !isCounted;
      if (missing) lost += count;
      counts.writeUInt32LE(((missing ? DROPPED_BIT : 0) | (count & COUNT_MASK)) >>> 0, 4 * (seq - this.goneTo - 1));
    };
    if (holeNumbers > 0) put(this.goneTo + 1, segment.madeBefore - this.goneMade, false);
    for (const { seq, count, overflow } of segment.records) put(seq, count, overflow);
    // Without room even for this, the totals still follow from `made` of the next record.
    await appendFile(join(this.folder, GONE_FILE), counts, { flush: true, mode: 0o640 }).catch(() =>
      truncate(join(this.folder, GONE_FILE), 4 * this.goneTo).catch(() => undefined),
    );
    await rm(segment.path, { force: true });
    await syncFolder(this.folder);
    this.segments.shift();
    const newest = segment.records.at(-1) as RecordInfo;
    this.goneTo = newest.seq;
    this.goneMade = newest.made;
    this.dropped += lost;
    this.sizeBytes -= segment.bytes;
    return lost;
  }

  async close(): Promise<void> {
    this.seal();
    await this.closeActive();
  }

  async remove(): Promise<void> {
    await this.closeActive(false);
    await rm(this.folder, { recursive: true, force: true });
  }

  private locate(seq: number): { segment: Segment; record: RecordInfo } | undefined {
    let low = 0;
    let high = this.segments.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const segment = this.segments[middle] as Segment;
      if (seq < segment.first) high = middle - 1;
      else if (seq >= segment.first + segment.records.length) low = middle + 1;
      else return { segment, record: segment.records[seq - segment.first] as RecordInfo };
    }
    return undefined;
  }

  /** Values in the numbers 1..seq. */
  private async madeUpTo(seq: number): Promise<number> {
    if (seq <= 0) return 0;
    if (seq >= this.end.seq) return this.end.made;
    const found = this.locate(seq);
    if (found !== undefined) return found.record.made;
    if (seq > this.goneTo) return this.madeInHole(seq);
    if (seq === this.goneTo) return this.goneMade;
    const counts = await readFile(join(this.folder, GONE_FILE)).catch(() => Buffer.alloc(0));
    let made = 0;
    // Numbers the file does not know carry their values on the first of them; the rest counts nothing.
    const known = Math.min(seq, Math.floor(counts.length / 4));
    for (let index = 0; index < known; index++) made += counts.readUInt32LE(4 * index) & COUNT_MASK;
    return known < seq ? this.goneMade : made;
  }

  private madeInHole(seq: number): number {
    const after = this.segments.find(({ first }) => first > seq);
    return after === undefined ? this.end.made : after.madeBefore;
  }

  private async writable(next: SealedBatch, { segmentBytes, segmentAgeMs }: AppendOptions): Promise<Segment> {
    const current = this.segments.at(-1);
    const begun = current?.records[0]?.sealedAt ?? next.sealedAt;
    const hasRoom = current !== undefined && current.bytes < segmentBytes && next.sealedAt - begun < segmentAgeMs;
    // The parts of one batch lie in one file, one after another.
    if (this.active !== undefined && current !== undefined && (hasRoom || this.open !== undefined)) return current;
    await this.closeActive();
    const follows = current !== undefined && current.first + current.records.length === next.seq;
    const reopen = current !== undefined && (this.open !== undefined || (hasRoom && follows));
    const path = reopen ? current.path : join(this.folder, `${String(next.seq).padStart(15, '0')}${SEGMENT_SUFFIX}`);
    this.active = await open(path, reopen ? 'r+' : 'w', 0o640);
    if (reopen) return current;
    await syncFolder(this.folder);
    const segment: Segment = { path, first: next.seq, records: [], madeBefore: this.end.made, bytes: 0 };
    this.segments.push(segment);
    return segment;
  }

  /** Takes back what a failed append left behind. */
  private async undo(segment: Segment, bytes: number): Promise<void> {
    await this.closeActive(false);
    if (segment.records.length > 0) return truncate(segment.path, bytes);
    this.segments.pop();
    await rm(segment.path, { force: true });
  }

  private async closeActive(sync = true): Promise<void> {
    const active = this.active;
    this.active = undefined;
    if (active === undefined) return;
    try {
      // Whatever the fsync setting says: a file we leave behind is on disk.
      if (sync) await active.datasync();
    } finally {
      await active.close();
    }
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    if (bytesWritten === 0) throw Object.assign(new Error('the disk took no bytes'), { code: 'ENOSPC' });
    written += bytesWritten;
  }
}
