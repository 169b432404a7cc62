import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ONE_HELPER, START_ENV } from '../gateway/heap.ts';
import type { GatewayReady, GatewayReport, GatewayTask } from './district-gateway.ts';
import type { DistrictReport, DistrictTask } from './district-load.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';
import { cpuShare, cpuTime } from './process-cost.ts';

/** Points of the district. */
const POINTS = 329_000;
const EDGES = 47;
const DEVICES = 400;
/** Rounds of values the load makes beforehand: enough that sealed files have something to pack. */
const ROUNDS_MADE = 8;

/**
 * `hanfeng bench ingest`: a gateway and the load in a process each. Acknowledged means committed to disk.
 * Fails when something was lost or stored twice; wall times are only reported. Full length: `--seconds 600`.
 */
export async function runIngestBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '20' },
      points: { type: 'string', default: String(POINTS) },
      ceiling: { type: 'string', default: '15' },
      only: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const [seconds, points, ceilingSeconds] = [Number(values.seconds), Number(values.points), Number(values.ceiling)];
  const dataDir = await mkdtemp(join(tmpdir(), 'hanfeng-bench-'));
  const edges = Array.from({ length: EDGES }, (_, index) => `edge-${index}`);
  const devices = Array.from({ length: DEVICES }, (_, index) => `single-${index}`);
  const gateway = await startGateway({ dataDir, edges, devices });
  const rows: Row[] = [];
  const plans: readonly (readonly [
    name: string,
    ids: readonly string[],
    task: Omit<DistrictTask, 'port' | 'edges'>,
  ])[] = [
    // Whole, or the rest of it would be measured as what comes after it.
    ['discovery of all points', edges, { points, everyMs: 5000, seconds: 60, rounds: 1, readingsPerMessage: 100 }],
    [
      'one reading a second and point',
      edges,
      { points, everyMs: 1000, seconds, readingsPerMessage: 100, roundsMade: ROUNDS_MADE },
    ],
    [
      'ceiling, batches of 100',
      edges,
      { points, everyMs: 0, seconds: ceilingSeconds, readingsPerMessage: 100, roundsMade: ROUNDS_MADE },
    ],
    [
      'late by an hour, batches of 100',
      edges,
      {
        points,
        everyMs: 0,
        seconds: ceilingSeconds,
        readingsPerMessage: 100,
        roundsMade: ROUNDS_MADE,
        past: { fromMs: 3_600_000, stepMs: 1000 },
      },
    ],
    [
      'ceiling, messages of one reading',
      devices,
      { points: 50 * DEVICES, everyMs: 0, seconds: ceilingSeconds, readingsPerMessage: 1 },
    ],
  ];
  let failed = false;
  for (const [figure, ids, task] of plans) {
    if (values.only !== undefined && !figure.startsWith(values.only) && !figure.startsWith('discovery')) continue;
    // A lane belongs to one run of the load process: its numbers start at 1.
    const row = await measure(gateway, {
      ...task,
      port: gateway.ready.port,
      edges: ids.map((id) => ({ id, secret: gateway.ready.secrets[id] as string })),
    });
    rows.push({ figure, ...row });
    failed ||= row.lost !== 0 || row.unanswered !== 0;
  }
  console.table(rows.map(({ rssOverTimeMb, ...row }) => row));
  for (const { figure, rssOverTimeMb } of rows)
    if (rssOverTimeMb.length > 0) console.log(`${figure}: memory every 15 s, MB: ${rssOverTimeMb.join(' ')}`);
  console.table(judged(rows, points));
  console.log(JSON.stringify({ bench: 'ingest', node: process.version, points, rows }));
  await gateway.stop();
  if (!values.keep) removeFolder(dataDir);
  return failed ? 1 : 0;
}

type Row = Awaited<ReturnType<typeof measure>> & { readonly figure: string };

/** What is asked of the figures, and what they were. Where a run was left out its rows are too. */
function judged(rows: readonly Row[], points: number) {
  const [steady, batches, singles] = ['one reading', 'ceiling, batches', 'ceiling, messages'].map((name) =>
    rows.find(({ figure }) => figure.startsWith(name)),
  );
  const table: Record<string, unknown>[] = [];
  const atMost = (figure: string, measured: number | undefined, must: number, aim: number) => {
    if (measured === undefined) return;
    table.push({ figure, measured, must, aim, holds: measured <= must, aimed: measured <= aim });
  };
  const atLeast = (figure: string, measured: number | undefined, must: number, aim: number) => {
    if (measured === undefined) return;
    table.push({ figure, measured, must, aim, holds: measured >= must, aimed: measured >= aim });
  };
  // What is on its way when the time is over is acknowledged a little later.
  atLeast('readings/s at one a second and point', steady?.readingsPerS, Math.floor(points * 0.99), points);
  atMost('main thread, % of a core', steady?.mainThreadPercent, 75, 55);
  atMost('process, % of a core', steady?.processPercent, 130, 90);
  atMost('acknowledgement p99, ms', steady?.ackP99Ms, 500, 200);
  atMost('event loop p99, ms, sealing included', steady?.loopP99Ms, 30, 10);
  atMost('event loop worst, ms, sealing included', steady?.loopMaxMs, 100, 50);
  atLeast('ceiling, batches of 100, readings/s', batches?.readingsPerS, 500_000, 1_000_000);
  atLeast('ceiling, messages of one reading, 1/s', singles?.readingsPerS, 15_000, 40_000);
  atMost('memory at most in all runs, MB', Math.max(...rows.map(({ rssMaxMb }) => rssMaxMb)), 1500, 1500);
  atMost(
    'lost',
    rows.reduce((sum, { lost }) => sum + Math.abs(lost), 0),
    0,
    0,
  );
  return table;
}

export interface RunningGateway {
  readonly ready: GatewayReady;
  readonly pid: number;
  report(): Promise<GatewayReport>;
  send(message: string): void;
  /** Its next message. */
  answer<T>(): Promise<T>;
  /** In order, or by SIGKILL. */
  stop(how?: 'kill'): Promise<void>;
}

export async function startGateway(task: GatewayTask): Promise<RunningGateway> {
  // As cli/hanfeng.cjs starts it.
  const env = { ...process.env, ...START_ENV };
  const execArgv = [ONE_HELPER];
  const child = fork(new URL('./district-gateway.js', import.meta.url), { stdio: 'inherit', env, execArgv });
  child.send(task);
  const ready = await answer<GatewayReady>(child);
  return {
    ready,
    pid: child.pid as number,
    report: () => {
      child.send('report');
      return answer<GatewayReport>(child);
    },
    send: (message) => void child.send(message),
    answer: <T>() => answer<T>(child),
    stop: async (how) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (how === 'kill') child.kill('SIGKILL');
      else child.send('stop');
      await ended;
    },
  };
}

/** Runs the load in a process of its own; what it cost the gateway stands beside what the senders saw. */
export async function measure(gateway: RunningGateway, task: DistrictTask) {
  await gateway.report();
  const load = fork(new URL('./district-load.js', import.meta.url), { stdio: 'inherit' });
  const before = cpuTime(gateway.pid);
  load.send(task);
  const sent = await answer<DistrictReport>(load);
  const cpu = cpuShare(before, cpuTime(gateway.pid));
  const ended = new Promise((resolve) => load.once('exit', resolve));
  load.disconnect();
  await ended;
  const report = await gateway.report();
  return {
    readingsPerS: Math.round(sent.acknowledged / sent.seconds),
    ackP50Ms: sent.p50Ms,
    ackP99Ms: sent.p99Ms,
    ackMaxMs: sent.maxMs,
    behindMs: sent.behindMs,
    mainThreadPercent: cpu.mainThread,
    processPercent: cpu.process,
    loopP99Ms: report.loopP99Ms,
    loopMaxMs: report.loopMaxMs,
    rssMaxMb: report.rssMaxMb,
    rssMb: report.rssMb,
    rssOverTimeMb: report.rssOverTimeMb,
    heapMb: report.heapMb,
    sealed: report.sealed,
    sent: sent.sent,
    lost: sent.sent - report.stored,
    unanswered: sent.unanswered,
    problems: report.problems.length,
  };
}

export function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`process ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as T);
    });
  });
}
