import { resolve, sep } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Alarm } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import type { PointInfo } from '../domain/plant.ts';
import { annunciationsOf } from './annunciations.ts';
import { BALLAST_BYTES, Ballast } from './ballast.ts';
import { int } from './columns.ts';
import { isCommitted, writeCommit } from './commit.ts';
import { Database } from './database.ts';
import { backupTo, exportParquet } from './export.ts';
import { folderId } from './folder-id.ts';
import { History } from './history.ts';
import { HotTables } from './hot-tables.ts';
import {
  alarmPage,
  auditPage,
  deadLetterPage,
  dueNotifications,
  floodPage,
  journalPage,
  notificationPage,
  recordById,
} from './pages.ts';
import { NO_RECORDS, PlantImage, type PlantRecords } from './plant-image.ts';
import { recover, replay } from './recovery.ts';
import type { RetentionPolicy } from './retention.ts';
import { bytesOf } from './segments.ts';
import { saveSnapshot } from './snapshot.ts';
import { type CopyFeed, Spool } from './spool.ts';
import {
  type AlarmFilter,
  type Commit,
  type DeadLetter,
  type Range,
  type SeriesQuery,
  type Store,
  StoreError,
} from './store.ts';
import { StoredReads } from './stored-reads.ts';
import { Upkeep } from './upkeep.ts';
import { WriteLane } from './write-lane.ts';

export interface DuckDbStoreOptions {
  /** Data folder; created when missing. One gateway per folder. */
  readonly dataDir: string;
  /** Makes ids of data folders. */
  readonly newId: () => string;
  /** Threads of the database; on two cores one was better than two. */
  readonly threads?: number;
  /** The database's own memory; the process takes about half more. */
  readonly memoryLimitMb?: number;
  /** Rows of a hot table before it is sealed, instead of the usual {@link SEAL_READINGS}. */
  readonly sealReadings?: number;
  readonly now?: () => Millis;
  /** Room kept back for the day the disk is full, instead of {@link BALLAST_BYTES}; 0 = none. */
  readonly ballastBytes?: number;
  /** How long sealed readings are kept; asked at each tidying. */
  readonly retention?: () => RetentionPolicy;
  /** A copy of all readings is made elsewhere: up to which commit it is. */
  readonly copiedUpTo?: () => number;
}

/** Full tables that may wait for a snapshot, at full load 3 s each: what a start replays, and what takes memory. */
const TABLES_WAIT_MAX = 2;

/** The gateway's memory below one data folder: an embedded DuckDB file, and sealed history as Parquet files. */
export class DuckDbStore implements Store {
  private readonly database: Database;
  private readonly history: History;
  private readonly stored: StoredReads;
  private readonly spool: Spool | undefined;
  private storeId: string;
  private readonly hot: HotTables;
  private lastCommit = 0;
  private snapshotCommit = 0;
  private readonly lane: WriteLane;
  private readonly upkeep: Upkeep;
  private readonly image: PlantImage;
  /** On their way until a start asks for them. */
  private plantRecords: Promise<PlantRecords> | undefined;

  private constructor(
    database: Database,
    id: string,
    { image, plantRecords }: { readonly image: PlantImage; readonly plantRecords: Promise<PlantRecords> },
    options: DuckDbStoreOptions,
  ) {
    this.database = database;
    this.image = image;
    this.plantRecords = plantRecords;
    this.storeId = id;
    const now = options.now ?? Date.now;
    this.hot = new HotTables(now, options.sealReadings);
    const ballastBytes = options.ballastBytes ?? BALLAST_BYTES;
    const ballast = new Ballast(database.dataDir, ballastBytes, () => database.freeBytes());
    const { copiedUpTo } = options;
    this.spool =
      copiedUpTo === undefined
        ? undefined
        : new Spool({
            database,
            tables: () => this.hot.list,
            segments: () => this.history.segments,
            lastCommit: () => this.lastCommit,
            copiedUpTo,
          });
    this.history = new History(
      database,
      async (work) => {
        // Drops and deletes would wait for it inside the database, and the commits behind them.
        await database.checkpointOver();
        return this.write(work);
      },
      () => {
        if (this.upkeep.isEnding) throw new StoreError('store-broken', 'the store is closing', { retryable: true });
        return this.upkeep.sealAll();
      },
    );
    this.lane = new WriteLane(database, ballast);
    this.upkeep = new Upkeep({
      hot: this.hot,
      history: this.history,
      spool: this.spool,
      renewImage: () => image.renew((work) => database.background(work)),
      ballast,
      retention: () => options.retention?.() ?? {},
      lastCommit: () => this.lastCommit,
      snapshotCommit: () => this.snapshotCommit,
      now,
    });
    this.stored = new StoredReads(database, this.history, this.hot);
  }

  /** @throws StoreError `store-broken` when another gateway has the folder or the file can't be used */
  static async open(options: DuckDbStoreOptions): Promise<DuckDbStore> {
    const image = new PlantImage(options.dataDir);
    // While the database replays its log.
    const plantRecords = image.read();
    const database = await Database.open({
      dataDir: options.dataDir,
      threads: options.threads ?? 1,
      memoryLimitMb: options.memoryLimitMb ?? 350,
    });
    try {
      const id = await folderId(database.writer, database.file, options.newId);
      const store = new DuckDbStore(database, id, { image, plantRecords }, options);
      await store.load();
      return store;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  get id(): string {
    return this.storeId;
  }

  /** What an operator should know of: damaged files moved aside, a checkpoint or a sealing that does not work. */
  get problems(): readonly string[] {
    const problems = this.history.quarantined.map(({ file, problem }) => `${file} is quarantined: ${problem}`);
    for (const problem of [this.lane.problem, this.upkeep.problem]) if (problem !== undefined) problems.push(problem);
    return problems;
  }

  /** What lies where, for the metrics. */
  get sizes() {
    const raw = this.history.segments.filter(({ kind }) => kind === 'readings');
    return {
      hotTables: this.hot.list.length,
      hotReadings: this.hot.readings,
      sealedFiles: raw.length,
      sealedReadings: raw.reduce((sum, { readings }) => sum + readings, 0),
      sealedBytes: bytesOf(this.history.segments),
      sumsBytes: bytesOf(this.history.segments) - bytesOf(raw),
    };
  }

  /** Readings for the copy elsewhere; undefined when there is none. */
  get copyFeed(): CopyFeed | undefined {
    return this.spool;
  }

  /** Before when readings were forgotten: of all points, and of classes that are kept for less. */
  get forgotten() {
    return this.history.forgotten;
  }

  /** For the metrics. */
  get reads() {
    return this.database.reads;
  }

  get checkpoints() {
    return this.database.checkpoints;
  }

  /** After a restore: the folder is another one now, so that edges send again what it lacks. */
  async adoptNewId(id: string): Promise<void> {
    await this.write(async (connection) => {
      await connection.run(`INSERT OR REPLACE INTO meta VALUES ('id', $1)`, [id]);
    });
    this.storeId = id;
  }

  async recover() {
    const known = await this.plantRecords;
    this.plantRecords = undefined;
    const { isKnown, ...recovered } = await this.database.background((other) =>
      recover(this.database.writer, other, known ?? NO_RECORDS),
    );
    if (!isKnown) this.image.changed();
    return recovered;
  }

  async *replay(after: number): ReturnType<Store['replay']> {
    // Before the first commit nobody else needs the writer, and a replay may take longer than a read may.
    yield* replay(this.database.writer, this.hot.list, after);
  }

  commit(commit: Commit): Promise<void> {
    return this.write(async (connection) => {
      if (commit.number <= this.lastCommit) {
        if (await isCommitted(connection, commit.number)) return;
        throw new StoreError('store-broken', `commit ${commit.number} comes after ${this.lastCommit}`, {
          retryable: false,
        });
      }
      if (await this.lane.wasWritten(connection, commit.number)) {
        this.lastCommit = commit.number;
        this.hot.tookPerhaps(commit.readings);
        return;
      }
      if (await this.hot.rotateIfDue(connection, commit.number)) {
        // Sealing it at the same time would take the rest of a small machine.
        void this.lane.tableCompleted().then(() => this.upkeep.soon());
      }
      await writeCommit(connection, this.hot.written, commit);
      if ([commit.devices, commit.points].some((records) => records !== undefined && records.length > 0))
        this.image.changed();
      this.lastCommit = commit.number;
      this.hot.took(commit.readings);
    }, true);
  }

  async saveSnapshot(commit: number, state: Iterable<string>): Promise<void> {
    await saveSnapshot(commit, state, {
      write: (work) => this.write(work),
      ready: () => this.database.checkpointOver(),
    });
    this.snapshotCommit = commit;
    this.upkeep.soon();
  }

  /** Full tables wait for a snapshot that covers them, to be dropped: their rows take memory. */
  get wantsSnapshot(): boolean {
    return this.hot.waiting(this.snapshotCommit) >= TABLES_WAIT_MAX;
  }

  readings(...asked: Parameters<Store['readings']>) {
    return this.stored.readings(...asked);
  }

  buckets(...asked: Parameters<Store['buckets']>) {
    return this.stored.buckets(...asked);
  }

  query(query: SeriesQuery) {
    return this.stored.query(query);
  }

  latest(...asked: Parameters<Store['latest']>) {
    return this.stored.latest(...asked);
  }

  existing(...asked: Parameters<Store['existing']>) {
    return this.stored.existing(...asked);
  }

  async idempotencyFingerprint(key: string): Promise<string | undefined> {
    const rows = await this.database.read((connection) =>
      connection.runAndReadAll('SELECT fingerprint FROM idempotency_keys WHERE key = $1', [key]),
    );
    return rows.getRows()[0]?.[0] as string | undefined;
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

  annunciations(...[range, open]: Parameters<Store['annunciations']>): Promise<void> {
    return this.database.read((connection) => annunciationsOf(connection, range, open));
  }

  floods(filter: Parameters<Store['floods']>[0]) {
    return this.database.read((connection) => floodPage(connection, filter));
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

  /**
   * Readings of a range as a Parquet file. @see exportParquet
   *
   * @param file - below the data folder
   * @throws RangeError for a file elsewhere: the database may write nowhere else
   */
  async exportParquet(points: readonly number[], range: Range, file: string): Promise<void> {
    this.mustBeInside(file);
    const names = await this.pointNames(points);
    await this.upkeep.without(() =>
      this.database.background((connection) => exportParquet(connection, this.stored.sources(), names, range, file)),
    );
  }

  /** A consistent copy in a new folder below the data folder, while the store goes on. @see backupTo */
  async backup(folder: string): Promise<void> {
    this.mustBeInside(folder);
    const { dataDir } = this.database;
    await this.upkeep.without(() =>
      this.database.background((connection) =>
        backupTo(connection, { dataDir, segments: this.history.segments }, folder),
      ),
    );
  }

  /** Seals what is sealable and tidies the history, until nothing is left to do; for tests and exports. */
  async settle(now: Millis): Promise<void> {
    await this.upkeep.settle(now);
  }

  /** Begins a new hot table with the next commit, whatever the size of this one. */
  async rotate(): Promise<void> {
    await this.write((connection) => this.hot.rotate(connection, this.lastCommit + 1));
  }

  async close(): Promise<void> {
    await this.upkeep.end();
    await this.lane.end();
    await this.database.checkpoint().catch(() => {});
    await this.database.close();
  }

  private async load(): Promise<void> {
    const { writer } = this.database;
    await this.hot.load(writer);
    const number = async (sql: string) => (await writer.runAndReadAll(sql)).getRows()[0]?.[0] as number;
    this.lastCommit = await number('SELECT coalesce(max(number), 0)::DOUBLE FROM commits');
    this.snapshotCommit = await number('SELECT coalesce(max(commit), 0)::DOUBLE FROM snapshots');
    await this.history.load();
    this.hot.recent.start(this.history.segments.reduce((until, { maxTs }) => Math.max(until, maxTs), 0));
    await this.spool?.load();
  }

  private async pointNames(points: readonly number[]) {
    if (points.length === 0) return [];
    const rows = await this.database.read((connection) =>
      connection.runAndReadAll(`SELECT id, record FROM points WHERE id IN (${points.map(int).join(', ')})`),
    );
    return rows.getRows().map(([id, record]) => {
      const { device, measurement } = JSON.parse(record as string) as PointInfo;
      return { id: id as number, name: `${device}/${measurement}` };
    });
  }

  private mustBeInside(path: string): void {
    if (!resolve(path).startsWith(`${this.database.dataDir}${sep}`))
      throw new RangeError(`${path} is not below the data folder ${this.database.dataDir}`);
  }

  private write<T>(work: (connection: DuckDBConnection) => Promise<T>, maintain = false): Promise<T> {
    return this.lane.write(work, maintain);
  }
}
