import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { streamColumns } from './columns.ts';
import { Pace } from './pace.ts';
import { files } from './relation.ts';
import { byPointFile, LATE, type Segment, syncFolder } from './segments.ts';
import { SumsReader, SumsRows, SumsWriter } from './sums-codec.ts';

/** A copy of sums that can't be used; the file of sums that it was made of is whole. */
export class ByPointError extends Error {
  readonly segment: Segment;
  constructor(segment: Segment, problem: string) {
    super(`${byPointFile(segment)}: ${problem}`);
    this.segment = segment;
  }
}

/** Written in pieces of this size. */
const FLUSH_BYTES = 256 * 1024;
const MARK = Buffer.from('HFsums01');
const OFFSET_BYTES = 4;
/** Points that no row is of cost four bytes each: a file may have that many at most, or so many to a row. */
const EMPTY_POINTS_MAX = 32_768;
const POINTS_PER_ROW_MAX = 16;
/** Looked for together, for one read more costs as much as some kilobytes more. */
const POINTS_APART_MAX = 512;
const BYTES_APART_MAX = 16 * 1024;
const BYTES_AT_ONCE_MAX = 1024 * 1024;

/** Whether a file of sums is worth a copy that finds a point's rows with one read: scattered late ones go soon. */
export function isWorthByPoint({ kind, day, readings, minPoint, maxPoint }: Segment): boolean {
  const points = maxPoint - minPoint + 1;
  return (
    kind === 'quarters' && day !== LATE && readings > 0 && points <= EMPTY_POINTS_MAX + POINTS_PER_ROW_MAX * readings
  );
}

/**
 * Writes the rows of a file of sums once more, a block per point: a mark, the blocks, and for each point from `minPoint` on
 * where its block begins, with the end of the last one (little-endian 32-bit numbers).
 * Questions about points all over a district would have to unpack the whole file otherwise.
 * 32 bits are enough: a file of sums is split long before.
 *
 * @returns bytes, durable on disk
 */
export async function writeByPoint(connection: DuckDBConnection, dataDir: string, segment: Segment): Promise<number> {
  const { minPoint, maxPoint } = segment;
  const path = join(dataDir, byPointFile(segment));
  const begins = new Uint32Array(maxPoint - minPoint + 2);
  const handle = await open(`${path}.tmp`, 'w', 0o640);
  let written = MARK.length;
  try {
    await handle.appendFile(MARK);
    const writer = new SumsWriter();
    const rows = new SumsRows();
    let point = minPoint;
    let next = minPoint;
    const endPoint = () => {
      if (rows.length === 0) return;
      while (next <= point) begins[next++ - minPoint] = written + writer.length;
      writer.put(point, rows);
      rows.length = 0;
    };
    const flush = async () => {
      await handle.appendFile(writer.data.subarray(0, writer.length));
      written += writer.length;
      writer.clear();
    };
    await streamColumns(
      connection,
      `SELECT point, ts, min, max, sum, readings, last, last_ts, worst FROM ${files(dataDir, [segment])}`,
      ['integer', 'bigint', 'double', 'double', 'double', 'bigint', 'double', 'bigint', 'utinyint'],
      ([points, ts, min, max, sum, readings, last, lastTs, worst], count) => {
        for (let row = 0; row < count; row++) {
          if (points?.[row] !== point) {
            endPoint();
            point = points?.[row] as number;
          }
          const at = rows.length++;
          rows.reserve(rows.length);
          rows.ts[at] = ts?.[row] as number;
          rows.min[at] = min?.[row] as number;
          rows.max[at] = max?.[row] as number;
          rows.sum[at] = sum?.[row] as number;
          rows.readings[at] = readings?.[row] as number;
          rows.last[at] = last?.[row] as number;
          rows.lastTs[at] = lastTs?.[row] as number;
          rows.worst[at] = worst?.[row] as number;
        }
        return writer.length >= FLUSH_BYTES ? flush() : undefined;
      },
    );
    endPoint();
    await flush();
    while (next <= maxPoint + 1) begins[next++ - minPoint] = written;
    await handle.appendFile(new Uint8Array(begins.buffer));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.tmp`, path);
  await syncFolder(path);
  return written + begins.byteLength;
}

/** Reads blocks of some points out of copies of sums; one question at a time has its buffers. */
export class ByPointReader {
  private readonly reader = new SumsReader();
  private readonly rows = new SumsRows();
  private buffer = Buffer.alloc(64 * 1024);
  private readonly begins = new Float64Array(POINTS_APART_MAX * 2);
  private readonly pace = new Pace();
  private readonly endsBy: number;

  /** @param endsBy - on the monotonic clock: then reading is given up, on a disk that takes milliseconds for each read */
  constructor(endsBy: number) {
    this.endsBy = endsBy;
  }

  /**
   * Some microseconds a point, read in place of an asynchronous one that would take five times as long; others get their
   * turn in between.
   *
   * @param points - ascending, each once
   * @param visit - the rows of `points[index]` that a file has; valid only during the call
   * @throws ByPointError; Error when it takes too long
   */
  async read(
    dataDir: string,
    segment: Segment,
    points: ArrayLike<number>,
    visit: (index: number, rows: SumsRows) => void,
  ): Promise<void> {
    let from = firstAtLeast(points, segment.minPoint);
    const to = firstAtLeast(points, segment.maxPoint + 1);
    if (from >= to) return;
    const fd = openOf(dataDir, segment);
    try {
      const { size } = fstatSync(fd);
      if (size !== segment.byPointBytes)
        throw new ByPointError(segment, `${size} bytes, expected ${segment.byPointBytes}`);
      while (from < to) {
        let until = from + 1;
        while (
          until < to &&
          until - from < POINTS_APART_MAX &&
          (points[until] as number) - (points[until - 1] as number) < POINTS_APART_MAX
        )
          until++;
        await this.readTogether(fd, segment, points, from, until, visit);
        from = until;
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Points of neighbouring numbers: where their blocks begin with one read, and blocks that lie close with another. */
  private async readTogether(
    fd: number,
    segment: Segment,
    points: ArrayLike<number>,
    from: number,
    until: number,
    visit: (index: number, rows: SumsRows) => void,
  ): Promise<void> {
    const { begins } = this;
    this.readBegins(fd, segment, points, from, until);
    for (let index = from; index < until; ) {
      const start = begins[(index - from) * 2] as number;
      let last = index;
      while (last + 1 < until) {
        const [nextStart, nextEnd] = [
          begins[(last + 1 - from) * 2] as number,
          begins[(last + 1 - from) * 2 + 1] as number,
        ];
        if (nextStart - (begins[(last - from) * 2 + 1] as number) > BYTES_APART_MAX) break;
        if (nextEnd - start > BYTES_AT_ONCE_MAX) break;
        last++;
      }
      const bytes = (begins[(last - from) * 2 + 1] as number) - start;
      if (bytes > 0) this.readAt(fd, segment, start, bytes);
      for (; index <= last; index++) {
        const [begin, end] = [begins[(index - from) * 2] as number, begins[(index - from) * 2 + 1] as number];
        if (begin === end) continue;
        if (!this.reader.take(this.buffer, begin - start, end - start, points[index] as number, this.rows))
          throw new ByPointError(segment, `the sums of point ${points[index]} are damaged`);
        visit(index, this.rows);
      }
      if (performance.now() > this.endsBy) throw new Error('reading sums took too long');
      await this.pace.breathe();
    }
  }

  /** Begin and end of the block of each point. */
  private readBegins(fd: number, segment: Segment, points: ArrayLike<number>, from: number, until: number): void {
    const { minPoint, maxPoint, byPointBytes } = segment;
    const index = byPointBytes - (maxPoint - minPoint + 2) * OFFSET_BYTES;
    const first = points[from] as number;
    const count = (points[until - 1] as number) - first + 2;
    this.readAt(fd, segment, index + (first - minPoint) * OFFSET_BYTES, count * OFFSET_BYTES);
    for (let each = from; each < until; each++) {
      const at = ((points[each] as number) - first) * OFFSET_BYTES;
      const [begin, end] = [this.buffer.readUInt32LE(at), this.buffer.readUInt32LE(at + OFFSET_BYTES)];
      if (begin < MARK.length || end < begin || end > index) throw new ByPointError(segment, 'its index is damaged');
      this.begins[(each - from) * 2] = begin;
      this.begins[(each - from) * 2 + 1] = end;
    }
  }

  private readAt(fd: number, segment: Segment, position: number, bytes: number): void {
    if (this.buffer.length < bytes) this.buffer = Buffer.alloc(Math.max(bytes, this.buffer.length * 2));
    for (let done = 0; done < bytes; ) {
      const count = readSync(fd, this.buffer, done, bytes - done, position + done);
      if (count === 0) throw new ByPointError(segment, 'it ends too soon');
      done += count;
    }
  }
}

function openOf(dataDir: string, segment: Segment): number {
  try {
    return openSync(join(dataDir, byPointFile(segment)), 'r');
  } catch (error) {
    throw new ByPointError(segment, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : String(error));
  }
}

function firstAtLeast(points: ArrayLike<number>, wanted: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
