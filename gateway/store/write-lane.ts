import type { DuckDBConnection } from '@duckdb/node-api';
import type { Ballast } from './ballast.ts';
import { isCommitted } from './commit.ts';
import { type Database, isDiskFull, isFatal } from './database.ts';
import { StoreError } from './store.ts';

/**
 * Log size above which a complete table is followed by a checkpoint: nobody appends to it any more, so commits go on
 * beside it; a start then reads at most the log of one table.
 */
const ROTATED_WAL_BYTES = 32 * 1024 * 1024;

/** So long a complete table waits for its checkpoint, which needs two more commits, before it is sealed without. */
const CHECKPOINT_WAIT_MS = 2000;

/** Commits, snapshots and what else writes, one after another, with checkpoints beside them. */
export class WriteLane {
  private readonly database: Database;
  private readonly ballast: Ballast;
  private writing: Promise<unknown> = Promise.resolve();
  private folding: Promise<void> | undefined;
  /** A table of readings is complete since the last look at the log. */
  private hasCompleteTable = false;
  private tellFolded: (() => void) | undefined;
  /** Commits that were begun, and how many of them when the read was open that lets commits go on beside a checkpoint. */
  private begun = 0;
  private preparedAt = 0;
  /** After an error nobody knows whether the commit went through. */
  private doubtful = false;
  private error: Error | undefined;

  constructor(database: Database, ballast: Ballast) {
    this.database = database;
    this.ballast = ballast;
  }

  /** Why the log could not be folded last. */
  get problem(): string | undefined {
    return this.error?.message;
  }

  /**
   * What DuckDB throws becomes a StoreError; after a fatal error everything is opened anew.
   *
   * @param maintain - a checkpoint may be due afterwards
   */
  write<T>(work: (connection: DuckDBConnection) => Promise<T>, maintain = false): Promise<T> {
    let number = 0;
    const run = async (): Promise<T> => {
      if (maintain) number = ++this.begun;
      try {
        return await work(this.database.writer);
      } catch (error) {
        this.doubtful = true;
        throw await this.explain(error);
      }
    };
    const result = this.writing.then(run, run);
    this.writing = result.catch(() => {});
    // Acknowledged first, maintained afterwards, beside the next commits.
    if (maintain) result.then(() => this.maintain(number)).catch(() => {});
    return result;
  }

  /** A table of readings is complete: its log is worth a checkpoint. Resolves when that is over, or is not to be expected. */
  tableCompleted(): Promise<void> {
    this.hasCompleteTable = true;
    this.tellFolded?.();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CHECKPOINT_WAIT_MS).unref();
      this.tellFolded = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Whether a commit whose answer got lost in an error is there already. */
  async wasWritten(connection: DuckDBConnection, number: number): Promise<boolean> {
    if (!this.doubtful) return false;
    const written = await isCommitted(connection, number);
    this.doubtful = false;
    return written;
  }

  async end(): Promise<void> {
    await this.writing.catch(() => {});
    await this.folding;
  }

  /**
   * @param number - of the commit that is over. One that was begun before the read was open may be older than the read,
   * and a checkpoint that finds nothing newer holds everything up, the event loop too, where rows are appended
   */
  private maintain(number: number): Promise<void> | undefined {
    if (number <= this.preparedAt) return undefined;
    this.folding ??= this.foldLog().finally(() => {
      this.folding = undefined;
    });
    return this.folding;
  }

  private async foldLog(): Promise<void> {
    try {
      const atBytes = this.hasCompleteTable ? ROTATED_WAL_BYTES : undefined;
      let outcome = await this.database.checkpointIfDue(atBytes);
      if (outcome === 'no-space' && (await this.ballast.giveUp()))
        outcome = await this.database.checkpointIfDue(atBytes);
      if (outcome === 'prepared') this.preparedAt = this.begun;
      if (outcome === 'prepared' || outcome === 'busy') return;
      this.hasCompleteTable = false;
      this.tellFolded?.();
      this.error = outcome === 'no-space' ? new Error('no room for a checkpoint') : undefined;
    } catch (error) {
      this.error = error as Error;
      // The next write would find out too; until then no query would be answered.
      if (isFatal(error)) await this.write((connection) => connection.run('SELECT 1')).catch(() => {});
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
    if (isDiskFull(error)) await this.ballast.giveUp();
    if (isDiskFull(error))
      return new StoreError('store-full', `no room on the disk: ${message}`, { retryable: true, cause: error });
    return new StoreError('store-broken', `the store refused a write: ${message}`, { retryable: true, cause: error });
  }
}
