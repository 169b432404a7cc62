import type { Mistake } from '../contract/mistakes.ts';
import { parseSimulation } from './config.ts';
import { placesOfDistrict } from './places.ts';

/** Everything wrong with a simulate.yaml, places included; for `hanfeng check`. */
export function checkSimulation(
  text: string,
  file: string,
  root: string,
): { readonly mistakes: readonly Mistake[]; readonly notes: readonly string[] } {
  const { config, mistakes } = parseSimulation(text, file);
  if (config === undefined) return { mistakes, notes: [] };
  const places = placesOfDistrict(root);
  const wrong = (place: string, path: string): Mistake[] =>
    places.has(place) ? [] : [{ file, path: `${path}.place`, found: place, allowed: named(places) }];
  const unknown = [
    ...config.lines.flatMap((line, lineIndex) =>
      line.devices.flatMap(({ place }, index) => wrong(place, `lines[${lineIndex}].devices[${index}]`)),
    ),
    ...config.publishers.flatMap(({ place }, index) => wrong(place, `publishers[${index}]`)),
  ];
  const devices = config.lines.reduce((sum, line) => sum + line.devices.length, 0);
  return {
    mistakes: [...mistakes, ...unknown],
    notes: [
      `${config.lines.length} lines, ${devices} devices on them, ${config.publishers.length} that publish by themselves`,
    ],
  };
}

/** The places people use; pipes and nodes are too many to list. */
function named(places: ReadonlySet<string>): string {
  const few = [...places].filter((place) => !/^water\/(?:pipe|node)\//.test(place));
  return `one of ${few.join(', ')}, or water/pipe/… and water/node/… of the town`;
}
