import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './acquisition.ts';
import { until, untilListening } from './ports.ts';

/** A program somebody else wrote, running. */
export interface Peer {
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

async function listening(peer: Peer, port: number): Promise<Peer> {
  await untilListening(port);
  return peer;
}

function run(program: string, args: readonly string[]): Peer {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.resume();
  return {
    process: child,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

let built: string | undefined;
/** Compiles the libmodbus server of the fixtures, once a run. */
function libmodbusServer(): string {
  if (built !== undefined) return built;
  const program = join(mkdtempSync(join(tmpdir(), 'hf-libmodbus-')), 'server');
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'libmodbus'], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  execFileSync('gcc', ['-O1', '-o', program, join(ROOT, 'tests/fixtures/modbus-libmodbus.c'), ...flags]);
  built = program;
  return program;
}

/** libmodbus over TCP, unit id ignored. */
export function startLibmodbusTcp(port: number): Promise<Peer> {
  return listening(run(libmodbusServer(), ['tcp', String(port)]), port);
}

/** A libmodbus slave on a serial path. @param wireBaud - adds the time the bytes would take on a real line */
export async function startLibmodbusRtu(path: string, unit: number, wireBaud = 0): Promise<Peer> {
  const peer = run(libmodbusServer(), ['rtu', path, '9600', String(unit), String(wireBaud)]);
  // It says `ready` when it listens.
  await new Promise<void>((resolve) => peer.process.stdout?.once('data', () => resolve()));
  return peer;
}

/** pymodbus over TCP with units 1 and 7. */
export function startPymodbus(port: number): Promise<Peer> {
  return listening(run('/usr/bin/python3', [join(ROOT, 'tests/fixtures/modbus-pymodbus.py'), String(port)]), port);
}

/** A pair of pseudo terminals joined back to back. */
export async function startSerialPair(
  folder: string,
): Promise<Peer & { readonly ours: string; readonly theirs: string }> {
  const [ours, theirs] = [join(folder, 'ttyA'), join(folder, 'ttyB')];
  const peer = run('socat', [`pty,raw,echo=0,link=${ours}`, `pty,raw,echo=0,link=${theirs}`]);
  await until('the terminals of socat', () => existsSync(ours) && existsSync(theirs));
  return { ...peer, ours, theirs };
}
