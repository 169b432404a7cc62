import type { DeviceInfo, PointInfo } from '../gateway/domain/plant.ts';
import { ReadingBuffer } from '../gateway/domain/readings.ts';
import { DuckDbStore } from '../gateway/store/duckdb.ts';
import { LATE_WAIT_MS } from '../gateway/store/tidy-plan.ts';
import { mixedValue } from './workload.ts';

/** A data folder with a past: every point a reading each `everyMs` until now, sealed as far as the store seals by itself. */
export interface PastTask {
  readonly dataDir: string;
  readonly points: number;
  readonly rounds: number;
  readonly everyMs: number;
}

export interface PastReport {
  readonly readings: number;
  readonly seconds: number;
  /** Of the process, values made included. */
  readonly cpuS: number;
  /** Of sealed files, sums included. */
  readonly bytes: number;
  readonly sumsBytes: number;
  /** Of readings. */
  readonly files: number;
}

const POINTS_PER_DEVICE = 5;
const COMMIT_READINGS = 200_000;
/** Commits between snapshots, and full tables that may wait: then writing waits for sealing. */
const SNAPSHOT_COMMITS = 20;
const TABLES_MAX = 4;

/** Written through the store alone: what is asked for later does not depend on how it came. */
async function write({ dataDir, points, rounds, everyMs }: PastTask): Promise<PastReport> {
  const started = performance.now();
  const store = await DuckDbStore.open({ dataDir, newId: () => `store-${process.pid}` });
  const now = Math.floor(Date.now() / everyMs) * everyMs;
  const readings = new ReadingBuffer(COMMIT_READINGS);
  let number = 0;
  const commit = async (more: { points?: PointInfo[]; devices?: DeviceInfo[] } = {}) => {
    number++;
    await store.commit({ number, at: Date.now(), inputs: [], readings, ...more });
    readings.clear();
    if (number % SNAPSHOT_COMMITS === 0) await store.saveSnapshot(number, '');
    if (store.sizes.hotTables > TABLES_MAX) await store.settle(Date.now());
  };
  await commit({
    points: Array.from({ length: points }, (_, id) => ({
      id,
      device: `dev-${Math.floor(id / POINTS_PER_DEVICE)}`,
      measurement: `m${id % POINTS_PER_DEVICE}`,
      maxSilenceMs: 300_000,
      reportingDelayMs: 0,
    })),
    devices: Array.from({ length: Math.ceil(points / POINTS_PER_DEVICE) }, (_, index) => ({
      id: `dev-${index}`,
      class: 'generic',
      origin: 'discovered' as const,
      attributes: {},
    })),
  });
  for (let round = 0; round < rounds; round++) {
    const ts = now - (rounds - round) * everyMs;
    for (let point = 0; point < points; point++) {
      readings.push(point, ts + (point % 997), mixedValue(point, round), 0, 0);
      if (readings.length === COMMIT_READINGS) await commit();
    }
  }
  await commit();
  await store.rotate();
  // No judge has seen any of this: nothing to replay, and no state to restore.
  await store.saveSnapshot(number, '');
  await store.settle(Date.now());
  // Yesterday was closed long ago: what came to it afterwards has waited its hour.
  await store.settle(Date.now() + LATE_WAIT_MS);
  const { sealedBytes, sumsBytes, sealedFiles } = store.sizes;
  await store.close();
  const { user, system } = process.cpuUsage();
  return {
    readings: points * rounds,
    seconds: (performance.now() - started) / 1000,
    cpuS: (user + system) / 1e6,
    bytes: sealedBytes,
    sumsBytes,
    files: sealedFiles,
  };
}

process.once('message', (task: PastTask) => {
  write(task).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));
