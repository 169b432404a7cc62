import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JournalEntry } from '../../../contract/alarm.ts';
import { GOOD } from '../../../contract/reading.ts';
import { CommitQueue, GROUP_COMMIT_MS, GROUP_READINGS } from '../../../gateway/commit-queue.ts';

/** A queue over a store that takes everything at once; what it was given, by readings a commit. */
function queueOverStore() {
  const sizes: number[] = [];
  const queue = new CommitQueue({
    store: {
      commit: async ({ readings }) => void sizes.push(readings.length),
      saveSnapshot: async () => {},
    },
    freeze: () => () => [],
    planNotifications: () => [],
    onCommitted: () => {},
    now: () => 0,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onBroken: () => {},
  });
  queue.start({ lastCommit: 0, snapshotCommit: 0 });
  const put = (count: number) =>
    queue.enqueue(() => {
      for (let n = 0; n < count; n++) queue.filling.readings.push(0, n, 1, GOOD, 0);
    });
  /** A message of which every reading changes an alarm. */
  const flood = (source: string, count: number) =>
    queue.enqueue(() => {
      for (let n = 0; n < count; n++) {
        queue.filling.readings.push(0, n, 1, GOOD, 0);
        queue.filling.verdict.journal.push({ alarm: `${source}-${n}` } as JournalEntry);
      }
    }, source);
  return { put, flood, sizes, queue };
}

describe('a commit', () => {
  // Clock and timers stand still; the loop turns, so that what does not wait for a timer goes on.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 0 }));
  afterEach(() => void vi.useRealTimers());
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await new Promise((done) => setImmediate(done));
  };

  it('waits for company, and not once it holds what a commit is worth', async () => {
    const { put, sizes } = queueOverStore();
    await put(1);
    const few = put(1);
    await turns(20);
    expect(sizes).toEqual([1]);
    const many = put(GROUP_READINGS - 1);
    await Promise.all([few, many]);
    expect(sizes).toEqual([1, GROUP_READINGS]);
  });

  it('of a few readings comes when the time is over', async () => {
    const { put, sizes } = queueOverStore();
    await put(1);
    const few = put(2);
    await turns(20);
    vi.advanceTimersByTime(GROUP_COMMIT_MS);
    await few;
    expect(sizes).toEqual([1, 2]);
  });

  it('holds one large message of sources that flood, and many small ones', async () => {
    const { flood, sizes } = queueOverStore();
    /** A message of each source; sizes of the commits they came in. */
    const all = async (count: number) => {
      sizes.length = 0;
      let isOver = false;
      const sent = Promise.all(['a', 'b', 'c', 'd'].map((source) => flood(source, count))).finally(() => {
        isOver = true;
      });
      for (let n = 0; n < 100 && !isOver; n++) {
        await turns(20);
        vi.advanceTimersByTime(GROUP_COMMIT_MS);
      }
      await sent;
      return [...sizes];
    };
    // It is known by its last message what a source brings.
    await all(1000);
    expect(await all(1000)).toEqual([1000, 1000, 1000, 1000]);
    await all(100);
    expect(await all(100)).toEqual([400]);
  });
});
