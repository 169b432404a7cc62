import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GOOD } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { HotTables, SEAL_TABLES, SEAL_WAIT_MS } from '../../gateway/store/hot-tables.ts';
import { removeFolder } from '../support/folders.ts';

const T0 = Date.UTC(2026, 10, 20, 8);
const ROWS = 1000;

describe('a table that readings were committed to', () => {
  let folder: string;
  let store: DuckDbStore;
  let commit: number;

  const start = () =>
    DuckDbStore.open({ dataDir: join(folder, 'data'), newId: () => 'store', now: () => T0, ballastBytes: 0 });
  /** One commit, of readings that no other has. */
  const put = async () => {
    const readings = new ReadingBuffer();
    for (let row = 0; row < ROWS; row++) readings.push(1, T0 + (commit * ROWS + row) * 1000, commit, GOOD, 0);
    await store.commit({ number: ++commit, at: T0, inputs: [], readings });
  };
  const stored = async () =>
    (await store.readings(1, { from: T0, to: T0 + 1000 * commit * ROWS }, 100_000)).map(({ ts }) => (ts - T0) / 1000);
  const expectAll = async () => expect(await stored()).toEqual(Array.from({ length: commit * ROWS }, (_, n) => n));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-drop-'));
    commit = 0;
    store = await start();
  });
  afterEach(async () => {
    await store.close();
    removeFolder(folder);
  });

  it('is gone before the next ones are sealed: those that are sealed never pile up', async () => {
    for (let table = 0; table < 3 * SEAL_TABLES; table++) {
      await put();
      await store.rotate();
    }
    await put();
    await store.saveSnapshot(commit, '');
    const begun = store.sizes.hotTables;
    /** Sealed tables, and how many of them were still there at the most. */
    const kept = new Map<number, number>();
    let isSettled = false;
    const settled = store.settle(T0).finally(() => {
      isSettled = true;
    });
    while (!isSettled) {
      const { hotTables, sealedReadings } = store.sizes;
      const sealed = sealedReadings / ROWS;
      kept.set(sealed, Math.max(kept.get(sealed) ?? 0, sealed - (begun - hotTables)));
      await turn();
    }
    await settled;
    expect(begun).toBe(3 * SEAL_TABLES + 1);
    expect([...kept.keys()]).toEqual(expect.arrayContaining([SEAL_TABLES, 2 * SEAL_TABLES]));
    expect(Math.max(...kept.values())).toBe(SEAL_TABLES);
    expect(store.sizes).toMatchObject({ hotTables: 1, sealedReadings: 3 * SEAL_TABLES * ROWS });
    await expectAll();
  });

  it('is sealed with others: of a moment that several of them hold the last value stays, once', async () => {
    const at = async (...rows: readonly (readonly [seconds: number, value: number])[]) => {
      const readings = new ReadingBuffer();
      for (const [seconds, value] of rows) readings.push(1, T0 + seconds * 1000, value, GOOD, 0);
      await store.commit({ number: ++commit, at: T0, inputs: [], readings });
    };
    const expectLast = async () =>
      expect(
        (await store.readings(1, { from: T0, to: T0 + 60_000 }, 100)).map(({ ts, value }) => [ts - T0, value]),
      ).toEqual([
        [0, 5],
        [1000, 2],
        [2000, 4],
        [3000, 6],
      ]);
    // Ascending, a correction of a table before, and one within the table: the rows of the later table count.
    await at([0, 1], [1, 2]);
    await store.rotate();
    await at([2, 3], [0, 5]);
    await store.rotate();
    await at([2, 9], [2, 4], [3, 6]);
    await store.rotate();
    await at([3, 6]);
    await expectLast();
    await store.saveSnapshot(commit, '');
    await store.settle(T0);
    expect(store.sizes).toMatchObject({ hotTables: 1, sealedFiles: 1, sealedReadings: 4 });
    await expectLast();
  });

  it('waits for others to be sealed with, and for no more than a minute', () => {
    let clock = T0;
    const hot = new HotTables(() => clock);
    const table = (n: number, more: object = {}) => ({
      n,
      name: `hot_${n}`,
      firstCommit: 10 * n,
      sealed: false,
      ...more,
    });
    const full = (n: number) => table(n, { fullAt: T0 + n });
    const names = (evenFew = false) => hot.sealable(evenFew)?.tables.map(({ n }) => n);

    hot.list = [table(1, { sealed: true }), full(2), full(3), table(4)];
    expect(names()).toBeUndefined();
    expect(names(true)).toEqual([2, 3]);
    clock = T0 + 2 + SEAL_WAIT_MS;
    expect(names()).toEqual([2, 3]);
    clock = T0;
    hot.list = [1, 2, 3, 4, 5].map(full).concat(table(6));
    expect(hot.sealable()).toMatchObject({ lastCommit: 49, isOnce: false });
    expect(names()).toEqual([1, 2, 3, 4]);
    // From before a start: nothing is known of when it was full.
    hot.list = [table(1), table(2)];
    expect(names()).toEqual([1]);
    hot.list = [table(1, { sealed: true }), table(2)];
    expect(names(true)).toBeUndefined();
  });

  it('stays while a start would replay from it, and goes when a snapshot covers all of it', async () => {
    for (let table = 0; table < 2; table++) {
      await put();
      await put();
      await store.rotate();
    }
    await put();
    // In the middle of the second table.
    await store.saveSnapshot(3, '');
    await store.settle(T0);
    expect(store.sizes).toMatchObject({ hotTables: 2, sealedReadings: 4 * ROWS });
    await expectAll();

    await store.close();
    store = await start();
    const replayed: number[] = [];
    for await (const { number } of store.replay(3)) replayed.push(number);
    expect(replayed).toEqual([4, 5]);
    await store.settle(T0);
    expect(store.sizes.hotTables).toBe(2);
    await expectAll();

    await store.saveSnapshot(commit, '');
    await store.settle(T0);
    expect(store.sizes).toMatchObject({ hotTables: 1, sealedReadings: 4 * ROWS });
    await expectAll();
  });
});
