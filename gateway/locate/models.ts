import { readFileSync } from 'node:fs';
import type { Mistake } from '../../contract/mistakes.ts';
import type { ZoneModel } from '../domain/leakage/network.ts';
import { ModelError, NetworkModel } from './network-model.ts';

/** Larger files are no models of a district. */
const INP_BYTES_MAX = 50_000_000;

/** A hydraulic model as the configuration names it; `file` absolute. */
export interface ModelSetting {
  readonly file: string;
  readonly names: Readonly<Record<string, string>>;
  readonly ifPresent: boolean;
  /** Where it stands in the configuration. */
  readonly path: string;
}

export interface OpenedModel {
  readonly setting: ModelSetting;
  readonly inp: string;
}

/**
 * Reads every model of a configuration and tries it once; by file, each once.
 *
 * @returns models that can be used, every mistake, and what is worth knowing
 */
export async function openModels(
  settings: readonly ModelSetting[],
  zones: readonly Pick<ZoneModel, 'pressures'>[],
  configFile: string,
): Promise<{
  readonly models: ReadonlyMap<string, OpenedModel>;
  readonly mistakes: readonly Mistake[];
  readonly notes: readonly string[];
}> {
  const models = new Map<string, OpenedModel>();
  const mistakes: Mistake[] = [];
  const notes: string[] = [];
  for (const setting of settings) {
    const { file, names, ifPresent, path } = setting;
    if (models.has(file)) continue;
    const mistake = (found: string, allowed: string) => mistakes.push({ file: configFile, path, found, allowed });
    let inp: string;
    try {
      inp = readFileSync(file, 'utf8');
    } catch (error) {
      if (!ifPresent) mistake((error as Error).message, 'an EPANET input file that can be read, or ifPresent: true');
      else notes.push(`no hydraulic model at ${file}: leaks are placed by zone and pressure pattern only`);
      continue;
    }
    if (inp.length > INP_BYTES_MAX) {
      mistake(`${inp.length} bytes`, `at most ${INP_BYTES_MAX}`);
      continue;
    }
    let model: NetworkModel;
    try {
      model = await NetworkModel.open(inp);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      mistake(`${file}: ${error.message}`, 'an EPANET input file whose hydraulics can be solved');
      continue;
    }
    for (const [device, id] of Object.entries(names))
      if (!model.has(id))
        mistakes.push({
          file: configFile,
          path: `${path}.names.${device}`,
          found: id,
          allowed: 'a node or link of the model',
        });
    const devices = new Set(zones.flatMap(({ pressures }) => pressures.map((point) => point.split('/')[0] as string)));
    const known = [...devices].filter((device) => model.isJunction(names[device] ?? device));
    notes.push(
      `hydraulic model ${file}: ${model.junctions.length} junctions, ${model.graph.pipes.length} pipes; ${known.length} of ${devices.size} pressure sensors are nodes of it`,
    );
    model.close();
    models.set(file, { setting, inp });
  }
  return { models, mistakes, notes };
}
