import { randomUUID } from 'node:crypto';
import { DuckDbStore } from '../gateway/store/duckdb.ts';

/** First message to the gateway process. */
export interface GatewayTask {
  readonly dataDir: string;
  readonly edges: readonly string[];
  readonly devices: readonly string[];
  /** Of an earlier start on this folder: its port and what it gave out. */
  readonly port?: number;
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface GatewayReady {
  readonly port: number;
  readonly startMs: number;
  /** Processor time of the whole process until then, seconds; of that, before the store was opened. */
  readonly startCpuS: number;
  readonly loadCpuS: number;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Asked for by `'report'`, and then counted anew. */
export interface GatewayReport {
  readonly stored: number;
  readonly duplicates: number;
  readonly commits: number;
  readonly retries: number;
  readonly points: number;
  readonly missing: number;
  /** Sums over all lanes since they began. */
  readonly ledger: { readonly made: number; readonly stored: number; readonly duplicateBatches: number };
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly rssMb: number;
  /** The most since the last report, and one figure every {@link RSS_EVERY_MS}: a leak would show. */
  readonly rssMaxMb: number;
  readonly rssOverTimeMb: readonly number[];
  readonly heapMb: number;
  /** Readings sealed into files since the last report. */
  readonly sealed: number;
  readonly problems: readonly string[];
  /** Milliseconds of queries made meanwhile, by kind. */
  readonly queries: Readonly<Record<string, readonly number[]>>;
}

/** After `'finish'`: everything sealed, the day closed into one file. */
export interface FinishReport {
  readonly sealedBytes: number;
  readonly sealedReadings: number;
  readonly cpuS: number;
  readonly wallS: number;
}

/** What was there before the rest of the program. */
export interface Begun {
  readonly opening: Promise<DuckDbStore>;
  /** On the clock of `performance.now()`. */
  readonly started: number;
  readonly loadCpuS: number;
}

/** Processor time of this process so far, seconds. */
export function cpuS(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1e4) / 100;
}

// As `gateway/run.ts` begins: the store is opened while the rest is loaded.
process.once('message', (task: GatewayTask) => {
  const begun = {
    started: performance.now(),
    loadCpuS: cpuS(),
    opening: DuckDbStore.open({ dataDir: task.dataDir, newId: randomUUID }),
  };
  import('./district-parts.ts')
    .then(({ start }) => start(task, begun))
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});
process.once('disconnect', () => process.exit(0));
