import { mkdir, stat, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from './columns.ts';
import { migrate } from './schema.ts';
import { StoreError } from './store.ts';
import { Turnstile } from './turnstile.ts';

export interface DatabaseOptions {
  /** Data folder; created when missing. */
  readonly dataDir: string;
  readonly threads: number;
  readonly memoryLimitMb: number;
}

/** Connections that read; the pool's size bounds how many reads hold a transaction at once. */
const READERS = 2;
/** Reads that may wait for one of them. */
const READ_QUEUE_MAX = 256;
/** Sums over many points at once, some 25 MB each at most. */
const SUMS_AT_ONCE = 2;
/** A read holding its transaction longer would stop checkpoints: the log grew 330 MB in 40 s at 330,000 rows/s. */
export const READ_TIMEOUT_MS = 5000;
/** Log size at which we fold it into the file ourselves. */
const CHECKPOINT_WAL_BYTES = 512 * 1024 * 1024;
/** Free space a checkpoint must leave: a full disk in there invalidates the database until it is reopened. */
const CHECKPOINT_FREE_BYTES = 128 * 1024 * 1024;

/** Files this process has open: the lock of the operating system does not tell two openers of one process apart. */
const openFiles = new Set<string>();

/** Asks one question on a connection that is borrowed for it. */
export type Ask = <T>(question: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;

/** What became of a checkpoint. */
export type CheckpointOutcome = 'done' | 'not-due' | 'prepared' | 'no-space' | 'busy';

/** Where the database of a data folder is. */
export const databaseFile = (dataDir: string) => join(dataDir, 'hanfeng.duckdb');

interface Opened {
  readonly instance: DuckDBInstance;
  readonly writer: DuckDBConnection;
  readonly worker: DuckDBConnection;
  readonly checkpointer: DuckDBConnection;
  readonly pin: DuckDBConnection;
  readonly readers: DuckDBConnection[];
}

/**
 * One DuckDB file with one writing connection and a few reading ones. Reopens itself after a fatal error.
 * Locked down: no extension install, no file access outside the data folder, configuration frozen.
 */
export class Database {
  readonly file: string;
  readonly dataDir: string;
  private readonly options: DatabaseOptions;
  private opened: Opened | undefined;
  private readonly idleReaders: DuckDBConnection[] = [];
  private readonly waiting: ((connection: DuckDBConnection) => void)[] = [];
  private readonly sums = new Turnstile(SUMS_AT_ONCE, READ_QUEUE_MAX);
  private activeReads = 0;
  private readonly active = new Set<Promise<unknown>>();
  private working: Promise<unknown> = Promise.resolve();
  private checkpointing: Promise<CheckpointOutcome> | undefined;
  /** A read is open so that commits may go on beside the next checkpoint. */
  private pinned = false;
  private cutOff = 0;
  private refused = 0;
  /** For the metrics. */
  readonly checkpoints = { done: 0, putOff: 0, lastMs: 0 };
  private closed = false;
  private readersHeld: Promise<void> | undefined;

  private constructor(options: DatabaseOptions) {
    this.options = options;
    this.dataDir = resolve(options.dataDir);
    this.file = databaseFile(this.dataDir);
  }

  /** @throws StoreError `store-broken` when another gateway has the folder, or the file can't be read */
  static async open(options: DatabaseOptions): Promise<Database> {
    const database = new Database(options);
    await mkdir(database.dataDir, { recursive: true, mode: 0o750 });
    if (openFiles.has(database.file)) throw inUse(database.dataDir, 'this process');
    openFiles.add(database.file);
    try {
      await database.connect();
    } catch (error) {
      openFiles.delete(database.file);
      throw error;
    }
    return database;
  }

  get writer(): DuckDBConnection {
    if (this.opened === undefined) throw new StoreError('store-broken', 'the store is closed', { retryable: false });
    return this.opened.writer;
  }

  /** Work in the background (sealing, merging, exports) on a connection of its own: it may take long, one piece at a time. */
  background<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const run = () => {
      if (this.opened === undefined) throw new StoreError('store-broken', 'the store is closed', { retryable: false });
      return work(this.opened.worker);
    };
    const result = this.working.then(run, run);
    this.working = result.catch(() => {});
    return result;
  }

  /** Resolves when every read that is active now has ended. */
  async readsOver(): Promise<void> {
    await Promise.allSettled([...this.active]);
  }

  /**
   * Runs a read on a connection of its own, cut off after {@link READ_TIMEOUT_MS}.
   *
   * @throws StoreError `query-timeout`
   */
  async read<T>(run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.acquire();
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      connection.interrupt();
    }, READ_TIMEOUT_MS);
    try {
      return await this.keepFiles(() => run(connection));
    } catch (error) {
      if (expired) {
        this.cutOff++;
        throw new StoreError(
          'query-timeout',
          `The question took longer than ${READ_TIMEOUT_MS / 1000} s: ask for a shorter range or fewer points, or in steps of whole quarters of an hour from a whole quarter on, which are summed already.`,
          {
            retryable: false,
            cause: error,
          },
        );
      }
      throw error;
    } finally {
      clearTimeout(timer);
      this.release(connection);
    }
  }

  /**
   * For sums over many points, which read files by themselves and only at times ask the database: the files that are there
   * now stay until `work` is done, and no connection is kept from others.
   *
   * @throws StoreError `query-timeout` when too many wait already
   */
  sum<T>(work: () => Promise<T>): Promise<T> {
    return this.sums.pass(() => this.keepFiles(work));
  }

  private async keepFiles<T>(work: () => Promise<T>): Promise<T> {
    const reading = work();
    this.active.add(reading);
    try {
      return await reading;
    } finally {
      this.active.delete(reading);
    }
  }

  /** Closes every connection and opens the file again: the only way on after a fatal error. */
  async reopen(): Promise<void> {
    await this.checkpointing?.catch(() => {});
    await this.holdReads(async () => {
      this.disconnect();
      await this.connect();
    });
  }

  /** Resolves when no checkpoint is under way: what updates, deletes or drops would wait for it inside the database. */
  async checkpointOver(): Promise<void> {
    while (this.checkpointing !== undefined) await this.checkpointing.catch(() => {});
  }

  /**
   * Folds the write-ahead log into the file when it has grown, and only when the disk has room for it. Call after each
   * commit; it takes two calls. The first begins a read: a checkpoint that finds a read older than the last commit lets
   * commits go on beside it, one that finds none holds them up until it is over.
   */
  async checkpointIfDue(atBytes = CHECKPOINT_WAL_BYTES): Promise<CheckpointOutcome> {
    const walBytes = await sizeOf(`${this.file}.wal`);
    if (walBytes < atBytes) {
      await this.unpin();
      return 'not-due';
    }
    if (!this.pinned) {
      await this.pin();
      return 'prepared';
    }
    try {
      return await this.checkpoint(walBytes);
    } finally {
      await this.unpin();
    }
  }

  private async pin(): Promise<void> {
    const connection = this.opened?.pin;
    if (connection === undefined) return;
    await connection.run('BEGIN');
    this.pinned = true;
    // The transaction of this file begins with its first look.
    await connection.run('SELECT count(*) FROM meta');
  }

  private async unpin(): Promise<void> {
    if (!this.pinned) return;
    this.pinned = false;
    await this.opened?.pin.run('ROLLBACK').catch(() => {});
  }

  /**
   * On a connection of its own, beside the writer. Commits wait only while a table they append to is written out. One at
   * a time; a second call gets the first one's outcome.
   */
  checkpoint(walBytes?: number): Promise<CheckpointOutcome> {
    this.checkpointing ??= this.runCheckpoint(walBytes).finally(() => {
      this.checkpointing = undefined;
    });
    return this.checkpointing;
  }

  /** Queries: under way, waiting, ended because they took too long, refused because too many waited. */
  get reads() {
    const { sums } = this;
    return {
      active: this.activeReads + sums.active,
      waiting: this.waiting.length + sums.waiting,
      cutOff: this.cutOff,
      refused: this.refused + sums.refused,
    };
  }

  private async runCheckpoint(walBytes?: number): Promise<CheckpointOutcome> {
    const started = performance.now();
    const outcome = await this.tryCheckpoint(walBytes);
    if (outcome === 'done') {
      this.checkpoints.done++;
      this.checkpoints.lastMs = performance.now() - started;
    } else this.checkpoints.putOff++;
    return outcome;
  }

  private async tryCheckpoint(walBytes?: number): Promise<CheckpointOutcome> {
    const needed = (walBytes ?? (await sizeOf(`${this.file}.wal`))) + CHECKPOINT_FREE_BYTES;
    if ((await this.freeBytes()) < needed) return 'no-space';
    if (this.opened === undefined) throw new StoreError('store-broken', 'the store is closed', { retryable: false });
    try {
      await this.opened.checkpointer.run('CHECKPOINT');
    } catch (error) {
      // A transaction that updates or deletes is open; it comes to no harm, and the next look tries again.
      if (/other write transactions active/.test((error as Error).message)) return 'busy';
      throw error;
    }
    return 'done';
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.dataDir);
    return bavail * bsize;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.working;
    await this.checkpointOver();
    await this.holdReads(async () => this.disconnect());
    openFiles.delete(this.file);
  }

  private async connect(): Promise<void> {
    const { threads, memoryLimitMb } = this.options;
    let instance: DuckDBInstance;
    try {
      instance = await DuckDBInstance.create(this.file, {
        threads: String(threads),
        memory_limit: `${memoryLimitMb}MB`,
        checkpoint_threshold: '1TB',
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
        temp_directory: join(this.dataDir, 'tmp'),
      });
    } catch (error) {
      const text = (error as Error).message;
      const holder = /PID (\d+)/.exec(text)?.[1];
      if (/lock/i.test(text)) throw inUse(this.dataDir, holder === undefined ? 'another process' : `process ${holder}`);
      throw new StoreError('store-broken', `${this.file} can't be opened: ${text}`, { retryable: false, cause: error });
    }
    const writer = await instance.connect();
    await writer.run(`SET allowed_directories = [${literal(`${this.dataDir}/`)}]`);
    await writer.run('SET enable_external_access = false');
    await writer.run('SET GLOBAL parquet_metadata_cache = true');
    await writer.run('SET lock_configuration = true');
    await migrate(writer);
    const worker = await instance.connect();
    const checkpointer = await instance.connect();
    const pin = await instance.connect();
    const readers: DuckDBConnection[] = [];
    for (let index = 0; index < READERS; index++) readers.push(await instance.connect());
    this.opened = { instance, writer, worker, checkpointer, pin, readers };
    this.idleReaders.push(...readers);
  }

  private disconnect(): void {
    if (this.opened === undefined) return;
    const { instance, writer, worker, checkpointer, pin, readers } = this.opened;
    this.opened = undefined;
    this.pinned = false;
    this.idleReaders.length = 0;
    for (const connection of [writer, worker, checkpointer, pin, ...readers]) connection.closeSync();
    instance.closeSync();
  }

  /** Runs `work` while no read is active; reads that come meanwhile wait. */
  private async holdReads<T>(work: () => Promise<T>): Promise<T> {
    while (this.readersHeld !== undefined) await this.readersHeld;
    let letGo: () => void = () => {};
    this.readersHeld = new Promise((done) => {
      letGo = done;
    });
    try {
      while (this.activeReads > 0) await new Promise((done) => setTimeout(done, 2));
      return await work();
    } finally {
      this.readersHeld = undefined;
      letGo();
      this.serveWaiting();
    }
  }

  private acquire(): Promise<DuckDBConnection> {
    if (this.closed) return Promise.reject(new StoreError('store-broken', 'the store is closed', { retryable: false }));
    if (this.waiting.length >= READ_QUEUE_MAX) {
      this.refused++;
      return Promise.reject(new StoreError('query-timeout', 'too many queries at once', { retryable: true }));
    }
    return new Promise((done) => {
      this.waiting.push(done);
      this.serveWaiting();
    });
  }

  private serveWaiting(): void {
    while (this.readersHeld === undefined && this.waiting.length > 0) {
      const connection = this.idleReaders.pop();
      if (connection === undefined) return;
      this.activeReads++;
      this.waiting.shift()?.(connection);
    }
  }

  private release(connection: DuckDBConnection): void {
    this.activeReads--;
    this.idleReaders.push(connection);
    this.serveWaiting();
  }
}

/** What DuckDB says when only closing everything helps. */
export function isFatal(error: unknown): boolean {
  return /database has been invalidated|FATAL|INTERNAL Error/i.test((error as Error)?.message ?? '');
}

/** What DuckDB says when the disk is full. */
export function isDiskFull(error: unknown): boolean {
  return /No space left|disk (?:is )?full|Could not write|failed to (?:write|allocate)|ENOSPC/i.test(
    (error as Error)?.message ?? '',
  );
}

function inUse(folder: string, holder: string): StoreError {
  return new StoreError('store-broken', `the data folder ${folder} is in use by ${holder}; one gateway per folder`, {
    retryable: false,
  });
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
