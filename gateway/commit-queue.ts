import type { Logger } from 'pino';
import type { Alarm, Flood, JournalEntry } from '../contract/alarm.ts';
import type { Millis } from '../contract/time.ts';
import { Bundle, newestPerId, type Waiter } from './bundle.ts';
import { FairLine } from './fair-line.ts';
import { type Commit, type Notification, type Store, StoreError } from './store/store.ts';

/** Commits follow each other by at least this, so that many small messages share one write to disk. */
export const GROUP_COMMIT_MS = 100;
/**
 * So many readings are worth a commit before {@link GROUP_COMMIT_MS} is over: the windows of 47 edges hold 75,000, and who
 * waits for all of them has every sender wait for the disk.
 */
export const GROUP_READINGS = 25_000;
/** Readings of one commit: beyond it, what comes waits at its door. 0.6 s of full load, 6 MB of columns. */
export const COMMIT_READINGS_MAX = 200_000;
/**
 * Records of one commit beside the readings (letters, transitions, records of the plant): some 60 ms until they are on
 * disk, which is what readings behind them wait. A transition counts twice: it is a journal line and a record.
 */
export const COMMIT_RECORDS_MAX = 2500;
/** A source that does not flood may still come into a commit that has enough of these, up to here. */
const COMMIT_RECORDS_HARD_MAX = 2 * COMMIT_RECORDS_MAX;
/** So much is judged before the loop turns; what is over waits for the next turn. A message of 1,000 transitions takes as long. */
const JUDGE_TURN_MS = 10;
/** So long messages are made of a commit's journal lines before the loop turns; looked at after so many lines, each some 10 us. */
const PLAN_TURN_MS = 5;
const PLAN_LINES = 100;
/** Of those who wait for a commit, so many are told before the loop turns: each has some 10 us of its own to do. */
const TELL_MAX = 500;
/** Judge state is snapshotted this often: the replay at a start is bounded by it. */
export const SNAPSHOT_MS = 30_000;
/** Waiting before a failed commit is repeated: doubles from the first to the last. */
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5000;

/** What the alarms, journal lines and floods of one commit make due. */
export type PlanNotifications = (
  alarms: readonly Alarm[],
  journal: readonly JournalEntry[],
  floods: readonly Flood[],
) => readonly Notification[];

export interface CommitQueueOptions {
  readonly store: Pick<Store, 'commit' | 'saveSnapshot' | 'wantsSnapshot'>;
  /**
   * Holds the judge's state fast as of the call. What it gives back is called once everything judged until then is on disk,
   * and gives the whole snapshot as pieces of text.
   */
  readonly freeze: () => () => Iterable<string>;
  readonly planNotifications: PlanNotifications;
  /** After the commit, before anybody who waits for it hears of it. */
  readonly onCommitted: (bundle: Bundle, commit: Commit) => void;
  readonly now: () => Millis;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** The store is broken for good: the process must end and start again. */
  readonly onBroken: (error: unknown) => void;
}

/** Work that fills the open bundle when there is room again, or in the next turn. */
interface Work {
  readonly run: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Two bundles take turns: one is filled (decoded and judged as messages come, in commit order),
 * the other is on its way to disk. A commit that fails is repeated until it is there.
 */
export class CommitQueue {
  /** What goes into the next commit. */
  filling = new Bundle();
  /** What is on its way to disk. */
  storing: Bundle | undefined;
  commits = 0;
  retries = 0;
  lastCommitMs = 0;
  snapshotFailures = 0;
  private readonly options: CommitQueueOptions;
  private spare = new Bundle();
  private readonly waiting = new FairLine<Work>();
  /** The open bundle has work of a source that floods: each has some, so that no source waits for ever. */
  private hasFlooding = false;
  private lastNumber = 0;
  private lastStart = Number.NEGATIVE_INFINITY;
  private snapshotNumber = 0;
  private snapshotAt = 0;
  /** A snapshot on its way; commits go on meanwhile. */
  private snapshotting: Promise<void> | undefined;
  private pumping: Promise<void> | undefined;
  private telling: Promise<void> = Promise.resolve();
  private hurry: (() => void) | undefined;
  /** Spent on work in this turn of the loop; undefined before the first. */
  private turnMs: number | undefined;
  private started = false;
  private closing = false;
  private problem: string | undefined = 'starting';
  private broken: unknown;

  constructor(options: CommitQueueOptions) {
    this.options = options;
  }

  /** From now on commits are made, counting on from `lastCommit`. */
  start({ lastCommit, snapshotCommit }: { readonly lastCommit: number; readonly snapshotCommit: number }): void {
    this.lastNumber = lastCommit;
    this.snapshotNumber = snapshotCommit;
    this.snapshotAt = this.options.now();
    this.problem = undefined;
    this.started = true;
    this.wake();
  }

  /** Whether what comes now can be stored, and why not. */
  ready(): { readonly ready: boolean; readonly reason?: string } {
    return this.problem === undefined ? { ready: true } : { ready: false, reason: this.problem };
  }

  /** The next commit is followed by a snapshot. */
  snapshotSoon(): void {
    this.snapshotAt = Number.NEGATIVE_INFINITY;
  }

  /** Messages that wait for room. */
  get queued(): number {
    return this.waiting.length;
  }

  /**
   * Does the work now or, when the open bundle is full or this turn of the loop had enough, when it is its turn; resolves
   * with its result after the commit.
   *
   * @param source - whose message it is: while it floods, others need not wait behind it
   */
  enqueue<T>(work: () => T, source?: string): Promise<T> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    if (this.closing) return Promise.reject(new Error('the gateway is stopping'));
    const side = this.waiting.sideOf(source);
    const mayCome = side === 'calm' ? this.hasRoom('calm') : this.mayFlood(this.waiting.transitionsOf(source));
    if (this.waiting.waitingOn(side) === 0 && mayCome && !this.isTurnOver()) {
      this.hasFlooding ||= side === 'flooding';
      const settled = this.perform(work, source);
      this.wake();
      return settled;
    }
    return new Promise<T>((resolve, reject) => {
      this.waiting.add({ run: () => void this.perform(work, source).then(resolve, reject), reject }, source);
      this.wake();
    });
  }

  /** What `work` was made of can go as soon as it is done: only its result waits for the commit. */
  private perform<T>(work: () => T, source?: string): Promise<T> {
    const startedAt = performance.now();
    const { readings, verdict } = this.filling;
    const before = { readings: readings.length, transitions: verdict.journal.length };
    let result: T;
    try {
      result = work();
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.spend(performance.now() - startedAt);
    }
    if (source !== undefined)
      this.waiting.learn(source, {
        readings: readings.length - before.readings,
        transitions: verdict.journal.length - before.transitions,
      });
    this.filling.touched = true;
    return this.filling.settle(result);
  }

  private isTurnOver(): boolean {
    return this.turnMs !== undefined && this.turnMs >= JUDGE_TURN_MS;
  }

  /** The first work of a turn sees to it that the next turn begins anew, with what waits. */
  private spend(ms: number): void {
    if (this.turnMs === undefined)
      setImmediate(() => {
        this.turnMs = undefined;
        if (this.waiting.length === 0) return;
        this.fillFromWaiting();
        this.wake();
      });
    this.turnMs = (this.turnMs ?? 0) + ms;
  }

  /** Whether the open bundle takes more of a source that is calm, or of one that floods. */
  private hasRoom(side: 'calm' | 'flooding'): boolean {
    const max = side === 'calm' ? COMMIT_RECORDS_HARD_MAX : COMMIT_RECORDS_MAX;
    return this.filling.readings.length < COMMIT_READINGS_MAX && this.records() < max;
  }

  /** Of two messages of a thousand transitions each the second is the next commit's: others need not wait for both. */
  private mayFlood(transitions: number): boolean {
    return this.hasRoom('flooding') && (!this.hasFlooding || this.records() + 2 * transitions <= COMMIT_RECORDS_MAX);
  }

  /** Of the open bundle, beside its readings. */
  private records(): number {
    const { deadLetters, verdict, points } = this.filling;
    return deadLetters.length + 2 * verdict.journal.length + points.size;
  }

  private isFull(): boolean {
    return !this.hasRoom('flooding');
  }

  /** Waiting for more would only have senders wait. */
  private isWorthwhile(): boolean {
    return this.filling.readings.length >= GROUP_READINGS || this.isFull();
  }

  private wake(): void {
    if (this.isWorthwhile()) this.hurry?.();
    if (this.pumping !== undefined || !this.started) return;
    this.pumping = this.pump().finally(() => {
      this.pumping = undefined;
      if (this.hasWork()) this.wake();
    });
  }

  private hasWork(): boolean {
    return this.broken === undefined && !(this.filling.isEmpty() && this.waiting.length === 0);
  }

  private async pump(): Promise<void> {
    // What arrives in this turn of the loop shares the commit.
    await turn();
    while (this.hasWork()) {
      // What waits is taken up in the next turn.
      if (this.filling.isEmpty()) await turn();
      if (this.filling.isEmpty()) continue;
      const restMs = this.lastStart + GROUP_COMMIT_MS - performance.now();
      if (restMs > 0 && !this.isWorthwhile() && !this.closing) await this.pause(restMs);
      await this.commitOpen();
    }
  }

  private pause(durationMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    }).finally(() => {
      this.hurry = undefined;
    });
  }

  private async commitOpen(): Promise<void> {
    const bundle = this.filling;
    const { now, freeze, onCommitted } = this.options;
    this.lastStart = performance.now();
    const at = now();
    const number = ++this.lastNumber;
    // Taken before anything of the next commit is judged: it is the state as of this one.
    const snapshotDue = at - this.snapshotAt >= SNAPSHOT_MS || this.options.store.wantsSnapshot === true;
    const state = this.snapshotting === undefined && snapshotDue ? freeze() : undefined;
    this.filling = this.spare;
    this.hasFlooding = false;
    this.storing = bundle;
    this.fillFromWaiting();
    await this.plan(bundle);
    const commit = bundle.toCommit(number, at);
    if (!(await this.storeCommit(commit))) {
      for (const { reject } of bundle.takeWaiters()) reject(this.broken);
      return;
    }
    this.commits++;
    this.lastCommitMs = performance.now() - this.lastStart;
    onCommitted(bundle, commit);
    // Telling a flood's transitions and judging the next of them are a turn each.
    if (bundle.verdict.journal.length > 0) await turn();
    const waiters = bundle.takeWaiters();
    bundle.clear();
    this.spare = bundle;
    this.storing = undefined;
    // The next commit goes on its way meanwhile.
    this.telling = this.tell(waiters);
    if (state !== undefined) this.snapshotting = this.saveSnapshot(number, state());
  }

  /** What a bundle on its way to disk makes due, some lines a turn. */
  private async plan({ verdict, notifications }: Bundle): Promise<void> {
    const { journal } = verdict;
    if (verdict.alarms.length + journal.length + verdict.floods.length === 0) return;
    const newest = new Map(verdict.alarms.map((alarm) => [alarm.id, alarm]));
    const due = (lines: readonly JournalEntry[], floods: readonly Flood[]) => {
      const alarms = [...new Set(lines.map(({ alarm }) => alarm))].flatMap((id) => newest.get(id) ?? []);
      for (const one of this.options.planNotifications(alarms, lines, floods)) notifications.set(one.id, one);
    };
    // Its filling has had its share of this turn.
    let turnedAt = Number.NEGATIVE_INFINITY;
    for (let from = 0; from < journal.length; from += PLAN_LINES) {
      if (journal.length > PLAN_LINES && performance.now() - turnedAt >= PLAN_TURN_MS) {
        await turn();
        turnedAt = performance.now();
      }
      due(journal.slice(from, from + PLAN_LINES), []);
    }
    due([], newestPerId(verdict.floods));
  }

  /** Takes up what waited, as much as this turn and the open bundle have room for. */
  private fillFromWaiting(): void {
    while (!this.isTurnOver()) {
      const next = this.nextWaiting();
      if (next === undefined) return;
      next.run();
    }
  }

  private nextWaiting(): Work | undefined {
    const mayFlood = this.mayFlood(this.waiting.transitionsOf());
    const first = mayFlood && !this.hasFlooding ? this.waiting.take('flooding') : undefined;
    if (first !== undefined) {
      this.hasFlooding = true;
      return first;
    }
    const calm = this.hasRoom('calm') ? this.waiting.take('calm') : undefined;
    return calm ?? (mayFlood ? this.waiting.take('flooding') : undefined);
  }

  /** Tells those who waited that their commit is on disk, so many a turn; before those of the next commit. */
  private async tell(waiters: readonly Waiter[]): Promise<void> {
    await this.telling;
    for (let from = 0; from < waiters.length; from += TELL_MAX) {
      if (from > 0) await turn();
      for (const { resolve } of waiters.slice(from, from + TELL_MAX)) resolve();
    }
  }

  /** The same commit again and again until it is on disk; false when the store is broken for good. */
  private async storeCommit(commit: Commit): Promise<boolean> {
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_LAST_MS)) {
      try {
        await this.options.store.commit(commit);
        if (this.problem !== undefined)
          this.options.log.info({ commit: commit.number }, 'the store takes commits again');
        this.problem = undefined;
        return true;
      } catch (error) {
        const reason = (error as Error).message;
        if (this.problem !== reason) this.options.log.error({ err: error, commit: commit.number }, 'commit failed');
        this.problem = reason;
        if (!(error instanceof StoreError) || !error.retryable) {
          this.breakDown(error);
          return false;
        }
        if (this.closing) {
          // Nobody was told that it is stored: the senders keep it.
          this.broken = error;
          return false;
        }
        this.retries++;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  private breakDown(error: unknown): void {
    this.broken = error;
    for (const { reject } of this.filling.takeWaiters()) reject(error);
    for (const { reject } of this.waiting.takeAll()) reject(error);
    this.options.onBroken(error);
  }

  /** A snapshot that can't be saved only makes the next replay longer. */
  private async saveSnapshot(number: number, state: Iterable<string>): Promise<void> {
    try {
      await this.options.store.saveSnapshot(number, state);
      this.snapshotNumber = number;
      this.snapshotAt = this.options.now();
    } catch (error) {
      this.snapshotFailures++;
      this.options.log.warn({ err: error, commit: number }, 'the judge state could not be saved');
    } finally {
      this.snapshotting = undefined;
    }
  }

  /** Commits what is queued, snapshots, and takes nothing more. */
  async close(): Promise<void> {
    if (this.closing) return this.pumping;
    this.closing = true;
    this.hurry?.();
    await this.pumping;
    await this.telling;
    await this.snapshotting;
    this.problem = 'closed';
    if (this.broken === undefined && this.snapshotNumber < this.lastNumber)
      await this.saveSnapshot(this.lastNumber, this.options.freeze()());
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
