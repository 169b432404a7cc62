import { dirname, join, resolve } from 'node:path';
import { ConfigError, type Mistake } from '../contract/mistakes.ts';
import { formatDuration } from '../contract/time.ts';
import { parseYaml } from '../contract/yaml.ts';
import { type Budget, budgetOf, type PlannedRequest } from './budget.ts';
import { checkCommands, type PointLookup } from './command-check.ts';
import { type DeviceConfig, type LineConfig, parseEdgeConfig } from './config.ts';
import { everyMsOf, planDevice, wantedPoints } from './device.ts';
import { loadModels } from './library.ts';
import type { DeviceModel } from './model.ts';
import { capacityNote, type ReadRate } from './outbox/capacity.ts';
import { refusesReport } from './report.ts';

type Models = ReadonlyMap<string, DeviceModel>;

/** What doesn't fit between devices and their models. */
export function checkDevices(lines: readonly LineConfig[], models: Models, file: string): Mistake[] {
  return lines.flatMap((line, at) =>
    line.devices.flatMap((device, index) => {
      const path = `lines[${at}].devices[${index}]`;
      if (index > 0 && line.transport.startsWith('ascii'))
        return [{ file, path, found: 'a second device', allowed: 'one instrument on a line of text' }];
      const model = models.get(device.model);
      if (model === undefined) return [unknownModel({ file, path: `${path}.model`, found: device.model, models })];
      const isText = line.transport === 'ascii' || line.transport === 'ascii-over-tcp';
      if ((model.ascii !== undefined) !== isText) {
        const allowed = isText ? 'a model of an ASCII instrument' : 'a line with transport ascii or ascii-over-tcp';
        return [{ file, path: `${path}.model`, found: `${device.model} on ${line.transport}`, allowed }];
      }
      return checkDevice(device, model, path, file);
    }),
  );
}

function checkDevice(device: DeviceConfig, model: DeviceModel, path: string, file: string): Mistake[] {
  const mistakes: Mistake[] = [];
  const wrong = (at: string, found: string, allowed: string) => {
    mistakes.push({ file, path: `${path}.${at}`, found, allowed });
  };
  const { unknown, names } = wantedPoints(device, model);
  const known = model.points.filter((point) => point.type !== 'string').map((point) => point.id);
  for (const id of unknown) wrong('points', id, `a measurement of ${model.id}: ${known.join(', ')}`);
  const groups = [...new Set(model.points.map((point) => point.group))];
  for (const group of Object.keys(device.groups)) {
    if (!groups.includes(group)) wrong(`groups.${group}`, group, `a group of ${model.id}: ${groups.join(', ')}`);
  }
  device.report.forEach((report, at) => {
    for (const name of report.points) {
      const point = model.points.find((one) => names.get(one.id) === name);
      const refusal = point === undefined ? 'a measurement of this device' : refusesReport(model, point);
      if (refusal !== undefined) wrong(`report[${at}].points`, name, refusal);
      else if (point !== undefined && report.maxSilence < everyMsOf(point, device, model))
        wrong(`report[${at}].maxSilence`, formatDuration(report.maxSilence), 'not shorter than the point is read');
    }
  });
  try {
    planDevice(device, model, {});
  } catch (error) {
    mistakes.push({ file, path, found: (error as Error).message, allowed: 'values that fit into one request' });
  }
  return mistakes;
}

/** What a line's devices ask of it, as planned. */
export function plannedBudget(line: LineConfig, models: ReadonlyMap<string, DeviceModel>): Budget | undefined {
  const planned = line.devices.flatMap((device): PlannedRequest[] => {
    const model = models.get(device.model);
    if (model === undefined) return [];
    const { names } = wantedPoints(device, model);
    const pauseMs = device.pauseBeforeRequest ?? model.quirks.pauseBeforeRequest ?? 0;
    return planDevice(device, model, {}).map(({ block, everyMs }) => ({
      block,
      everyMs,
      pauseMs,
      values: block.points.filter((point) => names.has(point.id)).length,
    }));
  });
  return budgetOf(line, planned);
}

/** How many values a device brings at which rates. */
function ratesOf(device: DeviceConfig, models: ReadonlyMap<string, DeviceModel>): ReadRate[] {
  const model = models.get(device.model);
  if (model === undefined) return [];
  const { names, points } = wantedPoints(device, model);
  const values = new Map<number, number>();
  for (const point of points) {
    if (!names.has(point.id)) continue;
    const everyMs = everyMsOf(point, device, model);
    values.set(everyMs, (values.get(everyMs) ?? 0) + 1);
  }
  return [...values].map(([everyMs, count]) => ({ values: count, everyMs }));
}

/** Points by the names they have on this edge. */
function pointsOf(lines: readonly LineConfig[], models: ReadonlyMap<string, DeviceModel>): PointLookup {
  const devices = new Map(lines.flatMap((line) => line.devices.map((device) => [device.id, device] as const)));
  return (id, measurement) => {
    const device = devices.get(id);
    const model = device === undefined ? undefined : models.get(device.model);
    if (device === undefined || model === undefined) return undefined;
    const { names } = wantedPoints(device, model);
    return model.points.find((point) => names.get(point.id) === measurement);
  };
}

/** One sentence about a line's time budget, as `hanfeng check` prints it. */
export function budgetNote(line: LineConfig, budget: Budget): string {
  const { neededMs, cycleMs, load, valuesPerSecond } = budget;
  const ofCycle = `needs ${neededMs} ms of its ${cycleMs} ms cycle (${Math.round(load * 100)} %)`;
  const verdict =
    load > 1
      ? '; it can not keep its rates: read less often or move devices'
      : load > 0.8
        ? '; little is left for commands and retries'
        : '';
  return `line ${line.id}: ${ofCycle}, ${line.devices.length} devices, ${valuesPerSecond} values/s${verdict}`;
}

/** Findings about one configuration. */
export interface EdgeCheck {
  readonly mistakes: readonly Mistake[];
  /** Figures for the person who reads them. */
  readonly notes: readonly string[];
}

/** Models that nobody knows, of a configuration whose shape is wrong elsewhere: one report, not one after the other. */
function unknownModels(text: string, file: string, root: string): readonly Mistake[] {
  const { input } = parseYaml(text, file);
  const { lines, models: folders } = (input ?? {}) as { lines?: unknown; models?: unknown };
  if (folders !== undefined || !Array.isArray(lines)) return [];
  const models = loadModels([join(root, 'edge/devices')]);
  return lines.flatMap((line: { devices?: unknown } | null, at) =>
    (Array.isArray(line?.devices) ? line.devices : []).flatMap((device: { model?: unknown } | null, index) =>
      typeof device?.model !== 'string' || models.has(device.model)
        ? []
        : [unknownModel({ file, path: `lines[${at}].devices[${index}].model`, found: device.model, models })],
    ),
  );
}

function unknownModel({ models, ...at }: Omit<Mistake, 'allowed'> & { readonly models: Models }): Mistake {
  return { ...at, allowed: `one of ${[...models.keys()].join(', ')}` };
}

/**
 * Checks an edge's configuration without running it.
 *
 * @param file - its path; model folders are relative to it
 * @param root - folder of package.json, where the shipped models are
 */
export function checkEdge(text: string, file: string, root: string): EdgeCheck {
  const { value, mistakes } = parseEdgeConfig(text, file);
  if (value === undefined) return { mistakes: [...mistakes, ...unknownModels(text, file, root)], notes: [] };
  try {
    const folders = value.models.map((folder) => resolve(dirname(file), folder));
    const models = loadModels([join(root, 'edge/devices'), ...folders]);
    const found = [
      ...checkDevices(value.lines, models, file),
      ...checkCommands(value.commands, pointsOf(value.lines, models), file),
    ];
    if (mistakes.length + found.length > 0) return { mistakes: [...mistakes, ...found], notes: [] };
    const budgets = value.lines.map((line) => ({ line, budget: plannedBudget(line, models) }));
    const notes = budgets.flatMap(({ line, budget }) => (budget === undefined ? [] : [budgetNote(line, budget)]));
    const rates = value.lines.flatMap((line) => line.devices.flatMap((device) => ratesOf(device, models)));
    return { mistakes: [], notes: [...notes, capacityNote(value.outbox, rates)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { mistakes: [...mistakes, ...error.mistakes], notes: [] };
  }
}
