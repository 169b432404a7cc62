import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { GOOD } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';

const disk = mkdtempSync(join(tmpdir(), 'hanfeng-full-'));
const isMounted = (() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

afterAll(() => {
  if (isMounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

describe.skipIf(!isMounted)('a full disk (needs the right to mount a small one)', () => {
  it('refuses commits with a clear word, goes on when there is room, and loses and repeats nothing', async () => {
    const filler = join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024));
    const dataDir = join(disk, 'data');
    const options = { dataDir, newId: () => 'store', ballastBytes: 0, memoryLimitMb: 200 };
    let store = await DuckDbStore.open(options);
    const bundle = (number: number) => {
      const readings = new ReadingBuffer(20_000);
      for (let row = 0; row < 20_000; row++)
        readings.push(
          row % 100,
          1_763_877_600_000 + number * 1000 + Math.floor(row / 100),
          number + Math.random(),
          GOOD,
          0,
        );
      return { number, at: 0, inputs: [], readings };
    };
    let number = 0;
    let refused: unknown;
    while (refused === undefined && number < 200) {
      await store.commit(bundle(number + 1)).then(
        () => {
          number++;
        },
        (error: unknown) => {
          refused = error;
        },
      );
    }
    expect(refused).toMatchObject({ code: 'store-full', retryable: true });
    expect(number).toBeGreaterThan(5);
    // Reads go on while nothing can be written.
    const count = {
      from: 0,
      to: 2_000_000_000_000,
      stepMs: 3_000_000_000_000,
      points: [7],
      aggregate: 'count' as const,
    };
    expect(await store.query(count)).toMatchObject([{ values: [{ value: number * 200 }] }]);
    await expect(store.commit(bundle(number + 1))).rejects.toMatchObject({ retryable: true });
    rmSync(filler);
    await store.commit(bundle(++number));
    expect(await store.query(count)).toMatchObject([{ values: [{ value: number * 200 }] }]);
    await store.close();
    store = await DuckDbStore.open(options);
    expect((await store.recover()).lastCommit).toBe(number);
    expect(await store.query(count)).toMatchObject([{ values: [{ value: number * 200 }] }]);
    await store.close();
  });
});
