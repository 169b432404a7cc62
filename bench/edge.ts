import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { EdgeLoadCount, EdgeLoadReady, EdgeLoadTask } from './edge-load.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';
import { cpuShare, cpuTime } from './process-cost.ts';

const POINTS = 30;
const WARM_UP_MS = 4000;

interface Row {
  readonly devices: number;
  readonly every: string;
  readonly wantedPerS: number;
  /** Values sampled, by the requests the devices saw. */
  readonly sampledPerS: number;
  readonly storedPerS: number;
  readonly bad: number;
  readonly cpuPercent: number;
  readonly mainThreadPercent: number;
  readonly rssMB: number;
}

/**
 * `hanfeng bench edge`: the whole agent (acquisition, outbox on disk, uplink to a broker) against Modbus TCP servers in a
 * process of their own. Prints CPU of the agent in percent of one core, its ceiling, and memory per device.
 */
export async function runEdgeBench({ args, root }: BenchOptions): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { devices: { type: 'string', default: '500' }, seconds: { type: 'string', default: '8' } },
  });
  const devices = Number(values.devices);
  const seconds = Number(values.seconds);
  if (!(Number.isInteger(devices) && devices > 0 && seconds > 0)) {
    process.stderr.write('error: --devices and --seconds take positive numbers\n');
    return 2;
  }
  const rows: Row[] = [];
  for (const [count, everyMs] of [
    [1, 1000],
    [devices, 1000],
    [devices, 200],
    [devices, 50],
  ] as const)
    rows.push(await measure({ root, devices: count, everyMs, seconds }));
  console.table(rows);
  const [one, many] = rows;
  const perDeviceKB = Math.round((((many?.rssMB ?? 0) - (one?.rssMB ?? 0)) * 1024) / Math.max(1, devices - 1));
  const ceiling = Math.max(...rows.map((row) => row.sampledPerS));
  process.stdout.write(`memory per device: ${perDeviceKB} KB; most values sampled a second: ${ceiling}\n`);
  process.stdout.write(`${JSON.stringify({ bench: 'edge', points: POINTS, rows, perDeviceKB, ceiling })}\n`);
  return 0;
}

async function measure(task: {
  readonly root: string;
  readonly devices: number;
  readonly everyMs: number;
  readonly seconds: number;
}): Promise<Row> {
  const { root, devices, everyMs, seconds } = task;
  const folder = mkdtempSync(join(tmpdir(), 'hf-bench-edge-'));
  const load = fork(new URL('./edge-load.js', import.meta.url), { execArgv: [] });
  let agent: ChildProcess | undefined;
  try {
    load.send({ edge: 'bench', devices, registers: POINTS } satisfies EdgeLoadTask);
    const ready = await told<EdgeLoadReady>(load);
    const config = writeConfig(folder, ready, everyMs);
    agent = fork(new URL('./edge-agent.js', import.meta.url), [config, root], { execArgv: [] });
    const pid = agent.pid ?? 0;
    while ((await count(load)).values === 0) await wait(100);
    await wait(WARM_UP_MS);
    const before = await count(load);
    const cpuBefore = cpuTime(pid);
    await wait(seconds * 1000);
    const after = await count(load);
    const cpuAfter = cpuTime(pid);
    const wallS = cpuAfter.wallS - cpuBefore.wallS;
    const share = cpuShare(cpuBefore, cpuAfter);
    return {
      devices,
      every: `${everyMs} ms`,
      wantedPerS: Math.round((devices * POINTS * 1000) / everyMs),
      sampledPerS: Math.round(((after.requests - before.requests) * POINTS) / wallS),
      storedPerS: Math.round((after.values - before.values) / wallS),
      bad: after.bad,
      cpuPercent: share.process,
      mainThreadPercent: share.mainThread,
      rssMB: rssMB(pid),
    };
  } finally {
    await ended(agent);
    load.disconnect();
    removeFolder(folder);
  }
}

function writeConfig(folder: string, { ports, mqttPort }: EdgeLoadReady, everyMs: number): string {
  mkdirSync(join(folder, 'models'));
  const points = Array.from({ length: POINTS }, (_, at) => `  p${at}: { address: ${at}, unit: V, scale: 0.1 }`).join(
    '\n',
  );
  writeFileSync(
    join(folder, 'models/bench.yaml'),
    `model: bench\nname: bench device\nmaker: bench\nclass: other\nsources: { bench: made up }\npoints:\n${points}\n`,
  );
  const lines = ports.map(
    (port, at) =>
      `  - { id: l${at}, transport: tcp, host: 127.0.0.1, port: ${port}, devices: [{ id: d${at}, model: bench, every: ${everyMs}ms }] }`,
  );
  const file = join(folder, 'edge.yaml');
  writeFileSync(
    file,
    `edge: bench\ngateways: [{ id: bench }]\ndataDir: ${join(folder, 'data')}\nmqtt: { url: 'mqtt://127.0.0.1:${mqttPort}' }\nmodels: [models]\nlines:\n${lines.join('\n')}\n`,
  );
  return file;
}

function told<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
}

function count(load: ChildProcess): Promise<EdgeLoadCount> {
  const answer = told<EdgeLoadCount>(load);
  load.send('count');
  return answer;
}

/** Resident memory of a process, MB; Linux only. */
function rssMB(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
