import { existsSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { formatDuration, formatTime } from '../contract/time.ts';
import { unitLabel } from '../contract/units.ts';
import { loadEdgeConfig } from './config.ts';
import { type LocalStatus, socketPath } from './local.ts';

/** How the face was asked for. */
export interface EdgeStatusOptions {
  /** edge.yaml of the edge; without, its data folder says where it listens. */
  readonly configFile?: string | undefined;
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
}

const REPLY_BYTES_MAX = 64 * 1024 * 1024;
const REPLY_TIMEOUT_MS = 5000;
const WATCH_EVERY_MS = 1000;
/** Home and clear to the end: no flicker, unlike clearing first. */
const REDRAW = '\x1b[H\x1b[J';

/** Prints what a running edge on this machine reads and holds, once or every second. @returns exit code */
export async function runEdgeStatus({
  watch,
  signal,
  ...options
}: EdgeStatusOptions & { readonly watch: boolean; readonly signal?: AbortSignal }): Promise<number> {
  do {
    const reply = await ask(options, 'GET', '/status');
    if (reply === undefined) return 1;
    const text = renderStatus(JSON.parse(reply) as LocalStatus);
    options.stdout.write(watch ? `${REDRAW}${text}` : text);
    if (watch) await wait(WATCH_EVERY_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  } while (watch && signal?.aborted !== true);
  return 0;
}

/** Prints the commissioning sheet as CSV. @returns exit code */
export async function runEdgeSheet(options: EdgeStatusOptions): Promise<number> {
  const reply = await ask(options, 'GET', '/sheet.csv');
  if (reply === undefined) return 1;
  options.stdout.write(reply);
  return 0;
}

/** Switches service mode of a device, or of the whole cabinet, on for a time or off. @returns exit code */
export async function runEdgeService(
  options: EdgeStatusOptions & {
    readonly device?: string | undefined;
    /** Undefined switches it off. */
    readonly forMs: number | undefined;
    readonly who: string;
    readonly why?: string | undefined;
  },
): Promise<number> {
  const { device, forMs, who, why } = options;
  const reply =
    forMs === undefined
      ? await ask(options, 'POST', '/service/end', { device, who })
      : await ask(options, 'POST', '/service', { device, forMs, who, why });
  if (reply === undefined) return 1;
  const { until, ended } = JSON.parse(reply) as { until?: number; ended?: boolean };
  const what = device ?? 'the whole cabinet';
  if (until !== undefined) options.stdout.write(`service mode of ${what} until ${formatTime(until)}\n`);
  else
    options.stdout.write(ended === true ? `service mode of ${what} ended\n` : `service mode of ${what} was not on\n`);
  return 0;
}

/** Switches all commands of this edge on or off. @returns exit code */
export async function runEdgeCommands(
  options: EdgeStatusOptions & { readonly enabled: boolean; readonly who: string },
): Promise<number> {
  const { enabled, who } = options;
  if ((await ask(options, 'POST', '/commands', { enabled, who })) === undefined) return 1;
  options.stdout.write(enabled ? 'commands are taken\n' : 'all commands are refused\n');
  return 0;
}

/** One page of text: clock, link, outbox, lines and devices, values. */
export function renderStatus(status: LocalStatus): string {
  const { edge, version, at, clock, outbox, uplink, lines, service, commandsEnabled, values } = status;
  const age = (timeMs: number) => formatDuration(Math.max(0, at - timeMs));
  const fill = ((100 * outbox.bytes) / outbox.bytesMax).toFixed(1);
  const link = uplink.connected
    ? `connected for ${age(uplink.since)}, ${uplink.inFlight} batches unconfirmed`
    : `not connected${uplink.lastError === undefined ? '' : `: ${uplink.lastError}`}`;
  const rows = [
    `${edge}  hanfeng ${version}  ${formatTime(at)}${clock === 'free' ? '  CLOCK WAS NEVER SET' : ''}`,
    `link     ${link}${uplink.away.length > 0 ? `; away: ${uplink.away.join(', ')}` : ''}`,
    `outbox   ${fill} % of ${size(outbox.bytesMax)}, ${outbox.unstored} of ${outbox.made} values not stored yet${
      outbox.oldestUnstoredAt === undefined ? '' : `, oldest ${age(outbox.oldestUnstoredAt)}`
    }, ${outbox.dropped} dropped`,
  ];
  if (outbox.disk !== 'ok')
    rows.push(`DISK     takes nothing (${outbox.disk}); ${outbox.waiting} values wait in memory`);
  if (!commandsEnabled) rows.push('COMMANDS all refused');
  for (const { device, until, who } of service)
    rows.push(`SERVICE  ${device ?? 'whole cabinet'} by ${who}, ends in ${formatDuration(until - at)}`);
  rows.push('');
  for (const line of lines) rows.push(...renderLine(line));
  rows.push('', ...table(values.map((value) => valueRow(value, age))));
  return `${rows.join('\n')}\n`;
}

function renderLine(line: Readonly<Record<string, unknown>>): string[] {
  const { id, transport, open, error, answered, timeouts, crcErrors, roundTripMs, devices } = line;
  const p95 = (roundTripMs as { p95?: number } | undefined)?.p95;
  const state = open === true ? 'open' : `closed${typeof error === 'string' ? `: ${error}` : ''}`;
  const rows = [
    `line ${id} (${transport}) ${state}; ${answered} answered, ${timeouts} timed out, ${crcErrors} CRC errors${
      p95 === undefined ? '' : `, 95 % within ${p95} ms`
    }`,
  ];
  for (const device of Array.isArray(devices) ? (devices as Record<string, unknown>[]) : []) {
    if (device.state === 'answering') continue;
    const reason = typeof device.lastReason === 'string' ? ` (${device.lastReason})` : '';
    rows.push(`  ${device.id}  unit ${device.unitId}  ${device.state}${reason}`);
  }
  return rows;
}

function valueRow(value: LocalStatus['values'][number], age: (timeMs: number) => string): string[] {
  const { device, measurement, value: number, unit, quality, reason, ts } = value;
  const shown = number === undefined ? '-' : String(Number(number.toPrecision(6)));
  const doubt = quality === 'good' ? '' : `${quality}${reason === undefined ? '' : ` (${reason})`}`;
  return [`${device}/${measurement}`, shown, unitLabel(unit), age(ts), doubt];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  return rows.map((row) =>
    row
      .map((text, column) => (column === 1 ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function size(bytes: number): string {
  const mebibytes = bytes / 1024 / 1024;
  return mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(1)} GiB` : `${mebibytes.toFixed(1)} MiB`;
}

/** @returns the reply's text, or undefined after saying why there is none */
async function ask(
  { configFile, root, env, stdout }: EdgeStatusOptions,
  method: 'GET' | 'POST',
  path: string,
  content?: unknown,
): Promise<string | undefined> {
  const socket = configFile === undefined ? findSocket(env) : socketPath(loadEdgeConfig(configFile, root, env));
  try {
    const { status, text } = await exchange(socket, method, path, content);
    if (status === 200) return text;
    stdout.write(`refused: ${(JSON.parse(text) as { error?: string }).error ?? text}\n`);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const isGone = code === 'ENOENT' || code === 'ECONNREFUSED';
    stdout.write(isGone ? `no edge is running at ${socket}\n` : `${socket}: ${message}\n`);
  }
  return undefined;
}

/**
 * The one edge that listens below the data folder: the folder's own, or one of a demo's.
 *
 * @throws an error with code `edge-unknown` when there is none, or more than one
 */
function findSocket(env: EdgeStatusOptions['env']): string {
  const dataDir = resolve(env.HANFENG_DATA_DIR ?? './data');
  const demo = join(dataDir, 'edges');
  const folders = [dataDir, ...(existsSync(demo) ? readdirSync(demo).map((name) => join(demo, name)) : [])];
  const found = folders.map((folder) => socketPath({ dataDir: folder })).filter((path) => existsSync(path));
  if (found.length === 1) return found[0] as string;
  const which =
    found.length === 0
      ? `no edge listens below ${dataDir}`
      : `several edges are here: ${found.map((path) => dirname(path)).join(', ')}`;
  throw Object.assign(new Error(`${which}; say which: --config FILE, or its data folder in HANFENG_DATA_DIR`), {
    code: 'edge-unknown',
  });
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  content: unknown,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, timeout: REPLY_TIMEOUT_MS, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > REPLY_BYTES_MAX) asked.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(content === undefined ? undefined : JSON.stringify(content));
  });
}
