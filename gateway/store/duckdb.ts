import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Alarm } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import { int } from './columns.ts';
import { isCommitted, writeCommit } from './commit.ts';
import { Database, isDiskFull, isFatal } from './database.ts';
import {
  alarmPage,
  auditPage,
  deadLetterPage,
  dueNotifications,
  journalPage,
  notificationPage,
  recordById,
} from './pages.ts';
import { recover, replay } from './recovery.ts';
import { bucketsOf, existingOf, latestOf, readingsOf, seriesOf, storedReadings } from './series.ts';
import {
  type AlarmFilter,
  type Commit,
  type DeadLetter,
  type Range,
  type SeriesQuery,
  type Store,
  type StoredReading,
  StoreError,
} from './store.ts';

export interface DuckDbStoreOptions {
  /** Data folder; created when missing. One gateway per folder. */
  readonly dataDir: string;
  /** Makes ids of data folders. */
  readonly newId: () => string;
  /** Threads of the database; on two cores one was better than two. */
  readonly threads?: number;
  /** The database's own memory; the process takes about half more. */
  readonly memoryLimitMb?: number;
}

/** Pairs of one look-up statement. */
const EXISTING_PAIRS_MAX = 2000;

/** The gateway's memory in one embedded DuckDB file below the data folder. */
export class DuckDbStore implements Store {
  private readonly database: Database;
  private storeId: string;
  private hotTables: string[];
  private lastCommit: number;
  /** Commits, snapshots and checkpoints one after another. */
  private writing: Promise<unknown> = Promise.resolve();
  private maintenanceError: unknown;

  private constructor(database: Database, start: { id: string; hotTables: string[]; lastCommit: number }) {
    this.database = database;
    this.storeId = start.id;
    this.hotTables = start.hotTables;
    this.lastCommit = start.lastCommit;
  }

  /** @throws StoreError `store-broken` when another gateway has the folder or the file can't be used */
  static async open(options: DuckDbStoreOptions): Promise<DuckDbStore> {
    const database = await Database.open({
      dataDir: options.dataDir,
      threads: options.threads ?? 1,
      memoryLimitMb: options.memoryLimitMb ?? 500,
    });
    try {
      const { writer } = database;
      const id = await folderId(writer, database.file, options.newId);
      const tables = (await writer.runAndReadAll(`SELECT n FROM hot_tables ORDER BY n`)).getRows();
      const last = (await writer.runAndReadAll(`SELECT coalesce(max(number), 0)::DOUBLE FROM commits`)).getRows();
      return new DuckDbStore(database, {
        id,
        hotTables: tables.map(([n]) => `hot_${n}`),
        lastCommit: last[0]?.[0] as number,
      });
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  get id(): string {
    return this.storeId;
  }

  /** Why the last checkpoint was not made, undefined when it was; for health. */
  get checkpointProblem(): unknown {
    return this.maintenanceError;
  }

  /** After a restore: the folder is another one now, so that edges send again what it lacks. */
  async adoptNewId(id: string): Promise<void> {
    await this.write(async (connection) => {
      await connection.run(`INSERT OR REPLACE INTO meta VALUES ('id', $1)`, [id]);
    });
    this.storeId = id;
  }

  recover() {
    return recover(this.database.writer);
  }

  async *replay(after: number): ReturnType<Store['replay']> {
    // Before the first commit nobody else needs the writer, and a replay may take longer than a read may.
    yield* replay(this.database.writer, this.hotTables, after);
  }

  commit(commit: Commit): Promise<void> {
    return this.write(async (connection) => {
      if (commit.number <= this.lastCommit) {
        if (await isCommitted(connection, commit.number)) return;
        throw new StoreError('store-broken', `commit ${commit.number} comes after ${this.lastCommit}`, {
          retryable: false,
        });
      }
      if (await this.wasWritten(connection, commit.number)) return;
      await writeCommit(connection, this.hotTables.at(-1) as string, commit);
      this.lastCommit = commit.number;
    }, true);
  }

  saveSnapshot(commit: number, state: string): Promise<void> {
    return this.write(async (connection) => {
      await connection.run('BEGIN');
      try {
        await connection.run('DELETE FROM snapshots');
        await connection.run(`INSERT INTO snapshots VALUES (${int(commit)}, $1)`, [state]);
        // The last one stays: its number is where the next start goes on.
        await connection.run(
          `DELETE FROM commits WHERE number <= ${int(commit)} AND number < (SELECT max(number) FROM commits)`,
        );
        await connection.run('COMMIT');
      } catch (error) {
        await connection.run('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  readings(point: number, range: Range, limit: number) {
    return this.database.read((connection) => readingsOf(connection, this.relation(), point, range, limit));
  }

  buckets(point: number, range: Range, count: number, maxSilenceMs: number) {
    return this.database.read((connection) =>
      bucketsOf(connection, this.relation(), point, range, count, maxSilenceMs),
    );
  }

  query(query: SeriesQuery) {
    return this.database.read((connection) => seriesOf(connection, this.relation(), query));
  }

  async latest(points: readonly number[]): Promise<readonly (StoredReading | undefined)[]> {
    const found = await this.database.read((connection) => latestOf(connection, this.relation(), points));
    return points.map((point) => found.get(point));
  }

  async existing(
    pairs: readonly { readonly point: number; readonly ts: Millis }[],
  ): Promise<readonly (StoredReading | undefined)[]> {
    const answers: (StoredReading | undefined)[] = [];
    for (let from = 0; from < pairs.length; from += EXISTING_PAIRS_MAX) {
      const slice = pairs.slice(from, from + EXISTING_PAIRS_MAX);
      const found = await this.database.read((connection) => existingOf(connection, this.relation(), slice));
      for (const { point, ts } of slice) answers.push(found.get(`${point}@${ts}`));
    }
    return answers;
  }

  async hasIdempotencyKey(key: string): Promise<boolean> {
    const rows = await this.database.read((connection) =>
      connection.runAndReadAll('SELECT 1 FROM idempotency_keys WHERE key = $1', [key]),
    );
    return rows.currentRowCount > 0;
  }

  alarms(filter: AlarmFilter) {
    return this.database.read((connection) => alarmPage(connection, filter));
  }

  alarm(id: string): Promise<Alarm | undefined> {
    return this.database.read((connection) => recordById<Alarm>(connection, 'alarms', id));
  }

  journal(filter: Parameters<Store['journal']>[0]) {
    return this.database.read((connection) => journalPage(connection, filter));
  }

  dueNotifications(now: Millis, limit: number) {
    return this.database.read((connection) => dueNotifications(connection, now, limit));
  }

  notifications(filter: Parameters<Store['notifications']>[0]) {
    return this.database.read((connection) => notificationPage(connection, filter));
  }

  deadLetters(filter: Parameters<Store['deadLetters']>[0]) {
    return this.database.read((connection) => deadLetterPage(connection, filter));
  }

  deadLetter(id: string): Promise<DeadLetter | undefined> {
    return this.database.read((connection) => recordById<DeadLetter>(connection, 'dead_letters', id));
  }

  audit(filter: Parameters<Store['audit']>[0]) {
    return this.database.read((connection) => auditPage(connection, filter));
  }

  async close(): Promise<void> {
    await this.writing.catch(() => {});
    await this.database.checkpoint().catch(() => {});
    await this.database.close();
  }

  private relation(): string {
    return storedReadings(this.hotTables);
  }

  /** A commit whose answer got lost in a fatal error is there already. */
  private async wasWritten(connection: DuckDBConnection, number: number): Promise<boolean> {
    if (!this.doubtful) return false;
    const written = await isCommitted(connection, number);
    this.doubtful = false;
    if (written) this.lastCommit = number;
    return written;
  }

  private doubtful = false;

  /** One write at a time; what DuckDB throws becomes a StoreError, after a fatal one everything is opened anew. */
  private write<T>(work: (connection: DuckDBConnection) => Promise<T>, maintain = false): Promise<T> {
    const run = async (): Promise<T> => {
      try {
        return await work(this.database.writer);
      } catch (error) {
        this.doubtful = true;
        throw await this.explain(error);
      }
    };
    const result = this.writing.then(run, run);
    // Acknowledged first, maintained afterwards: the next write waits for it, the caller doesn't.
    this.writing = maintain ? result.then(() => this.maintain()).catch(() => {}) : result.catch(() => {});
    return result;
  }

  private async maintain(): Promise<void> {
    try {
      const outcome = await this.database.checkpointIfDue();
      this.maintenanceError = outcome === 'no-space' ? new Error('no room for a checkpoint') : undefined;
    } catch (error) {
      this.maintenanceError = error;
      if (isFatal(error)) await this.database.reopen();
    }
  }

  private async explain(error: unknown): Promise<StoreError> {
    if (error instanceof StoreError) return error;
    if (isFatal(error)) {
      try {
        await this.database.reopen();
      } catch (cause) {
        return new StoreError('store-broken', `the store can't be reopened: ${(cause as Error).message}`, {
          retryable: true,
          cause,
        });
      }
    }
    const message = (error as Error).message;
    if (isDiskFull(error))
      return new StoreError('store-full', `no room on the disk: ${message}`, { retryable: true, cause: error });
    return new StoreError('store-broken', `the store refused a write: ${message}`, { retryable: true, cause: error });
  }
}

/**
 * The id of this data folder. It is kept with the identity of the file it stands in: in a copy (a restored backup)
 * the file is another one, so the copy gets an id of its own.
 */
async function folderId(connection: DuckDBConnection, file: string, newId: () => string): Promise<string> {
  const { ino, birthtimeMs } = await stat(file);
  const identity = `${ino}:${Math.round(birthtimeMs)}`;
  const rows = (await connection.runAndReadAll(`SELECT key, value FROM meta WHERE key IN ('id', 'file')`)).getRows();
  const meta = new Map(rows as [string, string][]);
  const known = meta.get('id');
  if (known !== undefined && meta.get('file') === identity) return known;
  const id = newId();
  await connection.run(`INSERT OR REPLACE INTO meta VALUES ('id', $1), ('file', $2)`, [id, identity]);
  return id;
}
