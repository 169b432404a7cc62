import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder } from '../support/folders.ts';
import { freePort, until } from '../support/ports.ts';

const root = resolve(import.meta.dirname, '../..');
const LIVE_WITHIN_MS = 60_000;
const RAISED_WITHIN_MS = 30_000;

interface Point {
  readonly id: string;
  readonly last?: { readonly value?: number; readonly quality: string; readonly ts: string };
}
interface Alarm {
  readonly id: string;
  readonly kind: string;
  readonly asset: string;
  readonly state: string;
}

/** What `npm start` runs, on free ports and an empty data folder, and nothing else. */
describe('the demo district', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hanfeng-demo-'));
  const received: { readonly event: string; readonly alarm: Alarm }[] = [];
  let output = '';
  let demo: ChildProcess;
  let sink: Server;
  let base: string;
  let cookie: string;

  const get = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${base}${path}`, { headers: { cookie } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const points = async () => (await get<{ points: Point[] }>('/api/v1/points?limit=1000')).points;
  const openAlarms = async () => (await get<{ alarms: Alarm[] }>('/api/v1/alarms')).alarms;

  beforeAll(async () => {
    const [httpPort, mqttPort, hookPort] = [await freePort(), await freePort(), await freePort()];
    base = `http://127.0.0.1:${httpPort}`;
    sink = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        received.push(JSON.parse(body) as (typeof received)[number]);
        response.end('ok');
      });
    });
    await new Promise<void>((done) => sink.listen(hookPort, '127.0.0.1', done));
    demo = spawn(
      process.execPath,
      [join(root, 'dist/cli/hanfeng.js'), 'demo', '--no-history', '--webhook', `http://127.0.0.1:${hookPort}/alarms`],
      {
        cwd: root,
        env: {
          ...process.env,
          HANFENG_HTTP_PORT: String(httpPort),
          HANFENG_MQTT_PORT: String(mqttPort),
          HANFENG_DATA_DIR: dataDir,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [demo.stdout, demo.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-20_000);
      });
    }
    await until(
      'the gateway answers',
      async () => (await fetch(`${base}/readyz`).catch(() => undefined))?.ok,
      LIVE_WITHIN_MS,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${output}`);
    });
  }, 90_000);

  afterAll(async () => {
    if (demo.exitCode === null) {
      const ended = new Promise((done) => demo.once('exit', done));
      demo.kill('SIGKILL');
      await ended;
    }
    await new Promise((done) => sink.close(done));
    removeFolder(dataDir);
  });

  it('keeps the first password in a file only its owner reads, and signs in with it', async () => {
    const file = join(dataDir, 'first-password');
    expect(existsSync(file)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(output).not.toContain(readFileSync(file, 'utf8').trim());
    const answer = await fetch(`${base}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: readFileSync(file, 'utf8').trim() }),
    });
    expect(answer.status).toBeLessThan(300);
    cookie = (answer.headers.get('set-cookie') as string).split(';')[0] as string;
  });

  it('serves live values of all four domains', async () => {
    const wanted = ['fm-01/flow', 'lc-01/currentA', 'tn-air-1/co', 'pm-01/apparentPower', 'tx-01/temperatureA'];
    await until(
      'good values of all domains',
      async () => {
        const all = await points();
        return wanted.every((id) =>
          all.some((point) => point.id === id && point.last?.quality === 'good' && point.last.value !== undefined),
        );
      },
      LIVE_WITHIN_MS,
    ).catch(async (error: Error) => {
      throw new Error(
        `${error.message}\n${JSON.stringify((await points()).map(({ id, last }) => [id, last?.quality, last?.value]))}\n${output}`,
      );
    });
  }, 70_000);

  it('is calm as long as nothing is wrong', async () => {
    expect(await openAlarms()).toEqual([]);
  });

  it('raises the alarm of a fault that is switched on, in the API and at the webhook', async () => {
    const fault = spawn(
      process.execPath,
      [join(root, 'dist/cli/hanfeng.js'), 'simulate', 'fault', 'co-rise', '--device', 'tn-air-2'],
      { cwd: root },
    );
    expect(await new Promise((done) => fault.once('exit', done))).toBe(0);
    const alarm = await until(
      'the alarm stands in the API',
      async () => (await openAlarms()).find(({ asset, kind }) => asset === 'tn-air-2' && kind === 'high'),
      RAISED_WITHIN_MS,
    );
    expect(alarm.state).toBe('unacknowledged');
    await until('the webhook got it', () => received.some(({ alarm: sent }) => sent.id === alarm.id), RAISED_WITHIN_MS);

    const answer = await fetch(`${base}/api/v1/alarms/${alarm.id}/acknowledge`, {
      method: 'POST',
      headers: { cookie, origin: base, 'content-type': 'application/json' },
      body: JSON.stringify({ comment: 'seen' }),
    });
    expect(answer.status).toBe(200);
    expect((await get<Alarm>(`/api/v1/alarms/${alarm.id}`)).state).toBe('acknowledged');
  }, 90_000);

  it('counts every reading: nothing is missing', async () => {
    const { edges } = await get<{ edges: { made: number; stored: number; missing: number }[] }>('/api/v1/delivery');
    expect(edges.length).toBeGreaterThan(0);
    for (const edge of edges) expect(edge).toMatchObject({ missing: 0 });
  });

  it('stops everything within 10 s of one signal', async () => {
    const started = performance.now();
    const ended = new Promise<number | null>((done) => demo.once('exit', (code) => done(code)));
    demo.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 20_000);
});
