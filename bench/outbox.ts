import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { encodeBatch } from '../contract/batch.ts';
import type { DeviceReadings } from '../contract/reading.ts';
import { createClock, machineTime } from '../edge/clock.ts';
import { outboxCapacity } from '../edge/outbox/capacity.ts';
import { OUTBOX_DEFAULTS, type OutboxSettings } from '../edge/outbox/settings.ts';
import { Outbox } from '../edge/outbox.ts';
import { GZIP_MIN_BYTES } from '../edge/uplink.ts';
import { wireBatch } from '../edge/wire.ts';
import { removeFolder } from './folders.ts';
import type { BenchOptions } from './index.ts';

const DAY_S = 86_400;

/** TCP/IPv4 header with time stamps; a packet carries 1400 bytes of ours. */
const PACKET_HEADER_BYTES = 52;
const PACKET_BYTES = 1400;
const PUBACK_BYTES = 4;
/** Fixed header, topic length, packet id. */
const PUBLISH_HEADER_BYTES = 6;
const TOPIC_BYTES = 'hf/v1/edge/cabinet-01/batch'.length;
/** A stored mark of one lane, as the gateway sends it, with its own acknowledgement. */
const MARK_BYTES = 200;

interface LinkRow {
  readonly points: number;
  readonly every: string;
  readonly flush: string;
  readonly heartbeat: string;
  readonly plainMBPerDay: number;
  readonly gzipMBPerDay: number;
  readonly batchBytes: number;
  readonly gzipBytes: number;
}

/** `hanfeng bench outbox`: what the outbox costs on disk, on the link and in time. */
export async function runOutboxBench({ args }: BenchOptions): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string', default: '5' } } });
  const link = linkRows();
  process.stdout.write(
    'Bytes on a link a day, both directions, TCP/IP and MQTT included (computed from real batches)\n',
  );
  table(link.map((row) => ({ ...row })));
  const disk = [false, true].map((compress) => {
    const rates = Array.from({ length: 25 }, () => ({ values: 8, everyMs: 1000 }));
    const { hours, bytesPerHour, valuesPerSecond } = outboxCapacity({ ...OUTBOX_DEFAULTS, compress }, rates);
    return {
      compress: String(compress),
      valuesPerSecond,
      bytesPerValue: round(bytesPerHour / 3600 / valuesPerSecond),
      hoursIn256MiB: round(hours),
    };
  });
  process.stdout.write('\nDisk: 25 devices x 8 values a second\n');
  table(disk);
  const speed: Record<string, string | number>[] = [];
  for (const settings of [{ fsync: true }, { fsync: true, compress: false }, { fsync: false }])
    speed.push(await measureAppend(settings, Number(values.seconds)));
  process.stdout.write('\nAppend as fast as it goes (500 devices x 30 values a batch), then read back\n');
  table(speed);
  process.stdout.write(`${JSON.stringify({ link, disk, speed })}\n`);
  return 0;
}

function linkRows(): LinkRow[] {
  const rows: LinkRow[] = [];
  for (const [points, everyS, flushS, heartbeatS] of [
    [30, 60, 300, 300],
    [30, 60, 60, 60],
    [30, 60, 60, 10],
    [30, 60, 1, 10],
    [30, 10, 10, 10],
    [30, 1, 1, 10],
    [200, 1, 1, 10],
    [200, 1, 5, 10],
  ] as const) {
    const devices = Math.ceil(points / 10);
    const readsPerFlush = Math.max(1, Math.floor(flushS / everyS));
    const batch = composed(devices, 10, readsPerFlush);
    const plain = Buffer.byteLength(batch);
    const gzip = plain > GZIP_MIN_BYTES ? gzipSync(batch).length : plain;
    const filledPerDay = DAY_S / Math.max(flushS, everyS);
    const emptyPerDay = Math.max(0, DAY_S / heartbeatS - filledPerDay);
    const empty = messageBytes(Buffer.byteLength(composed(0, 0, 1)));
    const day = (bytes: number) => round((filledPerDay * messageBytes(bytes) + emptyPerDay * empty) / 1e6);
    rows.push({
      points,
      every: `${everyS}s`,
      flush: `${flushS}s`,
      heartbeat: `${heartbeatS}s`,
      plainMBPerDay: day(plain),
      gzipMBPerDay: day(gzip),
      batchBytes: plain,
      gzipBytes: gzip,
    });
  }
  return rows;
}

/** A batch, its PUBACK, and the mark that follows it. */
function messageBytes(payload: number): number {
  const publish = payload + TOPIC_BYTES + PUBLISH_HEADER_BYTES;
  const packets = Math.ceil(publish / PACKET_BYTES);
  // Each packet is acknowledged by one of TCP's own; PUBACKs ride on those.
  return publish + packets * 2 * PACKET_HEADER_BYTES + PUBACK_BYTES + MARK_BYTES + 2 * PACKET_HEADER_BYTES;
}

function composed(devices: number, valuesPerDevice: number, reads: number): string {
  const clock = createClock(machineTime());
  const readings = Array.from({ length: reads }, (_, read) => sample(devices, valuesPerDevice, read)).flat();
  const batch = {
    seq: 123_456,
    made: 37_036_800,
    count: readings.length,
    sealedAt: clock.now(),
    upTo: { 'line-1': clock.now() },
    readings,
  };
  return encodeBatch(wireBatch(batch, { lane: 'lmnxyz123-0123456789ab', clock, unstored: { values: 0 } }));
}

const NAMES = [
  'flow',
  'total',
  'pressure',
  'voltageA',
  'voltageB',
  'voltageC',
  'currentA',
  'currentB',
  'currentC',
  'power',
];

function sample(devices: number, valuesPerDevice: number, read: number): DeviceReadings[] {
  const ts = Date.now() + read * 1000;
  return Array.from({ length: devices }, (_, device) => ({
    device: `dev-${String(device).padStart(3, '0')}`,
    ts: ts + device * 7,
    values: Object.fromEntries(
      Array.from({ length: valuesPerDevice }, (_, index) => [
        index < NAMES.length ? (NAMES[index] as string) : `${NAMES[index % NAMES.length]}${index}`,
        Math.round((20 + index * 11 + Math.random()) * 100) / 100,
      ]),
    ),
  }));
}

async function measureAppend(
  settings: Partial<OutboxSettings>,
  seconds: number,
): Promise<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-bench-outbox-'));
  const clock = createClock(machineTime());
  const outbox = await Outbox.open({
    folder,
    settings: { ...OUTBOX_DEFAULTS, batchReadings: 10_000, ...settings },
    gateways: ['gw'],
    clock,
    newId: () => `lane-${Date.now()}`,
    log: pino({ level: 'silent' }),
  });
  try {
    const readings = sample(500, 30, 0);
    const cpu = process.cpuUsage();
    const begun = performance.now();
    let appended = 0;
    let longestMs = 0;
    while (performance.now() - begun < seconds * 1000) {
      const one = performance.now();
      outbox.append(readings, { 'line-1': clock.now() });
      await outbox.settled();
      longestMs = Math.max(longestMs, performance.now() - one);
      appended += 15_000;
    }
    const elapsedS = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const { bytes } = outbox.status();
    const reading = performance.now();
    let read = 0;
    for (const { id, last, gone } of outbox.laneViews()) {
      for (let seq = (gone[0]?.to ?? 0) + 1; seq <= last; seq++) read += (await outbox.read(id, seq))?.count ?? 0;
    }
    return {
      fsync: String(settings.fsync ?? true),
      compress: String(settings.compress ?? true),
      valuesPerSecond: Math.round(appended / elapsedS),
      cpuNsPerValue: Math.round(((user + system) * 1000) / appended),
      longestFlushMs: round(longestMs),
      bytesPerValue: round(bytes / read),
      readBackPerSecond: Math.round((read * 1000) / (performance.now() - reading)),
    };
  } finally {
    await outbox.close();
    removeFolder(folder);
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function table(rows: readonly Readonly<Record<string, string | number>>[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first);
  const width = (column: string) => Math.max(column.length, ...rows.map((row) => String(row[column]).length));
  const print = (cells: readonly (string | number | undefined)[]) =>
    process.stdout.write(
      `${cells.map((text, at) => String(text).padStart(width(columns[at] as string))).join('  ')}\n`,
    );
  print(columns);
  for (const row of rows) print(columns.map((column) => row[column]));
}
