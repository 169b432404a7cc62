import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError } from '../contract/mistakes.ts';
import type { DeviceReadings, Quality, Reason, WireValue } from '../contract/reading.ts';
import type { EdgeState } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import { budgetOf, type PlannedRequest, silentIntervalMs } from './budget.ts';
import { checkDevices } from './check.ts';
import type { Clock } from './clock.ts';
import type { DeviceConfig, EdgeConfig, LineConfig } from './config.ts';
import { encodePoint } from './decode.ts';
import { createPolledDevice, describeDevice, everyMsOf, isSameDevice, type PolledDevice } from './device.ts';
import { describeHealth } from './health.ts';
import { type LearnedStore, openLearned } from './learned.ts';
import { Line, sleep } from './line.ts';
import type { Request } from './modbus/client.ts';
import { openSocket } from './modbus/wire.ts';
import { type DeviceModel, loadModels, type PointModel } from './model.ts';
import { isBitTable } from './plan.ts';
import { Poller, reasonOf } from './poll.ts';
import { createReporter, type Reporter } from './report.ts';
import { phaseOf } from './schedule.ts';
import { openSerial } from './serial/wire.ts';

/** How long a stop waits for the request under way. */
const STOP_WAIT_MS = 1500;

/** What acquisition needs. */
export interface AcquisitionOptions {
  readonly config: EdgeConfig;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly log: Logger;
  /**
   * Takes what was sampled. Each value carries its source time, the middle between request and reply.
   *
   * @param upTo - per line: everything sampled until then has been handed over, with this call at the latest
   */
  readonly onReadings: (readings: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>) => void;
  readonly random?: () => number;
}

/** The last value of a point, for the person at the cabinet. */
export interface PointValue {
  readonly device: string;
  readonly measurement: string;
  readonly ts: Millis;
  readonly value?: number;
  readonly unit: string;
  readonly quality: Quality;
  readonly reason?: Reason;
}

/** All lines of an edge, read at their rates. */
export interface Acquisition {
  start(): void;
  /** Stops polling within two seconds; the last readings are handed over before it resolves. */
  stop(): Promise<void>;
  /** What is connected, for the birth message. */
  devices(): NonNullable<EdgeState['devices']>;
  /** Health and time budget of each line and its devices. */
  lines(): NonNullable<EdgeState['lines']>;
  values(): Iterable<PointValue>;
  /** A point and its model, or undefined when there is none. */
  point(device: string, measurement: string): PointModel | undefined;
  /**
   * Writes a value and reads it back.
   *
   * @throws Error saying why it was not done
   */
  write(
    device: string,
    measurement: string,
    value: number,
    signal?: AbortSignal,
  ): Promise<{ readonly readBack?: number }>;
  /** Marks readings as `uncertain`/`maintenance` until then; undefined ends it. Without a device: the whole cabinet. */
  setService(device: string | undefined, until: Millis | undefined): void;
  /** Takes over a new configuration; what did not change goes on as it is. @throws ConfigError and changes nothing */
  reload(config: EdgeConfig): Promise<void>;
  /** Called when devices came, went or changed. */
  onChanged(listener: () => void): void;
}

interface RunningLine {
  readonly config: LineConfig;
  readonly line: Line;
  readonly poller: Poller;
}

/**
 * Builds acquisition for a configuration; nothing is opened before `start`.
 *
 * @throws ConfigError when a model is missing or broken, or a device doesn't fit its model
 */
export function createAcquisition(options: AcquisitionOptions): Acquisition {
  const { clock, log, onReadings, random = Math.random } = options;
  const learned = openLearned(join(options.config.dataDir, 'learned.json'), clock.now, log);
  const service = new Map<string, Millis>();
  const changeListeners: (() => void)[] = [];
  let models = modelsFor(options.config);
  let beats = 0;
  let started = false;
  let running = new Map<string, RunningLine>();
  let reporters = reportersFor(options.config);
  for (const line of options.config.lines) running.set(line.id, build(line, models, undefined));

  function build(
    config: LineConfig,
    known: ReadonlyMap<string, DeviceModel>,
    before: RunningLine | undefined,
  ): RunningLine {
    const old = new Map(before?.poller.devices.map((device) => [device.config.id, device]));
    const devices = config.devices.map((device) => {
      const model = known.get(device.model) as DeviceModel;
      const kept = old.get(device.id);
      if (kept !== undefined && isSameDevice(kept, device, model)) return kept;
      return createPolledDevice({
        line: config,
        config: device,
        model,
        cuts: learned.cuts(learnedKey(device)),
        nowMs: clock.monotonicMs(),
        phase: phaseOf(beats++),
      });
    });
    if (before !== undefined) {
      before.poller.devices = devices;
      before.poller.wake();
      return { ...before, config };
    }
    const line = createLine(config, clock, random, log);
    const poller = createPoller(config, line, { clock, log, learned, onReadings: hand });
    poller.devices = devices;
    return { config, line, poller };
  }

  function hand(sampled: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>): void {
    const readings =
      reporters.size === 0 ? sampled : sampled.flatMap((one) => reporters.get(one.device)?.filter(one) ?? [one]);
    if (service.size === 0) return onReadings(readings, upTo);
    const now = clock.now();
    for (const [device, until] of service) if (until <= now) service.delete(device);
    onReadings(
      readings.map((one) => (service.has(one.device) || service.has('') ? inService(one) : one)),
      upTo,
    );
  }

  function find(deviceId: string): { running: RunningLine; device: PolledDevice } | undefined {
    for (const one of running.values()) {
      const device = one.poller.devices.find((candidate) => candidate.config.id === deviceId);
      if (device !== undefined) return { running: one, device };
    }
    return undefined;
  }

  return {
    start() {
      started = true;
      for (const { poller } of running.values()) poller.start();
    },
    async stop() {
      started = false;
      await Promise.all([...running.values()].map(stopLine));
    },
    devices: () =>
      [...running.values()].flatMap(({ config, poller }) => poller.devices.map((one) => describe(one, config.id))),
    lines: () =>
      [...running.values()].map(({ config, line, poller }) => ({
        id: config.id,
        transport: config.transport,
        open: line.isOpen,
        ...(line.lastError !== '' && !line.isOpen && { error: line.lastError }),
        budget: budgetOf(config, poller.devices.flatMap(plannedRequests)),
        ...describeHealth(line.counters, line.roundTrips),
        dropped: line.dropped(),
        devices: poller.devices.map((device) => describeDevice(device, clock.monotonicMs())),
      })),
    *values() {
      for (const { poller } of running.values()) for (const device of poller.devices) yield* valuesOf(device);
    },
    point(deviceId, measurement) {
      const device = find(deviceId)?.device;
      return device === undefined ? undefined : pointOf(device, measurement);
    },
    async write(deviceId, measurement, value, signal) {
      const found = find(deviceId);
      const point = found === undefined ? undefined : pointOf(found.device, measurement);
      if (found === undefined || point === undefined)
        throw new Error(`no point ${deviceId}/${measurement} on this edge`);
      const { device } = found;
      if (point.writable === undefined)
        throw new Error(`${deviceId}/${measurement} is not marked writable in model ${device.model.id}`);
      const [low, high] = point.writable.range;
      if (!(value >= low && value <= high)) throw new Error(`${value} is outside ${low}..${high}`);
      const request = writeRequest(device, point, value);
      if (request === undefined) throw new Error(`${value} does not fit into the register`);
      if (!(await found.running.line.whenOpen(device.timeoutMs)))
        throw new Error(`line ${found.running.config.id} is not open`);
      signal?.throwIfAborted();
      const { reply } = await found.running.line.request(request, {
        timeoutMs: device.timeoutMs,
        pauseMs: device.pauseMs,
      });
      if (reply.kind !== 'written') throw new Error(`device answered ${reasonOf(reply)}`);
      const readBack = await found.running.poller.readBack(device, point);
      const number = typeof readBack === 'number' ? readBack : readBack.value;
      return number === undefined ? {} : { readBack: number };
    },
    setService(device, until) {
      if (until === undefined) service.delete(device ?? '');
      else service.set(device ?? '', until);
    },
    async reload(config) {
      const fresh = modelsFor(config);
      const next = new Map<string, RunningLine>();
      const gone: RunningLine[] = [];
      for (const line of config.lines) {
        const before = running.get(line.id);
        const same = before !== undefined && isSameLine(before.config, line);
        if (before !== undefined && !same) gone.push(before);
      }
      for (const [id, before] of running) if (!config.lines.some((line) => line.id === id)) gone.push(before);
      // A port has one owner: the old one lets go before the new one opens it.
      await Promise.all(gone.map(stopLine));
      models = fresh;
      for (const line of config.lines) {
        const before = running.get(line.id);
        const kept = before !== undefined && !gone.includes(before) ? before : undefined;
        const built = build(line, models, kept);
        next.set(line.id, built);
        if (started && kept === undefined) built.poller.start();
      }
      running = next;
      reporters = reportersFor(config);
      for (const listener of changeListeners) listener();
    },
    onChanged: (listener) => void changeListeners.push(listener),
  };
}

function modelsFor(config: EdgeConfig): ReadonlyMap<string, DeviceModel> {
  const models = loadModels(config.modelFolders);
  const mistakes = checkDevices(config.lines, models, 'edge configuration');
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return models;
}

async function stopLine({ line, poller }: RunningLine): Promise<void> {
  const stopped = poller.stop();
  await Promise.race([stopped, sleep(STOP_WAIT_MS, new AbortController().signal)]);
  await line.close();
  await stopped;
}

function isSameLine(a: LineConfig, b: LineConfig): boolean {
  return JSON.stringify({ ...a, devices: [] }) === JSON.stringify({ ...b, devices: [] });
}

function learnedKey(device: DeviceConfig): string {
  return `${device.id} ${device.model} ${device.unitId}`;
}

function createLine(config: LineConfig, clock: Pick<Clock, 'monotonicMs'>, random: () => number, log: Logger): Line {
  if (config.transport === 'ascii') throw new Error('ASCII lines are not read by requests');
  const isTcp = config.transport === 'tcp';
  return new Line({
    id: config.id,
    framing: {
      kind: isTcp ? 'mbap' : 'rtu',
      maxInFlight: isTcp && !config.ignoreTransactionId ? config.maxInFlight : 1,
      ignoreTransactionId: isTcp && config.ignoreTransactionId,
    },
    interFrameMs: isTcp ? config.interFrame : Math.max(config.interFrame, silentIntervalMs(config.baud)),
    pauseAfterConnectMs: config.pauseAfterConnect,
    silentMax: () => Math.min(config.devices.length, 8) + 2,
    open: (signal) =>
      config.transport === 'rtu'
        ? openSerial(config, signal)
        : openSocket({ host: config.host, port: config.port, connectTimeoutMs: config.connectTimeout }, signal),
    monotonicMs: clock.monotonicMs,
    random,
    log,
  });
}

function createPoller(
  config: LineConfig,
  line: Line,
  rest: {
    readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
    readonly log: Logger;
    readonly learned: LearnedStore;
    readonly onReadings: AcquisitionOptions['onReadings'];
  },
): Poller {
  const isTcp = config.transport === 'tcp';
  return new Poller({
    line,
    workers: isTcp && !config.ignoreTransactionId ? config.maxInFlight : 1,
    doubtful: !isTcp || config.ignoreTransactionId,
    closeWhenIdle: 'closeWhenIdle' in config && config.closeWhenIdle,
    clock: rest.clock,
    log: rest.log,
    onReadings: rest.onReadings,
    onCut: (device, table, address) => rest.learned.cut(learnedKey(device.config), table, address),
  });
}

function describe(device: PolledDevice, line: string): NonNullable<EdgeState['devices']>[number] {
  const points = device.model.points.flatMap((point) => {
    const measurement = device.names.get(point.id);
    if (measurement === undefined || point.type === 'string') return [];
    return [{ measurement, unit: point.unit, everyMs: everyMsOf(point, device.config, device.model) }];
  });
  return { id: device.config.id, model: device.model.id, line, points };
}

/** Devices with values that are sent only when they change. */
function reportersFor(config: EdgeConfig): Map<string, Reporter> {
  const devices = config.lines.flatMap((line) => line.devices).filter((device) => device.report.length > 0);
  return new Map(devices.map((device) => [device.id, createReporter(device.report)]));
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

function pointOf(device: PolledDevice, measurement: string): PointModel | undefined {
  return device.model.points.find((point) => device.names.get(point.id) === measurement);
}

function* valuesOf(device: PolledDevice): Iterable<PointValue> {
  for (const { last } of device.blocks) {
    for (const [measurement, wire] of Object.entries(last?.values ?? {})) {
      const unit = pointOf(device, measurement)?.unit ?? '1';
      const base = { device: device.config.id, measurement, ts: last?.ts ?? 0, unit };
      yield typeof wire === 'number' ? { ...base, value: wire, quality: 'good' } : { ...base, ...wire };
    }
  }
}

/** What is measured while somebody works on it is not to be trusted, and must not ring. */
function inService(readings: DeviceReadings): DeviceReadings {
  const values: Record<string, WireValue> = {};
  for (const [measurement, wire] of Object.entries(readings.values)) {
    const value = typeof wire === 'number' ? wire : wire.value;
    values[measurement] =
      value === undefined
        ? { quality: 'bad', reason: 'maintenance' }
        : { value, quality: 'uncertain', reason: 'maintenance' };
  }
  return { ...readings, values };
}

function writeRequest(device: PolledDevice, point: PointModel, value: number): Request | undefined {
  const words = encodePoint(point, value, device.settings);
  const { unitId } = device.config;
  const [first] = words ?? [];
  if (words === undefined || first === undefined || unitId === 0) return undefined;
  if (isBitTable(point.table)) return { kind: 'write-coil', unitId, address: point.address, on: first === 1 };
  if (words.length === 1 && point.writable?.function === 'single')
    return { kind: 'write-register', unitId, address: point.address, value: first };
  return { kind: 'write-registers', unitId, address: point.address, values: words };
}
