import { meanOf } from './flow-zone.ts';

/** Steps looked for in the first weeks; a place with more of them is no place to learn from. */
export const STEPS_MAX = 3;
/** Whole days on each side that tell the level there. */
const SIDE_DAYS = 2;
/** A step stands out from what days stray by themselves by so many deviations, and from what nights do. */
const DAY_SIGMAS = 4;
const NIGHT_SIGMAS = 3;
/** Smallest step worth taking out, as a part of the mean flow. */
const STEP_MEAN_PART = 0.03;
/** What leaks does so day and night alike: between these parts of the step of whole days the nights must show. */
const NIGHT_PART_LEAST = 0.6;
const NIGHT_PART_MOST = 1.6;

export interface LearningBin {
  /** Flow less its usual use, m3/h; null: not known. */
  readonly residual: number | null;
  /** One of the hours of least use. */
  readonly isQuiet: boolean;
}

/** A lasting change of the level: m3/h from the bin `at` on. */
export interface LearningStep {
  readonly at: number;
  readonly size: number;
}

/**
 * A leak that began, or was repaired, while a zone was learning: one lasting change of level, by day and by night alike. A
 * holiday or weather moves the days more than the nights, and is none.
 *
 * @param bins - of the first weeks, oldest first
 * @param meanFlow - m3/h
 * @returns undefined where the level is one
 */
export function stepIn(bins: readonly LearningBin[], perDay: number, meanFlow: number): LearningStep | undefined {
  const at = likeliest(bins, SIDE_DAYS * perDay);
  if (at === undefined) return undefined;
  const all = sidesOf(bins, at, perDay, () => true);
  const quiet = sidesOf(bins, at, perDay, ({ isQuiet }) => isQuiet);
  if (all === undefined || quiet === undefined) return undefined;
  const nightPart = quiet.size / all.size;
  const isStep =
    Math.abs(all.size) > Math.max(DAY_SIGMAS * all.error, STEP_MEAN_PART * Math.abs(meanFlow)) &&
    Math.abs(quiet.size) > NIGHT_SIGMAS * quiet.error &&
    nightPart > NIGHT_PART_LEAST &&
    nightPart < NIGHT_PART_MOST;
  return isStep ? { at, size: all.size } : undefined;
}

/** Where a change of the mean explains most; each side keeps `least` bins. */
function likeliest(bins: readonly LearningBin[], least: number): number | undefined {
  const values = bins.map(({ residual }) => residual);
  const total = values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const count = values.reduce<number>((n, value) => n + (value === null ? 0 : 1), 0);
  let before = 0;
  let n = 0;
  let best: { readonly at: number; readonly explained: number } | undefined;
  for (let at = 0; at < values.length - least; at++) {
    const value = values[at];
    if (at >= least && n > 0 && n < count) {
      const explained = (before - (n / count) * total) ** 2 / (n * (1 - n / count));
      if (best === undefined || explained > best.explained) best = { at, explained };
    }
    if (value === null || value === undefined) continue;
    before += value;
    n++;
  }
  return best?.at;
}

/** The step by the means of whole days counted from it, and how far such a mean strays, m3/h. */
function sidesOf(
  bins: readonly LearningBin[],
  at: number,
  perDay: number,
  counts: (bin: LearningBin) => boolean,
): { readonly size: number; readonly error: number } | undefined {
  const before = daysOf([...bins.slice(0, at)].reverse(), perDay, counts);
  const after = daysOf(bins.slice(at), perDay, counts);
  if (before.length < SIDE_DAYS || after.length < SIDE_DAYS) return undefined;
  const [low, high] = [meanOf(before), meanOf(after)];
  const squares = [...before.map((day) => (day - low) ** 2), ...after.map((day) => (day - high) ** 2)];
  const error = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (squares.length - 2 || 1));
  return { size: high - low, error };
}

function daysOf(bins: readonly LearningBin[], perDay: number, counts: (bin: LearningBin) => boolean): number[] {
  const days: number[] = [];
  for (let from = 0; from + perDay <= bins.length; from += perDay) {
    const wanted = bins.slice(from, from + perDay).filter(counts);
    const known = wanted.flatMap(({ residual }) => (residual === null ? [] : [residual]));
    if (known.length > wanted.length / 2) days.push(meanOf(known));
  }
  return days;
}
