import type { Mistake } from '../contract/mistakes.ts';
import { parseSimulation } from './config.ts';
import { buildDistrict } from './district.ts';

/** Everything wrong with a simulate.yaml, places included; for `hanfeng check`. */
export function checkSimulation(
  text: string,
  file: string,
  _root: string,
): { readonly mistakes: readonly Mistake[]; readonly notes: readonly string[] } {
  const { config, mistakes } = parseSimulation(text, file);
  if (config === undefined) return { mistakes, notes: [] };
  const places = new Set(
    [...buildDistrict({ ...config, start: config.start ?? 1_767_225_600_000 }).plants.values()].flatMap((plant) =>
      plant.places().map((place) => `${plant.name}/${place}`),
    ),
  );
  const unknown = config.lines.flatMap((line, lineIndex) =>
    line.devices.flatMap(({ place }, deviceIndex) =>
      places.has(place)
        ? []
        : [
            {
              file,
              path: `lines[${lineIndex}].devices[${deviceIndex}].place`,
              found: place,
              allowed: `one of ${[...places].join(', ')}`,
            },
          ],
    ),
  );
  const devices = config.lines.reduce((sum, line) => sum + line.devices.length, 0);
  return { mistakes: [...mistakes, ...unknown], notes: [`${config.lines.length} lines, ${devices} devices`] };
}
