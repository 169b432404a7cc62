import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { startCountingServer } from '../../bench/counting-server.ts';
import { type Child, type LogLine, startChild } from '../../cli/children.ts';
import { removeFolder } from './folders.ts';
import { GatewayModel } from './gateway-model.ts';
import { freePort, until } from './ports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** 20 values every 100 ms are 200 a second. */
export const POINTS = 20;
const EVERY = '100ms';

export interface CountedEdgeOptions {
  readonly gateways?: readonly string[];
  readonly outbox?: Readonly<Record<string, unknown>>;
  readonly uplink?: Readonly<Record<string, unknown>>;
  readonly commands?: Readonly<Record<string, unknown>>;
  /** Further lines, and the models of their devices by name. */
  readonly lines?: readonly Readonly<Record<string, unknown>>[];
  readonly models?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A real edge process that reads a counting Modbus server, and a mosquitto that forgets everything when it is killed. */
export async function startCountedEdge(options: CountedEdgeOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-uplink-'));
  const source = await startCountingServer(POINTS);
  const mqttPort = await freePort();
  mkdirSync(join(folder, 'models'));
  write('models/counter.yaml', {
    model: 'counter',
    name: 'Counting server',
    maker: 'Hanfeng',
    class: 'other',
    sources: { own: 'bench/counting-server.ts' },
    defaults: { table: 'holding-registers', type: 'uint32', order: 'ABCD', source: 'own' },
    points: Object.fromEntries(
      Array.from({ length: POINTS }, (_, index) => [`count-${index}`, { address: index * 2, label: `Count ${index}` }]),
    ),
  });
  for (const [name, model] of Object.entries(options.models ?? {})) write(`models/${name}.yaml`, model);
  const configFile = write('edge.yaml', {
    edge: 'edge-1',
    gateways: (options.gateways ?? ['gw']).map((id) => ({ id })),
    outbox: { flushEvery: '500ms', ...options.outbox },
    uplink: options.uplink ?? {},
    commands: options.commands ?? {},
    models: ['models'],
    lines: [
      ...(options.lines ?? []),
      {
        id: 'line-1',
        transport: 'tcp',
        host: '127.0.0.1',
        port: source.port,
        devices: [{ id: 'counter', model: 'counter', every: EVERY }],
      },
    ],
  });
  write('mosquitto.conf', '');
  writeFileSync(join(folder, 'mosquitto.conf'), `listener ${mqttPort} 127.0.0.1\nallow_anonymous true\n`);
  const log: LogLine[] = [];
  let broker: ChildProcess | undefined;
  let edge: Child | undefined;

  function write(name: string, value: unknown): string {
    const file = join(folder, name);
    writeFileSync(file, typeof value === 'string' ? value : stringify(value));
    return file;
  }

  return {
    folder,
    configFile,
    dataDir: join(folder, 'data'),
    url: `mqtt://127.0.0.1:${mqttPort}`,
    log,
    answered: source.answered,
    startBroker() {
      const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
      broker = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore', env });
    },
    async killBroker() {
      const victim = broker;
      if (victim === undefined || victim.exitCode !== null) return;
      const ended = new Promise((done) => victim.once('exit', done));
      victim.kill('SIGKILL');
      await ended;
    },
    startEdge() {
      edge = startChild({
        name: 'edge',
        root: ROOT,
        args: ['edge', '--config', configFile],
        env: {
          ...process.env,
          HANFENG_DATA_DIR: join(folder, 'data'),
          HANFENG_MQTT_URL: `mqtt://127.0.0.1:${mqttPort}`,
          HANFENG_LOG_LEVEL: 'info',
        },
        onLine: (line) => {
          log.push(line);
          if (log.length > 2000) log.shift();
        },
      });
    },
    killEdge: async () => edge?.kill(),
    /** @returns exit code; null when it had to be killed after 10 s */
    async stopEdge(): Promise<number | null> {
      await edge?.stop(10_000);
      return (await edge?.ended) ?? null;
    },
    async close() {
      await edge?.kill();
      await this.killBroker();
      await source.close();
      removeFolder(folder);
    },
  };
}

/** The same with the gateway's side of the delivery protocol, and the first readings arrived. */
export async function startCountedUplink() {
  const rig = await startCountedEdge();
  const gateway = new GatewayModel('gw', 'edge-1');
  rig.startBroker();
  gateway.start(rig.url);
  rig.startEdge();
  await until('the first readings', () => gateway.values.length > 100);
  return { rig, gateway };
}
