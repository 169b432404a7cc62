import { randomUUID } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino } from 'pino';
import { openAccounts } from '../gateway/accounts.ts';
import { startBroker } from '../gateway/broker.ts';
import { createJudge } from '../gateway/domain/judge.ts';
import { keepHeapSmall } from '../gateway/heap.ts';
import { IngestPath } from '../gateway/ingest.ts';
import { createMetrics } from '../gateway/metrics.ts';
import { catalogOf } from '../gateway/plant-catalog.ts';
import type { PlantCatalog } from '../gateway/plant-growth.ts';
import { classSchema } from '../gateway/plant-schema.ts';
import { PlantRegistry } from '../gateway/registry.ts';
import type { LaneMark } from '../gateway/store/store.ts';
import { createSubscriber } from '../gateway/subscriber.ts';
import { type Answers, askAway } from './district-questions.ts';

/** How often memory is noted for the picture over time. */
const RSS_EVERY_MS = 15_000;

/** Measurements of a device at most: five of an edge's devices, fifty of one that sends single readings. */
const MEASUREMENTS = 50;

import {
  type Begun,
  cpuS,
  type FinishReport,
  type GatewayReady,
  type GatewayReport,
  type GatewayTask,
} from './district-gateway.ts';

/** The parts of a gateway as `gateway/main.ts` joins them, without the pages: two limits on every point. */
export async function start(
  { dataDir, edges, devices, port = 0, secrets: known }: GatewayTask,
  { opening, started, loadCpuS }: Begun,
): Promise<void> {
  const now = Date.now;
  const log = pino({ level: 'warn' });
  const metrics = createMetrics();
  const store = await opening;
  const registry = new PlantRegistry();
  const ingest = await IngestPath.open({
    store,
    registry,
    judge: createJudge({ timezone: 'Asia/Shanghai', device: (id) => registry.device(id) }),
    catalog: limitsOnEveryPoint(),
    discovery: 'accept',
    planNotifications: () => [],
    now,
    newId: randomUUID,
    log,
    onBroken: (error) => {
      console.error(error);
      process.exit(1);
    },
  });
  const startMs = performance.now() - started;
  const startCpuS = cpuS();
  keepHeapSmall();
  const subscriber = createSubscriber({
    ingest,
    marks: () => registry.marks(),
    store: store.id,
    gateway: 'bench',
    now,
    newId: randomUUID,
    metrics,
    log,
  });
  const accounts = await openAccounts(dataDir, now);
  const secrets: Record<string, string> = { ...known };
  for (const [kind, ids] of [
    ['edge', edges],
    ['device', devices],
  ] as const)
    for (const id of ids) secrets[id] ??= (await accounts.addCredential(kind, id)).secret;
  const broker = await startBroker({ host: '127.0.0.1', port, accounts, subscriber, now, metrics, log });
  subscriber.start(broker);
  const clock = setInterval(() => void ingest.tick(now()), 1000);

  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const queries: Answers = {};
  let stopAsking = () => {};
  let base = { ...ingest.counts, commits: ingest.commits.done, sealed: 0 };
  let rss: number[] = [];
  let rssMax = 0;
  const watching = setInterval(() => {
    rssMax = Math.max(rssMax, rssMb());
  }, 250);
  const noting = setInterval(() => rss.push(rssMb()), RSS_EVERY_MS);
  process.on('message', async (message: unknown) => {
    if (message === 'ask') stopAsking = askAway({ store, registry }, queries);
    if (message === 'report') {
      const { counts, commits } = ingest;
      const report: GatewayReport = {
        stored: counts.stored - base.stored,
        duplicates: counts.duplicates - base.duplicates,
        commits: commits.done - base.commits,
        retries: commits.retries,
        points: registry.pointCount,
        missing: sumOf(registry, ({ made, stored, rejected }) => made - stored - rejected),
        ledger: {
          made: sumOf(registry, ({ made }) => made),
          stored: sumOf(registry, ({ stored }) => stored),
          duplicateBatches: sumOf(registry, ({ duplicateBatches }) => duplicateBatches),
        },
        loopP99Ms: Math.round(delay.percentile(99) / 1e6),
        loopMaxMs: Math.round(delay.max / 1e6),
        rssMb: rssMb(),
        rssMaxMb: Math.max(rssMax, rssMb()),
        rssOverTimeMb: rss,
        heapMb: Math.round(process.memoryUsage().heapUsed / 1e6),
        sealed: store.sizes.sealedReadings - base.sealed,
        problems: store.problems,
        queries: structuredClone(queries),
      };
      base = { ...counts, commits: commits.done, sealed: store.sizes.sealedReadings };
      rss = [];
      rssMax = 0;
      for (const kind of Object.keys(queries)) delete queries[kind];
      delay.reset();
      process.send?.(report);
    }
    if (message === 'finish') {
      const cpu = process.cpuUsage();
      const began = performance.now();
      clearInterval(clock);
      await ingest.close();
      await store.rotate();
      await store.settle(now() + 3 * 86_400_000);
      const { user, system } = process.cpuUsage(cpu);
      const { sealedBytes, sealedReadings } = store.sizes;
      const finish: FinishReport = {
        sealedBytes,
        sealedReadings,
        cpuS: (user + system) / 1e6,
        wallS: (performance.now() - began) / 1000,
      };
      process.send?.(finish);
    }
    if (typeof message === 'string' && message.startsWith('{')) {
      const { ask: range, times } = JSON.parse(message) as { ask: { from: number; to: number }; times: number };
      const points = Array.from({ length: 500 }, (_, index) => index);
      process.send?.({
        onePointMs: await median(times, (index) =>
          store.buckets((index * 37) % registry.pointCount, range, 300, 300_000),
        ),
        manyPointsMs: await median(times, () =>
          store.query({ ...range, stepMs: 60_000, points, aggregate: 'mean', across: 'sum' }),
        ),
      });
    }
    if (message === 'stop') {
      clearInterval(clock);
      stopAsking();
      clearInterval(watching);
      clearInterval(noting);
      await broker.close();
      subscriber.close();
      await ingest.close();
      await store.close();
      process.exit(0);
    }
  });
  const ready: GatewayReady = { port: broker.port, startMs, startCpuS, loadCpuS, secrets };
  process.send?.(ready);
}

function rssMb(): number {
  return Math.round(process.memoryUsage.rss() / 1e6);
}

function sumOf(registry: PlantRegistry, figure: (mark: LaneMark) => number): number {
  return [...registry.marks()].reduce((sum, mark) => sum + figure(mark), 0);
}

async function median(times: number, ask: (index: number) => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let index = 0; index < times; index++) {
    const asked = performance.now();
    await ask(index);
    taken.push(performance.now() - asked);
  }
  return taken.sort((a, b) => a - b)[Math.floor(times / 2)] as number;
}

/** What main.ts makes of a class with two limits on every point that nothing reaches; devices are found by their messages. */
function limitsOnEveryPoint(): PlantCatalog {
  const measurements = Array.from({ length: MEASUREMENTS }, (_, index) => `m${index}`);
  const limit = (point: string, kind: 'high' | 'low', setpoint: number) => ({
    point,
    kind,
    setpoint,
    priority: 3,
    deadband: 1,
    onDelay: '5s',
    title: kind,
    response: 'none',
  });
  const generic = classSchema.parse({
    class: 'generic',
    label: 'Device of the benchmark',
    points: Object.fromEntries(measurements.map((name) => [name, {}])),
    alarms: measurements.flatMap((name) => [limit(name, 'high', 1e9), limit(name, 'low', -1e9)]),
  });
  return catalogOf({
    site: 'bench',
    classes: new Map([[generic.class, generic]]),
    devices: new Map(),
    rules: [],
    timetable: { calendars: new Map(), schedules: new Map() },
  });
}
