#!/usr/bin/env node
// What a fresh clone with only Node.js needs before TypeScript can run: install, build, then hand over.
// Plain JavaScript on purpose: it runs before anything is installed.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = ['contract', 'edge', 'gateway', 'simulators', 'cli', 'bench'];
const COMMAND = join(ROOT, 'dist', 'cli', 'hanfeng.js');
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const PAGE = join(ROOT, 'dist', 'web', 'index.html');

function modifiedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newestMs(folder, pattern) {
  if (!existsSync(join(ROOT, folder))) return 0;
  let newest = 0;
  for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
    if (pattern.test(name)) newest = Math.max(newest, statSync(join(ROOT, folder, name)).mtimeMs);
  }
  return newest;
}

/** What a shell says of a command that such a signal ended. */
const CODES = { SIGINT: 130, SIGTERM: 143 };

/** What is being prepared by: ended with us. */
let preparing;

async function run(what, command, args) {
  process.stderr.write(`hanfeng: ${what}\n`);
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  preparing = child;
  const status = await new Promise((done, failed) => child.on('error', failed).on('exit', done));
  preparing = undefined;
  if (status !== 0) {
    process.stderr.write(`hanfeng: ${what} failed (exit ${status})\n`);
    process.exit(1);
  }
}

/**
 * Ends what prepares and then us when a signal comes while nobody else listens for it.
 *
 * @param isServing - it runs until it is told to stop: told so early, all is done (exit 0); a test or a check did not happen
 * @returns how to leave signals to the system again
 */
export function endWhenTold(isServing) {
  const listeners = Object.entries(CODES).map(([signal, code]) => {
    const listener = () => {
      if (process.listenerCount(signal) > 1) return;
      const end = () => process.exit(isServing ? 0 : code);
      if (preparing === undefined) return end();
      preparing.removeAllListeners('exit').once('exit', end);
      preparing.kill(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const remove of listeners) remove();
  };
}

/** node_modules as package-lock.json says; nothing to do when it is. */
export async function install() {
  if (modifiedMs(join(ROOT, 'node_modules', '.package-lock.json')) >= modifiedMs(join(ROOT, 'package-lock.json')))
    return;
  // Not `npm ci`: it first throws away what is there, which is nearly right after an update.
  await run('installing packages', 'npm', ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error']);
}

/** dist/ as the sources say; nothing to do when it is, or in an image that ships without sources or compiler. */
export async function build() {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler)) return;
  if (
    modifiedMs(COMMAND) === 0 ||
    Math.max(...SOURCES.map((folder) => newestMs(folder, /\.ts$/))) > modifiedMs(join(ROOT, 'dist', 'node.tsbuildinfo'))
  ) {
    await run('building', process.execPath, [compiler, '-b', 'tsconfig.node.json']);
  }
  const pageSource = join(ROOT, 'dashboards', 'web', 'vite.config.ts');
  if (existsSync(pageSource) && newestMs(join('dashboards', 'web'), /\.(tsx?|css|html|svg)$/) > modifiedMs(PAGE)) {
    await run('building the page', process.execPath, [
      join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'),
      'build',
      'dashboards/web',
      '--logLevel',
      'error',
    ]);
  }
}

function handOver(args, isServing) {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  // Passed on, as npm passes on to us (its script says `exec`, or its shell would keep them). The terminal sends Ctrl-C to
  // the whole group, so it comes twice: the demo takes it once, vitest would leave at once.
  process.on('SIGINT', () => isServing && child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  // Ended by a signal before it could listen for one: nothing had begun.
  child.on('exit', (code, signal) => process.exit(code ?? (isServing && signal in CODES ? 0 : (CODES[signal] ?? 1))));
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  const [what, ...rest] = process.argv.slice(2);
  if (Number(process.versions.node.split('.')[0]) < 20) {
    process.stderr.write(`hanfeng: Node.js ${process.versions.node} is too old; 20.19 or newer is needed\n`);
    process.exit(1);
  }
  const isServing = what === 'demo' || what === 'dev';
  endWhenTold(isServing);
  await install();
  await build();
  if (what === 'demo') handOver([COMMAND, 'demo', ...rest], isServing);
  else if (what === 'dev') handOver([join(ROOT, 'cli', 'dev.mjs'), ...rest], isServing);
  else if (what === 'test') handOver([VITEST, 'run', ...rest], isServing);
  else {
    process.stderr.write(`hanfeng: bootstrap knows demo, dev and test, not ${what}\n`);
    process.exit(2);
  }
}
