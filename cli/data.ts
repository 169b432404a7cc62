import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import type { Dispatcher } from 'undici';
import { type Accounts, openAccounts } from '../gateway/accounts.ts';
import { untar } from '../gateway/tar.ts';
import { startChild } from './children.ts';
import { parseMoment } from './options.ts';
import { PACKAGE_ROOT } from './root.ts';

interface Where {
  readonly config?: string;
  readonly data?: string;
  readonly url?: string;
  readonly tokenFile?: string;
}

/** A gateway that answers, and a token it takes. */
interface Reached {
  readonly base: string;
  readonly token: string;
  /** Goes to its socket, where it has no port. */
  readonly dispatcher?: Dispatcher;
}

type Method = 'GET' | 'POST';

/** A gateway.yaml that leaves everything as it is by default. */
const NO_CONFIG = join(PACKAGE_ROOT, 'examples', 'defaults', 'gateway.yaml');
const START_TIMEOUT_MS = 60_000;
const STOP_MS = 10_000;
const ACCEPT_TIMEOUT_MS = 5000;
const CLI_TOKEN = 'hanfeng-command';

const print = (line: string) => void process.stdout.write(`${line}\n`);
const failure = (code: string, message: string) => Object.assign(new Error(message), { code });

const dataOption = () =>
  new Option(
    '--data <folder>',
    'its data folder, when it has no gateway.yaml (default: HANFENG_DATA_DIR, then ./data)',
  );

const whereOptions = (command: Command) =>
  command
    .addOption(new Option('--config <file>', 'gateway.yaml of the gateway on this machine, running or stopped'))
    .addOption(dataOption())
    .addOption(new Option('--url <address>', 'a gateway elsewhere; needs --token-file'))
    .addOption(new Option('--token-file <file>', 'file with an API token (hanfeng token add)'));

/** `hanfeng backup`, `restore` and `export`: all through the gateway's API, so that there is one way to read a store. */
export function defineDataCommands(hanfeng: Command): void {
  whereOptions(
    hanfeng
      .command('backup <folder>')
      .description('copy everything a gateway keeps into an empty folder; the gateway may be running'),
  ).action(async (folder: string, where: Where) => {
    expectEmpty(folder);
    await withGateway(where, 'admin', async (gateway) => {
      const archive = await ask(gateway, 'POST', '/api/v1/backup');
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const files = await untar(archive, folder);
      print(`${files.length} files in ${resolve(folder)}`);
    });
  });

  hanfeng
    .command('restore <folder>')
    .description("put a backup back as a stopped gateway's data folder, which must be empty or missing")
    .addOption(new Option('--config <file>', 'gateway.yaml, which names the data folder'))
    .addOption(dataOption())
    .action(async (folder: string, where: Where) => {
      const { dataDir } = (await gatewayOf(where)).config;
      if (!existsSync(join(folder, 'hanfeng.duckdb')))
        throw failure('backup-unknown', `${folder} holds no backup of a gateway`);
      expectEmpty(dataDir);
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      await cp(folder, dataDir, { recursive: true });
      // Another store from now on: edges send again what it lacks.
      const { DuckDbStore } = await import('../gateway/store/duckdb.ts');
      const newId = () => randomBytes(12).toString('hex');
      const store = await DuckDbStore.open({ dataDir, newId });
      await store.adoptNewId(newId());
      await store.close();
      await removeTokens(await openAccounts(dataDir, Date.now));
      print(`restored into ${dataDir}; edges will send again what the backup lacks`);
    });

  whereOptions(
    hanfeng
      .command('export')
      .description('history of points as a file')
      .requiredOption('--from <time>', 'ISO 8601 or epoch ms', parseMoment)
      .requiredOption('--to <time>', 'ISO 8601 or epoch ms, exclusive', parseMoment)
      .requiredOption('--points <id...>', '<device>/<measurement>, several')
      .addOption(new Option('--format <format>').choices(['parquet', 'csv']).default('csv'))
      .option('--output <file>', 'where to (default: standard output)'),
  ).action(
    async ({
      from,
      to,
      points,
      format,
      output,
      ...where
    }: Where & { from: number; to: number; points: string[]; format: string; output?: string }) => {
      await withGateway(where, 'viewer', async (gateway) => {
        const query = new URLSearchParams({ from: String(from), to: String(to), points: points.join(','), format });
        const body = await ask(gateway, 'GET', `/api/v1/export?${query}`);
        await pipeline(body, output === undefined ? process.stdout : createWriteStream(output), {
          end: output !== undefined,
        });
      });
    },
  );
}

/** A backup holds the token it was made with. */
async function removeTokens(accounts: Accounts): Promise<void> {
  for (const { id, name } of await accounts.listTokens()) if (name === CLI_TOKEN) await accounts.removeToken(id);
}

function expectEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw failure('folder-not-empty', `${resolve(folder)} is not empty`);
}

/** @returns what it answers, as it comes */
async function ask({ base, token, dispatcher }: Reached, method: Method, path: string): Promise<Readable> {
  const { request } = await import('undici');
  const headers = { authorization: `Bearer ${token}` };
  const { statusCode, body } = await request(`${base}${path}`, {
    method,
    headers,
    // A backup of a large store is made before its first byte.
    headersTimeout: 0,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  }).catch((error: Error & { code?: string }) => {
    throw failure('gateway-away', `no answer from ${new URL(base).origin}: ${error.code ?? error.message}`);
  });
  if (statusCode < 300) return body;
  const { code, detail } = (await body.json().catch(() => ({}))) as { code?: string; detail?: string };
  throw failure(code ?? 'gateway-answer', detail ?? `the gateway answers ${statusCode}`);
}

/**
 * Reaches the gateway that `where` means. One on this machine is asked with a token made for the moment, as whoever may
 * write its data folder may; the data folder of one that is stopped is read for the moment through a socket in a folder of
 * our own, so that no port is needed, also while another gateway has the configured ones.
 */
async function withGateway(
  where: Where,
  role: 'admin' | 'viewer',
  use: (reached: Reached) => Promise<void>,
): Promise<void> {
  if (where.url !== undefined) {
    if (where.tokenFile === undefined) throw failure('token-missing', '--url needs --token-file');
    return use({ base: where.url.replace(/\/$/, ''), token: readFileSync(where.tokenFile, 'utf8').trim() });
  }
  const { config, env } = await gatewayOf(where);
  if (!existsSync(config.dataDir))
    throw failure('gateway-unknown', `there is no ${config.dataDir}; say which gateway: --config, --data or --url`);
  const accounts = await openAccounts(config.dataDir, Date.now);
  const { id, token } = await accounts.addToken({ name: CLI_TOKEN, role });
  try {
    const base = `http://${config.http.host === '0.0.0.0' ? '127.0.0.1' : config.http.host}:${config.http.port}`;
    if ((await answers({ base, token })) && (await isAccepted({ base, token }))) return await use({ base, token });
    await withStopped(config.file, env, token, use);
  } finally {
    await accounts.removeToken(id);
  }
}

/** The configuration `where` names; without one, the defaults and the environment, as for a data folder without gateway.yaml. */
async function gatewayOf({ config, data }: Where) {
  const { loadGatewayConfig } = await import('../gateway/config.ts');
  const env = data === undefined ? process.env : { ...process.env, HANFENG_DATA_DIR: data };
  return { config: loadGatewayConfig(config ?? NO_CONFIG, env), env };
}

/** Whether it is the gateway of this data folder: a running one sees a new token within a second. */
async function isAccepted({ base, token }: Reached): Promise<boolean> {
  const deadline = performance.now() + ACCEPT_TIMEOUT_MS;
  while ((await fetch(`${base}/api/v1/session`, { headers: { authorization: `Bearer ${token}` } })).status === 401) {
    if (performance.now() > deadline) return false;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  return true;
}

async function withStopped(
  configFile: string,
  env: NodeJS.ProcessEnv,
  token: string,
  use: (reached: Reached) => Promise<void>,
): Promise<void> {
  const [{ SOCKET_VARIABLE }, { Agent }] = await Promise.all([import('../gateway/run.ts'), import('undici')]);
  // Nobody else may enter it.
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-'));
  const socket = join(folder, 'api.sock');
  const dispatcher = new Agent({ connect: { socketPath: socket }, bodyTimeout: 0 });
  const reached = { base: 'http://localhost', token, dispatcher };
  const complaints: string[] = [];
  const child = startChild({
    name: 'gateway',
    root: PACKAGE_ROOT,
    args: ['gateway', '--config', configFile],
    env: { ...env, [SOCKET_VARIABLE]: socket, HANFENG_LOG_LEVEL: 'info' },
    onLine: ({ level, message, isBare }) => {
      if (level !== 'info' || isBare) complaints.push(message);
    },
  });
  try {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await answers(reached))) {
      if (child.hasEnded() || performance.now() > deadline)
        throw failure('gateway-not-started', complaints.join('\n') || 'the gateway does not start');
      await new Promise((wake) => setTimeout(wake, 100));
    }
    await use(reached);
  } finally {
    await dispatcher.destroy();
    await child.stop(STOP_MS);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function answers(gateway: Reached): Promise<boolean> {
  return ask(gateway, 'GET', '/readyz').then(
    async (body) => {
      for await (const _ of body);
      return true;
    },
    () => false,
  );
}
