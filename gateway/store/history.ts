import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Millis } from '../../contract/time.ts';
import { int } from './columns.ts';
import { correctedBy } from './corrections.ts';
import type { Database } from './database.ts';
import type { HotTable, Sealable } from './hot-tables.ts';
import { Quarantine, type Quarantined, type WriteStep } from './quarantine.ts';
import type { RecentView } from './recent.ts';
import { type Sources, segmentReadings, segmentsOf } from './relation.ts';
import { planRetention, type RetentionPolicy } from './retention.ts';
import { type Lend, mergeQuarters, mergeReadings, sumDay, writeDays } from './seal.ts';
import {
  byPointFile,
  byShard,
  DAY_LEVEL,
  DAY_MS,
  deleteSegments,
  filesOf,
  insertSegments,
  LATE,
  readManifest,
  removeStrays,
  type Segment,
} from './segments.ts';
import type { Range } from './store.ts';
import { isWorthByPoint, writeByPoint } from './sums-by-point.ts';
import { tidyDue } from './tidy-plan.ts';

/** Keys of `meta`: how far a part of the points was thinned out. */
const THINNED = 'thinned before:';
/** Key of `meta`: days before this one went whole. */
const DROPPED = 'dropped before';

/** Files looked at before a start is over, and in one piece of work afterwards: a year of days may be 15,000. */
export const FILES_CHECKED = 256;
const FILES_AT_ONCE = 8;

/** More than a table has rows: with the few that are sealed together a place stays below 2^36. */
const PLACES_A_TABLE = 2 ** 32;

/** The sealed part of the store: Parquet files and the manifest that says which of them count. */
export class History {
  private readonly database: Database;
  private readonly write: WriteStep;
  private readonly between: () => Promise<void>;
  private segmentList: readonly Segment[] = [];
  /** Oldest first. */
  private unchecked: Segment[] = [];
  private nextId = 1;
  private readonly damaged: Quarantine;
  /** What retention has taken away: days before this one of all points, and of those kept for less. */
  private droppedBefore = 0;
  private thinnedBefore: ReadonlyMap<string, number> = new Map();
  /** Quarters of open days in which a moment stands in two files. */
  private corrected: ReadonlySet<Millis> = new Set();
  /** Since when each file is known, for those that wait for company. */
  private readonly knownSince = new Map<number, Millis>();

  /** @param between - what must not wait for a long merge, done between its pieces; when it throws, the merge is given up */
  constructor(database: Database, write: WriteStep, between: () => Promise<void>) {
    this.database = database;
    this.write = write;
    this.between = between;
    this.damaged = new Quarantine(database, write);
  }

  get segments(): readonly Segment[] {
    return this.segmentList;
  }

  /** Files that had to be moved aside. */
  get quarantined(): readonly Quarantined[] {
    return this.damaged.list;
  }

  /** Reads the manifest, removes what a crash left behind and moves damaged files aside, of the newest ones at once. */
  async load(): Promise<void> {
    const { writer, dataDir } = this.database;
    this.segmentList = await readManifest(writer);
    await this.loadForgotten(writer);
    const corrected = await writer.runAndReadAll('SELECT ts::DOUBLE FROM corrected_quarters');
    this.corrected = new Set(corrected.getRows().map(([ts]) => ts as Millis));
    const all = (await writer.runAndReadAll('SELECT coalesce(max(id), 0)::INTEGER FROM segments')).getRows();
    this.nextId = (all[0]?.[0] as number) + 1;
    await removeStrays(dataDir, await everyFile(writer, this.segmentList));
    await this.damaged.load(writer);
    this.unchecked = [...this.segmentList];
    await this.checkFiles();
  }

  /**
   * Looks at files that no look was taken at since the start, the newest first, and moves damaged ones aside.
   *
   * @returns whether there were some
   */
  async checkFiles(): Promise<boolean> {
    const some = this.unchecked.splice(-FILES_CHECKED);
    for (let from = 0; from < some.length; from += FILES_AT_ONCE)
      await Promise.all(
        some.slice(from, from + FILES_AT_ONCE).map(async (segment) => {
          const problem = await this.damaged.faultOf(segment);
          // One that was merged away meanwhile is not missed.
          if (problem !== undefined && this.segmentList.some(({ id }) => id === segment.id))
            await this.quarantine(segment, problem);
        }),
      );
    return some.length > 0;
  }

  /** Seals tables that nobody writes any more: files first, then one transaction with the manifest. */
  async seal({ tables, lastCommit, isOnce }: Sealable, onSealed: () => void): Promise<void> {
    const firstCommit = Math.min(...tables.map((table) => table.firstCommit));
    const relation = tables
      .map(
        ({ name }, index) =>
          `SELECT point, ts, value, quality, reason, commit, rowid + ${index * PLACES_A_TABLE} AS place FROM ${name}`,
      )
      .join(' UNION ALL ');
    const origin = { ...this.origin(0), firstCommit, lastCommit };
    const written = await this.database.background((worker) => writeDays(worker, { relation, isOnce }, origin));
    const corrected = await this.correctedBy(written);
    await this.write(async (connection) => {
      await transaction(connection, async () => {
        await insertSegments(connection, written);
        await this.keepCorrected(connection, corrected);
        await connection.run(
          `UPDATE hot_tables SET sealed = 1 WHERE n IN (${tables.map(({ n }) => int(n)).join(', ')})`,
        );
      });
      this.segmentList = [...this.segmentList, ...written];
      this.corrected = new Set([...this.corrected, ...corrected]);
      onSealed();
    });
  }

  /** Drops a sealed table. */
  async drop({ name, n }: HotTable, onDropped: () => void): Promise<void> {
    await this.write(async (connection) => {
      await transaction(connection, async () => {
        await connection.run(`DROP TABLE ${name}`);
        await connection.run(`DELETE FROM hot_tables WHERE n = ${n}`);
      });
      onDropped();
    });
  }

  /**
   * One piece of tidying: scattered late readings to their days, many small files of a day into one, a closed day into
   * one file per shard, and its sums made anew from these.
   *
   * @returns whether there was something to do; call again until there is not
   */
  async tidy(now: Millis): Promise<boolean> {
    const late = this.segmentList.find(({ day, kind }) => day === LATE && kind === 'readings');
    if (late !== undefined) {
      await this.settleLate(late);
      return true;
    }
    for (const { id } of this.segmentList) if (!this.knownSince.has(id)) this.knownSince.set(id, now);
    const waitedMs = ({ id }: Segment) => now - (this.knownSince.get(id) ?? now);
    const due = tidyDue(this.segmentList, { now, waitedMs, unsummed: this.damaged.unsummed });
    switch (due?.what) {
      case undefined:
        return this.addByPoint();
      case 'merge-readings':
        await this.exchange(due.segments, (lend) => mergeReadings(lend, due.segments, this.origin(due.level)));
        return true;
      case 'merge-quarters':
        await this.exchange(due.segments, (lend) => mergeQuarters(lend, due.segments, this.origin(due.level)));
        return true;
      case 'sum-day':
        await this.exchange(due.old, (lend) => sumDay(lend, due.readings, due.kept, this.origin(due.level)));
        await this.damaged.summed(due.day);
        if (due.level === DAY_LEVEL) await this.closed(due.day);
        return true;
    }
  }

  /** One piece of forgetting: days too old go whole, others are rewritten without points that are kept for less. */
  async forget(policy: RetentionPolicy, now: Millis): Promise<boolean> {
    const { dropBefore, thin } = planRetention(this.segmentList, policy, now, this.thinnedBefore);
    if (dropBefore !== undefined) {
      if (dropBefore > this.droppedBefore) {
        await this.write((connection) =>
          connection.run(`INSERT OR REPLACE INTO meta VALUES ('${DROPPED}', '${int(dropBefore)}')`),
        );
        this.droppedBefore = dropBefore;
      }
      await this.replace(
        this.segmentList.filter(({ day }) => day !== LATE && day < dropBefore),
        [],
      );
      return true;
    }
    const [next] = thin;
    if (next === undefined) return false;
    if (next.points.length > 0) await this.thin(next.day, next.points);
    await this.write((connection) =>
      connection.run(`INSERT OR REPLACE INTO meta VALUES ($1, '${next.day + 1}')`, [`${THINNED}${next.name}`]),
    );
    this.thinnedBefore = new Map(this.thinnedBefore).set(next.name, next.day + 1);
    return true;
  }

  /** A day anew, without some points. */
  private async thin(thinnedDay: number, points: readonly number[]): Promise<void> {
    const where = `point NOT IN (${points.map(int).join(', ')})`;
    const whole = this.segmentList.filter(({ day }) => day === thinnedDay);
    const raw = whole.filter(({ kind }) => kind === 'readings');
    await this.exchange(whole, async (lend) => {
      const origin = this.origin(DAY_LEVEL);
      const written: Segment[] = [];
      for (const shard of byShard(raw)) written.push(...(await mergeReadings(lend, shard, { ...origin, where })));
      return [...written, ...(await sumDay(lend, written, [], origin))];
    });
  }

  /** Before when readings are gone, of all points and by the names of those that are kept for less. */
  get forgotten(): { readonly before: Millis; readonly byName: ReadonlyMap<string, Millis> } {
    const byName = new Map([...this.thinnedBefore].map(([name, day]) => [name, day * DAY_MS]));
    return { before: this.droppedBefore * DAY_MS, byName };
  }

  private async loadForgotten(connection: DuckDBConnection): Promise<void> {
    const rows = await connection.runAndReadAll(
      `SELECT key, value FROM meta WHERE starts_with(key, '${THINNED}') OR key = '${DROPPED}'`,
    );
    const days = new Map(rows.getRows().map(([key, day]) => [key as string, Number(day)]));
    this.droppedBefore = days.get(DROPPED) ?? 0;
    days.delete(DROPPED);
    this.thinnedBefore = new Map([...days].map(([key, day]) => [key.slice(THINNED.length), day]));
  }

  /** Takes a damaged file out of service; the rest is served on. */
  quarantine(segment: Segment, problem: string): Promise<void> {
    return this.damaged.take(segment, problem, () => {
      this.segmentList = this.segmentList.filter(({ id }) => id !== segment.id);
    });
  }

  /** A copy of sums that can't be used is made anew; until then the file itself is asked. */
  async dropByPoint(segment: Segment): Promise<void> {
    await this.setByPoint(segment, 0);
    await rm(join(this.database.dataDir, byPointFile(segment)), { force: true });
  }

  /** One file of sums that has no copy by point yet: its copy was damaged, or an older program wrote it. */
  private async addByPoint(): Promise<boolean> {
    const bare = this.segmentList.find((each) => each.byPointBytes === 0 && isWorthByPoint(each));
    if (bare === undefined) return false;
    const bytes = await this.database.background((worker) => writeByPoint(worker, this.database.dataDir, bare));
    await this.setByPoint(bare, bytes);
    return true;
  }

  private async setByPoint({ id }: Segment, byPointBytes: number): Promise<void> {
    await this.write((connection) =>
      connection.run(`UPDATE segments SET by_point_bytes = ${int(byPointBytes)} WHERE id = ${int(id)}`),
    );
    this.segmentList = this.segmentList.map((each) => (each.id === id ? { ...each, byPointBytes } : each));
  }

  /** Reads every page of the files a failed query touched, and moves aside those that can't be read. */
  async findDamaged(sources: readonly Segment[]): Promise<readonly Segment[]> {
    const damaged: Segment[] = [];
    for (const segment of sources) {
      const problem = await this.damaged.faultInside(segment);
      if (problem === undefined) continue;
      damaged.push(segment);
      await this.quarantine(segment, problem);
    }
    return damaged;
  }

  /** Until when a range needs no more than this many files of readings. */
  endOfFiles(point: number, range: Range, filesMax: number): Millis {
    const begins = segmentsOf({ segments: this.segmentList }, 'readings', range, [point]).map(({ minTs }) => minTs);
    if (begins.length <= filesMax) return range.to;
    const next = begins.sort((a, b) => a - b)[filesMax] as Millis;
    // Files that begin at one moment can't be told apart by time.
    return next > range.from ? next : range.to;
  }

  sources(hotTables: readonly HotTable[], recent: RecentView): Sources {
    return {
      dataDir: this.database.dataDir,
      hotTables: hotTables.map(({ name }) => name),
      recent,
      segments: this.segmentList,
      unsummed: this.damaged.unsummed,
      corrected: this.corrected,
    };
  }

  private async settleLate(late: Segment): Promise<void> {
    const { firstCommit, lastCommit } = late;
    const origin = { ...this.origin(0), firstCommit, lastCommit };
    const sums = this.segmentList.filter(
      (each) => each.day === LATE && each.kind === 'quarters' && each.lastCommit === lastCommit,
    );
    const { dataDir } = this.database;
    await this.exchange([late, ...sums], async (lend) => {
      const written = await lend((worker) =>
        writeDays(worker, { relation: segmentReadings(dataDir, late), isOnce: false }, origin),
      );
      const corrected = await this.correctedBy(written);
      // Known a moment before its files are: then these quarters are read for nothing, which is right as well.
      await this.write((connection) => this.keepCorrected(connection, corrected));
      this.corrected = new Set([...this.corrected, ...corrected]);
      return written;
    });
  }

  /** Of files that are written and not known yet. */
  private correctedBy(written: readonly Segment[]): Promise<readonly Millis[]> {
    return this.database.background((worker) => correctedBy(worker, this.database.dataDir, written, this.segmentList));
  }

  private async keepCorrected(connection: DuckDBConnection, corrected: readonly Millis[]): Promise<void> {
    const added = corrected.filter((ts) => !this.corrected.has(ts)).map((ts) => `(${int(ts)})`);
    if (added.length > 0) await connection.run(`INSERT INTO corrected_quarters VALUES ${added.join(', ')}`);
  }

  /** The sums of a closed day are of its merged readings, in which each moment stands once. */
  private async closed(day: number): Promise<void> {
    // One that was sealed meanwhile is in no sum of the day yet.
    if (this.segmentList.some((each) => each.day === day && each.kind === 'readings' && each.level < DAY_LEVEL)) return;
    const [from, to] = [day * DAY_MS, (day + 1) * DAY_MS];
    const rest = [...this.corrected].filter((ts) => ts < from || ts >= to);
    if (rest.length === this.corrected.size) return;
    await this.write((connection) =>
      connection.run(`DELETE FROM corrected_quarters WHERE ts >= ${int(from)} AND ts < ${int(to)}`),
    );
    this.corrected = new Set(rest);
  }

  private async exchange(old: readonly Segment[], write: (lend: Lend) => Promise<Segment[]>): Promise<void> {
    const written = await write(async (work) => {
      await this.between();
      return this.database.background(work);
    });
    await this.replace(old, written);
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
    for (const { id } of old) this.knownSince.delete(id);
    for (const file of old.flatMap(filesOf)) await rm(join(this.database.dataDir, file), { force: true });
  }

  private origin(level: number) {
    return { dataDir: this.database.dataDir, nextId: () => this.nextId++, level };
  }
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
  return [...live, ...rows.map(([file]) => ({ file, byPointBytes: 0 }) as unknown as Segment)];
}
