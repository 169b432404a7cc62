import type { Millis } from '../../../contract/time.ts';
import { nightLevel } from './expectation.ts';
import type { FlowEvent } from './flow-state.ts';
import { DAY_MS, type FlowZone, meanOf, QUIET_HOURS, type Sample } from './flow-zone.ts';
import { grow, isGrowth, learnIn, tell } from './leak-book.ts';
import { isLeftInNights } from './left-over.ts';
import { MEAN_ABS_TO_SIGMA, type Scale } from './scale.ts';

/** Smallest step that nights alone may tell of, as a part of the mean flow. */
const NIGHT_MEAN_PART = 0.025;
/** A balance has all day: it is left to the sums over hours and weeks but for what is large. */
const BALANCE_MEAN_PART = 0.1;
/** The same as a part of the night flow. */
export const NIGHT_FLOW_PART = 0.05;
/** Nights among which a repair was misjudged stray more than nights do: no more than this times what was learned counts. */
const NIGHT_SPREAD_MAX = 1.5;
/** No meter tells nights apart better than by this part of the mean flow. */
const NIGHT_FLOOR_PART = 0.004;
/** Nights over which their deviation is followed, and the most one may count, in deviations. */
const FOLLOW_NIGHTS = 30;
const FOLLOW_SIGMAS = 3;
/** Under suspicion only nights as usual as this are followed. */
const FOLLOW_SUSPECTED_SIGMAS = 2.5;

/** Takes a sample of the lowest hours into the night that is on; of a balance all hours count. */
export function addToNight(zone: FlowZone, { hour, flow, base }: Sample): void {
  const { metered } = zone.options;
  const used = zone.state.fit!.slope * base;
  if (metered || zone.isQuiet(hour)) zone.nights.add(hour, flow - used, flow - (metered ? used : 0));
}

/** Keeps up to date how far the mean of a night strays from its expectation. */
export function followNight(zone: FlowZone, { hour, residual }: Sample, isSuspicious: boolean): void {
  const { state, perDay } = zone;
  if (zone.isQuiet(hour)) {
    state.nightSum += residual;
    state.nightN++;
  } else if (state.nightN > 0) {
    const mean = Math.abs(state.nightSum / state.nightN);
    const { nightScale } = state;
    if (state.nightN >= perDay / 12 && (!isSuspicious || mean < FOLLOW_SUSPECTED_SIGMAS * nightScale))
      state.nightScale += (Math.min(MEAN_ABS_TO_SIGMA * mean, FOLLOW_SIGMAS * nightScale) - nightScale) / FOLLOW_NIGHTS;
    if (state.nightN >= perDay / 24) {
      state.nightSum = 0;
      state.nightN = 0;
    }
  }
}

/** Judges the night that is over against those before: a rise of one to three nights is a leak, growth, or left over. */
export function judgeNights(zone: FlowZone, at: Millis, scale: Scale): FlowEvent[] {
  const { state, options } = zone;
  const part = options.metered ? BALANCE_MEAN_PART : NIGHT_MEAN_PART;
  const least = Math.max(part * Math.abs(state.meanFlow), NIGHT_FLOW_PART * nightLevel(zone, state.fit!.slope));
  const floor = nightFloor(zone, scale);
  const up = zone.nights.step(floor, Math.max(floor, NIGHT_SPREAD_MAX * state.nightScale), least);
  if (up === undefined) return [];
  const { size, error, nights, sigmas, isGradual } = up;
  const since = at - nights * DAY_MS;
  if (isLeftInNights(zone, at, since, size)) return [];
  const bins = Math.round((at - since) / options.binMs);
  if (isGrowth(zone, at, size, nights)) {
    learnIn(zone, size, since, bins);
    return [grow(zone, at, size)];
  }
  return tell(zone, at, 1, { kind: isGradual ? 'slow' : 'abrupt', since, bins, size, error, score: sigmas });
}

/** Least deviation of a night's mean, were its samples independent, m3/h. */
function nightFloor(zone: FlowZone, scale: Scale): number {
  const { metered } = zone.options;
  const perNight = ((metered ? 24 : QUIET_HOURS - 2) / 24) * zone.perDay;
  const quiet = scale.hourly.filter((_, hour) => metered || zone.isQuiet(hour));
  const noise = Math.sqrt(meanOf(quiet.map((sigma) => sigma * sigma)) / perNight);
  return Math.max(noise, NIGHT_FLOOR_PART * Math.abs(zone.state.meanFlow));
}
