import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DistrictReport, DistrictTask } from './district-load.ts';
import type { PastReport, PastTask } from './district-past.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';
import { answer, startGateway } from './ingest.ts';
import { cpuShare, cpuTime } from './process-cost.ts';

const EDGES = 47;
/** In a folder with a past: what writing it took. */
const PAST_REPORT = 'past.json';
const EVERY_MS = 60_000;
const ROUNDS = 1440;
/** Rounds of values that the load makes beforehand: it shares two cores with what is measured. */
const ROUNDS_MADE = 8;

/** What is asked for, in the figures' own unit; a figure without is for information. */
const GOALS: Readonly<Record<string, { readonly must: number; readonly aim: number }>> = {
  '1 point, 24 h, 300 buckets': { must: 100, aim: 30 },
  '500 points side by side summed per 15 min, 24 h': { must: 300, aim: 80 },
  '500 scattered points summed per 15 min, 24 h': { must: 300, aim: 80 },
  'latest of 1,000': { must: 20, aim: 5 },
  'bytes on disk per reading, sums included': { must: 2.5, aim: 1.7 },
  'restart after SIGKILL at full load, ms': { must: 5000, aim: 2000 },
  lost: { must: 0, aim: 0 },
};

/**
 * `hanfeng bench query`: the questions of a screen over 24 h of history while readings come in, then a SIGKILL at full
 * load and the time to the next start. Full size: `--points 208000 --per-second 329000 --seconds 180` (300 M rows);
 * `--past FOLDER` keeps the past for the next run.
 * The past is committed to the store as it is (no broker, no judge), and sealed and merged by the store's own tidying.
 */
export async function runQueryBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      points: { type: 'string', default: '5000' },
      seconds: { type: 'string', default: '15' },
      /** Readings a second that come in meanwhile; one a second and point without. */
      'per-second': { type: 'string' },
      /** Where the past is kept for the next run; written when it is not there: the most of a full-size run. */
      past: { type: 'string' },
    },
  });
  const [points, seconds] = [Number(values.points), Number(values.seconds)];
  const everyMs = Math.round((points / Number(values['per-second'] ?? points)) * 1000);
  const dataDir = await mkdtemp(join(tmpdir(), 'hanfeng-bench-'));
  const pastDir = values.past ?? dataDir;
  const written = existsSync(join(pastDir, PAST_REPORT))
    ? (JSON.parse(await readFile(join(pastDir, PAST_REPORT), 'utf8')) as PastReport)
    : await writePast({ dataDir: pastDir, points, rounds: ROUNDS, everyMs: EVERY_MS });
  if (written.readings !== points * ROUNDS)
    throw new Error(`${pastDir} holds ${written.readings} readings, not those of ${points} points`);
  if (pastDir !== dataDir) await cp(pastDir, dataDir, { recursive: true });

  const edges = Array.from({ length: EDGES }, (_, index) => `edge-${index}`);
  const gateway = await startGateway({ dataDir, edges, devices: [] });
  const task: DistrictTask = {
    port: gateway.ready.port,
    edges: edges.map((id) => ({ id, secret: gateway.ready.secrets[id] as string })),
    points,
    everyMs,
    seconds,
    readingsPerMessage: 100,
    roundsMade: ROUNDS_MADE,
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
  const round = (value: number) => Math.round(value * 100) / 100;
  const figures: { figure: string; value: number; p50?: number; asked?: number }[] = Object.entries(report.queries).map(
    ([figure, times]) => {
      const sorted = [...times].sort((a, b) => a - b);
      const at = (share: number) => round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN);
      return { figure, value: at(0.99), p50: at(0.5), asked: sorted.length };
    },
  );
  figures.push(
    { figure: 'bytes on disk per reading, sums included', value: round(written.bytes / written.readings) },
    { figure: 'restart after SIGKILL at full load, ms', value: Math.round(restarted.ready.startMs) },
    { figure: 'lost', value: sent.sent - report.stored },
  );
  const rows = figures.map(({ figure, value, ...rest }) => {
    const goal = GOALS[figure];
    const holds = goal === undefined ? undefined : value <= goal.aim ? 'aim' : value <= goal.must ? 'must' : 'no';
    return { figure: rest.asked === undefined ? figure : `${figure}: p99, ms`, value, ...rest, ...goal, holds };
  });
  const facts = {
    rows: written.readings,
    files: written.files,
    pastS: Math.round(written.seconds),
    pastCpuUsPerReading: round((written.cpuS / written.readings) * 1e6),
    sumsBytesPerReading: round(written.sumsBytes / written.readings),
    readingsPerS: Math.round(sent.acknowledged / sent.seconds),
    ackP99Ms: sent.p99Ms,
    mainThreadPercent: cpu.mainThread,
    processPercent: cpu.process,
    rssMb: report.rssMb,
    startMs: Math.round(gateway.ready.startMs),
  };
  console.table(rows);
  console.table([facts]);
  console.log(JSON.stringify({ bench: 'query', node: process.version, ...facts, figures: rows }));
  await restarted.stop();
  removeFolder(dataDir);
  return sent.sent === report.stored ? 0 : 1;
}

async function writePast(task: PastTask): Promise<PastReport> {
  const past = fork(new URL('./district-past.js', import.meta.url), { stdio: 'inherit' });
  past.send(task);
  const written = await answer<PastReport>(past);
  past.disconnect();
  await writeFile(join(task.dataDir, PAST_REPORT), JSON.stringify(written));
  return written;
}
