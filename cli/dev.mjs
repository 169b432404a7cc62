// `npm run dev`: the demo district, built again and started again whenever a source changes.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
/** A compiler writes many files: wait until it is done. */
const QUIET_MS = 1500;
const SETTINGS = { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] };
const bin = (...path) => join(ROOT, 'node_modules', ...path);

const compilers = [
  spawn(
    process.execPath,
    [bin('typescript', 'bin', 'tsc'), '-b', '-w', '--preserveWatchOutput', 'tsconfig.node.json'],
    SETTINGS,
  ),
  spawn(
    process.execPath,
    [bin('vite', 'bin', 'vite.js'), 'build', 'dashboards/web', '--watch', '--logLevel', 'warn'],
    SETTINGS,
  ),
];
let demo;
let stopping = false;
let timer;

function start() {
  demo = spawn(process.execPath, [join(DIST, 'cli', 'hanfeng.js'), 'demo', ...process.argv.slice(2)], SETTINGS);
  demo.on('exit', (code) => {
    if (stopping) process.exit(code ?? 0);
    demo = undefined;
  });
}

function restart() {
  process.stderr.write('hanfeng: sources changed, starting again\n');
  if (demo === undefined) return start();
  demo.once('exit', () => {
    if (!stopping) start();
  });
  demo.kill('SIGTERM');
}

watch(DIST, { recursive: true }, (_event, name) => {
  // The page is served from disk: a reload in the browser is enough.
  if (name === null || name.startsWith('web') || !name.endsWith('.js')) return;
  clearTimeout(timer);
  timer = setTimeout(restart, QUIET_MS);
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopping = true;
    for (const compiler of compilers) compiler.kill();
    if (demo === undefined) process.exit(0);
    else demo.kill('SIGTERM');
  });
}
start();
