import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { removeFolder } from './folders.ts';
import { freePort, until } from './ports.ts';

const root = resolve(import.meta.dirname, '../..');
const COMMAND = join(root, 'dist/cli/hanfeng.js');
const READY_WITHIN_MS = 60_000;

/** The whole demo district as `npm start` runs it (without its history), on free ports and a data folder of its own. */
export interface Demo {
  readonly address: string;
  readonly dataDir: string;
  firstPassword(): string;
  /** The last lines it printed. */
  output(): string;
  /** Switches a fault of the simulation on or off. */
  fault(name: string, device: string, on: boolean): Promise<void>;
  /** Ctrl-C. @returns its exit code */
  interrupt(): Promise<number | null>;
  /** Like a power cut: nothing says goodbye. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startDemo(...options: string[]): Promise<Demo> {
  const dataDir = mkdtempSync(join(tmpdir(), 'hanfeng-demo-'));
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const address = `http://127.0.0.1:${httpPort}`;
  let output = '';
  let demo: ChildProcess | undefined;

  const start = async () => {
    demo = spawn(process.execPath, [COMMAND, 'demo', '--no-history', ...options], {
      cwd: root,
      env: {
        ...process.env,
        HANFENG_HTTP_PORT: String(httpPort),
        HANFENG_MQTT_PORT: String(mqttPort),
        HANFENG_DATA_DIR: dataDir,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [demo.stdout, demo.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-20_000);
      });
    await until(
      'the gateway answers',
      async () => (await fetch(`${address}/readyz`).catch(() => undefined))?.ok,
      READY_WITHIN_MS,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${output}`);
    });
  };
  const kill = async () => {
    const running = demo;
    demo = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((done) => running.once('exit', done));
    running.kill('SIGKILL');
    await ended;
    // Its processes end when their standard input closes.
    await until(
      'the gateway is gone',
      async () => (await fetch(`${address}/healthz`).catch(() => undefined)) === undefined,
      READY_WITHIN_MS,
    );
  };
  await start();
  return {
    address,
    dataDir,
    output: () => output,
    firstPassword: () => readFileSync(join(dataDir, 'first-password'), 'utf8').trim(),
    async fault(name, device, on) {
      const args = ['simulate', 'fault', name, '--device', device, ...(on ? [] : ['--off'])];
      const code = await new Promise<number | null>((done) =>
        spawn(process.execPath, [COMMAND, ...args], { cwd: root, stdio: 'ignore' }).once('exit', done),
      );
      if (code !== 0) throw new Error(`fault ${name}: exit ${code}`);
    },
    async interrupt() {
      const running = demo as ChildProcess;
      const ended = new Promise<number | null>((done) => running.once('exit', done));
      running.kill('SIGINT');
      return await ended;
    },
    kill,
    start,
    async close() {
      await kill();
      removeFolder(dataDir);
    },
  };
}
