import { rowBack } from './expectation.ts';
import type { FlowEvent, FlowState, Sum } from './flow-state.ts';
import { DAY_MS, type Fall, type FlowZone, HOUR_MS, meanOf, QUIET_HOURS, type Sample, type Sign } from './flow-zone.ts';
import { grow, isGrowth, learnIn, tell } from './leak-book.ts';
import { isBeyondAnyDay, isNewAtNight, liftOfAnyDay, rawRise } from './other-days.ts';
import { binsToPersist, rememberTransient } from './passing-draws.ts';
import type { Scale } from './scale.ts';
import { CUSUM_LIMIT, resetSums, sumsOf } from './step-sums.ts';

/** What the last half hour draws beyond most of three hours, in times what 3 h stray by themselves. */
const DRAW_FACTOR = 2;
/** Of a normal distribution a third lies so far below the mean; fewer values have no thirds. */
const THIRDS_LEAST = 6;
const LOW_THIRD_SIGMAS = 0.43;
/** A step of which the last half hour shows less than this part is over. */
const OVER_PART = 0.3;
/** Part of what a night must show that must be left when the day is held for the sort of day with the most use. */
const SORT_PART = 0.7;
/** Part of a step that must show in the flow itself, not only against the demand of the day. */
const RAW_PART = 0.4;
/** Pressures that fell by so many deviations more than the flow explains confirm a step. */
const PRESSURE_SIGMAS = 3.2;
/** A suspicion older than this is left to the nights: pressures tell no more of it. */
const FELT_MAX_BINS = 144;

/** A night's mean this many deviations of nights above its expectation confirms a step. */
const NIGHT_SIGMAS = 5.5;
/** Less when pressures fell, too, or when a whole night and most of a day say the same. */
const NIGHT_SIGMAS_FELT = 4;
const NIGHT_SIGMAS_WHOLE = 4.5;
const WHOLE_MS = 16 * HOUR_MS;
const WHOLE_NIGHT_PART = 0.8;
/** Nobody flushes at night: with pressures that fell, this is long enough. */
const NIGHT_PERSIST_MS = HOUR_MS;
/** Quiet hours a night must have shown, with and without pressures that fell. */
const NIGHT_HOURS = 2;
const NIGHT_HOURS_FELT = 1;
/** What shows at night by less than these parts of the day is use; the smaller one ends the suspicion. */
const NIGHT_DAY_PART = 0.6;
const DENIED_PART = 0.3;

/**
 * A draw larger than all usual use is a hydrant first where a place is small: crews flush one after the other, for as
 * long as a shift. Only what outlasts it, or runs on into the night, is told.
 */
const SHIFT_MS = 8 * HOUR_MS;
/** Of the bins a step must last, so many may show less than this part of it, as far as their noise allows that. */
const ABSENT_BINS = 1;
const ABSENT_PART = 0.4;
const ABSENT_SIGMAS = 2;

/** By day, unless it is huge: irrigation and flushing last for hours, too. All in times what 3 h stray by themselves. */
const DAY_PERSIST_MS = 4 * HOUR_MS;
const DAY_FACTOR = 1.6;
const FELT_FACTOR = 3;
/** By day and without loggers a step must last this long, and be so large. */
const BLIND_PERSIST_MS = 6 * HOUR_MS;
const BLIND_FACTOR = 4.5;
/** Pressures that fell so clearly leave no doubt even where the flow alone could be another sort of day. */
const PLAIN_SIGMAS = 5;
const PLAIN_PERSIST_MS = 3 * HOUR_MS;
const PLAIN_FACTOR = 1.2;

/** A sum at its limit, and what speaks for it. Sizes are m3/h and carry their sign. */
interface Suspect {
  readonly sum: Sum;
  readonly sign: Sign;
  readonly size: number;
  readonly durationMs: number;
  /** By how many deviations pressures fell; undefined: no loggers, or too long ago. */
  readonly fallen: number | undefined;
  readonly isFelt: boolean;
  /** Mean of the quiet hours, and of the others. */
  readonly quietMean: number;
  readonly loudMean: number;
  /** What the last three hours show for most of their time: a flushing of an hour does not count. */
  readonly lately: number;
}

/**
 * Judges the sums that reached their limit: what passed by itself, what the nights deny, and what is confirmed by a
 * night, by pressures or by its size.
 */
export function judgeSums(zone: FlowZone, { at, sigma }: Sample, scale: Scale, fall: Fall): FlowEvent[] {
  const { state, options } = zone;
  const persist = binsToPersist(zone);
  const shortest = Math.min(persist, Math.max(2, Math.round(NIGHT_PERSIST_MS / options.binMs)));
  const halfHour = Math.max(1, Math.round(HOUR_MS / 2 / options.binMs));
  const now = meanOf(state.recent.slice(-halfHour));
  const fallOver = oncePerSpan(fall);
  for (const [sum, sign] of sumsOf(state)) {
    if (sum.value < CUSUM_LIMIT || sum.n < shortest) continue;
    const size = sum.excess / sum.weight;
    if (sign * size <= 0) continue;
    if (sign * now < OVER_PART * sign * size) {
      if (sign > 0) rememberTransient(zone, sum.n, size);
      resetSums(state);
      return [];
    }
    const suspect = suspectOf(zone, sum, sign, sigma, fallOver);
    // Somebody draws right now: it may be over within the hour.
    if (sign > 0 && now - suspect.lately > DRAW_FACTOR * state.naturalMean3h) continue;
    const isByNight = suspect.isFelt && sum.quietN >= sum.n;
    if (!isByNight && (sum.n < persist || (sign > 0 && !hasLasted(zone, suspect, persist, sigma)))) continue;
    if (!isNightly(zone, scale, suspect) && !isDaily(zone, suspect)) {
      if (isDenied(zone, suspect)) resetSums(state);
      continue;
    }
    // An incident that is open grows in small steps; a jump is another leak.
    if (sign > 0 && isGrowth(zone, at, size, suspect.durationMs / DAY_MS)) {
      learnIn(zone, size, sum.since, sum.n);
      return [grow(zone, at, size)];
    }
    const error = Math.sqrt(scale.inflation / sum.weight);
    const { since, n: bins, value: score } = sum;
    return tell(zone, at, sign, { kind: 'abrupt', since, bins, size: Math.abs(size), error, score });
  }
  return [];
}

/** Asks for each span once: sums of different steps often began together. */
function oncePerSpan(fall: Fall): Fall {
  const falls = new Map<number, number | undefined>();
  return (bins) => {
    if (!falls.has(bins)) falls.set(bins, fall(bins));
    return falls.get(bins);
  };
}

function suspectOf({ state, options }: FlowZone, sum: Sum, sign: Sign, sigma: number, fallOver: Fall): Suspect {
  const fallen = sign > 0 && sum.n <= FELT_MAX_BINS ? fallOver(sum.n) : undefined;
  const quietMean = sum.quietWeight > 0 ? sum.quietExcess / sum.quietWeight : 0;
  const loudWeight = sum.weight - sum.quietWeight;
  return {
    sum,
    sign,
    size: sum.excess / sum.weight,
    durationMs: sum.n * options.binMs,
    fallen,
    isFelt: fallen !== undefined && fallen > PRESSURE_SIGMAS,
    quietMean,
    loudMean: loudWeight > 0 ? (sum.excess - sum.quietExcess) / loudWeight : quietMean,
    lately: mostly(sign, state.recent, sigma),
  };
}

/** The mean, or what two thirds of the values show when that is less. @param sigma - one deviation of a value, m3/h */
function mostly(sign: Sign, values: readonly number[], sigma: number): number {
  const mean = meanOf(values);
  if (values.length < THIRDS_LEAST) return mean;
  const sorted = [...values].sort((a, b) => sign * (a - b));
  const lowThird = sorted[Math.floor(sorted.length / 3)]! + sign * LOW_THIRD_SIGMAS * sigma;
  return sign * Math.min(sign * mean, sign * lowThird);
}

/** It shows at night, clearly, as it does by day: that is no use. */
function isNightly(zone: FlowZone, scale: Scale, suspect: Suspect): boolean {
  const { sum, sign, quietMean, loudMean, isFelt, durationMs } = suspect;
  const perNight = (QUIET_HOURS / 24) * zone.perDay;
  const isWhole = sum.quietN >= WHOLE_NIGHT_PART * perNight && durationMs >= WHOLE_MS;
  const sigmas = isFelt ? NIGHT_SIGMAS_FELT : isWhole ? NIGHT_SIGMAS_WHOLE : NIGHT_SIGMAS;
  const error = nightError(zone.state, scale, sum, perNight);
  return (
    sum.quietN >= (isFelt ? NIGHT_HOURS_FELT : NIGHT_HOURS) * binsAnHour(zone) &&
    sign * quietMean > NIGHT_DAY_PART * sign * loudMean &&
    sign * quietMean > (sigmas / zone.sensitivity) * error &&
    isNewAtNight(zone, sum, sign, quietMean, (NIGHT_SIGMAS / zone.sensitivity) * error) &&
    (isFelt || sign < 0 || quietMean - liftOfAnyDay(zone, sum.n) > SORT_PART * (sigmas / zone.sensitivity) * error) &&
    rawRise(zone, sign, sum.n, true) > RAW_PART * sign * quietMean
  );
}

/** One deviation of the mean of the quiet hours: nights stray by themselves, and samples within a night, m3/h. */
const nightError = ({ nightScale }: FlowState, { inflation }: Scale, sum: Sum, perNight: number): number =>
  Math.sqrt(
    nightScale ** 2 / Math.max(1, sum.quietN / perNight) + (sum.quietWeight > 0 ? inflation / sum.quietWeight : 1e12),
  );

/** It shows by day, larger and longer than what people draw, or pressures fell so far that no use explains it. */
function isDaily(zone: FlowZone, suspect: Suspect): boolean {
  const { sum, sign, lately } = suspect;
  const bins = Math.min(sum.n, Math.round(zone.perDay / 8));
  return (
    (isBig(zone, suspect) || isPlain(zone, suspect)) && rawRise(zone, sign, bins, false) > RAW_PART * sign * lately
  );
}

/**
 * The step itself, not the sum that found it, has lasted: a sum that was above zero by chance before a flushing began
 * must not add its hours to it. A small step can't be told from noise bin by bin.
 */
function hasLasted(zone: FlowZone, { size, lately, sum }: Suspect, bins: number, sigma: number): boolean {
  const { state, options } = zone;
  const level = Math.max(size, lately);
  if (level <= DRAW_FACTOR * state.naturalMean3h) return true;
  const isBeyondUse = level > state.meanFlow && sum.quietN < NIGHT_HOURS * binsAnHour(zone);
  const needed = isBeyondUse ? Math.max(bins, Math.round(SHIFT_MS / options.binMs)) : bins;
  return drawnBins(zone, ABSENT_PART * level - ABSENT_SIGMAS * sigma, needed) >= needed - ABSENT_BINS;
}

/** Of the last `bins` those that drew at least so much more than expected; what is not known counts. @param least - m3/h */
function drawnBins(zone: FlowZone, least: number, bins: number): number {
  const { ringFlow, ringBase, fit } = zone.state;
  let drawn = 0;
  for (let ago = 1; ago <= Math.min(bins, zone.perWeek - 1); ago++) {
    const row = rowBack(zone, ago);
    const isKnown = ringFlow[row] !== 0 || ringBase[row] !== 0;
    if (!isKnown || ringFlow[row]! - fit!.slope * ringBase[row]! - fit!.offset >= least) drawn++;
  }
  return drawn;
}

function isBig(zone: FlowZone, { sign, durationMs, fallen, isFelt, lately }: Suspect): boolean {
  const usual = zone.state.naturalMean3h;
  const isLong = durationMs >= (fallen === undefined ? BLIND_PERSIST_MS : DAY_PERSIST_MS);
  return (
    (isLong || (isFelt && sign * lately > FELT_FACTOR * usual)) &&
    (isFelt || sign < 0 || (fallen === undefined && lately > BLIND_FACTOR * usual)) &&
    sign * lately > DAY_FACTOR * usual &&
    isBeyondAnyDay(zone, sign)
  );
}

/** A holiday or hot weather draws everywhere, and the flow explains the pressures then. */
const isPlain = ({ state }: FlowZone, { fallen, durationMs, lately }: Suspect): boolean =>
  fallen !== undefined &&
  fallen > PLAIN_SIGMAS &&
  durationMs >= PLAIN_PERSIST_MS &&
  lately > PLAIN_FACTOR * state.naturalMean3h;

/** A night came and showed next to nothing of it: somebody drew it by day. */
const isDenied = (zone: FlowZone, { sum, sign, size, quietMean, loudMean }: Suspect): boolean =>
  sum.quietN >= NIGHT_HOURS * binsAnHour(zone) &&
  sign * quietMean < DENIED_PART * sign * Math.max(sign * size, sign * loudMean);

const binsAnHour = ({ options }: FlowZone): number => Math.max(1, Math.round(HOUR_MS / options.binMs));
