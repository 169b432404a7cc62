import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

/** A store of somebody else's, run as a process for a comparison in the same run. */
export interface PeerStore {
  readonly name: string;
  readonly pid: number;
  /** Takes line protocol with milliseconds. */
  readonly writeUrl: string;
  /** 300 buckets of one point. */
  onePoint(point: string, range: { readonly from: number; readonly to: number }): Promise<void>;
  /** 500 points summed per minute. */
  manyPoints(range: { readonly from: number; readonly to: number }): Promise<void>;
  /** Brings everything to disk. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export async function startInfluxdb(folder: string): Promise<PeerStore | undefined> {
  if (!existsSync('/usr/bin/influxd')) return undefined;
  const [port, rpc] = [await freePort(), await freePort()];
  const config = await writeInfluxdbConfig(folder, { port, rpc });
  const child = spawn('/usr/bin/influxd', ['-config', config], { stdio: 'ignore' });
  const base = `http://127.0.0.1:${port}`;
  await answers(`${base}/ping`);
  await fetch(`${base}/query?q=${encodeURIComponent('CREATE DATABASE bench')}`, { method: 'POST' });
  const ask = async (q: string) => {
    const response = await fetch(`${base}/query?db=bench&epoch=ms&q=${encodeURIComponent(q)}`);
    await mustHoldData(response, '"values"');
  };
  return {
    name: 'InfluxDB 1.6.7',
    pid: child.pid as number,
    writeUrl: `${base}/write?db=bench&precision=ms`,
    onePoint: (point, { from, to }) =>
      ask(
        `SELECT mean(value),min(value),max(value),count(value) FROM readings WHERE point='${point}' AND time >= ${from}ms AND time < ${to}ms GROUP BY time(${Math.ceil((to - from) / 300)}ms)`,
      ),
    manyPoints: ({ from, to }) =>
      ask(
        `SELECT sum(m) FROM (SELECT mean(value) AS m FROM readings WHERE point =~ /^p[0-4]?[0-9]?[0-9]$/ AND time >= ${from}ms AND time < ${to}ms GROUP BY time(60s), point) WHERE time >= ${from}ms AND time < ${to}ms GROUP BY time(60s)`,
      ),
    settle: () => new Promise((resolve) => setTimeout(resolve, 12_000)),
    stop: () => end(child),
  };
}

/** A configuration of InfluxDB 1 that keeps everything below a folder. @returns its path */
export async function writeInfluxdbConfig(
  folder: string,
  { port, rpc, auth = false }: { readonly port: number; readonly rpc: number; readonly auth?: boolean },
): Promise<string> {
  const config = join(folder, 'influxdb.conf');
  await mkdir(folder, { recursive: true });
  await writeFile(
    config,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  index-version = "tsi1"
  cache-snapshot-write-cold-duration = "5s"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  auth-enabled = ${auth}
  log-enabled = false
[logging]
  level = "error"
`,
  );
  return config;
}

export async function startVictoriaMetrics(folder: string): Promise<PeerStore | undefined> {
  if (!existsSync('/usr/bin/victoria-metrics')) return undefined;
  const port = await freePort();
  const child = spawn(
    '/usr/bin/victoria-metrics',
    [
      `-storageDataPath=${folder}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-retentionPeriod=1200',
      '-loggerLevel=ERROR',
      '-search.latencyOffset=0s',
    ],
    { stdio: 'ignore' },
  );
  const base = `http://127.0.0.1:${port}`;
  await answers(`${base}/health`);
  const ask = async (query: string, { from, to }: { from: number; to: number }, stepS: number) => {
    const url = `${base}/api/v1/query_range?nocache=1&query=${encodeURIComponent(query)}&start=${from / 1000}&end=${to / 1000}&step=${stepS}`;
    await mustHoldData(await fetch(url), '"values"');
  };
  return {
    name: 'VictoriaMetrics 1.79.5',
    pid: child.pid as number,
    writeUrl: `${base}/write?precision=ms`,
    onePoint: (point, range) => {
      const stepS = Math.ceil((range.to - range.from) / 300 / 1000);
      return ask(`avg_over_time(readings_value{point="${point}"}[${stepS}s])`, range, stepS);
    },
    manyPoints: (range) => ask(`sum(avg_over_time(readings_value{point=~"p[0-4]?[0-9]?[0-9]"}[60s]))`, range, 60),
    settle: async () => {
      await fetch(`${base}/internal/force_flush`);
      await fetch(`${base}/internal/force_merge`);
      await new Promise((resolve) => setTimeout(resolve, 5000));
    },
    stop: () => end(child),
  };
}

async function mustHoldData(response: Response, mark: string): Promise<void> {
  const text = await response.text();
  if (!text.includes(mark)) throw new Error(`no data in the answer: ${text.slice(0, 200)}`);
}

const START_TIMEOUT_MS = 30_000;

async function answers(url: string): Promise<void> {
  const until = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const isUp = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (performance.now() > until) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}
