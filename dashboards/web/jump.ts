import type { Alarm } from '../../contract/alarm.ts';
import type { Route } from './route.ts';

/** Something one can jump to. */
export interface Place {
  readonly kind: 'page' | 'alarm' | 'device' | 'point';
  /** Id of the alarm, device or point; name of the page. */
  readonly id: string;
  readonly title: string;
  /** Where it is, or whose. */
  readonly under: string;
  readonly route: Route;
  /** Everything it is found by, in lower case, the title first. */
  readonly words: string;
  readonly alarm?: Alarm;
}

/** Rows that are shown; more words find the others. */
export const PLACES_SHOWN = 30;

const KINDS: readonly Place['kind'][] = ['page', 'alarm', 'device', 'point'];

/**
 * Places that hold every word, the best first: a title that begins with what was typed before one with a word that
 * does, before any other; then pages, alarms, devices, points; then in the order given.
 *
 * @returns at most PLACES_SHOWN of them, and how many there are
 */
export function findPlaces(
  places: readonly Place[],
  wanted: string,
): { readonly found: readonly Place[]; readonly count: number } {
  const needles = wanted.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const whole = needles.join(' ');
  const found = places
    .filter(({ words }) => needles.every((needle) => words.includes(needle)))
    .map((place) => ({ place, rank: KINDS.indexOf(place.kind) + KINDS.length * distance(place, whole) }))
    // Sorting is stable.
    .sort((one, other) => one.rank - other.rank);
  return { found: found.slice(0, PLACES_SHOWN).map(({ place }) => place), count: found.length };
}

function distance({ title, under, id }: Place, whole: string): number {
  if (whole === '') return 0;
  // An alarm is looked for by its place as much as by its words.
  const said = `${title} ${under}`.toLowerCase();
  if (said.startsWith(whole) || id.toLowerCase() === whole) return 0;
  if (said.includes(` ${whole}`) || id.toLowerCase().startsWith(whole)) return 1;
  return said.includes(whole) ? 2 : 3;
}

/** What the gateway found beside what the page holds; each place once. */
export function joinPlaces(held: readonly Place[], asked: readonly Place[]): readonly Place[] {
  const known = new Set(held.map(({ kind, id }) => `${kind} ${id}`));
  return [...held, ...asked.filter(({ kind, id }) => !known.has(`${kind} ${id}`))];
}
