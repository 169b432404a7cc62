import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { BatchEnvelope } from '../contract/batch.ts';
import { countValues } from '../contract/wire-readings.ts';
import { openAccounts } from '../gateway/accounts.ts';
import { startBroker } from '../gateway/broker.ts';
import type { Ingest } from '../gateway/ingest.ts';
import { createMetrics } from '../gateway/metrics.ts';
import type { LaneMark } from '../gateway/store/store.ts';
import { createSubscriber } from '../gateway/subscriber.ts';
import type { LoadReport, LoadTask } from './broker-load.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';

/** What waits is committed together at this pace, as the real ingest does. */
const COMMIT_EVERY_MS = 100;

/**
 * `hanfeng bench broker`: the embedded broker alone. Ingest is a stand-in that commits nothing, every 100 ms, so the
 * figures are of credentials, MQTT, decoding of envelopes and acknowledgement; the load comes from another process.
 */
export async function runBrokerBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      clients: { type: 'string', default: '10000' },
      senders: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '8' },
    },
  });
  const [clients, senders, seconds] = [Number(values.clients), Number(values.senders), Number(values.seconds)];
  const folder = await mkdtemp(join(tmpdir(), 'hanfeng-bench-'));
  const log = pino({ level: 'error' });
  const metrics = createMetrics();
  const counted = { readings: 0, messages: 0 };
  const ingest = standIn(counted);
  const parts = { now: Date.now, metrics, log };
  const subscriber = createSubscriber({
    ...parts,
    ingest: ingest.port,
    marks: () => [],
    store: 'bench',
    gateway: 'bench',
    newId: randomUUID,
  });
  const accounts = await openAccounts(folder, Date.now);
  const { secret } = await accounts.addCredential('edge', 'edge-1');
  // One credential for all: what a lookup costs does not depend on how many there are.
  const open = {
    ...accounts,
    verifyCredential: async (id: string, password: string) => {
      const credential = await accounts.verifyCredential('edge-1', password);
      return credential === undefined ? undefined : { ...credential, id };
    },
  };
  const broker = await startBroker({ ...parts, host: '127.0.0.1', port: 0, accounts: open, subscriber });
  subscriber.start(broker);

  const rows: Record<string, unknown>[] = [];
  const common = { port: broker.port, secret };
  for (const round of ['connect storm', 'connect storm again'])
    rows.push({ figure: round, ...(await measure({ ...common, kind: 'connect', clients })) });
  for (const [figure, readings] of [
    ['batches of 100, QoS 1', 100],
    ['batches of one reading, QoS 1', 1],
  ] as const) {
    const before = { ...counted };
    const report = await measure({ ...common, kind: 'publish', clients: senders, readings, seconds });
    const readingsPerS = Math.round((counted.readings - before.readings) / seconds);
    const messagesPerS = Math.round((counted.messages - before.messages) / seconds);
    rows.push({ figure, ...report, readingsPerS, messagesPerS });
  }
  console.table(rows);
  console.log(JSON.stringify({ bench: 'broker', node: process.version, rows }));
  subscriber.close();
  ingest.stop();
  await broker.close();
  removeFolder(folder);
  return rows.every(({ lost }) => lost === 0) ? 0 : 1;
}

/** Runs a task in the load process, and adds what it cost this one. */
async function measure(task: LoadTask): Promise<Record<string, number>> {
  const load = fork(new URL('./broker-load.js', import.meta.url), { stdio: 'inherit' });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const report = await new Promise<LoadReport>((resolve, reject) => {
    load.once('message', (message) => resolve(message as LoadReport));
    load.once('error', reject);
    load.once('exit', (code) => reject(new Error(`load process ended with ${code}`)));
    load.send(task);
  });
  const { user, system } = process.cpuUsage(cpu);
  const wallMs = performance.now() - started;
  load.removeAllListeners('exit');
  const ended = new Promise((resolve) => load.once('exit', resolve));
  load.disconnect();
  await ended;
  return {
    ...report,
    cpuPercent: Math.round((user + system) / 10 / wallMs),
    rssMb: Math.round(process.memoryUsage.rss() / 1e6),
    loopP99Ms: Math.round(delay.percentile(99) / 1e6),
    loopMaxMs: Math.round(delay.max / 1e6),
  };
}

function standIn(counted: { readings: number; messages: number }): { port: Ingest; stop(): void } {
  let waiting: (() => void)[] = [];
  const timer = setInterval(() => {
    const due = waiting;
    waiting = [];
    for (const done of due) done();
  }, COMMIT_EVERY_MS);
  const port = {
    async batch(edge: string, { outbox, seq, readings }: BatchEnvelope) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      counted.readings += countValues(readings);
      counted.messages += 1;
      return { edge, lane: outbox, mark: seq } as LaneMark;
    },
    onCommitted: () => () => undefined,
  } as unknown as Ingest;
  return { port, stop: () => clearInterval(timer) };
}
