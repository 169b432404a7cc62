import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import pino from 'pino';
import { unitLabel } from '../contract/units.ts';
import { type DeviceConfig, parseEdgeConfig } from './config.ts';
import { decodePoint, decodeText, type Settings } from './decode.ts';
import { planDevice, wantedPoints } from './device.ts';
import { loadModels } from './library.ts';
import type { Line } from './line.ts';
import { type DeviceModel, type Order, type PointModel, TABLES } from './model.ts';
import { type Block, isBitTable } from './plan.ts';
import { reasonOf } from './poll.ts';
import { createLine } from './reader.ts';

/** What to read once. */
export interface ProbeOptions {
  /** `tcp://host:502`, `rtu:///dev/ttyUSB0?baud=9600&parity=none`, `rtu+tcp://host:port`. */
  readonly url: string;
  readonly model: string;
  readonly unit: number;
  /** Folder of package.json, where the shipped models are. */
  readonly root: string;
  readonly modelFolders?: readonly string[];
  readonly timeoutMs?: number;
  readonly stdout: { write(text: string): void };
  readonly stderr?: { write(text: string): void };
  readonly signal?: AbortSignal;
}

/** One point as probed. */
export interface Probed {
  readonly point: PointModel;
  /** The registers as they came, or why there are none. */
  readonly raw: Uint8Array | undefined;
  /** Decoded for people: `12.34 m³/h`, or the reason. */
  readonly text: string;
  /** Orders under which the value would look plausible, when under the model's own it doesn't. */
  readonly plausible: readonly { readonly order: Order; readonly value: number }[];
}

const ORDERS_TRIED: readonly Order[] = ['ABCD', 'CDAB', 'BADC', 'DCBA'];
const DEFAULT_TIMEOUT_MS = 1000;
const SERIAL_OPEN_MS = 2000;
/** Requests without an answer after which the rest is not asked. */
const SILENT_MAX = 3;

/** The line of a probe URL in the words of edge.yaml, or what is wrong with it. */
export function lineOfUrl(url: string): { readonly yaml: string } | { readonly mistake: string } {
  const allowed = 'tcp://host:502, rtu:///dev/ttyUSB0?baud=9600&parity=none or rtu+tcp://host:port';
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return { mistake: `${url} is no URL; allowed: ${allowed}` };
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const q = (text: string) => JSON.stringify(text);
  switch (parsed.protocol) {
    case 'tcp:':
      return { yaml: `transport: tcp, host: ${q(host)}, port: ${parsed.port || 502}` };
    case 'rtu+tcp:':
      return { yaml: `transport: rtu-over-tcp, host: ${q(host)}, port: ${parsed.port || 502}` };
    case 'rtu:': {
      const extra = [...parsed.searchParams].map(
        ([key, value]) => `, ${q(key)}: ${/^\d+$/.test(value) ? value : q(value)}`,
      );
      return { yaml: `transport: rtu, path: ${q(decodeURIComponent(parsed.pathname))}${extra.join('')}` };
    }
    default:
      return { mistake: `${url}; allowed: ${allowed}` };
  }
}

/**
 * Reads a device once and prints every point decoded, with its raw registers.
 *
 * @returns exit code: 0 read, 1 device didn't answer, 2 bad usage
 * @throws ConfigError when a model file is broken
 */
export async function runProbe(options: ProbeOptions): Promise<number> {
  const { url, unit, root, stdout, stderr = stdout } = options;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const models = loadModels([join(root, 'edge/devices'), ...(options.modelFolders ?? [])]);
  const model = models.get(options.model);
  if (model === undefined || model.ascii !== undefined) {
    const known = [...models.values()].filter((one) => one.ascii === undefined).map((one) => one.id);
    stderr.write(`no Modbus model ${options.model}; there are: ${known.join(', ')}\n`);
    return 2;
  }
  const address = lineOfUrl(url);
  if ('mistake' in address) {
    stderr.write(`${address.mistake}\n`);
    return 2;
  }
  const yaml = `edge: probe\nlines:\n  - { id: probe, timeout: ${timeoutMs}ms, ${address.yaml}, devices: [{ id: device, model: ${model.id}, unitId: ${unit} }] }\n`;
  const { value: config, mistakes } = parseEdgeConfig(yaml, url);
  const [line] = config?.lines ?? [];
  const [device] = line?.devices ?? [];
  const isText = line?.transport === 'ascii' || line?.transport === 'ascii-over-tcp';
  if (mistakes.length > 0 || line === undefined || device === undefined || isText) {
    for (const { path, found, allowed } of mistakes)
      stderr.write(`${url}: ${path}: found ${found}, allowed: ${allowed}\n`);
    return 2;
  }
  const clock = { now: Date.now, monotonicMs: () => performance.now() };
  const port = createLine(line, { clock, random: Math.random, log: pino({ level: 'silent' }) });
  options.signal?.addEventListener('abort', () => void port.close(), { once: true });
  try {
    if (!(await port.whenOpen('connectTimeout' in line ? line.connectTimeout : SERIAL_OPEN_MS))) {
      stderr.write(`${url}: ${port.lastError || 'can not be opened'}\n`);
      return 1;
    }
    const probed = await probeDevice(port, device, model, timeoutMs);
    stdout.write(printProbe(model, unit, url, probed));
    return probed.some(({ raw }) => raw !== undefined) ? 0 : 1;
  } finally {
    await port.close();
  }
}

async function probeDevice(line: Line, device: DeviceConfig, model: DeviceModel, timeoutMs: number): Promise<Probed[]> {
  const everything = { ...device, points: model.points.map((point) => point.id) };
  const { points } = wantedPoints(everything, model);
  const settings = new Map<string, number>();
  for (const point of points) if (point.assume !== undefined) settings.set(point.id, point.assume);
  const probed = new Map<string, Probed>();
  let silent = 0;
  const read = async (block: Block): Promise<void> => {
    if (silent >= SILENT_MAX) {
      for (const point of block.points)
        probed.set(point.id, { point, raw: undefined, text: 'not asked', plausible: [] });
      return;
    }
    const { reply } = await line.request(
      {
        kind: 'read',
        unitId: device.unitId,
        functionCode: TABLES[block.table],
        address: block.address,
        count: block.count,
      },
      { timeoutMs: model.quirks.timeout ?? timeoutMs, pauseMs: model.quirks.pauseBeforeRequest ?? 0 },
    );
    silent = reply.kind === 'timeout' ? silent + 1 : 0;
    // A refused block is read point by point: one register that this version lacks must not hide the others.
    if (reply.kind === 'exception' && block.points.length > 1) {
      for (const point of block.points)
        await read({ table: point.table, address: point.address, count: point.length, points: [point] });
      return;
    }
    if (reply.kind !== 'data') {
      for (const point of block.points)
        probed.set(point.id, { point, raw: undefined, text: reasonOf(reply), plausible: [] });
      return;
    }
    for (const point of block.points) {
      const decoded = decodePoint(point, reply.bytes, block, settings);
      if ('value' in decoded) settings.set(point.id, decoded.value);
    }
    for (const point of block.points) probed.set(point.id, describePoint(point, reply.bytes, block, settings));
  };
  for (const { block } of planDevice(everything, model, {})) await read(block);
  return points.flatMap((point) => probed.get(point.id) ?? []);
}

function describePoint(point: PointModel, bytes: Uint8Array, block: Block, settings: Settings): Probed {
  const width = isBitTable(block.table) ? 1 : 2;
  const start = (point.address - block.address) * width;
  const raw = bytes.slice(start, start + point.length * width);
  if (point.type === 'string')
    return { point, raw, text: JSON.stringify(decodeText(point, bytes, block)), plausible: [] };
  const decoded = decodePoint(point, bytes, block, settings);
  const plausible = isPlausible(point, 'value' in decoded ? decoded.value : Number.NaN, raw)
    ? []
    : ORDERS_TRIED.filter((order) => order !== point.order).flatMap((order) => {
        const other = decodePoint({ ...point, order }, bytes, block, settings);
        return 'value' in other && isPlausible(point, other.value, raw) ? [{ order, value: other.value }] : [];
      });
  if ('reason' in decoded) return { point, raw, text: `no value (${decoded.reason})`, plausible };
  const label = point.labels?.get(decoded.value);
  const unit = unitLabel(point.unit);
  const text = `${Number(decoded.value.toPrecision(7))}${unit === '' ? '' : ` ${unit}`}${label === undefined ? '' : ` (${label})`}`;
  return { point, raw, text, plausible };
}

/** Magnitudes real measurements have; a wrong word order gives 1e-38 or 1e30. */
const PLAUSIBLE_MIN = 1e-6;
const PLAUSIBLE_MAX = 1e9;

/** Only values of several registers can tell a wrong order, and only when they are not zero. */
function isPlausible(point: PointModel, value: number, raw: Uint8Array): boolean {
  if (point.length < 2 || raw.every((byte) => byte === 0)) return true;
  if (!Number.isFinite(value)) return false;
  if (point.range !== undefined && (value < point.range[0] || value > point.range[1])) return false;
  const size = Math.abs(value);
  return size >= PLAUSIBLE_MIN && size <= PLAUSIBLE_MAX;
}

/** A table of points, and a hint when another word order would read better. */
export function printProbe(model: DeviceModel, unit: number, url: string, probed: readonly Probed[]): string {
  const rows = probed.map(({ point, raw, text }) => {
    const hex = raw === undefined ? '-' : hexOf(raw, isBitTable(point.table));
    return [
      point.id,
      text,
      hex,
      `${point.table} ${point.address} ${point.type}${point.length > 1 ? ` ${point.order}` : ''}`,
    ];
  });
  const head = ['point', 'value', 'raw', 'where'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const print = (row: readonly string[]) =>
    `${row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  const answered = probed.filter(({ raw }) => raw !== undefined).length;
  const title = `${model.name}, unit ${unit} at ${url}: ${answered} of ${probed.length} points answered\n\n`;
  const hint = answered > 0 ? orderHint(probed) : SILENCE_HINT;
  return title + print(head) + rows.map(print).join('') + hint;
}

const SILENCE_HINT =
  '\nNothing answered. Check the unit id, the baud rate and parity, the two wires of RS-485 (try them swapped), and whether the converter speaks Modbus TCP (tcp://) or passes RTU frames on (rtu+tcp://).\n';

function orderHint(probed: readonly Probed[]): string {
  const doubtful = probed.filter(({ plausible }) => plausible.length > 0);
  if (doubtful.length === 0) return '';
  const votes = ORDERS_TRIED.map((order) => ({
    order,
    count: doubtful.filter(({ plausible }) => plausible.some((other) => other.order === order)).length,
  })).sort((a, b) => b.count - a.count);
  const [best] = votes;
  if (best === undefined || best.count === 0) return '';
  const shown = doubtful
    .flatMap(({ point, plausible }) => {
      const value = plausible.find(({ order }) => order === best.order)?.value;
      return value === undefined
        ? []
        : [`  ${point.id}: ${Number(value.toPrecision(7))} ${unitLabel(point.unit)}`.trimEnd()];
    })
    .slice(0, 10);
  return `\n${doubtful.length} values look wrong. With word order ${best.order} they would read:\n${shown.join('\n')}\n`;
}

function hexOf(raw: Uint8Array, bits: boolean): string {
  if (bits) return [...raw].join('');
  const words: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    words.push((((raw[at] as number) << 8) | (raw[at + 1] as number)).toString(16).padStart(4, '0'));
  }
  return words.join(' ');
}
