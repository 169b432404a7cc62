import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openAccounts } from '../../gateway/accounts.ts';
import { removeFolder } from '../support/folders.ts';
import { until } from '../support/ports.ts';

const root = resolve(import.meta.dirname, '../..');
const command = join(root, 'dist/cli/hanfeng.js');
const TS = 1_790_000_000_000;

const folder = mkdtempSync(join(tmpdir(), 'hanfeng-start-'));
const running = new Set<ChildProcess>();
afterEach(() => Promise.all([...running].map((child) => kill(child))));
afterAll(() => removeFolder(folder));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const envOf = (dataDir: string) => ({
  ...process.env,
  HANFENG_DATA_DIR: join(folder, dataDir),
  HANFENG_HTTP_PORT: '0',
  HANFENG_MQTT_PORT: '0',
});

/** A gateway that is started for good. @returns where it answers */
async function start(
  config: string,
  dataDir: string,
): Promise<{ readonly base: string; readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [command, 'gateway', '--config', config], {
    env: envOf(dataDir),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  let log = '';
  child.stderr?.on('data', (text) => {
    log += String(text);
  });
  const base = await until('the gateway is ready', () => {
    if (child.exitCode !== null) throw new Error(log);
    return /"address":"([^"]+)".*"gateway ready"/.exec(log)?.[1];
  });
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  return { base, child };
}

/** A gateway that is expected to end by itself. */
function tryToStart(config: string, dataDir: string) {
  const { status, stderr } = spawnSync(process.execPath, [command, 'gateway', '--config', config], {
    env: envOf(dataDir),
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, stderr };
}

async function kill(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
}

describe('A gateway that was killed', () => {
  const good = file('gateway.yaml', 'site: start-test\n');
  const readings = Array.from({ length: 50 }, (_, n) => ({ device: 'fm-1', ts: TS + n * 1000, values: { flow: n } }));
  let authorization = '';

  beforeAll(async () => {
    const { base, child } = await start(good, 'data');
    const accounts = await openAccounts(join(folder, 'data'), Date.now);
    authorization = `Bearer ${(await accounts.addToken({ name: 'test', role: 'admin' })).token}`;
    const post = () =>
      fetch(`${base}/api/v1/readings`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(readings),
      });
    await until('the readings are stored', async () => (await post()).status === 204);
    await kill(child);
  });

  const expectAll = async (base: string) => {
    const answer = await fetch(`${base}/api/v1/points/fm-1/flow/readings?from=${TS}&to=${TS + 60_000}`, {
      headers: { authorization },
    });
    const { readings: found } = (await answer.json()) as { readings: { value: number }[] };
    expect(found.map(({ value }) => value)).toEqual(readings.map(({ values }) => values.flow));
  };

  it('says what is wrong with its configuration, though it opens the store at the same time, and loses nothing', async () => {
    const unreadable = file('wrong.yaml', 'site: start-test\ndiscovery: maybe\n');
    expect(tryToStart(unreadable, 'data')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('wrong.yaml:2:1: discovery: found "maybe"'),
    });
    // Found when the store is open, or about to be.
    const naming = file('naming.yaml', 'site: start-test\ndevices: [gone.yaml]\n');
    expect(tryToStart(naming, 'data')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('gone.yaml, allowed: a file that exists'),
    });
    const { base } = await start(good, 'data');
    await expectAll(base);
  });

  it('is followed by one gateway: a second on the same folder ends with 1 and leaves the first alone', async () => {
    const { base } = await start(good, 'data');
    const second = tryToStart(good, 'data');
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/error: .*\(store-\S+\)/);
    await expectAll(base);
  });
});

it('a wrong configuration makes no data folder', () => {
  expect(tryToStart(file('wrong-anew.yaml', 'site: start-test\nhttp: { prot: 1 }\n'), 'anew').status).toBe(2);
  expect(tryToStart(file('naming-anew.yaml', 'devices: [gone.yaml]\n'), 'anew').status).toBe(2);
  expect(existsSync(join(folder, 'anew'))).toBe(false);
});

describe('A process that is told to end while it is still being loaded', () => {
  const told = (...args: string[]) => {
    const preload = join(root, 'tests/support/told-while-loading.mjs');
    const { status, signal, stderr } = spawnSync(process.execPath, ['--import', preload, command, ...args], {
      env: envOf('told'),
      encoding: 'utf8',
      timeout: 120_000,
    });
    return { status, signal, stderr };
  };

  it.for([
    ['gateway', '--config', join(root, 'examples/demo/gateway.yaml')],
    ['edge', '--config', join(root, 'examples/demo/edge-city.yaml')],
    ['simulate', '--config', join(root, 'examples/demo/simulate.yaml')],
    ['demo', '--no-history'],
  ])('has done nothing, and ends with 0: %s', (args) => {
    expect(told(...args)).toEqual({ status: 0, signal: null, stderr: '' });
    expect(existsSync(join(folder, 'told'))).toBe(false);
  });

  it('has not done what it was asked for when it is a command with an end', () => {
    expect(told('check', join(root, 'examples/demo/gateway.yaml')).signal).toBe('SIGTERM');
    expect(told('edge', 'status').signal).toBe('SIGTERM');
  });
});
