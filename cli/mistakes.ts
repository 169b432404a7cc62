import { readFileSync } from 'node:fs';
import { formatMistake, type Mistake, type Spot } from '../contract/mistakes.ts';
import { withPlaces } from '../contract/yaml-places.ts';

/** One line for each mistake, with its line and column in its file; the mistakes of a file stand together. */
export function describeMistakes(mistakes: readonly Mistake[]): readonly string[] {
  const firsts = mistakes.flatMap(({ first }) => first ?? []);
  const spots = placedByFile([...mistakes, ...firsts]);
  const files = [...new Set(mistakes.map(({ file }) => file))];
  return files.flatMap((file) =>
    mistakes
      .filter((mistake) => mistake.file === file)
      .map((mistake) => {
        const { first } = mistake;
        const before = first === undefined ? {} : { first: { ...first, ...spots.get(first) } };
        return formatMistake({ ...mistake, ...spots.get(mistake), ...before });
      }),
  );
}

/** Each file is read once, whatever is wrong in it. */
function placedByFile(spots: readonly Spot[]): ReadonlyMap<Spot, Pick<Spot, 'at'>> {
  const ofFile = new Map<string, Spot[]>();
  for (const spot of spots) {
    const known = ofFile.get(spot.file);
    if (known === undefined) ofFile.set(spot.file, [spot]);
    else known.push(spot);
  }
  const found = new Map<Spot, Pick<Spot, 'at'>>();
  for (const [file, own] of ofFile)
    placed(file, own).forEach(({ at }, index) => {
      if (at !== undefined) found.set(own[index] as Spot, { at });
    });
  return found;
}

function placed(file: string, spots: readonly Spot[]): readonly Spot[] {
  if (/\.csv$/i.test(file)) return spots.map(inCsv);
  if (!/\.ya?ml$/i.test(file)) return spots;
  try {
    return withPlaces(spots, readFileSync(file, 'utf8'));
  } catch {
    // Not there, or not readable: that is what the mistake says.
    return spots;
  }
}

/** Paths of a table begin with the line. */
function inCsv(spot: Spot): Spot {
  const [, line] = /^line (\d+)/.exec(spot.path) ?? [];
  return line === undefined ? spot : { ...spot, at: { line: Number(line), column: 1 } };
}
