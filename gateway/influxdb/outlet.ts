import type { Logger } from 'pino';
import type { Millis } from '../../contract/time.ts';
import type { Readings } from '../domain/readings.ts';
import type { CopyFeed } from '../store/spool.ts';
import type { DeadLetter } from '../store/store.ts';
import { type InfluxClient, InfluxError } from './client.ts';
import { LineEncoder } from './lines.ts';
import type { PositionFile } from './position.ts';

/** Lines of one request: what InfluxDB's manual advises; some 500 KB. */
export const LINES_MAX = 5000;
/** Commits of one piece: begins with the first number and follows the readings in them. */
const COMMITS_MIN = 4;
const COMMITS_MAX = 4096;
/** Readings of a piece that are aimed at; the columns of one take some 5 MB. */
const PIECE_READINGS = 100_000;
/** While everything is there a request goes out this often, so that many small commits share one. */
const SEND_EVERY_MS = 1000;
/** A failed request is repeated after the first wait, which doubles up to the last. */
const RETRY_FIRST_MS = 1000;
const RETRY_LAST_MS = 60_000;
/** Requests spent on finding the bad lines of one: what is still mixed then is buried as it is. */
const SPLITS_MAX = 64;
/** A piece whose table was sealed away meanwhile is asked for again so often before it counts as a failure. */
const READS_MAX = 3;

export interface OutletStatus {
  readonly target: string;
  /** `new`: not tried yet. `behind`: catching up after an outage. */
  readonly state: 'new' | 'ok' | 'behind' | 'away' | 'refused' | 'failed';
  /** Why it is not ok, for people. */
  readonly problem?: string | undefined;
  /** Seconds since everything was there; 0 while it is. */
  readonly lagS: number;
  readonly commitsWaiting: number;
  /** Disk taken by what waits. */
  readonly bytesWaiting: number;
  /** Readings written since the start. */
  readonly written: number;
  /** Readings given up for lack of room, and not taken by InfluxDB; ever. */
  readonly lost: number;
  readonly rejected: number;
}

export interface OutletOptions {
  readonly target: string;
  readonly client: Pick<InfluxClient, 'write' | 'createDatabase'>;
  readonly feed: CopyFeed;
  readonly position: PositionFile;
  /** What a point's lines begin with, as bytes; undefined = the point is unknown. */
  readonly keyOf: (point: number) => Uint8Array | undefined;
  readonly bytesMax: number;
  readonly deadLetter: (letter: DeadLetter) => Promise<void>;
  /** UTC ms, for people. */
  readonly now: () => Millis;
  readonly newId: () => string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Why a line was not taken, in the words of the dead letters. */
export function rejectionReason(said: string): string {
  if (/type conflict/i.test(said)) return 'influxdb-type-conflict';
  if (/beyond retention|outside retention|retention period/i.test(said)) return 'influxdb-beyond-retention';
  return 'influxdb-rejected';
}

/** Commits of the next piece, so that it holds some {@link PIECE_READINGS}. */
export function commitsOfNext(commits: number, readings: number): number {
  if (readings > PIECE_READINGS) return Math.max(COMMITS_MIN, Math.floor(commits / 2));
  return readings < PIECE_READINGS / 4 ? Math.min(COMMITS_MAX, commits * 2) : commits;
}

/**
 * Copies every committed reading to InfluxDB: in the order of the commits, at least once, from a position on disk. The
 * store keeps what is not there yet, so an outage of either side costs nothing but time.
 */
export class Outlet {
  private readonly options: OutletOptions;
  private readonly encoder = new LineEncoder();
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private state: OutletStatus['state'] = 'new';
  private problem: string | undefined;
  private written = 0;
  private hasTriedToCreate = false;
  private wake: () => void = () => {};

  constructor(options: OutletOptions) {
    this.options = options;
    this.running = this.run();
  }

  get status(): OutletStatus {
    const { target, feed, position, now } = this.options;
    const { lost, rejected, completeAt, position: at } = position.record;
    const { lastCommit, bytes, files } = feed.waiting;
    const commitsWaiting = Math.max(0, lastCommit - at.commit);
    const isComplete = commitsWaiting === 0 && files === 0;
    // Of a second or two nobody needs to hear: that is how the copy is made.
    const lagMs = isComplete ? 0 : Math.max(0, now() - (completeAt ?? now()) - 2 * SEND_EVERY_MS);
    return {
      target,
      state: this.state,
      problem: this.problem,
      lagS: Math.round(lagMs / 1000),
      commitsWaiting,
      bytesWaiting: bytes,
      written: this.written,
      lost,
      rejected,
    };
  }

  /** Sends lines of a dead letter once more. @throws InfluxError */
  async resend(lines: string): Promise<number> {
    await this.options.client.write(lines, this.stopping.signal);
    return lines.split('\n').filter((line) => line !== '').length;
  }

  /** Ends after the request that is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    let waitMs = RETRY_FIRST_MS;
    let commits = COMMITS_MIN;
    while (!this.stopping.signal.aborted) {
      const startedAt = performance.now();
      try {
        await this.begin();
        await this.bound();
        const readings = await this.copyNext(commits);
        waitMs = RETRY_FIRST_MS;
        if (readings !== undefined) commits = commitsOfNext(commits, readings);
        const isComplete = readings === undefined || this.options.feed.waiting.lastCommit <= this.at.commit;
        this.settle(isComplete);
        if (isComplete) await this.pause(SEND_EVERY_MS - (performance.now() - startedAt));
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.fail(error);
        const asked = error instanceof InfluxError ? (error.retryAfterMs ?? 0) : 0;
        await this.pause(Math.min(RETRY_LAST_MS, Math.max(waitMs, asked)));
        waitMs = Math.min(RETRY_LAST_MS, waitMs * 2);
      }
    }
  }

  private get at() {
    return this.options.position.record.position;
  }

  private async begin(): Promise<void> {
    const { position, feed, now, log, target } = this.options;
    if (!position.isNew) return;
    const at = await feed.begin();
    await position.save({ position: at, completeAt: now() });
    log.info({ target, commit: at.commit, files: feed.waiting.files }, 'copy to InfluxDB begins');
  }

  private async bound(): Promise<void> {
    const { feed, position, bytesMax, log } = this.options;
    await feed.bound(
      () => this.at,
      bytesMax,
      async (readings, next) => {
        const lost = position.record.lost + readings;
        await position.save({ position: next, lost });
        log.error({ readings, lost }, 'readings given up: InfluxDB was away for longer than the buffer lasts');
      },
    );
  }

  /** @returns readings of the piece, undefined when there was none */
  private async copyNext(commits: number): Promise<number | undefined> {
    const { feed, position } = this.options;
    const piece = await this.nextPiece(commits);
    if (piece === undefined) return undefined;
    const { readings } = piece;
    for (let from = 0; from < readings.length; from += LINES_MAX)
      await this.write(readings, from, Math.min(from + LINES_MAX, readings.length));
    await position.save({ position: piece.position });
    await feed.free(piece.position);
    return readings.length;
  }

  private async nextPiece(commits: number) {
    for (let read = 1; ; read++) {
      try {
        return await this.options.feed.next(this.at, commits);
      } catch (error) {
        // Its table was put aside between looking and reading.
        if (read >= READS_MAX || !/does not exist/.test((error as Error).message)) throw error;
      }
    }
  }

  private async write(readings: Readings, from: number, to: number): Promise<void> {
    const lines = this.encoder.encode(readings, from, to, this.options.keyOf);
    if (lines.length === 0) return;
    try {
      await this.send(lines);
      this.written += to - from;
    } catch (error) {
      if (!(error instanceof InfluxError) || error.code !== 'influxdb-rejected') throw error;
      await this.sift(lines.toString().trimEnd().split('\n'), error.message);
    }
  }

  private async send(lines: string | Buffer): Promise<void> {
    try {
      await this.options.client.write(lines, this.stopping.signal);
    } catch (error) {
      const isMissing = error instanceof InfluxError && /database not found/i.test(error.message);
      if (!isMissing || this.hasTriedToCreate) throw error;
      this.hasTriedToCreate = true;
      await this.options.client.createDatabase(this.stopping.signal).catch(() => {
        throw error;
      });
      await this.options.client.write(lines, this.stopping.signal);
    }
    this.hasTriedToCreate = false;
  }

  /** Halves what was not taken until the bad lines stand alone; the good ones are written, the bad ones buried. */
  private async sift(lines: readonly string[], said: string): Promise<void> {
    const open: { readonly lines: readonly string[]; readonly said: string }[] = [{ lines, said }];
    let splits = 0;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { lines: piece, said: why } = next;
      if (piece.length === 1 || splits >= SPLITS_MAX) {
        await this.bury(piece, why);
        continue;
      }
      const middle = Math.ceil(piece.length / 2);
      for (const half of [piece.slice(middle), piece.slice(0, middle)]) {
        splits++;
        try {
          await this.send(`${half.join('\n')}\n`);
          this.written += half.length;
        } catch (error) {
          if (!(error instanceof InfluxError) || error.code !== 'influxdb-rejected') throw error;
          open.push({ lines: half, said: error.message });
        }
      }
    }
  }

  private async bury(lines: readonly string[], said: string): Promise<void> {
    const { position, deadLetter, now, newId, log } = this.options;
    // "dropped=3": the others of a mixed piece were taken.
    const dropped = Number(/dropped=(\d+)/.exec(said)?.[1] ?? 0);
    const count = dropped > 0 ? Math.min(dropped, lines.length) : lines.length;
    this.written += lines.length - count;
    const reason = rejectionReason(said);
    await deadLetter({
      id: newId(),
      at: now(),
      door: 'influxdb',
      source: this.options.target,
      reason,
      detail: (lines.length === 1 ? said : `${count} of ${lines.length} lines: ${said}`).slice(0, 1000),
      payload: lines.join('\n'),
    });
    await position.save({ rejected: position.record.rejected + count });
    log.warn({ reason, readings: count }, 'InfluxDB does not take readings');
  }

  private settle(isComplete: boolean): void {
    const { log, target, position, now } = this.options;
    if (this.state === 'away' || this.state === 'refused' || this.state === 'failed')
      log.info({ target }, 'InfluxDB takes readings again');
    this.problem = undefined;
    this.state = isComplete ? 'ok' : 'behind';
    // On disk with the next position: over a restart it only has to be about right.
    if (isComplete) position.record = { ...position.record, completeAt: now() };
  }

  private fail(error: unknown): void {
    const { log, target } = this.options;
    const problem = (error as Error).message;
    if (this.problem !== problem)
      log.error({ target, reason: problem }, 'no copy to InfluxDB; what comes is kept for it');
    this.problem = problem;
    const code = error instanceof InfluxError ? error.code : undefined;
    this.state = code === 'influxdb-away' ? 'away' : code === 'influxdb-refused' ? 'refused' : 'failed';
  }

  private async pause(durationMs: number): Promise<void> {
    if (durationMs <= 0 || this.stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
