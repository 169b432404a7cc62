import { readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { joinParts, type RecordInfo, scanRecords } from './record.ts';

/** A run of numbers whose batches are no longer on disk. */
export interface GoneRange {
  readonly from: number;
  readonly to: number;
}

/** One file of records. Its batches are numbered first, first + 1, … */
export interface Segment {
  readonly path: string;
  readonly first: number;
  readonly records: RecordInfo[];
  /** `made` before its first batch. */
  readonly madeBefore: number;
  bytes: number;
}

/** How a lane was found on disk. */
export interface LaneFindings {
  /** Bytes cut off because no whole record began there; 0 = clean. */
  readonly tornBytes: number;
  /** Numbers lost in the middle by damage; they travel as dropped. */
  readonly holes: readonly GoneRange[];
}

export const SEGMENT_SUFFIX = '.seg';
/**
 * One u32 per number that left the disk, in order: values it held, and in the top bit whether some gateway still lacked it.
 * It is what lets a tombstone count exactly, whatever range it must cover.
 */
export const GONE_FILE = 'gone.counts';
export const DROPPED_BIT = 0x8000_0000;
export const COUNT_MASK = 0x7fff_ffff;

/** A lane read back: its files, the numbers that left, and where it ends. */
export interface FoundLane {
  readonly segments: Segment[];
  readonly goneTo: number;
  readonly goneMade: number;
  readonly dropped: number;
  readonly end: { seq: number; made: number };
  readonly findings: LaneFindings;
}

/**
 * Reads a lane's folder: every record is checked, a torn tail is cut off, leftovers of a crash are cleared away.
 *
 * @param end - where an ended lane ended, as the ledger knows it
 */
export async function findLane(folder: string, end?: { seq: number; made: number }): Promise<FoundLane> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(SEGMENT_SUFFIX)).sort();
  let segments: Segment[] = [];
  const holes: GoneRange[] = [];
  let tornBytes = 0;
  for (const name of names) {
    const path = join(folder, name);
    const content = await readFile(path);
    const scan = scanRecords(content);
    const joined = joinParts(scan.records);
    // What lies behind the end of an ended lane was taken back when writing it failed.
    const records = end === undefined ? joined : joined.filter(({ seq }) => seq <= end.seq);
    const newestRecord = records.at(-1);
    const soundEnd = newestRecord === undefined ? 0 : newestRecord.offset + newestRecord.bytes;
    const first = records[0];
    tornBytes += content.length - scan.end;
    if (first === undefined) {
      await rm(path, { force: true });
      continue;
    }
    if (soundEnd < content.length) await truncate(path, soundEnd);
    segments.push({
      path,
      first: first.seq,
      records,
      madeBefore: first.made - first.count,
      bytes: soundEnd,
    });
  }
  const gone = await readGone(folder, segments[0]?.first);
  // A crash between writing the counts and removing the file leaves both: the counts win.
  const leftovers = segments.filter(({ first, records }) => first + records.length - 1 <= gone.to);
  for (const { path } of leftovers) await rm(path, { force: true });
  segments = segments.filter((segment) => !leftovers.includes(segment));

  const newest = segments.at(-1)?.records.at(-1);
  let last = newest === undefined ? { seq: gone.to, made: gone.made } : { seq: newest.seq, made: newest.made };
  if (end !== undefined && end.seq > last.seq) {
    holes.push({ from: last.seq + 1, to: end.seq });
    last = end;
  }
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1];
    const expected = before === undefined ? gone.to + 1 : before.first + before.records.length;
    if (segment.first > expected) holes.push({ from: expected, to: segment.first - 1 });
  }
  return {
    segments,
    goneTo: gone.to,
    goneMade: gone.made,
    dropped: gone.dropped,
    end: last,
    findings: { tornBytes, holes },
  };
}

/** @param firstOnDisk - a torn append may list numbers whose file is still there; they are not gone */
async function readGone(
  folder: string,
  firstOnDisk: number | undefined,
): Promise<{ to: number; made: number; dropped: number }> {
  const path = join(folder, GONE_FILE);
  const counts = await readFile(path).catch(() => Buffer.alloc(0));
  const whole = Math.floor(counts.length / 4);
  const first = firstOnDisk ?? whole + 1;
  // The file of `firstOnDisk` is either listed whole (then it is a leftover and may go) or its listing was torn.
  const isTorn = first <= whole && !(await isListedWhole(folder, first, whole));
  const to = isTorn ? first - 1 : whole;
  if (counts.length !== to * 4) await truncate(path, to * 4);
  let made = 0;
  let dropped = 0;
  for (let index = 0; index < to; index++) {
    const count = counts.readUInt32LE(4 * index);
    made += count & COUNT_MASK;
    if (count >= DROPPED_BIT) dropped += count & COUNT_MASK;
  }
  return { to, made, dropped };
}

async function isListedWhole(folder: string, first: number, listedTo: number): Promise<boolean> {
  const path = join(folder, `${String(first).padStart(15, '0')}${SEGMENT_SUFFIX}`);
  if ((await stat(path).catch(() => undefined)) === undefined) return false;
  const records = joinParts(scanRecords(await readFile(path)).records);
  return first + records.length - 1 <= listedTo;
}
