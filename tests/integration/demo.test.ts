import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Demo, startDemo } from '../support/demo.ts';
import { freePort, until } from '../support/ports.ts';

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
  const received: { readonly event: string; readonly alarm: Alarm }[] = [];
  let demo: Demo;
  let sink: Server;
  let cookie: string;

  const get = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${demo.address}${path}`, { headers: { cookie } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const points = async () => (await get<{ points: Point[] }>('/api/v1/points?limit=1000')).points;
  const openAlarms = async () => (await get<{ alarms: Alarm[] }>('/api/v1/alarms')).alarms;

  beforeAll(async () => {
    const hookPort = await freePort();
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
    demo = await startDemo('--webhook', `http://127.0.0.1:${hookPort}/alarms`);
  }, 90_000);

  afterAll(async () => {
    await demo?.close();
    await new Promise((done) => sink.close(done));
  });

  it('keeps the first password in a file only its owner reads, and signs in with it', async () => {
    const file = join(demo.dataDir, 'first-password');
    expect(existsSync(file)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(demo.output()).not.toContain(readFileSync(file, 'utf8').trim());
    const answer = await fetch(`${demo.address}/api/v1/session`, {
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
        `${error.message}\n${JSON.stringify((await points()).map(({ id, last }) => [id, last?.quality, last?.value]))}\n${demo.output()}`,
      );
    });
  }, 70_000);

  it('is calm as long as nothing is wrong', async () => {
    expect(await openAlarms()).toEqual([]);
  });

  it('raises the alarm of a fault that is switched on, in the API and at the webhook', async () => {
    await demo.fault('co-rise', 'tn-air-2', true);
    const alarm = await until(
      'the alarm stands in the API',
      async () => (await openAlarms()).find(({ asset, kind }) => asset === 'tn-air-2' && kind === 'high'),
      RAISED_WITHIN_MS,
    );
    expect(alarm.state).toBe('unacknowledged');
    await until('the webhook got it', () => received.some(({ alarm: sent }) => sent.id === alarm.id), RAISED_WITHIN_MS);

    const answer = await fetch(`${demo.address}/api/v1/alarms/${alarm.id}/acknowledge`, {
      method: 'POST',
      headers: { cookie, origin: demo.address, 'content-type': 'application/json' },
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
    expect(await demo.interrupt()).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 20_000);
});
