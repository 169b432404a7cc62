import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { GOOD } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { removeFolder } from '../support/folders.ts';
import { envelope, openRig } from '../support/ingest-rig.ts';

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
  removeFolder(disk);
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

  it('slows senders down instead of losing anything: nothing is acknowledged until there is room', async () => {
    const filler = join(disk, 'filler');
    removeFolder(join(disk, 'data'));
    writeFileSync(filler, Buffer.alloc(16 * 1024 * 1024));
    const rig = await openRig({ dataDir: join(disk, 'ingest'), ballastBytes: 0 });
    const at = 1_763_877_600_000;
    let sent = 0;
    let acknowledged = 0;
    const waiting = new Set<Promise<unknown>>();
    const send = () => {
      const seq = ++sent;
      const readings = Array.from({ length: 100 }, (_, device) => ({
        device: `fm-${device}`,
        ts: at + seq,
        values: { a: Math.random(), b: Math.random(), c: Math.random(), d: Math.random() },
      }));
      const batch = rig.ingest
        .batch('e1', envelope(seq, readings, { made: seq * 400, sentAt: at }), at)
        .then(() => acknowledged++)
        .finally(() => waiting.delete(batch));
      waiting.add(batch);
    };
    // A sender keeps 16 batches in flight, as the contract says.
    const deadline = Date.now() + 60_000;
    while (rig.ingest.ready().ready && Date.now() < deadline) {
      while (waiting.size < 16) send();
      await Promise.race([...waiting, new Promise((next) => setTimeout(next, 100))]);
    }
    expect(rig.ingest.ready()).toMatchObject({ ready: false, reason: expect.stringMatching(/no room/) });
    expect(acknowledged).toBeLessThan(sent);
    expect([...rig.registry.marks()][0]?.mark).toBe(acknowledged);
    rmSync(filler);
    await Promise.all([...waiting]);
    expect(acknowledged).toBe(sent);
    expect(rig.ingest.ready()).toEqual({ ready: true });
    expect([...rig.registry.marks()]).toMatchObject([{ made: sent * 400, stored: sent * 400 }]);
    await rig.restart();
    const count = { from: at, to: at + 1_000_000, stepMs: 1_000_000, points: [3], aggregate: 'count' as const };
    expect(await rig.store.query(count)).toMatchObject([{ values: [{ value: sent }] }]);
    await rig.close();
  });
});
