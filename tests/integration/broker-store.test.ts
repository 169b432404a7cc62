import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccounts } from '../../gateway/accounts.ts';
import { startBroker } from '../../gateway/broker.ts';
import { createJudge } from '../../gateway/domain/judge.ts';
import { IngestPath } from '../../gateway/ingest.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { startDispatch } from '../../gateway/notify/dispatch.ts';
import { makeChannels } from '../../gateway/notify/index.ts';
import { planNotifications } from '../../gateway/notify/plan.ts';
import { PlantRegistry } from '../../gateway/registry.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { createSubscriber } from '../../gateway/subscriber.ts';
import { removeFolder } from '../support/folders.ts';
import { flowHighCatalog } from '../support/ingest-rig.ts';
import { until } from '../support/ports.ts';

const log = pino({ level: 'silent' });
const rang: { headers: Record<string, unknown>; body: string }[] = [];
let phoneStatus = 200;
const phone = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    rang.push({ headers: request.headers, body });
    response.writeHead(phoneStatus).end();
  });
});
let folder: string;
let gateway: Awaited<ReturnType<typeof start>>;
const clients: MqttClient[] = [];

/** The gateway's own doors, ingest, store and channels. */
async function start() {
  const dataDir = join(folder, 'data');
  const store = await DuckDbStore.open({ dataDir, newId: randomUUID });
  const registry = new PlantRegistry();
  const channel = {
    type: 'webhook',
    name: 'phone',
    url: `http://127.0.0.1:${(phone.address() as AddressInfo).port}/`,
    secretFile: 'webhook-secret',
  } as const;
  const ingest = await IngestPath.open({
    store,
    judge: createJudge({ timezone: 'Asia/Shanghai', device: (id) => registry.device(id) }),
    registry,
    catalog: flowHighCatalog(),
    discovery: 'accept',
    planNotifications: (alarms, journal) => planNotifications({ channels: [channel] }, alarms, journal, { id: 'site' }),
    now: Date.now,
    newId: randomUUID,
    log,
    onBroken: (error) => log.error(error),
  });
  const metrics = createMetrics();
  const parts = { now: Date.now, metrics, log };
  const subscriber = createSubscriber({
    ...parts,
    ingest,
    marks: () => registry.marks(),
    store: store.id,
    gateway: 'gw',
    newId: randomUUID,
  });
  const accounts = await openAccounts(dataDir, Date.now);
  const broker = await startBroker({ ...parts, host: '127.0.0.1', port: 0, accounts, subscriber });
  subscriber.start(broker);
  const { channels, close: closeChannels } = makeChannels(
    { allowHosts: ['127.0.0.1'], channels: [channel] },
    { now: Date.now, secret: () => 's3cret' },
  );
  const dispatch = startDispatch({ ...parts, channels, store, ingest, random: Math.random });
  return {
    store,
    ingest,
    registry,
    broker,
    accounts,
    async stop() {
      await broker.close();
      subscriber.close();
      await dispatch.stop();
      await closeChannels();
      await ingest.close();
      await store.close();
    },
  };
}

async function signIn(kind: 'edge' | 'device', id: string): Promise<MqttClient> {
  const { secret } = await gateway.accounts.addCredential(kind, id);
  const client = await connectAsync(`mqtt://127.0.0.1:${gateway.broker.port}`, {
    username: id,
    password: secret,
    clientId: id,
    reconnectPeriod: 0,
  });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}
async function stored(device: string, measurement: string): Promise<readonly (number | undefined)[]> {
  const point = gateway.registry.pointId(device, measurement);
  if (point === undefined) return [];
  const rows = await gateway.store.readings(point, { from: 0, to: 4e12 }, 10_000);
  return rows.map(({ value }) => value);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hf-doors-'));
  rang.length = 0;
  phoneStatus = 200;
  if (!phone.listening) await new Promise<void>((resolve) => phone.listen(0, '127.0.0.1', resolve));
  gateway = await start();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.end(true);
  await gateway.stop();
  removeFolder(folder);
  phone.close();
  phone.closeAllConnections();
});

describe('the MQTT doors over the real store', () => {
  it('acknowledge a device message when its reading can be read', async () => {
    const device = await signIn('device', 'fm-12');
    const topic = 'hf/v1/device/fm-12/readings';
    const start = Date.now() - 60_000;
    for (let i = 0; i < 5; i++) {
      await device.publishAsync(topic, JSON.stringify({ ts: start + i, values: { pressure: i } }), { qos: 1 });
      expect(await stored('fm-12', 'pressure')).toHaveLength(i + 1);
    }
  });

  it('take 50 unacknowledged messages in a few commits', async () => {
    const device = await signIn('device', 'fm-12');
    const start = Date.now() - 60_000;
    const before = gateway.ingest.commits.done;
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        device.publishAsync('hf/v1/device/fm-12/readings', JSON.stringify({ ts: start + i, values: { pressure: i } }), {
          qos: 1,
        }),
      ),
    );
    // Were each its own, it would be 500.
    expect(gateway.ingest.commits.done - before).toBeLessThan(250);
    expect(await stored('fm-12', 'pressure')).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it('store a batch once, whatever is sent twice, and say so in the mark also after a restart', async () => {
    const topic = 'hf/v1/edge/e1/batch';
    const batch = (seq: number) =>
      JSON.stringify({
        outbox: 'a',
        seq,
        made: seq,
        sentAt: Date.now(),
        upTo: {},
        readings: [{ device: 'fm-12', ts: Date.now() - 60_000 + seq, values: { pressure: seq } }],
      });
    let edge = await signIn('edge', 'e1');
    for (const seq of [1, 2, 2, 1, 3]) await edge.publishAsync(topic, batch(seq), { qos: 1 });
    expect(await stored('fm-12', 'pressure')).toEqual([1, 2, 3]);
    edge.end(true);
    const id = gateway.store.id;
    await gateway.stop();
    gateway = await start();
    edge = await signIn('edge', 'e1');
    const marks: unknown[] = [];
    edge.on('message', (_topic, payload) => marks.push(JSON.parse(payload.toString())));
    await edge.subscribeAsync('hf/v1/edge/e1/stored/+', { qos: 1 });
    await until('the mark', () => marks.length > 0);
    expect(marks[0]).toMatchObject({ store: id, marks: { a: 3 } });
    await edge.publishAsync(topic, batch(3), { qos: 1 });
    expect(await stored('fm-12', 'pressure')).toEqual([1, 2, 3]);
  });

  it('keep what is no use as dead letters, and acknowledge it', async () => {
    const device = await signIn('device', 'fm-12');
    await device.publishAsync('hf/v1/device/fm-12/readings', 'no json', { qos: 1 });
    await device.publishAsync('hf/v1/device/fm-13/readings', '{"values":{"a":1}}', { qos: 1 });
    const { items } = await gateway.store.deadLetters({ limit: 10 });
    expect(items.map(({ reason, source }) => ({ reason, source }))).toEqual(
      expect.arrayContaining([
        { reason: 'not-json', source: 'fm-12' },
        { reason: 'not-allowed', source: 'fm-12' },
      ]),
    );
  });
});

describe('a flow that is too high', () => {
  const tooHigh = async () => {
    const device = await signIn('device', 'fm-12');
    await device.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":92.4}}', { qos: 1 });
  };

  it('rings at the webhook once, signed, within seconds', async () => {
    await tooHigh();
    await until('the phone rings', () => rang.length > 0);
    const { headers, body } = rang[0] as (typeof rang)[number];
    expect(JSON.parse(body)).toMatchObject({
      event: 'raise',
      alarm: { kind: 'high', point: 'fm-12/flow', state: 'unacknowledged', priority: 2 },
    });
    const signed = createHmac('sha256', 's3cret').update(`${headers['x-hanfeng-timestamp']}:${body}`).digest('hex');
    expect(headers['x-hanfeng-signature']).toBe(signed);
    const sent = async () => (await gateway.store.notifications({ limit: 10 })).items[0]?.state === 'sent';
    await until('the outcome is stored', sent);
    await gateway.stop();
    gateway = await start();
    expect(rang).toHaveLength(1);
  });

  it('rings after a restart when the phone was away before', async () => {
    phoneStatus = 503;
    await tooHigh();
    await until('a first attempt', () => rang.length > 0);
    await gateway.stop();
    phoneStatus = 200;
    rang.length = 0;
    gateway = await start();
    await until('the phone rings', () => rang.length > 0);
    await until('the outcome is stored', async () => {
      const { items } = await gateway.store.notifications({ limit: 10 });
      return items.length === 1 && items[0]?.state === 'sent';
    });
  });
});
