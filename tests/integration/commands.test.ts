import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Command, commandSchema } from '../../contract/state.ts';
import { openAccounts } from '../../gateway/accounts.ts';
import { runGateway } from '../../gateway/run.ts';
import { removeFolder } from '../support/folders.ts';
import { freePort, until } from '../support/ports.ts';

const PASSWORD = 'correct-horse-battery-41';
const COMMANDS = '/api/v1/devices/lc-07/commands';

let folder: string;
let secret: string;
let httpPort: number;
let mqttPort: number;
let gateway: { stop(): Promise<void> };
let edge: MqttClient | undefined;
/** What the edge was told, and how. */
let told: { command: Command; qos: number; retained: boolean }[];
/** What it says to a command; undefined: nothing. */
let reply: (command: Command) => object | undefined;

async function startGateway() {
  const stopping = new AbortController();
  const running = runGateway({
    configFile: join(folder, 'gateway.yaml'),
    root: resolve('.'),
    env: {},
    signal: stopping.signal,
    log: pino({ level: 'silent' }),
  });
  let fault: unknown;
  running.catch((error: unknown) => {
    fault = error;
  });
  await until('the gateway is ready', async () => {
    if (fault !== undefined) throw fault;
    return fetch(`http://127.0.0.1:${httpPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function connectEdge(): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${mqttPort}`, {
    username: 'e1',
    password: secret,
    clientId: 'e1',
    reconnectPeriod: 0,
    will: { topic: 'hf/v1/edge/e1/state', payload: Buffer.from('{"online":false}'), qos: 1, retain: true },
  });
  client.on('error', () => undefined);
  client.on('message', (_topic, payload, { qos, retain }) => {
    const command = commandSchema.parse(JSON.parse(String(payload)));
    told.push({ command, qos, retained: retain });
    const result = reply(command);
    if (result !== undefined)
      void client.publishAsync(`hf/v1/edge/e1/command/${command.id}/result`, JSON.stringify(result), { qos: 1 });
  });
  await client.subscribeAsync('hf/v1/edge/e1/command', { qos: 1 });
  const devices = [{ id: 'lc-07', points: [{ measurement: 'dimLevel' }] }];
  await client.publishAsync('hf/v1/edge/e1/state', JSON.stringify({ online: true, devices }), { qos: 1, retain: true });
  return client;
}

async function signIn(username: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: PASSWORD }),
  });
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

async function ask(cookie: string, path: string, body?: object) {
  const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
    headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanfeng-commands-'));
  [httpPort, mqttPort] = [await freePort(), await freePort()];
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  const config = {
    dataDir: join(folder, 'data'),
    http: { host: '127.0.0.1', port: httpPort },
    mqtt: { embedded: { host: '127.0.0.1', port: mqttPort } },
    users: [
      { name: 'ada', role: 'admin', passwordFile },
      { name: 'olga', role: 'operator', passwordFile },
      { name: 'vera', role: 'viewer', passwordFile },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'gateway.yaml'), JSON.stringify(config));
  told = [];
  reply = ({ id, value }) => ({ id, status: 'done', readBack: value });
  gateway = await startGateway();
  const accounts = await openAccounts(config.dataDir, Date.now);
  ({ secret } = await accounts.addCredential('edge', 'e1'));
});
afterEach(async () => {
  await edge?.endAsync(true);
  edge = undefined;
  await gateway.stop();
  removeFolder(folder);
});

describe('a command from an operator through broker and edge', () => {
  it('reaches the edge, is answered, and is in the audit', async () => {
    const olga = await signIn('olga');
    expect(await ask(olga, COMMANDS, { point: 'dimLevel', value: 40 })).toMatchObject({
      status: 404,
      body: { code: 'device-unknown' },
    });
    edge = await until('the credential is known', () => connectEdge().catch(() => undefined));

    const done = await ask(olga, COMMANDS, { point: 'dimLevel', value: 40, ttlMs: 60_000 });
    expect(done).toMatchObject({ status: 200, body: { status: 'done', readBack: 40 } });
    expect(told).toMatchObject([{ command: { device: 'lc-07', value: 40, who: 'olga' }, qos: 1, retained: false }]);
    expect((await ask(olga, `/api/v1/commands/${done.body.id}`)).body).toEqual(done.body);
    expect((await ask(await signIn('vera'), COMMANDS, { point: 'dimLevel', value: 0 })).status).toBe(403);
    expect(told).toHaveLength(1);

    const audit = await ask(await signIn('ada'), '/api/v1/audit');
    const lines = (audit.body.audit as { who: string; what: string; target: string }[]).filter(
      ({ what }) => what === 'command' || what === 'command-result',
    );
    expect(lines).toMatchObject([
      { who: 'e1', what: 'command-result', target: 'lc-07/dimLevel' },
      { who: 'olga', what: 'command', target: 'lc-07/dimLevel' },
    ]);

    // The last will says so.
    edge.stream.destroy();
    await until('the edge is offline', async () => (await ask(olga, '/api/v1/edges/e1')).body.online === false);
    expect((await ask(olga, COMMANDS, { point: 'dimLevel', value: 40 })).body.code).toBe('edge-offline');
  });

  it('under way when the gateway stops is unknown after the restart, until the edge says more', async () => {
    reply = () => undefined;
    edge = await until('the credential is known', () => connectEdge().catch(() => undefined));
    const olga = await signIn('olga');
    const asked = ask(olga, COMMANDS, { point: 'dimLevel', value: 40, ttlMs: 60_000 }).catch(() => undefined);
    const { command } = await until('the edge was told', () => told[0]);
    expect((await ask(olga, COMMANDS, { point: 'dimLevel', value: 20 })).body.code).toBe('point-busy');
    await gateway.stop();
    await asked;

    gateway = await startGateway();
    const path = `/api/v1/commands/${command.id}`;
    expect((await ask(olga, path)).body).toMatchObject({ id: command.id, status: 'unknown' });
    edge = await connectEdge();
    const topic = `hf/v1/edge/e1/command/${command.id}/result`;
    await edge.publishAsync(topic, 'no json', { qos: 1 });
    await edge.publishAsync(topic, JSON.stringify({ id: 'another', status: 'done' }), { qos: 1 });
    expect((await ask(olga, path)).body).toMatchObject({ status: 'unknown' });
    await edge.publishAsync(topic, JSON.stringify({ id: command.id, status: 'done', readBack: 40 }), { qos: 1 });
    expect((await ask(olga, path)).body).toEqual({ id: command.id, status: 'done', readBack: 40 });
    // Nothing is sent a second time.
    expect(told).toHaveLength(1);
  });
});
