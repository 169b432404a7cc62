import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { generate, type Packet, parser } from 'mqtt-packet';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Accounts, openAccounts } from '../../gateway/accounts.ts';
import { type Broker, startBroker } from '../../gateway/broker.ts';
import { createMetrics, type Metrics } from '../../gateway/metrics.ts';
import { createSubscriber, type Subscriber } from '../../gateway/subscriber.ts';
import { FakeIngest, laneMark } from '../support/fake-ingest.ts';
import { removeFolder } from '../support/folders.ts';
import { eventually, PATIENCE_MS } from '../support/ports.ts';

const log = pino({ level: 'silent' });
const fixture = (part: 'cert' | 'key') => readFileSync(`tests/fixtures/tls/localhost.${part}.pem`, 'utf8');
let folder: string;
let accounts: Accounts;
let ingest: FakeIngest;
let subscriber: Subscriber;
let broker: Broker;
let metrics: Metrics;
let edgeSecret: string;
let deviceSecret: string;
const clients: { end(): void }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hf-broker-'));
  accounts = await openAccounts(folder, Date.now);
  edgeSecret = (await accounts.addCredential('edge', 'edge-1')).secret;
  deviceSecret = (await accounts.addCredential('device', 'fm-12')).secret;
  ingest = new FakeIngest();
  await start();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await stop();
  removeFolder(folder);
});

async function start(): Promise<void> {
  metrics = createMetrics();
  subscriber = createSubscriber({
    ingest,
    marks: () => [laneMark('edge-1', 'lane-a', 41)],
    store: 'store-1',
    gateway: 'gw',
    now: Date.now,
    newId: randomUUID,
    metrics,
    log,
  });
  const tls = { port: 0, cert: fixture('cert'), key: fixture('key') };
  broker = await startBroker({ host: '127.0.0.1', port: 0, tls, accounts, subscriber, now: Date.now, metrics, log });
  subscriber.start(broker);
}
async function stop(): Promise<void> {
  subscriber.close();
  await broker.close();
}

async function signIn(username: string, password: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
    username,
    password,
    clientId: username,
    reconnectPeriod: 0,
    connectTimeout: PATIENCE_MS,
    ...options,
  });
  client.on('error', () => undefined);
  clients.push({ end: () => client.end(true) });
  return client;
}
const edge = (options?: IClientOptions) => signIn('edge-1', edgeSecret, options);
const device = (options?: IClientOptions) => signIn('fm-12', deviceSecret, options);
const batch = (seq: number, more: object = {}) =>
  JSON.stringify({ outbox: 'lane-a', seq, made: seq, sentAt: Date.now(), readings: [], ...more });
const closed = (client: MqttClient) => new Promise<void>((resolve) => client.once('close', () => resolve()));

/** A client that writes what it likes. */
async function raw(): Promise<{ socket: Socket; got: Packet[]; ended: Promise<void> }> {
  const socket = connectSocket(broker.port, '127.0.0.1');
  const got: Packet[] = [];
  const parse = parser();
  parse.on('packet', (packet) => got.push(packet));
  socket.on('data', (bytes) => parse.parse(bytes));
  socket.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise((resolve) => socket.once('connect', resolve));
  clients.push({ end: () => socket.destroy() });
  return { socket, got, ended };
}
const connectPacket = (more: object = {}) =>
  generate({
    cmd: 'connect',
    clientId: 'raw',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
    username: 'fm-12',
    password: Buffer.from(deviceSecret),
    ...more,
  });

describe('acknowledgement', () => {
  it('comes only after the commit', async () => {
    ingest.held = true;
    const client = await device();
    let acknowledged = 0;
    const sent = client.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1 });
    sent.then(() => {
      acknowledged += 1;
    });
    await eventually(() => expect(ingest.entries).toHaveLength(1));
    // A message without acknowledgement goes there and back: ours would have been here by now.
    await client.subscribeAsync('hf/v1/edge/edge-1/command').catch(() => undefined);
    expect(acknowledged).toBe(0);
    ingest.commit();
    await sent;
    expect(ingest.entries).toEqual([{ device: 'fm-12', values: { flow: 1 } }]);
  });

  it('takes 50 unacknowledged messages at once, answers pings meanwhile, and acknowledges in order', async () => {
    ingest.held = true;
    const { socket, got } = await raw();
    socket.write(connectPacket());
    await eventually(() => expect(got).toHaveLength(1));
    for (let messageId = 1; messageId <= 50; messageId++)
      socket.write(
        generate({
          cmd: 'publish',
          topic: 'hf/v1/device/fm-12/readings',
          payload: JSON.stringify({ values: { flow: messageId } }),
          qos: 1,
          messageId,
          dup: false,
          retain: false,
        }),
      );
    await eventually(() => expect(ingest.entries).toHaveLength(50));
    socket.write(generate({ cmd: 'pingreq' }));
    await eventually(() => expect(got.map(({ cmd }) => cmd)).toEqual(['connack', 'pingresp']));
    ingest.commit();
    await eventually(() => expect(got).toHaveLength(52));
    expect(got.slice(2).map(({ messageId }) => messageId)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('stops reading from a client that sends without end while the store stalls, and goes on after the commit', async () => {
    ingest.held = true;
    const { socket, got } = await raw();
    socket.write(connectPacket());
    await eventually(() => expect(got).toHaveLength(1));
    const payload = 'x'.repeat(20_000);
    for (let messageId = 1; messageId <= 1000; messageId++)
      socket.write(
        generate({
          cmd: 'publish',
          topic: 'hf/v1/device/fm-12/readings',
          payload: JSON.stringify({ values: { flow: messageId }, payload }),
          qos: 1,
          messageId,
          dup: false,
          retain: false,
        }),
      );
    await eventually(() => expect(ingest.entries.length).toBeGreaterThanOrEqual(128));
    await eventually(() => expect(socket.writableLength).toBeGreaterThan(1_000_000));
    expect(ingest.entries.length).toBeLessThan(140);
    ingest.held = false;
    ingest.commit();
    await eventually(() => expect(got).toHaveLength(1001));
  });

  it('does not come when the store fails: the connection ends and the sender sends again', async () => {
    ingest.failure = new Error('disk full');
    const client = await device();
    const gone = closed(client);
    client.publish('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1 });
    await gone;
    ingest.failure = undefined;
    const again = await device();
    await again.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1 });
  });

  it('comes for messages that are no use, which become dead letters', async () => {
    const client = await device();
    const topic = 'hf/v1/device/fm-12/readings';
    for (const payload of [
      '',
      'not json',
      '[]',
      '{"values',
      Buffer.from([0x1f, 0x8b, 1, 2]),
      Buffer.from([0xff, 0xfe]),
    ])
      await client.publishAsync(topic, payload as string, { qos: 1 });
    await client.publishAsync(topic, gzipSync(Buffer.alloc(9 * 1024 * 1024)) as unknown as string, { qos: 1 });
    await client.publishAsync(topic, '{"values":{"flow":2}}', { qos: 1 });
    expect(ingest.letters.map(({ reason }) => reason)).toEqual([
      'not-json',
      'not-json',
      'wrong-shape',
      'not-json',
      'not-json',
      'not-json',
      'too-large',
    ]);
    expect(ingest.entries).toHaveLength(1);
  });
});

describe('a message larger than we read', () => {
  it('ends the connection before it is buffered, and is kept as a dead letter of its sender', async () => {
    const bystander = await edge();
    const { socket, got, ended } = await raw();
    socket.write(connectPacket());
    await eventually(() => expect(got).toMatchObject([{ cmd: 'connack', returnCode: 0 }]));
    socket.write(Buffer.from([0x32, 0x80, 0x80, 0x80, 0x64]));
    await ended;
    await eventually(() =>
      expect(ingest.letters).toMatchObject([{ door: 'mqtt', source: 'fm-12', reason: 'too-large' }]),
    );
    await bystander.publishAsync('hf/v1/edge/edge-1/batch', batch(1), { qos: 1 });
  });
});

describe('an edge', () => {
  it('sends batches in order, packed or not, and hears its stored mark', async () => {
    const client = await edge();
    const marks: unknown[] = [];
    client.on('message', (_topic, payload) => marks.push(JSON.parse(payload.toString())));
    await client.subscribeAsync('hf/v1/edge/edge-1/stored/+', { qos: 1 });
    await eventually(() => expect(marks).toMatchObject([{ store: 'store-1', marks: { 'lane-a': 41 } }]));
    const topic = 'hf/v1/edge/edge-1/batch';
    const big = gzipSync(batch(42, { readings: Array(20_000).fill({ device: 'fm-12', values: { flow: 1 } }) }));
    await Promise.all([
      client.publishAsync(topic, big as unknown as string, { qos: 1 }),
      client.publishAsync(topic, batch(43), { qos: 1 }),
      client.publishAsync(topic, gzipSync(batch(44)) as unknown as string, { qos: 1 }),
    ]);
    expect(ingest.batches.map(({ envelope }) => envelope.seq)).toEqual([42, 43, 44]);
    await eventually(() => expect(marks.at(-1)).toMatchObject({ marks: { 'lane-a': 44 } }));
    expect(marks.length).toBeLessThanOrEqual(3);
  });

  it('is told its mark again after the gateway restarted', async () => {
    await stop();
    await start();
    const client = await edge();
    const marks: unknown[] = [];
    client.on('message', (_topic, payload, packet) => marks.push({ retain: packet.retain, text: payload.toString() }));
    await client.subscribeAsync('hf/v1/edge/edge-1/stored/gw', { qos: 1 });
    await eventually(() => expect(marks).toMatchObject([{ retain: true }]));
  });

  it('leaves a last will that counts only when it is really gone', async () => {
    const will = {
      topic: 'hf/v1/edge/edge-1/state',
      payload: '{"online":false}' as never,
      qos: 1 as const,
      retain: true,
    };
    const first = await edge({ will, clientId: 'a' });
    await first.publishAsync('hf/v1/edge/edge-1/state', '{"online":true}', { qos: 1, retain: true });
    const second = await edge({ will, clientId: 'a' });
    await eventually(() => expect(first.connected).toBe(false));
    expect(ingest.states.map(({ state }) => state.online)).toEqual([true]);
    second.stream.destroy();
    await eventually(() => expect(ingest.states.map(({ state }) => state.online)).toEqual([true, false]));
  });

  it('is not called offline because the gateway stops', async () => {
    const will = {
      topic: 'hf/v1/edge/edge-1/state',
      payload: '{"online":false}' as never,
      qos: 1 as const,
      retain: true,
    };
    await edge({ will });
    await stop();
    expect(ingest.states).toEqual([]);
    await start();
  });
});

describe('access', () => {
  it('needs the right password', async () => {
    for (const [username, password] of [
      ['fm-12', 'wrong password 1'],
      ['fm-12', edgeSecret],
      ['nobody', deviceSecret],
      ['', ''],
    ] as const)
      await expect(signIn(username, password)).rejects.toMatchObject({ code: 4 });
    await expect(connectAsync(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 0 })).rejects.toMatchObject({
      code: 4,
    });
  });

  it('keeps a foreign topic out of the store, and goes on taking the right one', async () => {
    const client = await device();
    for (const topic of [
      'hf/v1/device/fm-13/readings',
      'hf/v1/edge/edge-1/batch',
      'hf/v1/edge/fm-12/state',
      'hf/v1/edge/edge-1/stored/gw',
      'some/other',
      `a${'/a'.repeat(90)}`,
    ])
      await client.publishAsync(topic, '{"values":{"flow":1}}', { qos: 1 });
    await client.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1 });
    expect(ingest.entries).toEqual([{ device: 'fm-12', values: { flow: 1 } }]);
    expect(ingest.batches).toEqual([]);
    expect(ingest.letters.map(({ reason }) => reason)).toEqual(Array(6).fill('not-allowed'));
  });

  it('refuses foreign subscriptions, $SYS and $share, and passes nothing from client to client', async () => {
    const client = await edge();
    const heard: string[] = [];
    client.on('message', (topic) => heard.push(topic));
    for (const filter of [
      '#',
      'hf/v1/#',
      '$SYS/#',
      '$share/g/hf/v1/#',
      'hf/v1/edge/+/stored/+',
      'hf/v1/edge/edge-2/command',
    ])
      await expect(client.subscribeAsync(filter), filter).rejects.toThrow();
    const other = await device();
    await other.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1, retain: true });
    await client.subscribeAsync('hf/v1/edge/edge-1/command');
    await broker.publish('hf/v1/edge/edge-1/command', '{}', { qos: 1, retained: false });
    await eventually(() => expect(heard).toEqual(['hf/v1/edge/edge-1/command']));
  });

  it('refuses a last will on a foreign topic', async () => {
    for (const topic of ['hf/v1/edge/edge-2/state', 'hf/v1/device/fm-13/readings', '$SYS/x', 'hf/v1/edge/edge-1/batch'])
      await expect(
        device({ will: { topic, payload: 'x' as never, qos: 0, retain: false } }),
        topic,
      ).rejects.toMatchObject({ code: 5 });
  });

  it('lets nobody push out another user by its client id', async () => {
    const mine = await edge({ clientId: 'edge-1' });
    await device({ clientId: 'edge-1' });
    await mine.publishAsync('hf/v1/edge/edge-1/batch', batch(1), { qos: 1 });
    expect(mine.connected).toBe(true);
  });

  it('ends the connection when the credential is removed', async () => {
    const client = await device();
    const gone = closed(client);
    await accounts.removeCredential('fm-12');
    await gone;
    await expect(device()).rejects.toMatchObject({ code: 4 });
  });
});

describe('over TLS', () => {
  const overTls = (options: IClientOptions) =>
    connectAsync(`mqtts://localhost:${broker.tlsPort}`, {
      username: 'fm-12',
      password: deviceSecret,
      reconnectPeriod: 0,
      connectTimeout: PATIENCE_MS,
      ...options,
    });

  it('everything is the same', async () => {
    const client = await overTls({ ca: fixture('cert') });
    clients.push({ end: () => client.end(true) });
    await client.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1 });
    expect(ingest.entries).toEqual([{ device: 'fm-12', values: { flow: 1 } }]);
    const gone = closed(client);
    await client.publishAsync('$SYS/x', 'y', { qos: 0 });
    await gone;
  });

  it('a client that does not know our certificate stays away, and one without TLS is dropped', async () => {
    await expect(overTls({})).rejects.toThrow('self-signed');
    const socket = connectSocket(broker.tlsPort as number, '127.0.0.1');
    socket.on('error', () => undefined);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.write(connectPacket());
    await ended;
  });
});

describe('what is no MQTT', () => {
  const publish = (topic: string, messageId = 1) =>
    generate({ cmd: 'publish', topic, payload: '{}', qos: 1, messageId, dup: false, retain: false });
  const text = (bytes: readonly number[]) => Buffer.from([0, bytes.length, ...bytes]);
  /** PUBLISH QoS 1 with a topic of any bytes. */
  const publishBytes = (topic: readonly number[]) => {
    const body = Buffer.concat([text(topic), Buffer.from([0, 7]), Buffer.from('{}')]);
    return Buffer.concat([Buffer.from([0x32, body.length]), body]);
  };
  const willQos3 = () => {
    const bytes = connectPacket({ will: { topic: 'a', payload: Buffer.from('x'), qos: 2, retain: false } });
    bytes[9] = (bytes[9] as number) | 0x18;
    return bytes;
  };

  const noIdLasting = () => {
    const bytes = connectPacket({ clientId: '' });
    bytes[9] = (bytes[9] as number) & ~0x02;
    return bytes;
  };

  const first: readonly (readonly [string, () => Buffer])[] = [
    ['random bytes', () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a CONNECT that announces 256 MiB', () => Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])],
    ['a remaining length of five bytes', () => Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x01])],
    ['a PUBLISH before CONNECT', () => publish('a')],
    ['a last will with QoS 3', willQos3],
    ['NUL in the client id', () => connectPacket({ clientId: 'a\0b' })],
    ['a control character in the user name', () => connectPacket({ username: 'fm\x01' })],
    ['no client id for a lasting session', noIdLasting],
  ];
  for (const [name, bytes] of first)
    it(`ends the connection on ${name}`, async () => {
      const { socket, ended } = await raw();
      socket.write(bytes());
      await ended;
      expect((await device()).connected).toBe(true);
    });

  const later: readonly (readonly [string, () => Buffer])[] = [
    ['a second CONNECT', () => connectPacket()],
    ['packet id 0 in a PUBLISH', () => Buffer.from([0x32, 7, 0, 1, 0x61, 0, 0, 0x7b, 0x7d])],
    ['packet id 0 in a SUBSCRIBE', () => Buffer.from([0x82, 6, 0, 0, 0, 1, 0x61, 0])],
    ['NUL in a topic', () => publishBytes([0x61, 0, 0x62])],
    ['broken UTF-8 in a topic', () => publishBytes([0x61, 0xff])],
    ['a surrogate in a topic', () => publishBytes([0xed, 0xa0, 0x80])],
    ['a wildcard in a topic', () => publish('hf/v1/device/+/readings')],
    ['a topic of $SYS', () => publish('$SYS/x/new/clients')],
    ['more than 100 topic levels', () => publish(`a${'/a'.repeat(150)}`)],
    [
      'more than 100 levels in a filter',
      () => generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `a${'/a'.repeat(150)}`, qos: 0 }] }),
    ],
    ['NUL in a filter', () => generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a\0', qos: 0 }] })],
    ['a PUBLISH that announces 200 MiB', () => Buffer.from([0x32, 0x80, 0x80, 0x80, 0x64])],
    ['packet type 15', () => Buffer.from([0xf0, 0])],
  ];
  for (const [name, bytes] of later)
    it(`ends the connection on ${name}, and nobody else's`, async () => {
      const bystander = await edge();
      const { socket, got, ended } = await raw();
      socket.write(connectPacket());
      await eventually(() => expect(got).toMatchObject([{ cmd: 'connack', returnCode: 0 }]));
      socket.write(bytes());
      await ended;
      await bystander.publishAsync('hf/v1/edge/edge-1/batch', batch(1), { qos: 1 });
      expect(ingest.entries).toEqual([]);
    });

  it('takes a CONNECT that comes byte by byte', async () => {
    const { socket, got } = await raw();
    for (const byte of connectPacket()) socket.write(Buffer.from([byte]));
    await eventually(() => expect(got).toMatchObject([{ cmd: 'connack', returnCode: 0 }]));
  });
});
