import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { GOOD } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { SHARD_POINTS } from '../../gateway/store/segments.ts';
import { MERGE_SEGMENTS } from '../../gateway/store/tidy-plan.ts';
import { removeFolder } from '../support/folders.ts';
import { latest } from '../support/latest.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 10, 20, 8);
const RANGE = { from: T0 - 20 * DAY, to: T0 + DAY };
/** Moments of one stage that are looked at; each opens a store. */
const MOMENTS_MAX = 12;
const POINTS = [0, 1, SHARD_POINTS + 5];

/** Parts of the store that a step of tidying goes through; wrapped to look at the folder as a crash would leave it. */
interface Inside {
  database: { background: (work: unknown) => Promise<unknown> };
  write: (work: unknown, maintain?: boolean) => Promise<unknown>;
}

/** Everything a user can ask: raw rows, sums of quarters, of whole days, and each point's newest. */
async function answersOf(store: DuckDbStore) {
  const rows = await Promise.all(POINTS.map((point) => store.readings(point, RANGE, 100_000)));
  const query = { from: Math.floor(RANGE.from / DAY) * DAY, to: RANGE.to, points: POINTS, aggregate: 'sum' as const };
  const times = await store.query({ ...query, aggregate: 'count', stepMs: 1e12 });
  return {
    rows: rows.map((list) => list.map(({ ts, value }) => [ts - T0, value])),
    quarters: await store.query({ ...query, stepMs: 900_000 }),
    days: await store.query({ ...query, stepMs: 2 * DAY }),
    times,
    latest: await latest(store, POINTS),
  };
}

it('a crash between any two steps of sealing, merging, settling late readings and summing loses and doubles nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-crash-'));
  const dataDir = join(folder, 'data');
  let now = T0;
  const open = (dir: string) =>
    DuckDbStore.open({ dataDir: dir, newId: () => 'store', now: () => now, ballastBytes: 0 });
  const store = await open(dataDir);
  try {
    let commit = 0;
    const put = async (rows: readonly (readonly [point: number, ts: number, value: number])[]) => {
      const readings = new ReadingBuffer();
      for (const [point, ts, value] of rows) readings.push(point, ts, value, GOOD, 0);
      await store.commit({ number: ++commit, at: now, inputs: [], readings });
      await store.rotate();
    };
    const inside = store as unknown as Inside;
    const moments: string[] = [];
    let isWatched = false;
    const crash = () => {
      if (!isWatched || moments.length === MOMENTS_MAX) return;
      const copy = join(folder, `crash-${moments.length}`);
      cpSync(dataDir, copy, { recursive: true });
      moments.push(copy);
    };
    for (const [owner, name] of [
      [inside.database, 'background'],
      [inside, 'write'],
    ] as const) {
      const before = (owner as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>)[name]!.bind(owner);
      (owner as unknown as Record<string, unknown>)[name] = async (...given: unknown[]) => {
        const result = await before(...given);
        crash();
        return result;
      };
    }
    const checkAll = async (what: string) => {
      const expected = await answersOf(store);
      expect(moments.length, what).toBeGreaterThan(1);
      for (const [index, moment] of moments.splice(0).entries()) {
        const again = await open(moment);
        expect(await answersOf(again), what).toEqual(expected);
        expect(again.problems, what).toEqual([]);
        if (index % 4 === 0) {
          await again.settle(now);
          expect(await answersOf(again), what).toEqual(expected);
        }
        await again.close();
        removeFolder(moment);
      }
    };
    const settle = async (what: string) => {
      isWatched = true;
      await store.settle(now);
      isWatched = false;
      await checkAll(what);
    };
    for (let round = 1; round <= MERGE_SEGMENTS; round++) {
      await put(POINTS.map((point) => [point, T0 + round * 60_000, round] as const));
      if (round === MERGE_SEGMENTS) isWatched = true;
      await store.saveSnapshot(commit, '');
      if (round < MERGE_SEGMENTS) await store.settle(now);
    }
    await settle('sealing and merging a day in progress');
    now = T0 + 2 * DAY;
    await settle('closing a day');
    // Sealed, and kept for a replay: the readings are in two places.
    await put(Array.from({ length: 10 }, (_, index) => [1, T0 - index * DAY + 1, index] as const));
    await settle('late readings of many days');
  } finally {
    await store.close();
    removeFolder(folder);
  }
}, 120_000);
