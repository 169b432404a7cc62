import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError } from '../contract/mistakes.ts';
import type { DeviceReadings, Quality, Reason, WireValue } from '../contract/reading.ts';
import type { EdgeState } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import { checkDevices } from './check.ts';
import type { Clock } from './clock.ts';
import type { EdgeConfig, LineConfig } from './config.ts';
import { createPolledDevice, everyMsOf, isSameDevice, learnedKey, type PolledDevice, replan } from './device.ts';
import { createDoubt, type Doubt } from './doubt.ts';
import { LEARNED_MAX_AGE_MS, openLearned } from './learned.ts';
import { loadModels, type ModelCache } from './library.ts';
import type { DeviceModel, PointModel } from './model.ts';
import { createReader, type LineReader } from './reader.ts';
import { createReporter, type Reporter } from './report.ts';
import { phaseOf } from './schedule.ts';

/** How often it is looked whether something learned about a device is to be forgotten. */
const FORGET_EVERY_MS = LEARNED_MAX_AGE_MS / 24;

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
  readonly reader: LineReader;
  /** What may still come late, by unit id. */
  readonly doubts: Map<number, Doubt>;
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
  const cache: ModelCache = new Map();
  let started = false;
  let beats = 0;
  let forgetting: NodeJS.Timeout | undefined;
  let reporters = reportersFor(options.config);
  const models = modelsFor(options.config, cache);
  let running = options.config.lines.map((line) => build(line, models, undefined));

  function build(
    config: LineConfig,
    known: ReadonlyMap<string, DeviceModel>,
    before: RunningLine | undefined,
  ): RunningLine {
    const doubts = before?.doubts ?? new Map<number, Doubt>();
    const doubtOf = (unitId: number) => {
      const doubt = doubts.get(unitId) ?? createDoubt(config.worstLateReply);
      doubts.set(unitId, doubt);
      return doubt;
    };
    const old = new Map(before?.reader.devices.map((device) => [device.config.id, device]));
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
        doubt: doubtOf(device.unitId),
      });
    });
    const reader = before?.reader ?? createReader(config, { clock, random, log, learned, onReadings: hand });
    reader.setDevices(devices);
    return { config, reader, doubts };
  }

  function hand(sampled: readonly DeviceReadings[], upTo: Readonly<Record<string, Millis>>): void {
    const readings =
      reporters.size === 0 ? sampled : sampled.flatMap((one) => reporters.get(one.device)?.filter(one) ?? [one]);
    if (service.size === 0) return onReadings(readings, upTo);
    const now = clock.now();
    for (const [device, until] of service) if (until <= now) service.delete(device);
    const marked = readings.map((one) => (service.has(one.device) || service.has('') ? inService(one) : one));
    onReadings(marked, upTo);
  }

  function forget(): void {
    for (const { reader } of running) {
      for (const device of reader.devices) replan(device, learned.cuts(learnedKey(device.config)), clock.monotonicMs());
    }
  }

  function find(deviceId: string): { reader: LineReader; device: PolledDevice } | undefined {
    for (const { reader } of running) {
      const device = reader.devices.find((candidate) => candidate.config.id === deviceId);
      if (device !== undefined) return { reader, device };
    }
    return undefined;
  }

  return {
    start() {
      started = true;
      for (const { reader } of running) reader.start();
      forgetting = setInterval(forget, FORGET_EVERY_MS).unref();
    },
    async stop() {
      started = false;
      clearInterval(forgetting);
      await Promise.all(running.map(({ reader }) => reader.stop()));
    },
    devices: () => running.flatMap(({ config, reader }) => reader.devices.map((one) => describe(one, config.id))),
    lines: () => running.map(({ reader }) => reader.describe()),
    *values() {
      for (const { reader } of running) for (const device of reader.devices) yield* valuesOf(device);
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
      const { device, reader } = found;
      if (point.writable === undefined)
        throw new Error(`${deviceId}/${measurement} is not marked writable in model ${device.model.id}`);
      const [low, high] = point.writable.range;
      if (!(value >= low && value <= high)) throw new Error(`${value} is outside ${low}..${high}`);
      const readBack = await reader.write(device, point, value, signal);
      const number = typeof readBack === 'number' ? readBack : readBack.value;
      return number === undefined ? {} : { readBack: number };
    },
    setService(device, until) {
      if (until === undefined) service.delete(device ?? '');
      else service.set(device ?? '', until);
    },
    async reload(config) {
      const known = modelsFor(config, cache);
      const kept = new Map<string, RunningLine>();
      const gone: RunningLine[] = [];
      for (const before of running) {
        const after = config.lines.find((line) => line.id === before.config.id);
        if (after !== undefined && isSameLine(before.config, after)) kept.set(after.id, before);
        else gone.push(before);
      }
      // A port has one owner: the old one lets go before the new one opens it.
      await Promise.all(gone.map(({ reader }) => reader.stop()));
      reporters = reportersFor(config);
      running = config.lines.map((line) => build(line, known, kept.get(line.id)));
      for (const { config: line, reader } of running) if (started && !kept.has(line.id)) reader.start();
      for (const listener of changeListeners) listener();
    },
    onChanged: (listener) => void changeListeners.push(listener),
  };
}

function modelsFor(config: EdgeConfig, cache: ModelCache): ReadonlyMap<string, DeviceModel> {
  const models = loadModels(config.modelFolders, cache);
  const mistakes = checkDevices(config.lines, models, 'edge configuration');
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return models;
}

/** Devices with values that are sent only when they change. */
function reportersFor(config: EdgeConfig): Map<string, Reporter> {
  const devices = config.lines.flatMap((line) => line.devices).filter((device) => device.report.length > 0);
  return new Map(devices.map((device) => [device.id, createReporter(device.report)]));
}

function isSameLine(a: LineConfig, b: LineConfig): boolean {
  return JSON.stringify({ ...a, devices: [] }) === JSON.stringify({ ...b, devices: [] });
}

function describe(device: PolledDevice, line: string): NonNullable<EdgeState['devices']>[number] {
  const points = device.model.points.flatMap((point) => {
    const measurement = device.names.get(point.id);
    if (measurement === undefined || point.type === 'string') return [];
    return [{ measurement, unit: point.unit, everyMs: everyMsOf(point, device.config, device.model) }];
  });
  return { id: device.config.id, model: device.model.id, line, points };
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
