import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Checked, ConfigError, type Mistake } from '../contract/mistakes.ts';
import { type DeviceModel, parseModel } from './model.ts';

/** Model files already parsed, by path: parsing the library again would hold up a running agent for half a second. */
export type ModelCache = Map<string, { readonly text: string; readonly checked: Checked<DeviceModel> }>;

/**
 * Reads every model of a folder.
 *
 * @param folders - scanned in order; a later model of the same name replaces an earlier one
 * @param cache - kept by who loads again; files that have not changed are not parsed again
 * @throws ConfigError with all mistakes of all files
 */
export function loadModels(
  folders: readonly string[],
  cache: ModelCache = new Map(),
): ReadonlyMap<string, DeviceModel> {
  const models = new Map<string, DeviceModel>();
  const mistakes: Mistake[] = [];
  for (const folder of folders) {
    for (const name of readdirSync(folder)
      .filter((file) => /\.ya?ml$/.test(file))
      .sort()) {
      const file = join(folder, name);
      const text = readFileSync(file, 'utf8');
      const known = cache.get(file);
      const checked = known?.text === text ? known.checked : parseModel(file, text);
      cache.set(file, { text, checked });
      mistakes.push(...checked.mistakes);
      if (checked.value === undefined) continue;
      if (checked.value.id !== basename(name).replace(/\.ya?ml$/, ''))
        mistakes.push({ file, path: 'model', found: checked.value.id, allowed: 'the name of the file' });
      models.set(checked.value.id, checked.value);
    }
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return models;
}
