import { fork } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { barChart } from './chart.ts';
import type { FinishReport } from './district-gateway.ts';
import type { DistrictReport, DistrictTask } from './district-load.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';
import { answer, startGateway } from './ingest.ts';
import type { LineReport, LineTask } from './line-load.ts';
import { type PeerStore, startInfluxdb, startVictoriaMetrics } from './peer-stores.ts';
import { cpuTime, folderBytes } from './process-cost.ts';

/** Asked so often; the median is shown. */
const ASKS = 15;
const EDGES = 20;
/** Where the source times of a run as fast as it goes begin. @see district-load */
const PAST_MS = 3_600_000;

/**
 * `hanfeng bench store`: the same readings into Hanfeng (JSON batches over MQTT, judged, committed) and, in the same run,
 * into InfluxDB and VictoriaMetrics (line protocol over HTTP) where they are installed. CPU per reading is firm, wall time is not.
 */
export async function runStoreBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      points: { type: 'string', default: '3000' },
      rounds: { type: 'string', default: '1000' },
      svg: { type: 'string' },
    },
  });
  const [points, rounds] = [Number(values.points), Number(values.rounds)];
  const folder = await mkdtemp(join(tmpdir(), 'hanfeng-bench-'));
  const rows: Record<string, unknown>[] = [await ourRow(join(folder, 'hanfeng'), points, rounds)];
  for (const [name, start] of [
    ['influxdb', startInfluxdb],
    ['victoria-metrics', startVictoriaMetrics],
  ] as const) {
    const peer = await start(join(folder, name));
    if (peer === undefined) console.log(`${name} is not installed: skipped`);
    else rows.push(await peerRow(peer, join(folder, name), points, rounds));
  }
  console.table(rows);
  console.log(JSON.stringify({ bench: 'store', node: process.version, points, rounds, rows }));
  if (values.svg !== undefined) await writeFile(values.svg, picture(rows));
  removeFolder(folder);
  return rows.every(({ lost }) => lost === 0) ? 0 : 1;
}

/** The same figures as bars. */
function picture(rows: readonly Record<string, unknown>[]): string {
  const bars = (key: string) => rows.map((row) => ({ label: String(row.store), value: Number(row[key]) }));
  return barChart([
    { title: 'CPU of the server, µs per reading taken in (less is better)', bars: bars('cpuUsPerReading') },
    { title: 'Bytes on disk per reading (less is better)', bars: bars('bytesPerReading') },
    { title: 'One point in 300 buckets, ms (less is better)', bars: bars('onePointMs') },
    { title: '500 points summed per minute, ms (less is better)', bars: bars('manyPointsMs') },
  ]);
}

async function ourRow(dataDir: string, points: number, rounds: number): Promise<Record<string, unknown>> {
  const edges = Array.from({ length: EDGES }, (_, index) => `edge-${index}`);
  const gateway = await startGateway({ dataDir, edges, devices: [] });
  const task: DistrictTask = {
    port: gateway.ready.port,
    edges: edges.map((id) => ({ id, secret: gateway.ready.secrets[id] as string })),
    points,
    everyMs: 0,
    seconds: 600,
    rounds,
    readingsPerMessage: 100,
    past: { fromMs: PAST_MS, stepMs: 1000 },
  };
  const from = Date.now() - PAST_MS;
  const before = cpuTime(gateway.pid);
  const load = fork(new URL('./district-load.js', import.meta.url), { stdio: 'inherit' });
  load.send(task);
  const sent = await answer<DistrictReport>(load);
  const cpuS = cpuTime(gateway.pid).processS - before.processS;
  load.disconnect();
  const { stored, rssMb } = await gateway.report();
  gateway.send('finish');
  const finish = await gateway.answer<FinishReport>();
  const range = { from, to: from + rounds * 1000 + PAST_MS };
  gateway.send(JSON.stringify({ ask: range, times: ASKS }));
  const asked = await gateway.answer<{ onePointMs: number; manyPointsMs: number }>();
  await gateway.stop();
  return {
    store: 'Hanfeng',
    readings: stored,
    readingsPerS: Math.round(stored / sent.seconds),
    cpuUsPerReading: round((cpuS / stored) * 1e6),
    settleCpuUsPerReading: round((finish.cpuS / stored) * 1e6),
    bytesPerReading: round(finish.sealedBytes / stored),
    onePointMs: round(asked.onePointMs),
    manyPointsMs: round(asked.manyPointsMs),
    rssMb,
    lost: sent.sent - stored,
  };
}

async function peerRow(
  peer: PeerStore,
  folder: string,
  points: number,
  rounds: number,
): Promise<Record<string, unknown>> {
  const from = Math.floor(Date.now() / 1000) * 1000 - PAST_MS;
  const load = fork(new URL('./line-load.js', import.meta.url), { stdio: 'inherit' });
  const task: LineTask = { url: peer.writeUrl, points, rounds, linesPerRequest: 10_000, inFlight: 4, from };
  const before = cpuTime(peer.pid);
  load.send(task);
  const sent = await answer<LineReport>(load);
  const written = cpuTime(peer.pid);
  load.disconnect();
  await peer.settle();
  const settled = cpuTime(peer.pid);
  const bytes = folderBytes(folder);
  const range = { from, to: from + rounds * 1000 };
  const onePointMs = await median(() => peer.onePoint(`p${Math.floor(Math.random() * points)}`, range));
  const manyPointsMs = await median(() => peer.manyPoints(range));
  await peer.stop();
  return {
    store: peer.name,
    readings: sent.readings,
    readingsPerS: Math.round(sent.readings / sent.seconds),
    cpuUsPerReading: round(((written.processS - before.processS) / sent.readings) * 1e6),
    settleCpuUsPerReading: round(((settled.processS - written.processS) / sent.readings) * 1e6),
    bytesPerReading: round(bytes / sent.readings),
    onePointMs: round(onePointMs),
    manyPointsMs: round(manyPointsMs),
    lost: sent.failed,
  };
}

async function median(ask: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < ASKS; index++) {
    const asked = performance.now();
    await ask();
    times.push(performance.now() - asked);
  }
  return times.sort((a, b) => a - b)[Math.floor(ASKS / 2)] as number;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
