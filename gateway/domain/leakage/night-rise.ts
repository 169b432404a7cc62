import type { Millis } from '../../../contract/time.ts';
import { lastWeek, nightLevel, rowsBack } from './expectation.ts';
import type { FlowEvent } from './flow-state.ts';
import { DAY_MS, type FlowZone, meanOf, QUIET_HOURS, type Sample } from './flow-zone.ts';
import { grow, isGrowth, learnIn, tell } from './leak-book.ts';
import { isLeftInNights } from './left-over.ts';
import { fitLine } from './line-fit.ts';
import type { Rough } from './night-watch.ts';
import { MEAN_ABS_TO_SIGMA, type Scale } from './scale.ts';

/** Smallest step that nights alone may tell of, as a part of the mean flow. */
const NIGHT_MEAN_PART = 0.025;
/** A balance has all day: it is left to the sums over hours and weeks but for what is large. */
const BALANCE_MEAN_PART = 0.1;
/** Below this part of the mean flow no more trust is put into rough nights than usual. */
const ENOUGH_MEAN_PART = 0.05;
/** The same as a part of the night flow. */
export const NIGHT_FLOW_PART = 0.05;
/** Nights among which a repair was misjudged stray more than nights do: no more than this times what was learned counts. */
const NIGHT_SPREAD_MAX = 1.5;
/** No meter tells nights apart better than by this part of the mean flow. */
const NIGHT_FLOOR_PART = 0.004;
/** Nights over which their deviation is followed, and the most one may count, in deviations. */
const FOLLOW_NIGHTS = 30;
const FOLLOW_SIGMAS = 3;
/** Part of a day that must be known to tell its shape, and the most deviations that one hour adds to it: a flushing is no holiday. */
const DAY_KNOWN_PART = 0.8;
const ODD_HOUR_MAX = 5;
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

/** Ends the night that is on. @returns false when too little of it is known */
export function closeNight(zone: FlowZone, at: Millis, scale: Scale): boolean {
  return zone.nights.close(at, zone.known, hourNoise(zone, scale), oddnessOfDay(zone));
}

/** Judges the night that is over against those before: a rise of one to three nights is a leak, growth, or left over. */
export function judgeNights(zone: FlowZone, at: Millis, scale: Scale): FlowEvent[] {
  const { options } = zone;
  const up = zone.nights.step(...nightScales(zone, scale));
  if (up === undefined) return [];
  const { size, error, nights, sigmas, isGradual } = up;
  const since = at - nights * DAY_MS;
  if (isLeftInNights(zone, at, since, size)) return [];
  const bins = Math.round((at - since) / options.binMs);
  if (isGrowth(zone, at, size, isGradual ? Math.max(nights, daysSinceGrown(zone, at)) : nights)) {
    learnIn(zone, size, since, bins);
    return [grow(zone, at, size)];
  }
  return tell(zone, at, 1, { kind: isGradual ? 'slow' : 'abrupt', since, bins, size, error, score: sigmas });
}

/** What rises gradually has done so since the leak that is open was last told to have grown: the nights only show it late. */
const daysSinceGrown = ({ state: { leaks } }: FlowZone, at: Millis): number =>
  leaks.length === 0 ? 0 : (at - Math.max(...leaks.map(({ grownAt }) => grownAt))) / DAY_MS;

/** Smallest sudden leak that the nights would confirm within three days, m3/h; undefined: not known yet. */
export const smallestAtNight = (zone: FlowZone, scale: Scale): number | undefined =>
  zone.nights.smallest(...nightScales(zone, scale));

/** Floor and ceiling of the deviation of a night, the least size that counts, and what is known of a rough place, m3/h. */
function nightScales(
  zone: FlowZone,
  scale: Scale,
): [floor: number, ceiling: number, least: number, rough: Rough | undefined] {
  const { state, options } = zone;
  const part = options.metered ? BALANCE_MEAN_PART : NIGHT_MEAN_PART;
  const least = Math.max(part * Math.abs(state.meanFlow), NIGHT_FLOW_PART * nightLevel(zone, state.fit!.slope));
  const floor = nightFloor(zone, scale);
  const ceiling = Math.max(floor, NIGHT_SPREAD_MAX * state.nightScale);
  // The days of a balance are not independent: its tank and its sample of customers stray for days.
  return [floor, ceiling, least, options.metered ? undefined : roughOf(zone, scale)];
}

/** Least deviation of the mean of a night's lowest hours, were its samples independent, m3/h. */
function nightFloor(zone: FlowZone, scale: Scale): number {
  const hours = zone.options.metered ? 24 : QUIET_HOURS - 2;
  return Math.max(hourNoise(zone, scale) / Math.sqrt(hours), NIGHT_FLOOR_PART * Math.abs(zone.state.meanFlow));
}

const roughOf = (zone: FlowZone, scale: Scale): Rough => ({
  independent: hourNoise(zone, scale) / Math.sqrt(QUIET_HOURS),
  enough: ENOUGH_MEAN_PART * Math.abs(zone.state.meanFlow),
});

/** One deviation of the mean of an hour of the night, were its samples independent, m3/h. */
function hourNoise(zone: FlowZone, scale: Scale): number {
  const counted = scale.hourly.filter((_, hour) => zone.options.metered || zone.isQuiet(hour));
  return Math.sqrt((meanOf(counted.map((sigma) => sigma * sigma)) * 24) / zone.perDay);
}

/**
 * How far the hours of the last day stray from its own line through the usual use: a holiday has another shape, a leak
 * has not.
 *
 * @returns mean square in deviations of an hour; undefined when too little of the day is known
 */
function oddnessOfDay(zone: FlowZone): number | undefined {
  const { state, perDay, perHour } = zone;
  const rows = [...rowsBack(zone, perDay, 0)].filter((row) => state.ringFlow[row] !== 0 || state.ringBase[row] !== 0);
  if (rows.length < DAY_KNOWN_PART * perDay) return undefined;
  const line = fitLine({ ...lastWeek(state), weight: new Array<number>(state.ringFlow.length).fill(1) }, rows, perHour);
  if (line === undefined) return undefined;
  const strayed: number[] = [];
  for (let from = 0; from < rows.length; from += perHour) {
    const hour = rows.slice(from, from + perHour);
    const above = meanOf(hour.map((row) => state.ringFlow[row]! - line.slope * state.ringBase[row]!)) - line.offset;
    const sigmas = (above * Math.sqrt(hour.length)) / state.ringSigma[hour[0]!]!;
    strayed.push(Math.max(-ODD_HOUR_MAX, Math.min(ODD_HOUR_MAX, sigmas)));
  }
  return strayAroundStep(strayed);
}

/** Mean square around one step at the best place: a leak that begins, or a repair, makes no day odd. */
function strayAroundStep(values: readonly number[]): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  const square = values.reduce((sum, value) => sum + value * value, 0);
  let most = total ** 2 / values.length;
  let before = 0;
  for (let n = 1; n < values.length; n++) {
    before += values[n - 1]!;
    most = Math.max(most, before ** 2 / n + (total - before) ** 2 / (values.length - n));
  }
  return (square - most) / values.length;
}
