import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DistrictReport, DistrictTask } from './district-load.ts';
import type { PastReport, PastTask } from './district-past.ts';
import type { BenchOptions } from './index.ts';
import { answer, startGateway } from './ingest.ts';
import { cpuShare, cpuTime } from './process-cost.ts';

const EDGES = 47;
const EVERY_MS = 60_000;
const ROUNDS = 1440;

/**
 * `hanfeng bench query`: the questions of a screen over 24 h of history while readings come in, then a SIGKILL at full
 * load and the time to the next start. Full size: `--points 208000` (300 M rows) and `--seconds 60`.
 */
export async function runQueryBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { points: { type: 'string', default: '5000' }, seconds: { type: 'string', default: '15' } },
  });
  const [points, seconds] = [Number(values.points), Number(values.seconds)];
  const dataDir = await mkdtemp(join(tmpdir(), 'hanfeng-bench-'));
  const past = fork(new URL('./district-past.js', import.meta.url), { stdio: 'inherit' });
  const pastTask: PastTask = { dataDir, points, rounds: ROUNDS, everyMs: EVERY_MS };
  past.send(pastTask);
  const written = await answer<PastReport>(past);
  past.disconnect();

  const edges = Array.from({ length: EDGES }, (_, index) => `edge-${index}`);
  const gateway = await startGateway({ dataDir, edges, devices: [] });
  const task: DistrictTask = {
    port: gateway.ready.port,
    edges: edges.map((id) => ({ id, secret: gateway.ready.secrets[id] as string })),
    points,
    everyMs: 1000,
    seconds,
    readingsPerMessage: 100,
  };
  const load = fork(new URL('./district-load.js', import.meta.url), { stdio: 'inherit' });
  const before = cpuTime(gateway.pid);
  await gateway.report();
  gateway.send('ask');
  load.send(task);
  const sent = await answer<DistrictReport>(load);
  load.disconnect();
  const cpu = cpuShare(before, cpuTime(gateway.pid));
  const report = await gateway.report();

  const again = fork(new URL('./district-load.js', import.meta.url), { stdio: 'ignore' });
  again.on('error', () => {});
  again.send({ ...task, everyMs: 0, seconds: 20 });
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await gateway.stop('kill');
  again.kill('SIGKILL');
  const restarted = await startGateway({ dataDir, edges, devices: [] });
  const rows = Object.entries(report.queries).map(([query, times]) => {
    const sorted = [...times].sort((a, b) => a - b);
    const at = (share: number) => Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN) * 10) / 10;
    return { query, asked: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
  });
  const facts = {
    rows: written.readings,
    bytesPerReading: Math.round((written.bytes / written.readings) * 100) / 100,
    readingsPerS: Math.round(sent.acknowledged / sent.seconds),
    processPercent: cpu.process,
    rssMb: report.rssMb,
    startMs: Math.round(gateway.ready.startMs),
    restartAfterKillMs: Math.round(restarted.ready.startMs),
    lost: sent.sent - report.stored,
  };
  console.table(rows);
  console.table([facts]);
  console.log(JSON.stringify({ bench: 'query', node: process.version, ...facts, queries: rows }));
  await restarted.stop();
  await rm(dataDir, { recursive: true, force: true });
  return facts.lost === 0 ? 0 : 1;
}
