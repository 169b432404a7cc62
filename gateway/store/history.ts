import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Millis } from '../../contract/time.ts';
import { int } from './columns.ts';
import type { Database } from './database.ts';
import type { HotTable } from './hot-tables.ts';
import { type Sources, segmentReadings } from './relation.ts';
import { planRetention, type RetentionPolicy } from './retention.ts';
import { mergeDay, writeDays } from './seal.ts';
import {
  DAY_LEVEL,
  DAY_MS,
  deleteSegments,
  fileProblem,
  insertSegments,
  LATE,
  quote,
  readManifest,
  removeStrays,
  type Segment,
} from './segments.ts';

/** Segments of one day and level before they become one of the next level. */
export const MERGE_SEGMENTS = 12;
/** A day is closed, and becomes one file, this long after its end: what is reported daily has come by then. */
export const DAY_CLOSED_MS = 2 * 3_600_000;

/** Keys of `meta`: how far a part of the points was thinned out. */
const THINNED = 'thinned before:';

/** A file that can't be served; moved aside, its name kept. */
export interface Quarantined {
  readonly file: string;
  readonly problem: string;
  readonly minTs: Millis;
  readonly maxTs: Millis;
}

/** Runs a step on the writing connection, between commits. */
export type WriteStep = <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;

/** The sealed part of the store: Parquet files and the manifest that says which of them count. */
export class History {
  private readonly database: Database;
  private readonly write: WriteStep;
  private segmentList: readonly Segment[] = [];
  private nextId = 1;
  private quarantinedList: Quarantined[] = [];

  constructor(database: Database, write: WriteStep) {
    this.database = database;
    this.write = write;
  }

  get segments(): readonly Segment[] {
    return this.segmentList;
  }

  /** Files that had to be moved aside. */
  get quarantined(): readonly Quarantined[] {
    return this.quarantinedList;
  }

  /** Reads the manifest, removes what a crash left behind and moves damaged files aside. */
  async load(): Promise<void> {
    const { writer, dataDir } = this.database;
    this.segmentList = await readManifest(writer);
    const all = (await writer.runAndReadAll('SELECT coalesce(max(id), 0)::INTEGER FROM segments')).getRows();
    this.nextId = (all[0]?.[0] as number) + 1;
    await removeStrays(dataDir, await everyFile(writer, this.segmentList));
    const old = await writer.runAndReadAll(
      `SELECT file, state AS problem, min_ts::DOUBLE AS "minTs", max_ts::DOUBLE AS "maxTs" FROM segments WHERE state <> 'live'`,
    );
    this.quarantinedList = old.getRowObjects() as unknown as Quarantined[];
    for (const segment of this.segmentList) {
      const problem = await fileProblem(join(dataDir, segment.file), segment.bytes);
      if (problem !== undefined) await this.quarantine(segment, problem);
    }
  }

  /** Seals a table that nobody writes any more: files first, then one transaction with manifest and DROP. */
  async seal(table: HotTable, lastCommit: number, onDropped: () => void): Promise<readonly Segment[]> {
    const { name, n, firstCommit } = table;
    const relation = `SELECT point, ts, value, quality, reason, commit, rowid AS place FROM ${name}`;
    const origin = { ...this.origin(), level: 0, firstCommit, lastCommit };
    const written = await this.database.background((worker) => writeDays(worker, relation, origin));
    await this.write(async (connection) => {
      await transaction(connection, async () => {
        await insertSegments(connection, written);
        await connection.run(`DROP TABLE ${name}`);
        await connection.run(`DELETE FROM hot_tables WHERE n = ${n}`);
      });
      this.segmentList = [...this.segmentList, ...written];
      onDropped();
    });
    return written;
  }

  /**
   * One piece of tidying: scattered late readings to their days, many small files of a day into one, a closed day into one file.
   *
   * @returns whether there was something to do; call again until there is not
   */
  async tidy(now: Millis): Promise<boolean> {
    const late = this.segmentList.find(({ day, kind }) => day === LATE && kind === 'readings');
    if (late !== undefined) {
      await this.settleLate(late);
      return true;
    }
    const due = mergeDue(this.segmentList, now);
    if (due === undefined) return false;
    await this.merge(due.segments, due.level);
    return true;
  }

  /** One piece of forgetting: days too old go whole, others are rewritten without points that are kept for less. */
  async forget(policy: RetentionPolicy, now: Millis): Promise<boolean> {
    const { dropBefore, thin } = planRetention(this.segmentList, policy, now, await this.thinnedBefore());
    if (dropBefore !== undefined) {
      await this.replace(
        this.segmentList.filter(({ day }) => day !== LATE && day < dropBefore),
        [],
      );
      return true;
    }
    const [next] = thin;
    if (next === undefined) return false;
    const segments = this.segmentList.filter(({ day, kind }) => day === next.day && kind === 'readings');
    if (next.points.length > 0)
      await this.merge(segments, DAY_LEVEL, `point NOT IN (${next.points.map(int).join(', ')})`);
    await this.write((connection) =>
      connection.run(`INSERT OR REPLACE INTO meta VALUES ($1, '${next.day + 1}')`, [`${THINNED}${next.name}`]),
    );
    return true;
  }

  private async thinnedBefore(): Promise<Map<string, number>> {
    const rows = await this.database.read((connection) =>
      connection.runAndReadAll(`SELECT key, value FROM meta WHERE starts_with(key, '${THINNED}')`),
    );
    return new Map(rows.getRows().map(([key, day]) => [(key as string).slice(THINNED.length), Number(day)]));
  }

  /** Takes a damaged file out of service; the rest is served on. */
  async quarantine(segment: Segment, problem: string): Promise<void> {
    const { dataDir } = this.database;
    await this.write((connection) =>
      connection.run(`UPDATE segments SET state = $1 WHERE id = ${segment.id}`, [problem.slice(0, 200) || 'damaged']),
    );
    this.segmentList = this.segmentList.filter(({ id }) => id !== segment.id);
    const { file, minTs, maxTs } = segment;
    this.quarantinedList = [...this.quarantinedList, { file, problem, minTs, maxTs }];
    await mkdir(join(dataDir, 'quarantine'), { recursive: true, mode: 0o750 });
    await rename(join(dataDir, file), join(dataDir, 'quarantine', basename(file))).catch(() => {});
  }

  /** Reads every page of the files a failed query touched, and moves aside those that can't be read. */
  async findDamaged(sources: readonly Segment[]): Promise<readonly Segment[]> {
    const damaged: Segment[] = [];
    for (const segment of sources) {
      const path = join(this.database.dataDir, segment.file);
      let problem = await fileProblem(path, segment.bytes);
      if (problem === undefined) {
        try {
          await this.database.background((worker) =>
            worker.run(`SELECT bit_xor(hash(page)) FROM read_parquet('${quote(path)}') AS page`),
          );
        } catch (error) {
          problem = (error as Error).message;
        }
      }
      if (problem === undefined) continue;
      damaged.push(segment);
      await this.quarantine(segment, problem);
    }
    return damaged;
  }

  sources(hotTables: readonly HotTable[]): Sources {
    return {
      dataDir: this.database.dataDir,
      hotTables: hotTables.map(({ name }) => name),
      segments: this.segmentList,
    };
  }

  private async settleLate(late: Segment): Promise<void> {
    const { firstCommit, lastCommit } = late;
    const origin = { ...this.origin(), level: 0, firstCommit, lastCommit };
    const written = await this.database.background((worker) =>
      writeDays(worker, segmentReadings(this.database.dataDir, late), origin),
    );
    await this.replace([late, ...this.quartersOf([late])], written);
  }

  private async merge(segments: readonly Segment[], level: number, where?: string): Promise<void> {
    const origin = { ...this.origin(), level, ...(where === undefined ? {} : { where }) };
    const written = await this.database.background((worker) => mergeDay(worker, segments, origin));
    await this.replace([...segments, ...this.quartersOf(segments)], written);
  }

  /** Rollups that were made of these raw segments: same day, same commits. */
  private quartersOf(segments: readonly Segment[]): Segment[] {
    return this.segmentList.filter(
      (quarters) =>
        quarters.kind === 'quarters' &&
        segments.some(
          (raw) =>
            raw.day === quarters.day &&
            raw.firstCommit === quarters.firstCommit &&
            raw.lastCommit === quarters.lastCommit &&
            raw.level === quarters.level,
        ),
    );
  }

  /** New files are durable; now the manifest changes in one transaction, and the old files go once nobody reads them. */
  private async replace(old: readonly Segment[], written: readonly Segment[]): Promise<void> {
    await this.write(async (connection) => {
      await transaction(connection, async () => {
        await deleteSegments(connection, old);
        await insertSegments(connection, written);
      });
      const gone = new Set(old.map(({ id }) => id));
      this.segmentList = [...this.segmentList.filter(({ id }) => !gone.has(id)), ...written].sort(
        (a, b) => a.lastCommit - b.lastCommit || a.id - b.id,
      );
    });
    await this.database.readsOver();
    for (const { file } of old) await rm(join(this.database.dataDir, file), { force: true });
  }

  private origin() {
    return { dataDir: this.database.dataDir, nextId: () => this.nextId++ };
  }
}

/** The next merge: of a day long closed everything into one file; of a day in progress the oldest run of one level. */
export function mergeDue(
  segments: readonly Segment[],
  now: Millis,
): { readonly segments: readonly Segment[]; readonly level: number } | undefined {
  const byDay = new Map<number, Segment[]>();
  for (const segment of segments) {
    if (segment.kind !== 'readings' || segment.day === LATE) continue;
    const day = byDay.get(segment.day);
    if (day === undefined) byDay.set(segment.day, [segment]);
    else day.push(segment);
  }
  for (const [day, list] of byDay) {
    if ((day + 1) * DAY_MS + DAY_CLOSED_MS <= now) {
      if (list.length > 1 || (list[0] as Segment).level < DAY_LEVEL) return { segments: list, level: DAY_LEVEL };
      continue;
    }
    for (let level = 0; level < DAY_LEVEL - 1; level++) {
      const run = list.filter((segment) => segment.level === level);
      // Whatever has the same level came one after another, so a merged run has no other's commits inside.
      if (run.length >= MERGE_SEGMENTS) return { segments: run, level: level + 1 };
    }
  }
  return undefined;
}

async function transaction(connection: DuckDBConnection, work: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN');
  try {
    await work();
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Files of live and of quarantined segments: none of them is a stray. */
async function everyFile(connection: DuckDBConnection, live: readonly Segment[]): Promise<Segment[]> {
  const rows = (await connection.runAndReadAll(`SELECT file FROM segments WHERE state <> 'live'`)).getRows();
  return [...live, ...rows.map(([file]) => ({ file }) as unknown as Segment)];
}
