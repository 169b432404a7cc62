import type { Millis } from '../../contract/time.ts';
import type { Readings } from '../domain/readings.ts';
import type { Range } from './store.ts';

/**
 * Rows kept in memory, 22 bytes each: eight full tables, as many as there are at full load while four are sealed. Of tables
 * beyond, the database is asked.
 */
export const RECENT_ROWS_MAX = 8_500_000;
/** Rows of one piece of a table's columns, 1.4 MB: a small table must not take the room of a full one. */
const CHUNK_BITS = 16;
const CHUNK_ROWS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_ROWS - 1;
/** Stands in the byte of the quality: this row is not newer than all others of its point. */
const LATE_BIT = 0x80;

interface Chunk {
  /** The row of the same point before this one, -1 = none. */
  readonly before: Int32Array;
  readonly ts: Float64Array;
  readonly value: Float64Array;
  readonly quality: Uint8Array;
  readonly reason: Uint8Array;
}

/** Readings of one point, ascending by time, each moment once, of several the one committed last. */
export interface PointRows {
  readonly ts: readonly Millis[];
  /** NaN = none. */
  readonly value: readonly number[];
  readonly quality: readonly number[];
  readonly reason: readonly number[];
  /** 1 = the same moment may have been stored before; 0 = no older reading has it. */
  readonly isLate: readonly number[];
}

/** What was in memory at one moment; rows that came later are not seen. */
export interface RecentView {
  /** Hot tables of which all rows are here; every row of every other table was committed before them. */
  readonly tables: ReadonlySet<string>;
  rowsOf(point: number, range: Range): PointRows;
}

/**
 * The rows of hot tables once more, found by their point: a question of some points must not look through the millions
 * that came in the last seconds. Each row names the one of the same point before it.
 */
export class Recent {
  private tables: readonly RecentTable[] = [];
  /** Newest of each point since the start; nothing of before is newer than `loadedUntil`. */
  private newest = new Float64Array(1024).fill(Number.NEGATIVE_INFINITY);
  private loadedUntil = Number.NEGATIVE_INFINITY;
  private readonly rowsMax: number;

  constructor(rowsMax = RECENT_ROWS_MAX) {
    this.rowsMax = rowsMax;
  }

  /** @param loadedUntil - newest source time of everything that is stored already */
  start(loadedUntil: Millis): void {
    this.loadedUntil = Math.max(this.loadedUntil, loadedUntil);
  }

  /** An empty table, written from now on. */
  begin(name: string): void {
    this.tables = [...this.tables, new RecentTable(name)];
  }

  /** Rows that are on disk now, at the end of a table; what is newest of a point is known of all tables. */
  take(name: string, readings: Readings): void {
    const last = this.tables.at(-1);
    const table = last?.name === name ? last : undefined;
    this.makeRoom(readings);
    const { point, tsMs, value, quality, reason, length } = readings;
    for (let row = 0; row < length; row++) {
      const id = point[row] as number;
      const ts = tsMs[row] as number;
      const known = this.newest[id] as number;
      const isLate = ts <= known || (known === Number.NEGATIVE_INFINITY && ts <= this.loadedUntil);
      if (!(ts <= known)) this.newest[id] = ts;
      const qualityByte = (quality[row] as number) | (isLate ? LATE_BIT : 0);
      table?.add(id, ts, value[row] as number, qualityByte, reason[row] as number);
      if (isLate && table !== undefined) table.late++;
    }
    // The oldest goes first: what is in memory must be newer than what is not.
    while (this.rows > this.rowsMax) this.tables = this.tables.slice(1);
  }

  /** A table's rows are elsewhere now. */
  drop(name: string): void {
    this.tables = this.tables.filter((table) => table.name !== name);
  }

  /** No row of this table is of a moment that came before: known of tables of which all rows are here. */
  isAscending(name: string): boolean {
    return this.tables.find((table) => table.name === name)?.late === 0;
  }

  /** Nobody knows any more whether all rows are here. */
  clear(): void {
    this.tables = [];
  }

  get rows(): number {
    return this.tables.reduce((sum, { length }) => sum + length, 0);
  }

  view(): RecentView {
    const parts = this.tables.map((table) => ({ table, length: table.length }));
    return {
      tables: new Set(parts.map(({ table }) => table.name)),
      rowsOf: (point, range) => {
        const rows = { ts: [], value: [], quality: [], reason: [], isLate: [] };
        for (let part = parts.length - 1; part >= 0; part--) {
          const { table, length } = parts[part] as (typeof parts)[number];
          table.newestFirst(point, range, length, rows);
        }
        return inOrder(rows);
      },
    };
  }

  private makeRoom({ point, length }: Readings): void {
    let last = this.newest.length - 1;
    for (let row = 0; row < length; row++) if ((point[row] as number) > last) last = point[row] as number;
    if (last < this.newest.length) return;
    const wider = new Float64Array(Math.max(last + 1, this.newest.length * 2)).fill(Number.NEGATIVE_INFINITY);
    wider.set(this.newest);
    this.newest = wider;
  }
}

interface Collected {
  readonly ts: number[];
  readonly value: number[];
  readonly quality: number[];
  readonly reason: number[];
  readonly isLate: number[];
}

class RecentTable {
  readonly name: string;
  length = 0;
  /** Rows that are not newer than all others of their point. */
  late = 0;
  private readonly chunks: Chunk[] = [];
  /** Last row of each point, -1 = none. */
  private last = new Int32Array(1024).fill(-1);
  private minTs = Number.POSITIVE_INFINITY;
  private maxTs = Number.NEGATIVE_INFINITY;

  constructor(name: string) {
    this.name = name;
  }

  add(point: number, ts: Millis, value: number, quality: number, reason: number): void {
    const row = this.length;
    const at = row & CHUNK_MASK;
    let chunk = this.chunks[row >> CHUNK_BITS];
    if (chunk === undefined) {
      chunk = newChunk();
      this.chunks.push(chunk);
    }
    if (point >= this.last.length) {
      const wider = new Int32Array(Math.max(point + 1, this.last.length * 2)).fill(-1);
      wider.set(this.last);
      this.last = wider;
    }
    chunk.before[at] = this.last[point] as number;
    chunk.ts[at] = ts;
    chunk.value[at] = value;
    chunk.quality[at] = quality;
    chunk.reason[at] = reason;
    this.last[point] = row;
    this.length = row + 1;
    if (ts < this.minTs) this.minTs = ts;
    if (ts > this.maxTs) this.maxTs = ts;
  }

  /** @param length - rows from here on came later */
  newestFirst(point: number, { from, to }: Range, length: number, into: Collected): void {
    if (this.minTs >= to || this.maxTs < from) return;
    for (let row = this.last[point] ?? -1; row >= 0; ) {
      const chunk = this.chunks[row >> CHUNK_BITS] as Chunk;
      const at = row & CHUNK_MASK;
      const ts = chunk.ts[at] as number;
      if (row < length && ts >= from && ts < to) {
        const quality = chunk.quality[at] as number;
        into.ts.push(ts);
        into.value.push(chunk.value[at] as number);
        into.quality.push(quality & ~LATE_BIT);
        into.reason.push(chunk.reason[at] as number);
        into.isLate.push(quality >> 7);
      }
      row = chunk.before[at] as number;
    }
  }
}

function newChunk(): Chunk {
  return {
    before: new Int32Array(CHUNK_ROWS),
    ts: new Float64Array(CHUNK_ROWS),
    value: new Float64Array(CHUNK_ROWS),
    quality: new Uint8Array(CHUNK_ROWS),
    reason: new Uint8Array(CHUNK_ROWS),
  };
}

/** Rows as they came, newest first, in the order of time; of one moment the one that came last. */
function inOrder(rows: Collected): PointRows {
  const { ts } = rows;
  if (ts.every((moment, row) => row === 0 || moment < (ts[row - 1] as number))) {
    for (const column of Object.values(rows) as number[][]) column.reverse();
    return rows;
  }
  // Stable: of one moment the newest stays in front.
  const order = Array.from(ts.keys()).sort((a, b) => (ts[a] as number) - (ts[b] as number));
  const once = order.filter((row, index) => index === 0 || ts[row] !== ts[order[index - 1] as number]);
  const pick = (column: readonly number[]) => once.map((row) => column[row] as number);
  const { value, quality, reason, isLate } = rows;
  // A moment given again counts as late, though it came first once: who has read the files has not seen it.
  return { ts: pick(ts), value: pick(value), quality: pick(quality), reason: pick(reason), isLate: pick(isLate) };
}
