import type { Millis } from '../../contract/time.ts';
import type { Ballast } from './ballast.ts';
import type { History } from './history.ts';
import type { HotTables } from './hot-tables.ts';
import type { RetentionPolicy } from './retention.ts';
import type { Spool } from './spool.ts';

export interface UpkeepParts {
  readonly hot: HotTables;
  readonly history: History;
  readonly spool: Spool | undefined;
  /** Writes records down once more for the next start, when they changed. */
  readonly renewImage: () => Promise<void>;
  readonly ballast: Ballast;
  readonly retention: () => RetentionPolicy;
  readonly lastCommit: () => number;
  /** Up to which commit a snapshot covers what was judged. */
  readonly snapshotCommit: () => number;
  readonly now: () => Millis;
}

/** Sealing, dropping, merging and forgetting, in the background and one piece at a time. */
export class Upkeep {
  private readonly parts: UpkeepParts;
  private under: Promise<void> | undefined;
  private closing = false;
  private error: Error | undefined;

  constructor(parts: UpkeepParts) {
    this.parts = parts;
  }

  /** What failed last and was not done since. */
  get problem(): string | undefined {
    return this.error?.message;
  }

  /** The store is being closed: nothing more is begun. */
  get isEnding(): boolean {
    return this.closing;
  }

  /** What fails is tried again at the next call. */
  soon(): void {
    if (this.closing) return;
    this.under ??= this.tidy(this.parts.now())
      .then(
        () => {
          this.error = undefined;
        },
        (error: unknown) => {
          this.error = error as Error;
        },
      )
      .finally(() => {
        this.under = undefined;
      });
  }

  /** All of it, until nothing is left to do. */
  settle(now: Millis): Promise<void> {
    return this.without(() => this.tidy(now, true));
  }

  /** While `work` runs, no table is sealed and no file merged away. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    while (this.under !== undefined) await this.under;
    const result = work();
    this.under = result.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await result;
    } finally {
      this.under = undefined;
    }
  }

  /**
   * Full tables become files, and go.
   *
   * @param evenFew - also those that would wait for others
   */
  async sealAll(evenFew = false): Promise<void> {
    const { hot, history, renewImage } = this.parts;
    for (;;) {
      await renewImage();
      await this.dropCovered();
      const due = hot.sealable(evenFew);
      if (due === undefined || this.closing) return;
      await history.seal(due, () => hot.sealed(due.tables));
    }
  }

  async end(): Promise<void> {
    this.closing = true;
    await this.under;
  }

  private async tidy(now: Millis, evenFew = false): Promise<void> {
    const { history, ballast, retention } = this.parts;
    await this.sealAll(evenFew);
    while (!this.closing && (await history.checkFiles())) await this.sealAll(evenFew);
    while (!this.closing && (await history.tidy(now))) await this.sealAll(evenFew);
    const policy = retention();
    while (!this.closing && (await history.forget(policy, now)));
    await ballast.takeOn();
  }

  /** Before the next table is sealed: on a machine that never catches up with sealing they would pile up. */
  private async dropCovered(): Promise<void> {
    const { hot, history, spool, lastCommit, snapshotCommit } = this.parts;
    for (;;) {
      const table = hot.droppable(snapshotCommit());
      if (table === undefined || this.closing) return;
      await spool?.keep(table, (hot.list[1]?.firstCommit ?? lastCommit() + 1) - 1);
      await history.drop(table, () => hot.dropOldest());
    }
  }
}
