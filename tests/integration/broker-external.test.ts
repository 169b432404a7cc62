import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { connectAsync, type MqttClient } from 'mqtt';
import { generate, type Packet, parser } from 'mqtt-packet';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExternalBroker, retryAfterMs, startExternalBroker } from '../../gateway/external-broker.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { createSubscriber, type Subscriber } from '../../gateway/subscriber.ts';
import { FakeIngest, laneMark } from '../support/fake-ingest.ts';
import { removeFolder } from '../support/folders.ts';
import { describeWithPeers } from '../support/peers.ts';
import { freePort, until } from '../support/ports.ts';

const log = pino({ level: 'silent' });
const batch = (seq: number) => JSON.stringify({ outbox: 'a', seq, made: seq, sentAt: Date.now() });
let ingest: FakeIngest;
let subscriber: Subscriber;
let gateway: ExternalBroker | undefined;

function makeSubscriber(): void {
  subscriber = createSubscriber({
    ingest,
    marks: () => [laneMark('e1', 'a', 41)],
    store: 's1',
    gateway: 'gw',
    now: Date.now,
    newId: randomUUID,
    metrics: createMetrics(),
    log,
  });
}
async function connectGateway(port: number): Promise<ExternalBroker> {
  makeSubscriber();
  const url = `mqtt://127.0.0.1:${port}`;
  gateway = await startExternalBroker({
    url,
    gateway: 'gw',
    subscriber,
    metrics: createMetrics(),
    log,
    random: () => 0,
  });
  const made = gateway;
  await until('gateway connected', () => made.connected);
  return made;
}

beforeEach(() => {
  ingest = new FakeIngest();
});
afterEach(async () => {
  subscriber?.close();
  await gateway?.close();
  gateway = undefined;
});

describeWithPeers(['mosquitto'], 'an external broker (mosquitto)', () => {
  let folder: string;
  let port: number;
  let mosquitto: ChildProcess;
  const clients: MqttClient[] = [];

  const startMosquitto = async () => {
    mosquitto = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    await until('mosquitto up', () =>
      connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, connectTimeout: 500 }).then(
        (client) => client.endAsync().then(() => true),
        () => false,
      ),
    );
  };
  const stopMosquitto = async (signal: NodeJS.Signals) => {
    const ended = new Promise((resolve) => mosquitto.once('exit', resolve));
    mosquitto.kill(signal);
    await ended;
  };
  const edge = async (): Promise<MqttClient> => {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: 'edge-e1', reconnectPeriod: 100 });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hf-mosquitto-'));
    chmodSync(folder, 0o777);
    port = await freePort();
    writeFileSync(
      join(folder, 'mosquitto.conf'),
      `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location ${folder}/\n` +
        'autosave_interval 1\nautosave_on_changes true\nmax_inflight_messages 1000\n',
    );
    await startMosquitto();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end(true);
    if (mosquitto.exitCode === null && mosquitto.signalCode === null) await stopMosquitto('SIGKILL');
    removeFolder(folder);
  });

  it('brings batches in, and stored marks out', async () => {
    await connectGateway(port);
    const client = await edge();
    const marks: unknown[] = [];
    client.on('message', (_topic, payload) => marks.push(JSON.parse(payload.toString())));
    await client.subscribeAsync('hf/v1/edge/e1/stored/+', { qos: 1 });
    await until('first mark', () => marks.length > 0);
    expect(marks[0]).toMatchObject({ store: 's1', marks: { a: 41 } });
    for (let seq = 42; seq < 142; seq++) client.publish('hf/v1/edge/e1/batch', batch(seq), { qos: 1 });
    await until('all batches', () => ingest.batches.length === 100);
    expect(ingest.batches.map(({ envelope }) => envelope.seq)).toEqual(Array.from({ length: 100 }, (_, i) => i + 42));
    await until('last mark', () => (marks.at(-1) as { marks: { a: number } }).marks.a === 141);
  });

  it('acknowledges after the commit: what was not committed comes again after a crash of the gateway', async () => {
    await connectGateway(port);
    const client = await edge();
    ingest.held = true;
    for (let seq = 1; seq <= 20; seq++) await client.publishAsync('hf/v1/edge/e1/batch', batch(seq), { qos: 1 });
    await until('20 batches under way', () => ingest.batches.length === 20);
    // The gateway goes without having committed anything.
    subscriber.close();
    await gateway?.close();
    ingest = new FakeIngest();
    await connectGateway(port);
    await until('20 batches again', () => ingest.batches.length === 20);
    await client.publishAsync('hf/v1/edge/e1/batch', batch(21), { qos: 1 });
    await until('the next one', () => ingest.batches.length === 21);
  });

  it('gets a message again that the store could not take', async () => {
    await connectGateway(port);
    const client = await edge();
    ingest.failure = new Error('disk full');
    await client.publishAsync('hf/v1/edge/e1/batch', batch(1), { qos: 1 });
    await until('connection given up', () => gateway?.connected === false);
    ingest.failure = undefined;
    await until('batch again', () => ingest.batches.length >= 2);
  });

  it('publishes marks again to a broker that lost everything, and goes on', async () => {
    await connectGateway(port);
    await stopMosquitto('SIGKILL');
    rmSync(join(folder, 'mosquitto.db'), { force: true });
    await until('gateway notices', () => gateway?.connected === false);
    await startMosquitto();
    await until('gateway is back', () => gateway?.connected === true);
    const client = await edge();
    const marks: string[] = [];
    client.on('message', (topic) => marks.push(topic));
    await client.subscribeAsync('hf/v1/edge/e1/stored/gw', { qos: 1 });
    await until('mark', () => marks.length > 0);
    await client.publishAsync('hf/v1/edge/e1/batch', batch(1), { qos: 1 });
    await until('batch', () => ingest.batches.length === 1);
  });

  it('takes no retained readings, which would be stored again at every connect', async () => {
    const client = await edge();
    await client.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":1}}', { qos: 1, retain: true });
    await client.publishAsync('hf/v1/edge/e1/state', '{"online":true}', { qos: 1, retain: true });
    await connectGateway(port);
    await until('state', () => ingest.states.length === 1);
    await client.publishAsync('hf/v1/device/fm-12/readings', '{"values":{"flow":2}}', { qos: 1, retain: true });
    await until('live readings', () => ingest.entries.length > 0);
    expect(ingest.entries).toEqual([{ device: 'fm-12', values: { flow: 2 } }]);
  });
});

describe('a broker that misbehaves', () => {
  let server: Server;
  let sockets: Socket[];
  let onPacket: (packet: Packet, socket: Socket) => void;
  let port: number;

  beforeEach(async () => {
    sockets = [];
    onPacket = (packet, socket) => {
      if (packet.cmd === 'connect') socket.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: true }));
      if (packet.cmd === 'subscribe')
        socket.write(generate({ cmd: 'suback', messageId: packet.messageId as number, granted: [1, 1, 1, 1] }));
    };
    server = createServer((socket) => {
      sockets.push(socket);
      const parse = parser();
      parse.on('packet', (packet) => onPacket(packet, socket));
      socket.on('data', (bytes) => parse.parse(bytes));
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is left and tried again when it talks nonsense, announces too much, or breaks off', async () => {
    await connectGateway(port);
    for (const bytes of [Buffer.from('HTTP/1.1 400'), Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), undefined]) {
      const before = sockets.length;
      if (bytes === undefined) sockets.at(-1)?.destroy();
      else sockets.at(-1)?.write(bytes);
      await until('a new connection', () => sockets.length > before && gateway?.connected === true);
    }
  });

  it('is spoken to over TLS, and only when its certificate is known', async () => {
    const read = (part: string) => readFileSync(`tests/fixtures/tls/localhost.${part}.pem`, 'utf8');
    const secure = createTlsServer({ cert: read('cert'), key: read('key') }, (socket) => {
      const plain = connect(port, '127.0.0.1');
      socket.pipe(plain).pipe(socket);
      socket.on('error', () => plain.destroy());
      plain.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    makeSubscriber();
    const parts = { gateway: 'gw', subscriber, metrics: createMetrics(), log, random: () => 0 };
    const url = `mqtts://localhost:${(secure.address() as { port: number }).port}`;
    gateway = await startExternalBroker({ ...parts, url, ca: read('cert') });
    await until('connected', () => gateway?.connected);
    const stranger = await startExternalBroker({ ...parts, metrics: createMetrics(), url });
    const before = sockets.length;
    await new Promise((resolve) => secure.once('tlsClientError', resolve));
    expect(stranger.connected).toBe(false);
    expect(sockets.length).toBe(before);
    await stranger.close();
    await gateway.close();
    secure.close();
  });

  it('fails what was being published when the connection breaks', async () => {
    const link = await connectGateway(port);
    const sent = link.publish('hf/v1/edge/e1/command', '{}', { qos: 1, retained: false });
    sockets.at(-1)?.destroy();
    await expect(sent).rejects.toThrow();
  });

  it('is tried with growing waits, spread, at most 30 s', () => {
    expect([1, 2, 3, 20].map((tries) => retryAfterMs(tries, 1))).toEqual([500, 1000, 2000, 30_000]);
    expect(retryAfterMs(20, 0)).toBe(15_000);
  });
});
