import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openAccounts } from '../../gateway/accounts.ts';
import { removeFolder } from '../support/folders.ts';
import { freePort, until } from '../support/ports.ts';

const root = resolve(import.meta.dirname, '../..');
const COMMAND = join(root, 'dist', 'cli', 'hanfeng.js');
const DEMO = join(root, 'examples', 'demo');
const PASSWORD = 'History-Passw0rd-1';
const EDGES = ['edge-city', 'edge-water'];
const DEVICES = (
  parse(readFileSync(join(DEMO, 'simulate.yaml'), 'utf8')) as { publishers: readonly { id: string }[] }
).publishers.map(({ id }) => id);
const MINUTES = 2 * 1440;

interface Delivery {
  readonly edges: readonly {
    readonly edge: string;
    readonly made: number;
    readonly stored: number;
    readonly missing: number;
  }[];
}

describe('the history of the demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-history-'));
  const passwordFile = join(folder, 'passwords.json');
  let gateway: ChildProcess;
  let base: string;
  let mqttUrl: string;
  let cookie: string;
  let output = '';

  const get = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${base}${path}`, { headers: { cookie } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const writeHistory = () => {
    const args = ['simulate', '--history', '2d', '--config', join(DEMO, 'simulate.yaml'), '--url', mqttUrl];
    const child = spawn(process.execPath, [COMMAND, ...args, '--passwords', passwordFile], {
      cwd: folder,
      env: { ...process.env, HANFENG_DATA_DIR: join(folder, 'simulate') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
    const ended = new Promise<{ code: number | null; text: string }>((done) =>
      child.once('close', (code) => done({ code, text })),
    );
    return { child, ended };
  };
  const readings = async (point: string) =>
    (
      await get<{ readings: { ts: string; value?: number }[] }>(
        `/api/v1/points/${point}/readings?from=2020-01-01T00:00:00Z&limit=10000`,
      )
    ).readings;

  beforeAll(async () => {
    const [httpPort, mqttPort] = [await freePort(), await freePort()];
    base = `http://127.0.0.1:${httpPort}`;
    mqttUrl = `mqtt://127.0.0.1:${mqttPort}`;
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir);
    const accounts = await openAccounts(dataDir, Date.now);
    const passwords: Record<string, string> = {};
    for (const id of EDGES) passwords[id] = (await accounts.addCredential('edge', id)).secret;
    for (const id of DEVICES) passwords[id] = (await accounts.addCredential('device', id)).secret;
    writeFileSync(passwordFile, JSON.stringify(passwords));
    gateway = spawn(process.execPath, [COMMAND, 'gateway', '--config', join(DEMO, 'gateway.yaml')], {
      cwd: root,
      env: {
        ...process.env,
        HANFENG_HTTP_PORT: String(httpPort),
        HANFENG_MQTT_PORT: String(mqttPort),
        HANFENG_DATA_DIR: dataDir,
        HANFENG_ADMIN_PASSWORD: PASSWORD,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [gateway.stdout, gateway.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-20_000);
      });
    await until(
      'the gateway answers',
      async () => (await fetch(`${base}/readyz`).catch(() => undefined))?.ok,
      60_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${output}`);
    });
    const answer = await fetch(`${base}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: PASSWORD }),
    });
    cookie = (answer.headers.get('set-cookie') as string).split(';')[0] as string;
  }, 90_000);

  afterAll(async () => {
    const ended = new Promise((done) => gateway.once('exit', done));
    gateway.kill('SIGKILL');
    await ended;
    removeFolder(folder);
  });

  it('is written once, also when it is killed in the middle and begun again', async () => {
    const first = writeHistory();
    await until(
      'some of it is stored',
      async () => (await get<Delivery>('/api/v1/delivery')).edges.some(({ stored }) => stored > 0),
      90_000,
    );
    first.child.kill('SIGKILL');
    await first.ended;

    const { code, text } = await writeHistory().ended;
    expect(text).toContain('history is complete');
    expect(code).toBe(0);
    const { edges } = await get<Delivery>('/api/v1/delivery');
    expect(edges.map(({ edge }) => edge).sort()).toEqual(EDGES);
    for (const { made, stored, missing } of edges) expect({ stored, missing }).toEqual({ stored: made, missing: 0 });

    for (const [point, count] of [
      // Its last twenty minutes as they are read: every 2 s, lamps every 30 s.
      ['fm-01/flow', MINUTES + 20 * 29],
      ['pm-01/power', MINUTES + 20 * 29],
      ['lamp-07/power', MINUTES / 15 + 39],
      ['cm-01/total', MINUTES / 15],
    ] as const)
      expect((await readings(point)).length, point).toBe(count);
    expect((await writeHistory().ended).text).toContain('complete already');
  }, 240_000);

  it('looks like two days of a town: more water by day than at night, and counters that only grow', async () => {
    const minutely = async (point: string) =>
      (await readings(point)).filter(({ ts }) => ts.endsWith(':00.000Z')).map(({ value }) => value as number);
    const flow = await minutely('fm-02/flow');
    const [low, middle] = [quantile(flow, 0.05), quantile(flow, 0.5)];
    expect(middle).toBeGreaterThan(1.5 * low);
    const total = await minutely('fm-02/total');
    for (let at = 1; at < total.length; at++) expect(total[at]).toBeGreaterThanOrEqual(total[at - 1] as number);
    const passed = (total.at(-1) as number) - (total[0] as number);
    const mean = flow.reduce((sum, value) => sum + value, 0) / flow.length;
    expect(passed / ((total.length - 1) / 60)).toBeCloseTo(mean, -1);
  });

  it('pages nobody: what went wrong in the past is journalled as raised late', async () => {
    const { alarms } = await get<{ alarms: { kind: string; raisedLate?: boolean; state: string }[] }>(
      '/api/v1/alarms?state=normal,unacknowledged,acknowledged,rtn-unacknowledged&limit=1000',
    );
    const standing = alarms.filter(
      ({ raisedLate, kind }) => raisedLate !== true && kind !== 'stale' && kind !== 'offline',
    );
    expect(standing).toEqual([]);
  });

  it('teaches the leak zones: they say how many days are still wanted', async () => {
    await until(
      'the zones have read it',
      async () => {
        const { zones } = await get<{ zones: { daysLeft: number }[] }>('/api/v1/leakage');
        return zones.every(({ daysLeft }) => daysLeft <= 13);
      },
      60_000,
    );
  }, 70_000);
});

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] as number;
}

/** The four of a kind. */
