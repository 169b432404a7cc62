import { isDeepStrictEqual } from 'node:util';
import type { Reason, WireValue } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import type { DeviceConfig, LineConfig } from './config.ts';
import type { Doubt } from './doubt.ts';
import { type Counters, createCounters, createRoundTrips, describeHealth, type RoundTrips } from './health.ts';
import type { DeviceModel, Limits, PointModel } from './model.ts';
import { type Block, type Cuts, planBlocks } from './plan.ts';
import { type Beat, firstDueMs } from './schedule.ts';

/** How long a refused value is left alone. */
export const REFUSED_REST_MS = 300_000;

/** A request that is sent again and again, and how it fares. */
export interface PolledBlock extends Beat {
  readonly block: Block;
  /** Exceptions 2 in a row. */
  refusals: number;
  /** Time-outs in a row while the device answered other requests. */
  unanswered: number;
  /** The last values by the device's own measurement names, and when they were sampled. */
  last?: { readonly ts: Millis; readonly values: Readonly<Record<string, WireValue>> };
}

/** A device on a line: its plan, its manners and its health. */
export interface PolledDevice {
  readonly config: DeviceConfig;
  readonly model: DeviceModel;
  readonly limits: Limits;
  /** Measurement name of the model -> own name; only these are sent. */
  readonly names: ReadonlyMap<string, string>;
  /** Measurements others are computed from. */
  readonly settingIds: ReadonlySet<string>;
  readonly settings: Map<string, number>;
  readonly doubt: Doubt;
  readonly counters: Counters;
  readonly roundTrips: RoundTrips;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly pauseMs: number;
  blocks: PolledBlock[];
  /** Polls without an answer in a row. */
  failures: number;
  /** While it counts as dead: when it is probed next, monotonic ms. */
  probeMs: number;
  lastAnswerMs: number;
  lastReason: Reason;
  missed: number;
}

/** Which of a model's points are read for a device, and under which names they are sent. */
export function wantedPoints(
  config: DeviceConfig,
  model: DeviceModel,
): {
  readonly points: readonly PointModel[];
  readonly names: ReadonlyMap<string, string>;
  readonly unknown: readonly string[];
} {
  const names = new Map<string, string>();
  const known = new Map(model.points.map((point) => [point.id, point]));
  if (config.points === undefined) {
    for (const point of model.points) if (!point.hidden && point.type !== 'string') names.set(point.id, point.id);
  } else if (Array.isArray(config.points)) for (const id of config.points) names.set(id, id);
  else for (const [own, id] of Object.entries(config.points)) names.set(id, own);
  const unknown = [...names.keys()].filter((id) => !known.has(id));
  const wanted = new Set<string>();
  const want = (id: string) => {
    const point = known.get(id);
    if (point === undefined || wanted.has(id)) return;
    wanted.add(id);
    for (const needed of neededBy(point)) want(needed);
  };
  for (const id of names.keys()) want(id);
  return { points: model.points.filter((point) => wanted.has(point.id)), names, unknown };
}

/** Measurements a point can't be computed without. */
function neededBy(point: PointModel): string[] {
  const settings = [...point.scaleBy, point.decimalsFrom, point.exponentFrom, point.unitFrom?.point, point.plus];
  return settings.filter((id) => id !== undefined);
}

/** How often a point is read: the device's file first, then the model, then the device's `every`. */
export function everyMsOf(point: PointModel, config: DeviceConfig, model: DeviceModel): number {
  return config.groups[point.group] ?? model.groups[point.group] ?? config.every;
}

/** The device's own limits, narrowed by its configuration. */
export function limitsOf(config: DeviceConfig, model: DeviceModel): Limits {
  return {
    ...model.limits,
    maxRegisters: Math.min(model.limits.maxRegisters, config.maxRegisters ?? 125),
    gap: config.gap ?? model.limits.gap,
  };
}

/** Requests of a device with their rates, in the order they are first sent: what others are computed from comes first. */
export function planDevice(
  config: DeviceConfig,
  model: DeviceModel,
  cuts: Cuts,
): { readonly block: Block; readonly everyMs: number }[] {
  const { points } = wantedPoints(config, model);
  const settingIds = new Set(points.flatMap((point) => neededBy(point)));
  // A total and its fraction travel in one request, at the rate of the total.
  const totalOf = new Map(points.filter((point) => point.plus !== undefined).map((point) => [point.plus, point]));
  const byRate = new Map<number, PointModel[]>();
  for (const point of points) {
    const everyMs = everyMsOf(totalOf.get(point.id) ?? point, config, model);
    byRate.set(everyMs, [...(byRate.get(everyMs) ?? []), point]);
  }
  const limits = limitsOf(config, model);
  const planned = [...byRate].flatMap(([everyMs, group]) =>
    planBlocks(group, limits, cuts).map((block) => ({ block, everyMs })),
  );
  const isSetting = ({ block }: { readonly block: Block }) => block.points.some((point) => settingIds.has(point.id));
  return [...planned.filter(isSetting), ...planned.filter((one) => !isSetting(one))];
}

/** Everything needed to poll one device. */
export function createPolledDevice(options: {
  readonly line: LineConfig;
  readonly config: DeviceConfig;
  readonly model: DeviceModel;
  readonly cuts: Cuts;
  readonly nowMs: number;
  /** Where in the period its requests go, 0..1; one for all, so that its values belong together. */
  readonly phase: number;
  /** Of its unit: several devices may be parts of one. */
  readonly doubt: Doubt;
}): PolledDevice {
  const { line, config, model, cuts, nowMs, phase, doubt } = options;
  const { points, names } = wantedPoints(config, model);
  const settings = new Map<string, number>();
  for (const point of points) if (point.assume !== undefined) settings.set(point.id, point.assume);
  return {
    config,
    model,
    limits: limitsOf(config, model),
    names,
    settingIds: new Set(points.flatMap((point) => neededBy(point))),
    settings,
    doubt,
    counters: createCounters(),
    roundTrips: createRoundTrips(),
    timeoutMs: config.timeout ?? model.quirks.timeout ?? line.timeout,
    retries: config.retries ?? line.retries,
    pauseMs: config.pauseBeforeRequest ?? model.quirks.pauseBeforeRequest ?? 0,
    blocks: planDevice(config, model, cuts).map(({ block, everyMs }) => {
      const dueMs = firstDueMs(everyMs, phase, nowMs);
      return { block, everyMs, phase, dueMs, refusals: 0, unanswered: 0 };
    }),
    failures: 0,
    probeMs: 0,
    lastAnswerMs: Number.NEGATIVE_INFINITY,
    lastReason: '',
    missed: 0,
  };
}

/** What was learned belongs to a device, its model and its unit: any other starts afresh. */
export function learnedKey(device: DeviceConfig): string {
  return `${device.id} ${device.model} ${device.unitId}`;
}

/** Plans a device's requests again if what was learned about it has changed; does nothing otherwise. */
export function replan(device: PolledDevice, cuts: Cuts, nowMs: number): void {
  const planned = planDevice(device.config, device.model, cuts);
  const isSame =
    planned.length === device.blocks.length &&
    planned.every(({ block, everyMs }) =>
      device.blocks.some(
        (old) => old.everyMs === everyMs && old.block.address === block.address && old.block.count === block.count,
      ),
    );
  if (isSame) return;
  const [{ phase = 0 } = {}] = device.blocks;
  device.blocks = planned.map(({ block, everyMs }) => {
    const dueMs = firstDueMs(everyMs, phase, nowMs);
    return { block, everyMs, phase, dueMs, refusals: 0, unanswered: 0 };
  });
}

/** True if a device may go on as it is under a new configuration. */
export function isSameDevice(device: PolledDevice, config: DeviceConfig, model: DeviceModel): boolean {
  return isDeepStrictEqual(device.config, config) && isDeepStrictEqual(device.model, model);
}

/** Health of a device as it is shown. */
export function describeDevice(device: PolledDevice, nowMs: number): Record<string, unknown> {
  const dead = device.probeMs > 0;
  return {
    id: device.config.id,
    unitId: device.config.unitId,
    state: dead ? 'not-answering' : device.counters.answered > 0 ? 'answering' : 'not-asked',
    ...(dead && { failures: device.failures, nextProbeInMs: Math.max(0, Math.round(device.probeMs - nowMs)) }),
    ...(device.lastReason !== '' && { lastReason: device.lastReason }),
    missedPolls: device.missed,
    ...describeHealth(device.counters, device.roundTrips),
  };
}
