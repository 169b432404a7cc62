export interface BenchOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly root: string;
}

type Bench = (options: BenchOptions) => Promise<number>;

/** Each benchmark by name; loaded when called. One line to add one. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  ingest: async () => (await import('./ingest.ts')).runIngestBench,
  store: async () => (await import('./store.ts')).runStoreBench,
  query: async () => (await import('./query.ts')).runQueryBench,
  broker: async () => (await import('./broker.ts')).runBrokerBench,
  kill: async () => (await import('./kill.ts')).runKillBench,
  outbox: async () => (await import('./outbox.ts')).runOutboxBench,
  oil: async () => (await import('./oil.ts')).runOilBench,
  alarms: async () => (await import('./alarms.ts')).runAlarmsBench,
  edge: async () => (await import('./edge.ts')).runEdgeBench,
  leakage: async () => (await import('./leakage.ts')).runLeakageBench,
};

/** @returns exit code */
export async function runBench(options: BenchOptions): Promise<number> {
  const load = BENCHES[options.name];
  if (load === undefined) {
    process.stderr.write(`error: no benchmark ${options.name}; there are: ${Object.keys(BENCHES).join(', ')}\n`);
    return 2;
  }
  return (await load())(options);
}
