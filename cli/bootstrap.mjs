#!/usr/bin/env node
// What a fresh clone with only Node.js needs before TypeScript can run: install, build, then hand over.
// Plain JavaScript on purpose: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
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

function run(what, command, args) {
  process.stderr.write(`hanfeng: ${what}\n`);
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (error !== undefined) throw error;
  if (status !== 0) {
    process.stderr.write(`hanfeng: ${what} failed (exit ${status})\n`);
    process.exit(1);
  }
}

/** node_modules as package-lock.json says; nothing to do when it is. */
export function install() {
  if (modifiedMs(join(ROOT, 'node_modules', '.package-lock.json')) >= modifiedMs(join(ROOT, 'package-lock.json')))
    return;
  // Not `npm ci`: it first throws away what is there, which is nearly right after an update.
  run('installing packages', 'npm', ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error']);
}

/** dist/ as the sources say; nothing to do when it is, or in an image that ships without sources or compiler. */
export function build() {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler)) return;
  if (
    modifiedMs(COMMAND) === 0 ||
    Math.max(...SOURCES.map((folder) => newestMs(folder, /\.ts$/))) > modifiedMs(join(ROOT, 'dist', 'node.tsbuildinfo'))
  ) {
    run('building', process.execPath, [compiler, '-b', 'tsconfig.node.json']);
  }
  const pageSource = join(ROOT, 'dashboards', 'web', 'vite.config.ts');
  if (existsSync(pageSource) && newestMs(join('dashboards', 'web'), /\.(tsx?|css|html|svg)$/) > modifiedMs(PAGE)) {
    run('building the page', process.execPath, [
      join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'),
      'build',
      'dashboards/web',
      '--logLevel',
      'error',
    ]);
  }
}

function handOver(args) {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  // Passed on, as npm passes on to us (its script says `exec`, or its shell would keep them). The terminal sends Ctrl-C to
  // the whole group, so it comes twice: the demo takes it once, vitest would leave at once.
  process.on('SIGINT', () => args[0] !== VITEST && child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  const [what, ...rest] = process.argv.slice(2);
  if (Number(process.versions.node.split('.')[0]) < 20) {
    process.stderr.write(`hanfeng: Node.js ${process.versions.node} is too old; 20.19 or newer is needed\n`);
    process.exit(1);
  }
  install();
  build();
  if (what === 'demo') handOver([COMMAND, 'demo', ...rest]);
  else if (what === 'dev') handOver([join(ROOT, 'cli', 'dev.mjs'), ...rest]);
  else if (what === 'test') handOver([VITEST, 'run', ...rest]);
  else {
    process.stderr.write(`hanfeng: bootstrap knows demo, dev and test, not ${what}\n`);
    process.exit(2);
  }
}
