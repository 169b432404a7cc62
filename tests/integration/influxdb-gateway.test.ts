import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAccounts } from '../../gateway/accounts.ts';
import { removeFolder } from '../support/folders.ts';
import { Influxd } from '../support/influxd.ts';
import { describeWithPeers } from '../support/peers.ts';
import { freePort, until } from '../support/ports.ts';

const command = join(resolve(import.meta.dirname, '../..'), 'dist/cli/hanfeng.js');
const T0 = Date.UTC(2026, 10, 20, 8);
const ROUNDS = 2;
const READINGS_A_ROUND = 10;

describeWithPeers(['influxd'], 'a gateway with InfluxDB', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-influxdb-gateway-'));
  let influxd: Influxd;
  let gateway: ChildProcess;
  let base: string;
  let env: Record<string, string | undefined>;
  let token: string;

  const start = async () => {
    const args = [command, 'gateway', '--config', join(folder, 'gateway.yaml')];
    gateway = spawn(process.execPath, args, { cwd: folder, env, stdio: 'ignore' });
    await until('the gateway answers', async () => (await fetch(`${base}/readyz`).catch(() => undefined))?.ok);
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (gateway.exitCode !== null || gateway.signalCode !== null) return;
    const ended = new Promise((done) => gateway.once('exit', done));
    gateway.kill(signal);
    await ended;
  };
  const headers = () => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });
  const post = async (n: number) => {
    const body = JSON.stringify({ device: 'fm-1', ts: T0 + n * 1000, values: { flow: n, level: 1000 - n } });
    const answer = await fetch(`${base}/api/v1/readings`, { method: 'POST', headers: headers(), body }).catch(
      () => undefined,
    );
    return answer?.status === 204;
  };
  const health = async () =>
    (await (await fetch(`${base}/api/v1/health`, { headers: headers() })).json()) as {
      ready: boolean;
      problems: string[];
      historyCopy: { state: string; commitsWaiting: number; lost: number; written: number };
    };

  beforeAll(async () => {
    influxd = await Influxd.start(join(folder, 'influxd'));
    writeFileSync(join(folder, 'gateway.yaml'), `site: town\nhistory: {influxdb: {url: '${influxd.url}'}}\n`);
    env = {
      ...process.env,
      HANFENG_HTTP_PORT: String(await freePort()),
      HANFENG_MQTT_PORT: String(await freePort()),
      HANFENG_DATA_DIR: join(folder, 'data'),
      HANFENG_LOG_LEVEL: 'warn',
    };
    base = `http://127.0.0.1:${env.HANFENG_HTTP_PORT}`;
    await start();
    ({ token } = await (await openAccounts(join(folder, 'data'), Date.now)).addToken({ name: 'test', role: 'admin' }));
    await until('the token is known', () => post(0));
  });
  afterAll(async () => {
    await end('SIGTERM');
    await influxd.goAway();
    await removeFolder(folder);
  });

  it('brings over whatever was acknowledged, through kills of both', async () => {
    let n = 1;
    for (let round = 0; round < ROUNDS; round++) {
      for (let sent = 0; sent < READINGS_A_ROUND; sent++) await until('acknowledged', () => post(n)).then(() => n++);
      await influxd.goAway('SIGKILL');
      for (let sent = 0; sent < READINGS_A_ROUND; sent++) await until('acknowledged', () => post(n)).then(() => n++);
      await end('SIGKILL');
      await start();
      const away = await until('the outage is told', async () => {
        const told = await health();
        return told.historyCopy.state === 'away' && told;
      });
      expect(away.ready).toBe(true);
      expect(away.problems).toEqual([expect.stringContaining(`${influxd.url} does not answer`)]);
      await influxd.comeBack();
    }
    const done = await until('everything is there', async () => {
      const told = await health();
      return told.historyCopy.state === 'ok' && told;
    });
    expect(done.historyCopy).toMatchObject({ lost: 0 });
    for (const [series, valueAt] of [
      ['flow', (at: number) => at],
      ['level', (at: number) => 1000 - at],
    ] as const) {
      const rows = await influxd.rows(`SELECT value FROM ${series} WHERE device = 'fm-1' AND site = 'town'`);
      expect(rows.map(({ time, value }) => [time, value])).toEqual(
        Array.from({ length: n }, (_, at) => [T0 + at * 1000, valueAt(at)]),
      );
    }
    const metrics = await (await fetch(`${base}/metrics`, { headers: headers() })).text();
    expect(metrics).toMatch(/^hanfeng_influxdb_lost_readings 0$/m);
    const delivery = (await (await fetch(`${base}/api/v1/delivery`, { headers: headers() })).json()) as object;
    expect(delivery).toMatchObject({ historyCopy: { state: 'ok', lost: 0, rejected: 0 } });
  });
});
