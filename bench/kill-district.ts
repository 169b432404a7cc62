import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Child, type LogLine, startChild } from '../cli/children.ts';
import { openAccounts } from '../gateway/accounts.ts';
import { removeFolder } from './folders.ts';
import { freePort } from './free-port.ts';

/** Who is killed, or what is broken, in a round. */
export const VICTIMS = ['gateway', 'edge', 'broker', 'edge-torn-tail', 'gateway-older-copy'] as const;
export type Victim = (typeof VICTIMS)[number];

/** 20 values every 100 ms are 200 readings a second. */
export const POINTS = 20;
const EVERY = '100ms';
const EDGE = 'edge-1';
export const COUNTER = 'counter';
/** Publishes by itself. */
export const DOOR_DEVICE = 'door-1';
const DRAIN_TIMEOUT_MS = 90_000;
const READY_TIMEOUT_MS = 60_000;
/** Longer than the edge's heartbeat, so that two equal looks mean that nothing more comes. */
const DRAIN_LOOK_EVERY_MS = 11_000;

/** The ledger of the edge. */
export interface Delivery {
  readonly made: number;
  readonly stored: number;
  readonly missing: number;
  readonly rejected: number;
  readonly dropped: number;
  /** What the edge said it still held when it last sent. */
  readonly unsentReadings?: number;
}

export const sleep = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

interface DistrictOptions {
  readonly root: string;
  readonly folder: string;
  readonly broker: 'embedded' | 'mosquitto';
  readonly modbusPort: number;
}
export type District = Awaited<ReturnType<typeof buildDistrict>>;

/** An edge that reads the counting server, a gateway and a broker, each a process of its own that can be struck. */
export async function buildDistrict({ root, folder, broker, modbusPort }: DistrictOptions) {
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const gatewayData = join(folder, 'gateway');
  const edgeData = join(folder, 'edge');
  mkdirSync(gatewayData, { recursive: true });
  const accounts = await openAccounts(gatewayData, Date.now);
  const edgeSecret = broker === 'mosquitto' ? 'unused' : (await accounts.addCredential('edge', EDGE)).secret;
  const doorSecret = broker === 'mosquitto' ? 'unused' : (await accounts.addCredential('device', DOOR_DEVICE)).secret;
  const { token } = await accounts.addToken({ name: 'kill', role: 'admin' });

  const gatewayFile = write('gateway.yaml', {
    site: 'kill',
    http: { port: httpPort },
    mqtt: broker === 'mosquitto' ? { url: `mqtt://127.0.0.1:${mqttPort}` } : { embedded: { port: mqttPort } },
  });
  mkdirSync(join(folder, 'models'));
  write('models/counter.yaml', {
    model: 'counter',
    name: 'Counting server of the kill benchmark',
    maker: 'Hanfeng',
    class: 'other',
    sources: { own: 'bench/counting-server.ts' },
    defaults: { table: 'holding-registers', type: 'uint32', order: 'ABCD', source: 'own' },
    points: Object.fromEntries(
      Array.from({ length: POINTS }, (_, i) => [`count-${i}`, { address: i * 2, label: `Count ${i}` }]),
    ),
  });
  const edgeFile = write('edge.yaml', {
    edge: EDGE,
    models: ['models'],
    lines: [
      {
        id: 'line-1',
        transport: 'tcp',
        host: '127.0.0.1',
        port: modbusPort,
        devices: [{ id: COUNTER, model: 'counter', every: EVERY }],
      },
    ],
  });
  const brokerFile = join(folder, 'mosquitto.conf');
  writeFileSync(brokerFile, `listener ${mqttPort} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`);

  function write(name: string, value: unknown): string {
    const file = join(folder, name);
    writeFileSync(file, stringify(value));
    return file;
  }

  const log: LogLine[] = [];
  const keep = (line: LogLine) => {
    log.push(line);
    if (log.length > 2000) log.shift();
  };
  const api = `http://127.0.0.1:${httpPort}`;
  const headers = { authorization: `Bearer ${token}` };
  let gateway: Child | undefined;
  let edge: Child | undefined;
  let mosquitto: ChildProcess | undefined;

  const startGateway = async () => {
    gateway = startChild({
      name: 'gateway',
      root,
      args: ['gateway', '--config', gatewayFile],
      env: { ...process.env, HANFENG_DATA_DIR: gatewayData, HANFENG_LOG_LEVEL: 'warn' },
      onLine: keep,
    });
    await waitFor('the gateway is ready', READY_TIMEOUT_MS, async () => (await fetch(`${api}/readyz`)).ok);
  };
  const startEdge = () => {
    edge = startChild({
      name: 'edge',
      root,
      args: ['edge', '--config', edgeFile],
      env: {
        ...process.env,
        HANFENG_DATA_DIR: edgeData,
        HANFENG_MQTT_URL: `mqtt://127.0.0.1:${mqttPort}`,
        HANFENG_MQTT_PASSWORD: edgeSecret,
        HANFENG_LOG_LEVEL: 'warn',
      },
      onLine: keep,
    });
  };
  const startBroker = async () => {
    if (broker !== 'mosquitto') return;
    mosquitto = spawn('mosquitto', ['-c', brokerFile], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    await waitFor('the broker listens', READY_TIMEOUT_MS, () => isListening(mqttPort));
  };
  const killBroker = async () => {
    const victim = mosquitto;
    if (victim === undefined || victim.exitCode !== null) return;
    const ended = new Promise((done) => victim.once('exit', done));
    victim.kill('SIGKILL');
    await ended;
  };

  /** What waits for the promised answer; our own processes' last words are printed when it does not come. */
  async function waitFor(what: string, timeoutMs: number, check: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    let last: unknown;
    while (performance.now() < deadline) {
      try {
        if (await check()) return;
      } catch (error) {
        last = error;
      }
      if (gateway?.hasEnded() === true) break;
      await sleep(100);
    }
    const words = log
      .slice(-30)
      .map((line) => `${line.process} ${line.level} ${line.message} ${JSON.stringify(line.fields)}`);
    throw new Error(`${what}: not within ${timeoutMs} ms\n${String(last ?? '')}\n${words.join('\n')}`);
  }

  async function get<T>(path: string): Promise<T> {
    const answer = await fetch(`${api}${path}`, { headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
  const delivery = async (): Promise<Delivery> => {
    const { edges } = await get<{ edges: readonly (Delivery & { readonly edge: string })[] }>('/api/v1/delivery');
    const found = edges.find((entry) => entry.edge === EDGE);
    if (found === undefined) throw new Error('the edge is not in the ledger yet');
    return found;
  };
  /** Copies taken while the gateway is down: what a restore brings back. */
  const copy = join(folder, 'older-copy');
  let hasCopy = false;

  return {
    mqttPort,
    doorSecret,
    get,
    async start() {
      await startBroker();
      await startGateway();
      startEdge();
      await waitFor('the first readings are stored', READY_TIMEOUT_MS, async () => (await delivery()).stored > 0);
    },
    async strike(victim: Victim, downMs: number) {
      if (victim === 'broker') {
        await killBroker();
        await sleep(downMs);
        await startBroker();
      } else if (victim === 'edge' || victim === 'edge-torn-tail') {
        await edge?.kill();
        if (victim === 'edge-torn-tail') tearNewestFile(edgeData, downMs);
        await sleep(downMs);
        startEdge();
      } else {
        await gateway?.kill();
        if (victim === 'gateway-older-copy' && hasCopy) {
          removeFolder(gatewayData);
          cpSync(copy, gatewayData, { recursive: true });
          hasCopy = false;
        } else if (victim === 'gateway-older-copy') {
          removeFolder(copy);
          cpSync(gatewayData, copy, { recursive: true });
          hasCopy = true;
        }
        await sleep(downMs);
        await startGateway();
      }
    },
    /** Lets an edge without lines send what the last one left in its outbox, until the ledger stands still. */
    async drained(): Promise<Delivery> {
      await edge?.stop(8000);
      write('edge.yaml', { edge: EDGE, lines: [] });
      startEdge();
      let before = -1;
      for (const deadline = performance.now() + DRAIN_TIMEOUT_MS; performance.now() < deadline; ) {
        const now = await delivery();
        if (now.missing === 0 && (now.unsentReadings ?? 0) === 0 && now.made === before) return now;
        before = now.made;
        await sleep(DRAIN_LOOK_EVERY_MS);
      }
      return delivery();
    },
    async stop() {
      await edge?.stop(8000);
      await gateway?.stop(8000);
      await killBroker();
    },
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Cuts into the newest file of the outbox, or adds garbage to it, as a power cut may. */
function tearNewestFile(folder: string, salt: number): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && /\.(seg|lane|log|dat)$/.test(path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const newest = files[0];
  if (newest === undefined) return;
  if (salt % 2 < 1) {
    // Only garbage after the end: what was flushed stays, so nothing acknowledged may go missing.
    const file = openSync(newest, 'a');
    writeSync(file, Buffer.from('torn by a power cut', 'latin1'));
    closeSync(file);
  } else truncateSync(newest, Math.max(0, statSync(newest).size - 7));
}
