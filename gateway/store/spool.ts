import { link, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { QualityCode } from '../../contract/reading.ts';
import { ReadingBuffer, type Readings } from '../domain/readings.ts';
import { int, literal, takeColumns } from './columns.ts';
import type { Database } from './database.ts';
import type { HotTable } from './hot-tables.ts';
import { type Segment, writeParquet } from './segments.ts';

/** How far a copy of the readings elsewhere is; kept by whoever makes the copy. */
export interface CopyPosition {
  /** Everything up to this commit is there. */
  readonly commit: number;
  /** Of what was sealed before the copy began: the file it is at, and the rows of it that are there. */
  readonly past?: { readonly file: string; readonly rows: number };
}

export interface CopyPiece {
  /** In the order of their commits; valid until the next piece is asked for. */
  readonly readings: Readings;
  /** Where the copy is once these are there. */
  readonly position: CopyPosition;
}

/** Committed readings for a copy elsewhere, kept until they are there. */
export interface CopyFeed {
  /** Where a copy begins that has nothing yet: all sealed readings are put aside for it. */
  begin(): Promise<CopyPosition>;
  /** What comes next; undefined when everything committed is there. */
  next(position: CopyPosition, commitsMax: number): Promise<CopyPiece | undefined>;
  /** Removes what is there. */
  free(position: CopyPosition): Promise<void>;
  /**
   * While what waits takes more than `bytesMax`, or the disk is nearly full: gives up the oldest of it.
   *
   * @param giveUp - told before a file goes, with the readings in it that are not there; must be on disk when it resolves
   */
  bound(
    position: () => CopyPosition,
    bytesMax: number,
    giveUp: (readings: number, next: CopyPosition) => Promise<void>,
  ): Promise<void>;
  /** What waits: the last commit, and files put aside for an outage. */
  readonly waiting: { readonly lastCommit: number; readonly files: number; readonly bytes: number };
}

/** Rows of one piece of a sealed file. */
const PAST_ROWS = 100_000;
/** Disk left to the store itself: the copy gives way. */
const FREE_BYTES_MIN = 512 * 1024 * 1024;
const FOLDER = join('influxdb', 'spool');
/** `commits-<first>-<last>-<readings>.parquet`: readings in the order of their commits. */
const COMMITS = /^commits-(\d+)-(\d+)-(\d+)\.parquet$/;
/** `past-<n>-<readings>.parquet`: a sealed file as it was when the copy began. */
const PAST = /^past-(\d+)-(\d+)\.parquet$/;

interface SpoolFile {
  readonly name: string;
  readonly bytes: number;
  readonly readings: number;
}
interface CommitsFile extends SpoolFile {
  readonly first: number;
  readonly last: number;
}
interface PastFile extends SpoolFile {
  readonly n: number;
}

export interface SpoolParts {
  readonly database: Database;
  readonly tables: () => readonly HotTable[];
  readonly segments: () => readonly Segment[];
  readonly lastCommit: () => number;
  /** Commits up to this one are copied; read whenever a table is about to go. */
  readonly copiedUpTo: () => number;
}

/**
 * What waits to be copied: the hot tables themselves and, once these must go, a file of their rows in the order they came.
 * So neither sealing, merging nor retention waits for a receiver that is away, and nothing is sent twice for them.
 */
export class Spool implements CopyFeed {
  private readonly parts: SpoolParts;
  private readonly folder: string;
  /** Columns of the last piece, used again for the next one. */
  private readonly piece = new ReadingBuffer(1 << 14);
  private commits: readonly CommitsFile[] = [];
  private past: readonly PastFile[] = [];

  constructor(parts: SpoolParts) {
    this.parts = parts;
    this.folder = join(parts.database.dataDir, FOLDER);
  }

  /** Files of a killed process: what the tables still hold is not needed twice. */
  async load(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o750 });
    const oldest = this.parts.tables()[0]?.firstCommit ?? 0;
    const commits: CommitsFile[] = [];
    const past: PastFile[] = [];
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const [, ...numbers] = (COMMITS.exec(name) ?? PAST.exec(name) ?? []).map(Number);
      const [first = 0, last = 0, readings = 0] = numbers;
      const { size: bytes } = await stat(path);
      if (numbers.length === 3 && last < oldest) commits.push({ name, bytes, first, last, readings });
      else if (numbers.length === 2) past.push({ name, bytes, n: first, readings: last });
      else await rm(path, { force: true });
    }
    this.commits = commits.sort((a, b) => a.first - b.first);
    this.past = past.sort((a, b) => a.n - b.n);
  }

  get waiting() {
    const all = [...this.commits, ...this.past];
    return {
      lastCommit: this.parts.lastCommit(),
      files: all.length,
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  async begin(): Promise<CopyPosition> {
    for (const { name } of [...this.commits, ...this.past]) await this.remove(name);
    this.commits = [];
    this.past = [];
    const { database, segments, tables, lastCommit } = this.parts;
    const sealed = segments().filter(({ kind }) => kind === 'readings');
    for (const [n, { file, bytes, readings }] of sealed.entries()) {
      const name = `past-${n + 1}-${readings}.parquet`;
      // A second name for the same bytes: it costs no disk until the store replaces its own.
      await link(join(database.dataDir, file), join(this.folder, name));
      this.past = [...this.past, { name, bytes, n: n + 1, readings }];
    }
    const open = tables().find((table) => !table.sealed);
    return { commit: (open?.firstCommit ?? lastCommit() + 1) - 1 };
  }

  /** Before a table is dropped: puts aside what is not copied yet. */
  async keep({ name, firstCommit }: HotTable, lastCommit: number): Promise<void> {
    const after = Math.max(this.parts.copiedUpTo(), firstCommit - 1);
    if (after >= lastCommit) return;
    const where = `commit > ${int(after)} AND commit <= ${int(lastCommit)}`;
    const readings = await this.parts.database.background(async (worker) => {
      const rows = await worker.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${name} WHERE ${where}`);
      return rows.getRows()[0]?.[0] as number;
    });
    const file = `commits-${after + 1}-${lastCommit}-${readings}.parquet`;
    const { bytes } = await this.parts.database.background((worker) =>
      writeParquet(
        worker,
        `SELECT commit, point, ts, value, quality, reason FROM ${name} WHERE ${where} ORDER BY commit, rowid`,
        join(this.folder, file),
      ),
    );
    this.commits = [...this.commits, { name: file, bytes, readings, first: after + 1, last: lastCommit }];
  }

  async next(position: CopyPosition, commitsMax: number): Promise<CopyPiece | undefined> {
    return (await this.nextPast(position)) ?? this.nextCommits(position, commitsMax);
  }

  /** What was sealed before the copy began comes first: a corrected value must not be overwritten by the older one. */
  private async nextPast(position: CopyPosition): Promise<CopyPiece | undefined> {
    const { past, commit } = position;
    const [file] = this.past;
    if (file === undefined) return undefined;
    const from = past?.file === file.name ? past.rows : 0;
    const rows = Math.min(from + PAST_ROWS, file.readings);
    const readings = await this.read(
      `SELECT point, ts, value, quality, reason
         FROM read_parquet(${literal(join(this.folder, file.name))}, file_row_number = true, hive_partitioning = false)
         WHERE file_row_number >= ${int(from)} AND file_row_number < ${int(rows)} ORDER BY file_row_number`,
    );
    return { readings, position: { commit, past: { file: file.name, rows } } };
  }

  private async nextCommits({ commit }: CopyPosition, commitsMax: number): Promise<CopyPiece | undefined> {
    const lastCommit = this.parts.lastCommit();
    if (commit >= lastCommit) return undefined;
    const source = this.sources().find(({ last }) => last > commit);
    if (source === undefined) return { readings: new ReadingBuffer(1), position: { commit: lastCommit } };
    // What lies before the oldest source is there already, or was given up.
    const after = Math.max(commit, source.first - 1);
    const upTo = Math.min(after + commitsMax, source.last, lastCommit);
    const readings = await this.read(
      `SELECT point, ts, value, quality, reason FROM ${source.from}
         WHERE commit > ${int(after)} AND commit <= ${int(upTo)} ORDER BY commit, ${source.order}`,
    );
    return { readings, position: { commit: upTo } };
  }

  private sources() {
    const tables = this.parts.tables();
    return [
      ...this.commits.map(({ name, first, last }) => ({
        from: `read_parquet(${literal(join(this.folder, name))}, file_row_number = true, hive_partitioning = false)`,
        order: 'file_row_number',
        first,
        last,
      })),
      ...tables.map(({ name, firstCommit }, index) => ({
        from: name,
        order: 'rowid',
        first: firstCommit,
        last: (tables[index + 1]?.firstCommit ?? Number.POSITIVE_INFINITY) - 1,
      })),
    ];
  }

  private async read(sql: string): Promise<ReadingBuffer> {
    const { piece: readings } = this;
    readings.clear();
    await this.parts.database.read((connection) =>
      takeColumns(
        connection,
        sql,
        ['integer', 'bigint', 'double', 'utinyint', 'utinyint'],
        ([point, ts, value, quality, reason], rows) => {
          for (let row = 0; row < rows; row++)
            readings.push(
              point?.[row] as number,
              ts?.[row] as number,
              value?.[row] as number,
              quality?.[row] as QualityCode,
              reason?.[row] as number,
            );
        },
      ),
    );
    return readings;
  }

  async free({ commit, past }: CopyPosition): Promise<void> {
    const [first] = this.past;
    if (first !== undefined && past?.file === first.name && past.rows >= first.readings) {
      await this.remove(first.name);
      this.past = this.past.slice(1);
    }
    for (const { name, last } of this.commits) {
      if (last > commit) break;
      await this.remove(name);
      this.commits = this.commits.slice(1);
    }
  }

  async bound(
    position: () => CopyPosition,
    bytesMax: number,
    giveUp: (readings: number, next: CopyPosition) => Promise<void>,
  ): Promise<void> {
    while (this.waiting.files > 0 && (this.waiting.bytes > bytesMax || (await this.isDiskNearlyFull()))) {
      const at = position();
      const [past] = this.past;
      const [file] = this.commits;
      if (past !== undefined) {
        const there = at.past?.file === past.name ? at.past.rows : 0;
        await giveUp(past.readings - there, { commit: at.commit, past: { file: past.name, rows: past.readings } });
      } else if (file !== undefined) {
        const left = at.commit < file.first ? file.readings : await this.countAfter(file, at.commit);
        await giveUp(left, { commit: Math.max(at.commit, file.last) });
      }
      await this.free(position());
    }
  }

  private async countAfter({ name }: CommitsFile, commit: number): Promise<number> {
    const rows = await this.parts.database.read((connection) =>
      connection.runAndReadAll(
        `SELECT count(*)::DOUBLE FROM read_parquet(${literal(join(this.folder, name))}) WHERE commit > ${int(commit)}`,
      ),
    );
    return rows.getRows()[0]?.[0] as number;
  }

  private async isDiskNearlyFull(): Promise<boolean> {
    return (await this.parts.database.freeBytes()) < FREE_BYTES_MIN;
  }

  private async remove(name: string): Promise<void> {
    await rm(join(this.folder, name), { force: true });
  }
}
