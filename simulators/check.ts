import type { Mistake } from '../contract/mistakes.ts';
import { parseSimulation } from './config.ts';
import { placesOfDistrict } from './places.ts';

/** Everything wrong with a simulate.yaml, places included; for `hanfeng check`. */
export function checkSimulation(
  text: string,
  file: string,
  _root: string,
): { readonly mistakes: readonly Mistake[]; readonly notes: readonly string[] } {
  const { config, mistakes } = parseSimulation(text, file);
  if (config === undefined) return { mistakes, notes: [] };
  const places = placesOfDistrict();
  const unknown = config.lines.flatMap((line, lineIndex) =>
    line.devices.flatMap(({ place }, deviceIndex) =>
      places.has(place)
        ? []
        : [
            {
              file,
              path: `lines[${lineIndex}].devices[${deviceIndex}].place`,
              found: place,
              allowed: `one of ${named(places)}, or water/pipe/… and water/node/… of the town`,
            },
          ],
    ),
  );
  const devices = config.lines.reduce((sum, line) => sum + line.devices.length, 0);
  return { mistakes: [...mistakes, ...unknown], notes: [`${config.lines.length} lines, ${devices} devices`] };
}

/** The places people use; pipes and nodes are too many to list. */
function named(places: ReadonlySet<string>): string {
  return [...places].filter((place) => !/^water\/(?:pipe|node)\//.test(place)).join(', ');
}
