/** The usual week of a zone, one value a bin; bin 0 is Monday 00:00 local. */
export type Profile = number[];

export const median = (values: readonly number[]): number => {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Days are pooled at first: two weeks hold ten working days, but only two Sundays. Which days rest differs by country. */
const RESTS = [
  [5, 6],
  [4, 5],
  [3, 4],
  [6, 6],
  [4, 4],
] as const;
/** Another week than the first is believed when it fits so much better. */
const REST_GAIN = 0.85;

/**
 * Weekly profile out of the first weeks: the trimmed mean of all days of the same sort and of the bins beside it.
 *
 * @param flow - null where a bin could not be told
 * @param slots - bin of the week of each value
 * @param perDay - bins a day
 */
export function learnProfile(flow: readonly (number | null)[], slots: readonly number[], perDay: number): Profile {
  const bySlot: number[][] = Array.from({ length: perDay * 7 }, () => []);
  const all: number[] = [];
  flow.forEach((value, index) => {
    if (value === null) return;
    bySlot[slots[index]!]!.push(value);
    all.push(value);
  });
  const overall = median(all);
  let best: { profile: Profile; misfit: number } | undefined;
  for (const rest of RESTS) {
    const profile = pooled(bySlot, perDay, rest, overall);
    let misfit = 0;
    flow.forEach((value, index) => {
      if (value !== null) misfit += Math.abs(value - profile[slots[index]!]!);
    });
    if (best === undefined || misfit < REST_GAIN * best.misfit) best = { profile, misfit };
  }
  return best!.profile;
}

function pooled(bySlot: readonly number[][], perDay: number, rest: readonly number[], overall: number): Profile {
  const work = [0, 1, 2, 3, 4, 5, 6].filter((day) => !rest.includes(day));
  const pools = [work, ...[...new Set(rest)].map((day) => [day])];
  const profile: Profile = new Array(perDay * 7).fill(overall);
  const reach = Math.max(perDay >= 48 ? 1 : 0, Math.round(perDay / 96));
  for (const pool of pools) {
    for (let bin = 0; bin < perDay; bin++) {
      const values: number[] = [];
      for (const day of pool)
        for (let by = -reach; by <= reach; by++)
          values.push(...bySlot[(day * perDay + bin + by + perDay * 7) % (perDay * 7)]!);
      const level = values.length === 0 ? overall : trimmedMean(values);
      for (const day of pool) profile[day * perDay + bin] = level;
    }
  }
  return profile;
}

/** Mean without the fifth at each end. */
function trimmedMean(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 5);
  const kept = sorted.slice(cut, sorted.length - cut);
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}
