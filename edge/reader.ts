import type { Logger } from 'pino';
import type { DeviceReadings, WireValue } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { budgetOf, type PlannedRequest, silentIntervalMs } from './budget.ts';
import type { Clock } from './clock.ts';
import type { LineConfig } from './config.ts';
import { sleep } from './connection.ts';
import { encodePoint } from './decode.ts';
import { describeDevice, learnedKey, type PolledDevice } from './device.ts';
import { describeHealth } from './health.ts';
import type { LearnedStore } from './learned.ts';
import { Line } from './line.ts';
import type { Request } from './modbus/client.ts';
import type { Wire } from './modbus/port.ts';
import { openSocket } from './modbus/wire.ts';
import type { PointModel } from './model.ts';
import { isBitTable } from './plan.ts';
import { Poller, reasonOf } from './poll.ts';
import { AsciiReader } from './serial/ascii.ts';
import { openSerial } from './serial/wire.ts';

/** How long a stop waits for the request under way. */
const STOP_WAIT_MS = 1500;
/** Devices that may stay silent in a row before the line itself is doubted: more than are likely dead side by side. */
const SILENT_DEVICES_MAX = 8;

/** Reads the devices of one line, whatever they speak. */
export interface LineReader {
  readonly devices: readonly PolledDevice[];
  setDevices(devices: PolledDevice[]): void;
  start(): void;
  /** Stops within two seconds; the last readings are handed over before. */
  stop(): Promise<void>;
  /** Health of the line and its devices, as it is shown. */
  describe(): Record<string, unknown>;
  /** Writes a value and reads it back. @throws Error saying why it was not done */
  write(device: PolledDevice, point: PointModel, value: number, signal?: AbortSignal): Promise<WireValue>;
}

/** What a reader needs of its surroundings. */
export interface ReaderOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly random: () => number;
  readonly log: Logger;
  readonly learned: LearnedStore;
  readonly onReadings: (readings: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>) => void;
}

/** Opens the wire of a line. */
export function openWire(config: LineConfig, signal: AbortSignal): Promise<Wire> {
  if ('path' in config) return openSerial(config, signal);
  return openSocket({ host: config.host, port: config.port, connectTimeoutMs: config.connectTimeout }, signal);
}

/** The reader of a line, by its transport. */
export function createReader(config: LineConfig, options: ReaderOptions): LineReader {
  return config.transport === 'ascii' || config.transport === 'ascii-over-tcp'
    ? createAsciiLine(config, options)
    : createModbusLine(config, options);
}

type ModbusLineConfig = Extract<LineConfig, { transport: 'tcp' | 'rtu' | 'rtu-over-tcp' }>;

/** The owner of a Modbus line, without anybody who polls it. */
export function createLine(
  config: ModbusLineConfig,
  { clock, random, log }: Pick<ReaderOptions, 'clock' | 'random' | 'log'>,
): Line {
  const isTcp = config.transport === 'tcp';
  return new Line({
    id: config.id,
    framing: {
      kind: isTcp ? 'mbap' : 'rtu',
      maxInFlight: inFlightOf(config),
      ignoreTransactionId: isTcp && config.ignoreTransactionId,
    },
    interFrameMs: isTcp ? config.interFrame : Math.max(config.interFrame, silentIntervalMs(config.baud)),
    pauseAfterConnectMs: config.pauseAfterConnect,
    silentMax: () => Math.min(config.devices.length, SILENT_DEVICES_MAX) + 2,
    open: (signal) => openWire(config, signal),
    monotonicMs: clock.monotonicMs,
    random,
    log,
  });
}

/** Without transaction ids there is nothing to tell two replies apart. */
function inFlightOf(config: ModbusLineConfig): number {
  return config.transport === 'tcp' && !config.ignoreTransactionId ? config.maxInFlight : 1;
}

function createModbusLine(config: ModbusLineConfig, options: ReaderOptions): LineReader {
  const { clock, log, learned, onReadings } = options;
  const line = createLine(config, options);
  const poller = new Poller({
    line,
    workers: inFlightOf(config),
    doubtful: config.transport !== 'tcp' || config.ignoreTransactionId,
    closeWhenIdle: 'closeWhenIdle' in config && config.closeWhenIdle,
    clock,
    log,
    onReadings,
    onCut: (device, table, address) => learned.cut(learnedKey(device.config), table, address),
  });
  return {
    get devices() {
      return poller.devices;
    },
    setDevices(devices) {
      poller.devices = devices;
      poller.wake();
    },
    start: () => poller.start(),
    async stop() {
      const stopped = poller.stop();
      await Promise.race([stopped, sleep(STOP_WAIT_MS, new AbortController().signal)]);
      await line.close();
      await stopped;
    },
    describe: () => ({
      ...describeLine(config, line, poller.devices, clock.monotonicMs()),
      dropped: line.dropped(),
    }),
    async write(device, point, value, signal) {
      const request = writeRequest(device, point, value);
      if (request === undefined) throw new Error(`${value} does not fit into the register`);
      if (!(await line.whenOpen(device.timeoutMs))) throw new Error(`line ${config.id} is not open`);
      signal?.throwIfAborted();
      const timing = { timeoutMs: device.timeoutMs, pauseMs: device.pauseMs, signal };
      const { reply, sentMs, receivedMs } = await line.request(request, timing);
      const wasSent = receivedMs > sentMs;
      if (!wasSent) signal?.throwIfAborted();
      if (reply.kind === 'disconnected' && wasSent)
        throw new Error('connection lost after sending: it may have been done');
      if (reply.kind !== 'written') throw new Error(`device answered ${reasonOf(reply)}`);
      return poller.readBack(device, point);
    },
  };
}

function createAsciiLine(config: LineConfig, options: ReaderOptions): LineReader {
  const reader = new AsciiReader({
    id: config.id,
    timeoutMs: config.timeout,
    open: (signal) => openWire(config, signal),
    ...options,
  });
  return {
    get devices() {
      return reader.devices;
    },
    setDevices(devices) {
      reader.devices = devices;
    },
    start: () => reader.start(),
    stop: () => reader.stop(),
    describe: () => describeLine(config, reader, reader.devices, options.clock.monotonicMs()),
    write: () => Promise.reject(new Error(`line ${config.id} speaks text: nothing can be written`)),
  };
}

function describeLine(
  config: LineConfig,
  line: Pick<Line, 'isOpen' | 'lastError' | 'counters' | 'roundTrips'>,
  devices: readonly PolledDevice[],
  nowMs: number,
): Record<string, unknown> {
  return {
    id: config.id,
    transport: config.transport,
    open: line.isOpen,
    ...(line.lastError !== '' && !line.isOpen && { error: line.lastError }),
    budget: budgetOf(config, devices.flatMap(plannedRequests)),
    ...describeHealth(line.counters, line.roundTrips),
    devices: devices.map((device) => describeDevice(device, nowMs)),
  };
}

function plannedRequests(device: PolledDevice): PlannedRequest[] {
  return device.blocks.map(({ block, everyMs }) => ({
    block,
    everyMs,
    pauseMs: device.pauseMs,
    measuredMs: device.roundTrips.percentile(0.5),
    values: block.points.filter((point) => device.names.has(point.id)).length,
  }));
}

function writeRequest(device: PolledDevice, point: PointModel, value: number): Request | undefined {
  const words = encodePoint(point, value, device.settings);
  const { unitId } = device.config;
  const [first] = words ?? [];
  // Unit 0 is everybody: nothing is ever written to all.
  if (words === undefined || first === undefined || unitId === 0) return undefined;
  if (isBitTable(point.table)) return { kind: 'write-coil', unitId, address: point.address, on: first === 1 };
  if (words.length === 1 && point.writable?.function === 'single')
    return { kind: 'write-register', unitId, address: point.address, value: first };
  return { kind: 'write-registers', unitId, address: point.address, values: words };
}
