import { readFileSync } from 'node:fs';
import { formatMistake, type Mistake } from '../contract/mistakes.ts';
import { withPlaces } from '../contract/yaml-places.ts';

/** One line for each mistake, with its line and column where it stands in a YAML file. */
export function describeMistakes(mistakes: readonly Mistake[]): readonly string[] {
  const ofFile = new Map<string, Mistake[]>();
  for (const mistake of mistakes) {
    const known = ofFile.get(mistake.file);
    if (known === undefined) ofFile.set(mistake.file, [mistake]);
    else known.push(mistake);
  }
  return [...ofFile].flatMap(([file, own]) => placed(file, own).map(formatMistake));
}

function placed(file: string, mistakes: readonly Mistake[]): readonly Mistake[] {
  if (!/\.ya?ml$/i.test(file)) return mistakes;
  try {
    return withPlaces(mistakes, readFileSync(file, 'utf8'));
  } catch {
    // Not there, or not readable: that is what the mistake says.
    return mistakes;
  }
}
