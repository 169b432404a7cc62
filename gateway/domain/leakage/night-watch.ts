import { median } from './profile.ts';

/** Nights remembered, and those of them a night is held against: a leak must not hide in its own reference. */
const NIGHTS_MAX = 31;
const REFERENCE_NIGHTS = 18;
const REFERENCE_LEAST = 9;
/** A rise that shows by this part in one of the nights before is none of one day. */
const EVE_NIGHTS = 2;
const EVE_PART = 0.4;
const LATELY_NIGHTS = 5;
const MONTH_NIGHTS = 10;
/** The lowest hours of a night count, the others only as far as noise explains them: what is drawn for an hour or two is no leak. */
const HOURS_LEAST = 4;
const HOUR_SIGMAS = 2.5;
/** A day whose shape strays so many times more than days do is a holiday or another sort of day; its night needs more. */
const ODD_FACTOR = 3;
const ODD_NEEDS = 0.8;
/** Days lately of which so many are odd are a festival. */
const ODD_DAYS = 7;
const ODD_DAYS_LEAST = 3;
/**
 * A rise is looked for over the last so many nights. What people do strays from night to night with heavy tails, and
 * several nights in a row alike: `habitSigmas` of its deviation must be passed whatever the nights. What few taps and
 * the meter stray within a night is independent: its mean over the nights counts, {@link SAMPLING_SIGMAS} of it.
 * Each night must reach `leastPart` of what their mean must reach, and `highestPart` of the highest one before.
 */
const SPANS = [
  { count: 1, habitSigmas: 6.5, leastPart: 1, highestPart: 1 },
  { count: 2, habitSigmas: 4.5, leastPart: 0.6, highestPart: 0.6 },
  { count: 3, habitSigmas: 3.7, leastPart: 0.45, highestPart: 0.4 },
  { count: 5, habitSigmas: 5, leastPart: 0.2, highestPart: 0.2 },
  { count: 7, habitSigmas: 5, leastPart: 0.1, highestPart: 0.1 },
] as const;
const SAMPLING_SIGMAS = 4.8;
/** The smallest leak that can be found is told for so many nights. */
const TOLD_NIGHTS = 3;
/** The median of n nights strays by the root of this over n. */
const MEDIAN_VARIANCE = 1.57;
/** Besides, part of the rise that must show in the flow as it is, not set against the demand of the day. */
const RAW_PART = 0.5;

export interface Night {
  /** End of the night. */
  at: number;
  /** Flow above `slope * base`, lowest hours, open leaks taken off, m3/h. */
  level: number;
  /** The flow itself, lowest hours, open leaks taken off, m3/h. */
  raw: number;
  /** How far the shape of the day before strayed, mean square in deviations; absent: not known. */
  odd?: number;
}

/** A place of few taps, m3/h. */
export interface Rough {
  /** One deviation of a night by its samples alone. */
  readonly independent: number;
  /** A leak of this size is small here. */
  readonly enough: number;
}

export interface NightState {
  nights: Night[];
  /** Of the night that is on: hour, flow above the expectation of use, flow, bins. */
  hours: [hour: number, level: number, raw: number, n: number][];
}

export interface NightStep {
  readonly size: number;
  /** One deviation of `size`. */
  readonly error: number;
  /** Nights it rests on. */
  readonly nights: number;
  readonly sigmas: number;
  /** The nights before rose already: it grows. */
  readonly isGradual: boolean;
}

export const newNightState = (): NightState => ({ nights: [], hours: [] });

/** The lowest hours of each night against those of the nights before: what is open then, and stays open, is a leak. */
export class NightWatch {
  state: NightState = newNightState();

  add(hour: number, level: number, raw: number): void {
    const { hours } = this.state;
    const last = hours.at(-1);
    if (last !== undefined && last[0] === hour) {
      last[1] += level;
      last[2] += raw;
      last[3]++;
    } else if (hours.length < 24) hours.push([hour, level, raw, 1]);
  }

  /**
   * The night is over.
   *
   * @param known - all open leaks together, m3/h
   * @param hourNoise - one deviation of the mean of an hour, m3/h
   * @param odd - how far the shape of the day before strayed
   * @returns false when it had too few hours
   */
  close(at: number, known: number, hourNoise: number, odd?: number): boolean {
    const { state } = this;
    const { hours } = state;
    state.hours = [];
    if (hours.length < HOURS_LEAST) return false;
    const means = (of: 1 | 2) => hours.map((hour) => hour[of] / hour[3]);
    state.nights.push({
      at,
      level: lowestHours(means(1), hourNoise) - known,
      raw: lowestHours(means(2), 0) - known,
      ...(odd === undefined ? {} : { odd }),
    });
    if (state.nights.length > NIGHTS_MAX) state.nights.shift();
    return true;
  }

  /** How far the lowest hours of the last nights lie above those of a month ago, as they are; undefined: too few nights. */
  rawRise(): number | undefined {
    const raws = this.state.nights.map(({ raw }) => raw);
    if (raws.length < 2 * LATELY_NIGHTS) return undefined;
    return (
      median(raws.slice(-LATELY_NIGHTS)) - median(raws.slice(0, Math.min(MONTH_NIGHTS, raws.length - LATELY_NIGHTS)))
    );
  }

  /** How far the shape of the last day strayed, in times of usual; undefined: not known yet. */
  oddness(): number | undefined {
    const { nights } = this.state;
    const odd = nights.at(-1)?.odd;
    const usual = usualOdd(nights);
    return odd === undefined || nights.length < REFERENCE_LEAST || !(usual > 0) ? undefined : odd / usual;
  }

  /** Most days of the last week were of another sort than those before: a festival, a strike, a heat wave. */
  isFestive(): boolean {
    const { nights } = this.state;
    const usual = usualOdd(nights);
    return nights.slice(-ODD_DAYS).filter((night) => isOdd(night, usual)).length >= ODD_DAYS_LEAST;
  }

  /**
   * Smallest sudden leak that the nights would confirm within three days from now, m3/h; arguments as of {@link step}.
   *
   * @returns undefined: too few nights
   */
  smallest(floor: number, ceiling: number, least: number, rough?: Rough): number | undefined {
    const before = this.state.nights.slice(-REFERENCE_NIGHTS);
    if (before.length < REFERENCE_LEAST) return undefined;
    const spans = SPANS.filter(({ count }) => count <= TOLD_NIGHTS);
    const needs = spans.map((span) => needOf(before, span, { floor, ceiling, rough }).need);
    return Math.max(least, Math.min(...needs));
  }

  /** What was open since then is known better by `change`. */
  correct(since: number, change: number): void {
    for (const night of this.state.nights)
      if (night.at > since) {
        night.level -= change;
        night.raw -= change;
      }
  }

  /**
   * A rise of the last nights, few or several.
   *
   * @param floor - smallest deviation of a night, m3/h
   * @param ceiling - largest
   * @param least - smallest size that counts, m3/h
   * @param rough - what tells a place of few taps: part of the deviation that the samples of a night stray by
   * themselves, and the size from which on a rise is worth the trust in that, m3/h
   */
  step(floor: number, ceiling: number, least: number, rough?: Rough): NightStep | undefined {
    const { nights } = this.state;
    for (const { count, habitSigmas, leastPart, highestPart } of SPANS) {
      const before = nights.slice(-count - REFERENCE_NIGHTS, -count);
      if (before.length < REFERENCE_LEAST) return undefined;
      const now = nights.slice(-count);
      const usual = median(before.map(({ level }) => level));
      const usualRaw = median(before.map(({ raw }) => raw));
      const usualDay = usualOdd(before);
      const oddPart = now.filter((night) => isOdd(night, usualDay)).length / count;
      const { sigma, need } = needOf(before, { count, habitSigmas }, { floor, ceiling, rough });
      const needed = (1 + ODD_NEEDS * oddPart) * need;
      const rises = now.map(({ level }) => level - usual);
      const size = rises.reduce((sum, rise) => sum + rise, 0) / count;
      const raw = now.reduce((sum, night) => sum + (night.raw - usualRaw), 0) / count;
      const highest = Math.max(...before.map(({ level }) => level - usual));
      if (size < needed || size < least) continue;
      if (Math.min(...rises) < leastPart * needed || Math.min(...rises) < highestPart * highest) continue;
      if (raw < RAW_PART * size) continue;
      const eve = before.slice(-EVE_NIGHTS).map(({ level }) => level - usual);
      const isGradual = Math.max(...eve) > EVE_PART * size;
      return { size, error: sigma / Math.sqrt(count), nights: count, sigmas: size / sigma, isGradual };
    }
    return undefined;
  }
}

/** Mean of the lowest hours, and of those above that noise explains. @param means - of the hours of a night, m3/h */
function lowestHours(means: readonly number[], noise: number): number {
  const sorted = [...means].sort((a, b) => a - b);
  let sum = 0;
  let n = 0;
  while (n < sorted.length && (n < HOURS_LEAST || sorted[n]! < sum / n + HOUR_SIGMAS * noise)) sum += sorted[n++]!;
  return sum / Math.max(1, n);
}

interface Scales {
  readonly floor: number;
  readonly ceiling: number;
  readonly rough: Rough | undefined;
}

/** One deviation of a night and the rise of `count` nights that is believed after these, m3/h. */
function needOf(
  before: readonly Night[],
  { count, habitSigmas }: { readonly count: number; readonly habitSigmas: number },
  { floor, ceiling, rough }: Scales,
): { readonly sigma: number; readonly need: number } {
  const usual = median(before.map(({ level }) => level));
  const spread = 1.4826 * median(before.map(({ level }) => Math.abs(level - usual)));
  // Few nights know their spread badly.
  const strayed = Math.min(ceiling, spread * (1 + 2 / before.length));
  const sigma = Math.min(ceiling, Math.max(floor, strayed));
  const usualNeed = habitSigmas * sigma;
  if (rough === undefined) return { sigma, need: usualNeed };
  // Where samples stray far, what people do is only part of the deviation, and the rest averages out.
  const sampling = rough.independent * Math.sqrt(1 / count + MEDIAN_VARIANCE / before.length);
  const habit = Math.sqrt(Math.max(0, strayed ** 2 - rough.independent ** 2));
  const averaged = Math.hypot(SAMPLING_SIGMAS * sampling, habitSigmas * habit);
  // Nothing is gained by that where the usual rule finds small leaks already.
  return { sigma, need: Math.max(averaged, Math.min(usualNeed, rough.enough)) };
}

const usualOdd = (nights: readonly Night[]): number =>
  median(nights.flatMap(({ odd }) => (odd === undefined ? [] : [odd])));

/** @param usual - NaN: not known */
const isOdd = ({ odd = 0 }: Night, usual: number): boolean => odd > ODD_FACTOR * usual;
