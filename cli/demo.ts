import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { openAccounts } from '../gateway/accounts.ts';
import { type Child, type LogLine, startChild } from './children.ts';
import { readPlan } from './history/plan.ts';
import { rememberChildren, waitForPredecessor } from './predecessor.ts';
import { followFeed } from './terminal.ts';

export interface DemoOptions {
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly webhook?: string;
  /** On the first start the last weeks are written into the store, in the background. */
  readonly history: boolean;
}

/** Ctrl-C stops everything within 10 s: edges first, so that what they still hold gets stored, then the rest. */
const EDGE_STOP_MS = 4000;
const REST_STOP_MS = 4000;
const READY_TIMEOUT_MS = 60_000;
const DEMO_TOKEN = 'demo-terminal';
/** As much of the past as a first start writes: enough for profiles and leak zones to learn from. */
const HISTORY = '60d';
/** Live readings go before: niceness of the process that writes the past. */
const HISTORY_NICE = 5;

/**
 * Runs the demo district: simulators, one edge agent per `edge-*.yaml` and the gateway, each a process of its own.
 *
 * @returns exit code
 */
export async function runDemo({ root, env, webhook, history }: DemoOptions): Promise<number> {
  const examples = join(root, 'examples', 'demo');
  const dataDir = resolve(env.HANFENG_DATA_DIR ?? './data');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const port = env.HANFENG_HTTP_PORT ?? '8080';
  const host = env.HANFENG_HOST ?? '127.0.0.1';
  const mqttPort = env.HANFENG_MQTT_PORT ?? '1883';
  const address = `http://${host}:${port}`;
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());

  const edgeFiles = readdirSync(examples)
    .filter((name) => /^edge-.*\.yaml$/.test(name))
    .sort();
  const edges = edgeFiles.map((file) => ({
    file: join(examples, file),
    id: (parse(readFileSync(join(examples, file), 'utf8')) as { edge: string }).edge,
  }));
  const planFile = join(dataDir, 'simulate', 'history.json');
  // A data folder from before has a past of its own.
  const wantsHistory = history && (existsSync(planFile) || !existsSync(join(dataDir, 'hanfeng.duckdb')));
  const childrenFile = join(dataDir, 'demo-processes.json');
  await waitForPredecessor(childrenFile, say);
  const secrets = await provision(
    dataDir,
    edges.map(({ id }) => id),
    publishersOf(join(examples, 'simulate.yaml')),
  );

  const children: Child[] = [];
  let failed = false;
  const start = (
    name: string,
    args: readonly string[],
    extra: Readonly<Record<string, string | undefined>> = {},
    mayEnd = false,
  ) => {
    const child = startChild({ name, root, args, env: { ...env, ...extra }, onLine: printLine });
    children.push(child);
    rememberChildren(
      childrenFile,
      children.flatMap(({ pid }) => pid ?? []),
    );
    child.ended.then((code) => {
      if (stop.signal.aborted || mayEnd) return;
      say(`${name} ended by itself (exit ${code}); stopping the demo`);
      failed = true;
      stop.abort();
    });
    return child;
  };

  say(`data in ${dataDir}`);
  start('gateway', ['gateway', '--config', gatewayFile({ examples, dataDir, webhook })], {
    HANFENG_DATA_DIR: dataDir,
  });
  // What is open in the store's past must be open in the district, also when it is started without writing more of it.
  const hasPast = wantsHistory || existsSync(planFile);
  const district = ['simulate', '--config', join(examples, 'simulate.yaml'), ...(hasPast ? ['--with-past'] : [])];
  start('simulate', district, {
    HANFENG_DATA_DIR: join(dataDir, 'simulate'),
    HANFENG_MQTT_URL: `mqtt://${host}:${mqttPort}`,
  });
  if (await isReady(`${address}/readyz`, stop.signal)) {
    for (const { file, id } of edges) {
      start(id, ['edge', '--config', file], {
        HANFENG_DATA_DIR: join(dataDir, 'edges', id),
        HANFENG_MQTT_URL: `mqtt://${host}:${mqttPort}`,
        HANFENG_MQTT_PASSWORD: secrets.edges[id],
      });
    }
    welcome(address, dataDir);
    if (wantsHistory && readPlan(planFile)?.isDone !== true) {
      say(`writing the last ${HISTORY} into the store in the background; npm start -- --no-history leaves it out`);
      const args = ['simulate', '--history', HISTORY, '--config', join(examples, 'simulate.yaml')];
      const writer = start(
        'history',
        args,
        { HANFENG_DATA_DIR: join(dataDir, 'simulate'), HANFENG_MQTT_URL: `mqtt://${host}:${mqttPort}` },
        true,
      );
      if (writer.pid !== undefined) setPriority(writer.pid, HISTORY_NICE);
      void writer.ended.then((code) => {
        if (code !== 0 && !stop.signal.aborted)
          say(`the history is not complete (exit ${code}); the next start goes on with it`);
      });
    }
    void followFeed({ address, token: secrets.token, signal: stop.signal, say });
  } else if (!stop.signal.aborted) {
    say(`the gateway is not ready after ${READY_TIMEOUT_MS / 1000} s; stopping`);
    failed = true;
    stop.abort();
  }

  await new Promise<void>((done) => {
    if (stop.signal.aborted) done();
    else stop.signal.addEventListener('abort', () => done(), { once: true });
  });
  say('stopping');
  // Edges before what they read and what they send to: their last readings are stored, and nothing complains.
  const isEdge = (child: Child) => edges.some(({ id }) => id === child.name);
  await Promise.all(children.filter(isEdge).map((child) => child.stop(EDGE_STOP_MS)));
  await Promise.all(children.filter((child) => !isEdge(child)).map((child) => child.stop(REST_STOP_MS)));
  say('stopped');
  return failed ? 1 : 0;
}

/** MQTT passwords of the edges and a viewer's token for this terminal, made anew at each start; nothing of it is shown. */
async function provision(dataDir: string, edgeIds: readonly string[], publishers: readonly string[]) {
  const accounts = await openAccounts(dataDir, Date.now);
  const edges: Record<string, string> = {};
  for (const id of edgeIds) edges[id] = (await accounts.addCredential('edge', id)).secret;
  const passwords: Record<string, string> = {};
  for (const id of publishers) passwords[id] = (await accounts.addCredential('device', id)).secret;
  const simulateDir = join(dataDir, 'simulate');
  mkdirSync(simulateDir, { recursive: true, mode: 0o700 });
  writeFileSync(join(simulateDir, 'mqtt-passwords.json'), JSON.stringify(passwords), { mode: 0o600 });
  writeFileSync(join(simulateDir, 'edge-passwords.json'), JSON.stringify(edges), { mode: 0o600 });
  for (const { id, name } of await accounts.listTokens()) if (name === DEMO_TOKEN) await accounts.removeToken(id);
  const { token } = await accounts.addToken({ name: DEMO_TOKEN, role: 'viewer' });
  return { edges, token };
}

/** Devices of the simulation that publish by themselves. */
function publishersOf(simulateFile: string): string[] {
  const { publishers = [] } = parse(readFileSync(simulateFile, 'utf8')) as {
    publishers?: readonly { readonly id: string }[];
  };
  return publishers.map(({ id }) => id);
}

/** The demo's gateway.yaml; with a webhook, a copy beside the data that has it as a channel. */
function gatewayFile({
  examples,
  dataDir,
  webhook,
}: {
  examples: string;
  dataDir: string;
  webhook: string | undefined;
}): string {
  const shipped = join(examples, 'gateway.yaml');
  if (webhook === undefined) return shipped;
  const config = parse(readFileSync(shipped, 'utf8')) as Record<string, unknown> & {
    devices?: string[];
    classes?: string[];
    map?: string;
    leakage?: { readonly model?: { readonly file: string } };
  };
  const secretFile = join(dataDir, 'webhook-secret');
  if (!existsSync(secretFile)) writeFileSync(secretFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const model = config.leakage?.model;
  const absolute = (paths: readonly string[] | undefined) => paths?.map((path) => resolve(examples, path));
  const file = join(dataDir, 'gateway.yaml');
  writeFileSync(
    file,
    stringify({
      ...config,
      devices: absolute(config.devices),
      ...(model === undefined
        ? {}
        : { leakage: { ...config.leakage, model: { ...model, file: resolve(examples, model.file) } } }),
      ...(config.map === undefined ? {} : { map: resolve(examples, config.map) }),
      ...(config.classes === undefined ? {} : { classes: absolute(config.classes) }),
      notify: {
        allowHosts: [new URL(webhook).hostname],
        channels: [{ name: 'demo-webhook', type: 'webhook', url: webhook, secretFile }],
      },
    }),
    { mode: 0o600 },
  );
  return file;
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!signal.aborted && performance.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return true;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  return false;
}

function welcome(address: string, dataDir: string): void {
  say(`open ${address}`);
  const file = join(dataDir, 'first-password');
  if (!existsSync(file)) return;
  if (!process.stdout.isTTY) {
    say(`first administrator: name and password in ${file}`);
    return;
  }
  say(`first administrator: admin, password: ${readFileSync(file, 'utf8').trim()}`);
  // Shown once, to a terminal: the copy on disk has done its work.
  rmSync(file);
}

function printLine({ process: name, level, message, fields }: LogLine): void {
  if (level === 'debug' || level === 'trace') return;
  const rest = Object.entries(fields).filter(([key]) => !['pid', 'hostname'].includes(key));
  const details =
    rest.length === 0
      ? ''
      : ` ${rest.map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(' ')}`;
  say(`${name.padEnd(10)} ${level === 'info' ? '' : `${level.toUpperCase()} `}${message}${details}`.slice(0, 400));
}

function say(text: string): void {
  process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
}
