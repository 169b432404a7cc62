import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccounts } from '../../gateway/accounts.ts';
import { openDesk } from '../../gateway/desk.ts';
import { createJudge } from '../../gateway/domain/judge.ts';
import { createHttpServer } from '../../gateway/http/server.ts';
import { IngestPath } from '../../gateway/ingest.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { PlantRegistry } from '../../gateway/registry.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { untar } from '../../gateway/tar.ts';
import { removeFolder } from '../support/folders.ts';
import { envelope, flowHighCatalog } from '../support/ingest-rig.ts';
import { until } from '../support/ports.ts';

let dataDir: string;
let running: Awaited<ReturnType<typeof start>>;

/** The gateway's own parts behind the HTTP door, on a real socket. */
async function start() {
  let ids = 0;
  const newId = () => `id-${Date.now()}-${ids++}`;
  const log = pino({ level: 'silent' });
  const store = await DuckDbStore.open({ dataDir, newId });
  const registry = new PlantRegistry();
  const judge = createJudge({ timezone: 'Asia/Shanghai', device: (id) => registry.device(id) });
  const errors: unknown[] = [];
  const desk = openDesk(flowHighCatalog(), dataDir);
  const ingest = await IngestPath.open({
    store,
    judge,
    registry,
    catalog: desk.catalog,
    discovery: 'accept',
    planNotifications: () => [],
    now: Date.now,
    newId,
    log,
    onBroken: (error) => errors.push(error),
  });
  const accounts = await openAccounts(dataDir, Date.now);
  await accounts.ensureFirstAdmin('the first password');
  if (accounts.find('olga') === undefined)
    await accounts.addUser({ name: 'olga', role: 'operator', password: 'a long enough password' });
  const app = await createHttpServer({
    config: { dataDir },
    ingest,
    store,
    registry,
    accounts,
    desk,
    metrics: createMetrics(),
    site: { id: 'demo', name: 'Demo', timezone: 'Asia/Shanghai' },
    version: 'test',
    now: Date.now,
    log,
    strictAnswers: true,
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    base,
    ingest,
    accounts,
    async stop() {
      await app.close();
      await ingest.close();
      await store.close();
      expect(errors).toEqual([]);
    },
  };
}

async function call(method: string, path: string, cookie: string, body?: unknown) {
  const response = await fetch(`${running.base}${path}`, {
    method,
    headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  const answer: any = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, body: answer };
}

async function signIn(username = 'olga', password = 'a long enough password'): Promise<string> {
  const { status, headers } = await call('POST', '/api/v1/session', '', {
    username,
    password,
  });
  expect(status).toBe(200);
  return String(headers.get('set-cookie')).split(';', 1)[0] as string;
}

beforeEach(async () => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'hanfeng-http-')), 'data');
  running = await start();
});
afterEach(async () => {
  await running.stop();
  removeFolder(join(dataDir, '..'));
});

describe('the API over the real store, judge and accounts', () => {
  it('a reading sent over HTTP is stored, rings, is told to the screen, and is acknowledged', async () => {
    const cookie = await signIn();
    const { body: wish } = await call('POST', '/api/v1/live/subscriptions', cookie, { points: '*', alarms: true });
    const controller = new AbortController();
    const stream = await fetch(`${running.base}/api/v1/live?subscription=${wish.subscription}`, {
      headers: { cookie },
      signal: controller.signal,
    });
    let told = '';
    void (async () => {
      const decoder = new TextDecoder();
      try {
        for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>)
          told += decoder.decode(chunk, { stream: true });
      } catch {
        // The test closed it.
      }
    })();

    const ts = Date.now();
    const send = (values: Record<string, unknown>) =>
      call('POST', '/api/v1/readings', cookie, { device: 'fm-12', ts, values });
    const first = await send({ flow: 92.4, pressure: { value: 410, quality: 'uncertain', reason: 'clock' } });
    expect(first.status).toBe(204);
    expect(first.headers.get('x-hanfeng-stored')).toBe('2');
    const again = await send({ flow: 92.4 });
    expect(again.headers.get('x-hanfeng-duplicate')).toBe('1');

    const points = await call('GET', '/api/v1/points?device=fm-12', cookie);
    expect(points.body.points).toMatchObject([
      { id: 'fm-12/flow', last: { value: 92.4, quality: 'good', stale: false } },
      { id: 'fm-12/pressure', last: { value: 410, quality: 'uncertain', reason: 'clock' } },
    ]);
    const raw = await call('GET', '/api/v1/points/fm-12/flow/readings', cookie);
    expect(raw.body.readings).toEqual([{ ts: new Date(ts).toISOString(), value: 92.4, quality: 'good' }]);
    const buckets = await call(
      'GET',
      `/api/v1/points/fm-12/flow/readings?from=${ts - 1000}&to=${ts + 1000}&buckets=2`,
      cookie,
    );
    expect(buckets.body.buckets).toHaveLength(1);
    expect(buckets.body.buckets[0]).toMatchObject({ mean: 92.4, count: 1 });
    const query = await call('POST', '/api/v1/query', cookie, {
      points: { measurement: 'flow' },
      from: ts - 60_000,
      to: ts + 60_000,
      step: '1m',
      aggregate: 'max',
    });
    expect(query.body.series[0].values).toMatchObject([{ value: 92.4 }]);

    await until('the reading on the screen', () => told.includes('event: reading'));
    // A device without an edge has no upTo: the gateway's clock drives its event time.
    await running.ingest.tick(Date.now());
    const alarms = await until('the alarm', async () => {
      const { body } = await call('GET', '/api/v1/alarms', cookie);
      return body.alarms.length > 0 && body.alarms;
    });
    expect(alarms).toMatchObject([{ kind: 'high', point: 'fm-12/flow', state: 'unacknowledged', setpoint: 80 }]);
    await until('the alarm on the screen', () => told.includes('event: alarm'));

    const id = encodeURIComponent(alarms[0].id);
    const done = await call('POST', `/api/v1/alarms/${id}/acknowledge`, cookie, { comment: 'crew called' });
    expect(done.body).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'olga' });
    expect((await call('POST', `/api/v1/alarms/${id}/acknowledge`, cookie)).status).toBe(409);
    await until('the acknowledgement on the screen', () => told.includes('"event":"acknowledge"'));
    const one = await call('GET', `/api/v1/alarms/${id}`, cookie);
    expect(one.body.journal.map(({ event }: { event: string }) => event).sort()).toEqual(['acknowledge', 'raise']);
    const devices = await call('GET', '/api/v1/devices', cookie);
    expect(devices.body.devices[0]).toMatchObject({ id: 'fm-12', openAlarms: { 2: 1 } });
    controller.abort();
  });

  it('batches of an edge show up in edges and delivery', async () => {
    const cookie = await signIn();
    const now = Date.now();
    const readings = [{ device: 'fm-13', ts: now, values: { flow: 12, level: 3 } }];
    await running.ingest.batch(
      'cabinet-1',
      envelope(1, readings, { made: 2, sentAt: now, upTo: { 'tcp-1': now } }),
      now,
    );
    const last = envelope(3, readings, { made: 6, sentAt: now, upTo: { 'tcp-1': now } });
    await running.ingest.batch('cabinet-1', last, now);
    const { body } = await call('GET', '/api/v1/delivery', cookie);
    expect(body.edges).toMatchObject([{ edge: 'cabinet-1', made: 6, stored: 4, missing: 2 }]);
    const { body: list } = await call('GET', '/api/v1/edges', cookie);
    expect(list.edges).toMatchObject([{ id: 'cabinet-1', devices: ['fm-13'], lanes: [{ mark: 1, ahead: 1 }] }]);
  });

  it('a key is for one body: another one under it is refused, also after a restart', async () => {
    const cookie = await signIn();
    const send = (value: number) =>
      fetch(`${running.base}/api/v1/readings`, {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json', 'idempotency-key': 'k1' },
        body: JSON.stringify({ device: 'fm-1', values: { flow: value } }),
      });
    expect((await send(1)).status).toBe(204);
    expect((await send(1)).status).toBe(204);
    await running.stop();
    running = await start();
    expect((await send(1)).status).toBe(204);
    const refused = await send(2);
    expect(refused.status).toBe(422);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(await refused.json()).toMatchObject({ code: 'idempotency-key-reused' });
    const { body } = await call('GET', '/api/v1/points/fm-1/flow/readings', cookie);
    expect(body.readings.map(({ value }: { value: number }) => value)).toEqual([1]);
  });

  it('every list refuses a cursor that is none of its own', async () => {
    const cookie = await signIn('admin', 'the first password');
    await call('POST', '/api/v1/readings', cookie, { device: 'fm-1', values: { flow: 1 } });
    await call('POST', '/api/v1/assets', cookie, { id: 'inlet' });
    const { paths } = (await call('GET', '/api/v1/openapi.json', cookie)).body;
    const lists = Object.entries(paths as Record<string, { get?: { parameters?: { name: string }[] } }>).flatMap(
      ([path, { get }]) => (get?.parameters?.some(({ name }) => name === 'cursor') === true ? [path] : []),
    );
    expect(lists.length).toBeGreaterThan(10);
    const named: Readonly<Record<string, string>> = { device: 'fm-1', measurement: 'flow', asset: 'inlet' };
    const texts = ['rubbish', 'bnVsbA', 'MS41', 'WzEuNSwieCJd', 'WyJ4IiwxXQ'];
    for (const list of lists) {
      const path = list.replaceAll(/\{(\w+)\}/g, (_, name: string) => named[name] ?? name);
      expect((await call('GET', path, cookie)).status, path).toBe(200);
      for (const text of texts) {
        const { status, body } = await call('GET', `${path}?cursor=${text}`, cookie);
        expect([path, text, status, body.code]).toEqual([path, text, 400, 'input-invalid']);
      }
    }
  });

  it('a restart signs nobody out and forgets nothing', async () => {
    const cookie = await signIn();
    await call('POST', '/api/v1/readings', cookie, { device: 'fm-12', values: { flow: 5, 'b a d': 1 } });
    await running.stop();
    running = await start();
    expect((await call('GET', '/api/v1/session', cookie)).body.username).toBe('olga');
    expect((await call('GET', '/api/v1/points/fm-12/flow', cookie)).body.last.value).toBe(5);
    const letters = await call('GET', '/api/v1/dead-letters', cookie);
    expect(letters.body.deadLetters).toMatchObject([{ reason: 'bad-id' }]);
    await running.accounts.setPassword('olga', 'another long password');
    expect((await call('GET', '/api/v1/session', cookie)).status).toBe(401);
  });

  it('a replaced meter keeps its history, its alarm is of the asset, and a changed limit is judged at once', async () => {
    await signIn();
    await running.accounts.addUser({ name: 'ada', role: 'admin', password: 'a long enough password' });
    const cookie = await signIn('ada');
    const at = Date.now() - 60_000;
    const send = (device: string, ts: number, flow: number) =>
      call('POST', '/api/v1/readings', cookie, { device, ts, values: { flow } });
    const bind = (point: string, from: number) =>
      call('POST', '/api/v1/assets/inlet-7/bindings', cookie, { measurement: 'flow', point, from });
    await send('fm-12', at, 10);
    await send('fm-99', at, 999);
    await call('POST', '/api/v1/assets', cookie, { id: 'inlet-7' });
    expect((await bind('fm-12/flow', at - 1000)).status).toBe(200);
    expect((await bind('fm-99/flow', at + 30_000)).status).toBe(200);
    const rules = await call('GET', '/api/v1/rules?asset=inlet-7', cookie);
    expect(rules.body.rules).toMatchObject([{ key: 'inlet-7/flow#high', setpoint: 80 }]);
    const change = await call('PUT', `/api/v1/rules/${encodeURIComponent('inlet-7/flow#high')}`, cookie, {
      setpoint: 50,
      reason: 'night',
    });
    expect(change.body).toMatchObject({ setpoint: 50, changed: { default: { setpoint: 80 } } });

    await send('fm-99', at + 40_000, 60);
    await running.ingest.tick(Date.now());
    const open = async () => (await call('GET', '/api/v1/alarms?asset=inlet-7', cookie)).body.alarms;
    const [alarm] = await until('the alarm of the asset', async () => (await open()).length > 0 && open());
    expect(alarm).toMatchObject({ asset: 'inlet-7', point: 'inlet-7/flow', setpoint: 50, value: 60 });
    const past = await call('GET', `/api/v1/points/inlet-7/flow/readings?from=${at - 5000}`, cookie);
    expect(past.body.readings.map(({ value }: { value: number }) => value)).toEqual([10, 60]);
  });

  it('history leaves as Parquet, and everything as an archive from which a gateway starts again', async () => {
    const cookie = await signIn();
    const at = Date.now() - 60_000;
    const entries = Array.from({ length: 100 }, (_, n) => ({ device: 'fm-12', ts: at + n, values: { flow: n } }));
    expect((await call('POST', '/api/v1/readings', cookie, entries)).status).toBe(204);
    const parquet = await fetch(`${running.base}/api/v1/export?points=fm-12/flow&format=parquet`, {
      headers: { cookie },
    });
    const bytes = Buffer.from(await parquet.arrayBuffer());
    expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
    expect(bytes.subarray(-4).toString()).toBe('PAR1');
    const csv = await fetch(`${running.base}/api/v1/export?points=fm-12/flow`, { headers: { cookie } });
    expect((await csv.text()).trim().split('\n')).toHaveLength(101);

    expect((await call('POST', '/api/v1/backup', cookie)).status).toBe(403);
    await running.accounts.addUser({ name: 'ada', role: 'admin', password: 'a long enough password' });
    const admin = await signIn('ada');
    const backup = await fetch(`${running.base}/api/v1/backup`, { method: 'POST', headers: { cookie: admin } });
    expect(backup.headers.get('content-type')).toBe('application/x-tar');
    const restored = join(dataDir, '..', 'restored');
    const names = await untar(backup.body as unknown as AsyncIterable<Uint8Array>, restored);
    expect(names).toContain('users.json');
    await until('the temporary files to be gone', () => readdirSync(join(dataDir, 'outgoing')).length === 0);

    await running.stop();
    dataDir = restored;
    running = await start();
    const again = await signIn();
    const { body } = await call('GET', `/api/v1/points/fm-12/flow/readings?from=${at}&to=${at + 1000}`, again);
    expect(body.readings).toHaveLength(100);
  });

  it('the first sign-in, the readiness and the metrics answer over the real thing', async () => {
    expect((await fetch(`${running.base}/readyz`)).status).toBe(200);
    expect((await fetch(`${running.base}/metrics`)).status).toBe(401);
    const wrong = await call('POST', '/api/v1/session', '', { username: 'nobody', password: 'x' });
    expect(wrong.body.code).toBe('login-failed');
  });
});
