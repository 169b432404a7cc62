import { join } from 'node:path';
import { ConfigError, type Mistake } from '../contract/mistakes.ts';
import { type LineConfig, parseEdgeConfig } from './config.ts';
import { planDevice, wantedPoints } from './device.ts';
import { type DeviceModel, loadModels } from './model.ts';

/** What doesn't fit between devices and their models. */
export function checkDevices(
  lines: readonly LineConfig[],
  models: ReadonlyMap<string, DeviceModel>,
  file: string,
): Mistake[] {
  const mistakes: Mistake[] = [];
  lines.forEach((line, at) => {
    line.devices.forEach((device, index) => {
      const path = `lines[${at}].devices[${index}]`;
      const model = models.get(device.model);
      if (model === undefined) {
        mistakes.push({
          file,
          path: `${path}.model`,
          found: device.model,
          allowed: `one of ${[...models.keys()].join(', ')}`,
        });
        return;
      }
      for (const id of wantedPoints(device, model).unknown) {
        const allowed = `a measurement of ${model.id}: ${model.points.map((point) => point.id).join(', ')}`;
        mistakes.push({ file, path: `${path}.points`, found: id, allowed });
      }
      for (const group of Object.keys(device.groups)) {
        if (!model.points.some((point) => point.group === group)) {
          const allowed = `a group of ${model.id}: ${[...new Set(model.points.map((point) => point.group))].join(', ')}`;
          mistakes.push({ file, path: `${path}.groups.${group}`, found: group, allowed });
        }
      }
      try {
        planDevice(device, model, {});
      } catch (error) {
        mistakes.push({ file, path, found: (error as Error).message, allowed: 'values that fit into one request' });
      }
    });
  });
  return mistakes;
}

/**
 * Checks an edge's configuration without running it.
 *
 * @param root - folder of package.json, where the shipped models are
 * @returns every mistake, and notes with figures for the person who reads them
 */
export function checkEdge(
  text: string,
  file: string,
  root: string,
): { readonly mistakes: readonly Mistake[]; readonly notes: readonly string[] } {
  const { value, mistakes } = parseEdgeConfig(text, file);
  if (value === undefined) return { mistakes, notes: [] };
  try {
    const models = loadModels([join(root, 'edge/devices'), ...value.models]);
    return { mistakes: [...mistakes, ...checkDevices(value.lines, models, file)], notes: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { mistakes: [...mistakes, ...error.mistakes], notes: [] };
  }
}
