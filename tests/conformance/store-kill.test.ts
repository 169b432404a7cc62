import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { removeFolder } from '../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BUILT = join(ROOT, 'dist/gateway/ingest.js');
const ROUNDS = Number(process.env.HANFENG_KILL_ROUNDS ?? 4);
const POINTS = 50;

/** Lets the writer run until it has acknowledged `acknowledgements` more times, then kills it. @returns the last number it acknowledged */
async function runAndKill(
  script: string,
  dataDir: string,
  acknowledgements: number,
): Promise<{ start: number; acknowledged: number }> {
  const child = spawn(process.execPath, [join(ROOT, 'tests/support', script), dataDir, '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => child.once('exit', done));
  let start = 0;
  let acknowledged = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, number] = line.split(' ');
    if (word === 'start') start = Number(number);
    else if (word === 'ack') {
      acknowledged = Number(number);
      if (++count === acknowledgements) child.kill('SIGKILL');
    }
  }
  await ended;
  return { start, acknowledged };
}

describe('ingest and store under SIGKILL', () => {
  it.skipIf(!existsSync(BUILT))(
    `keep every acknowledged reading once, over ${ROUNDS} kills`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'hanfeng-kill-'));
      const dataDir = join(folder, 'data');
      try {
        let acknowledged = 0;
        for (let round = 1; round <= ROUNDS; round++) {
          const run = await runAndKill('ingest-writer.mjs', dataDir, 3 + ((round * 7) % 5));
          expect(run.start).toBeGreaterThanOrEqual(acknowledged);
          acknowledged = run.acknowledged;
        }
        const store = await DuckDbStore.open({ dataDir, newId: () => 'x' });
        const { marks, points } = await store.recover();
        const mark = marks[0]?.mark ?? 0;
        expect(mark).toBeGreaterThanOrEqual(acknowledged);
        expect(points).toHaveLength(POINTS);
        expect(marks[0]).toMatchObject({ stored: mark * POINTS, ahead: [] });
        const range = { from: 1_763_877_600_000, to: 1_763_877_600_000 + mark + 1000 };
        for (const { id } of points.slice(0, 5)) {
          const readings = await store.readings(id, range, 1_000_000);
          expect(readings.map(({ value }) => value)).toEqual(Array.from({ length: mark }, (_, index) => index + 1));
          expect(await store.query({ ...range, points: [id], stepMs: 10_000_000, aggregate: 'count' })).toMatchObject([
            { values: [{ value: mark }] },
          ]);
        }
        await store.close();
      } finally {
        removeFolder(folder);
      }
    },
    120_000,
  );

  it.skipIf(!existsSync(BUILT))(
    `keep every reading once while tables are sealed and days merged, over ${ROUNDS} kills`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'hanfeng-kill-'));
      const dataDir = join(folder, 'data');
      try {
        let acknowledged = 0;
        for (let round = 1; round <= ROUNDS; round++) {
          const run = await runAndKill('seal-writer.mjs', dataDir, 21 + ((round * 13) % 29));
          expect(run.start).toBeGreaterThanOrEqual(acknowledged);
          acknowledged = run.acknowledged;
        }
        const store = await DuckDbStore.open({ dataDir, newId: () => 'x' });
        const { lastCommit } = await store.recover();
        expect(lastCommit).toBeGreaterThanOrEqual(acknowledged);
        expect(store.problems).toEqual([]);
        for (const point of [0, 7, 19]) {
          const readings = await store.readings(point, { from: 0, to: Date.UTC(2027, 0) }, 1_000_000);
          const commits = new Map<number, number>();
          for (const { value } of readings) commits.set(value as number, (commits.get(value as number) ?? 0) + 1);
          expect(commits.size).toBe(lastCommit);
          expect([...commits.values()].every((times) => times === 3)).toBe(true);
        }
        const count = { from: 0, to: Date.UTC(2027, 0), stepMs: 1e13, points: [3], aggregate: 'count' as const };
        expect(await store.query(count)).toMatchObject([{ values: [{ value: 3 * lastCommit }] }]);
        await store.close();
      } finally {
        removeFolder(folder);
      }
    },
    120_000,
  );
});
