import type { Millis } from '../../../contract/time.ts';
import { lastWeek, nightLevel, rowsBack } from './expectation.ts';
import type { FlowEvent } from './flow-state.ts';
import { DAY_MS, type FlowZone, meanOf, type Sample } from './flow-zone.ts';
import { enlarge, grow, growingLeak, leakEvent, open, repair, SETTLED_DAYS } from './leak-book.ts';
import { forgetGrowth, isLeftInWeek } from './left-over.ts';
import { fitLine, type LineFit } from './line-fit.ts';
import { NIGHT_FLOW_PART } from './night-rise.ts';
import { forgetTransients } from './passing-draws.ts';
import { median } from './profile.ts';

/** Smallest slow rise worth a crew, as a part of the mean flow and in deviations of a week. */
const SLOW_MEAN_PART = 0.018;
const SLOW_SIGMAS = 5;
/** It must last so many days. */
const SLOW_DAYS = 3;
/** Part of a slow rise that must show in the nights as they are: works that close change the shape of a day only. */
const SLOW_RAW_PART = 0.25;
/** Part of it that must show in the lowest hour of the day. */
const SLOW_MINIMUM_PART = 0.4;
/**
 * Part of it that must have come since the oldest week remembered: what was there six weeks ago as it is now was always
 * there, and the reference is wrong. A leak whose flow grows with the square of time has a quarter of it by half its age.
 */
const SLOW_RECENT_PART = 0.4;
const THEN_DAYS = 7;
/** Part of the open leaks that comes and goes with pressure and with errors of their size. */
const BREATHING_PART = 0.15;
const BREATHING_MAX = 2;
/** The first week corrects the size of a leak by no more than this part of what was found: the rest may be another. */
const CORRECTION_DAYS = 7;
const CORRECTION_PART = 0.3;
const CORRECTION_PART_SLOW = 0.5;
/** Days before a leak that tell how well the weekly offset was known then. */
const BEFORE_DAYS = 3;
/** Less than so many deviations of a week before it are its own noise, and no error. */
const BEFORE_SIGMAS = 2;
/** Days of the lowest hours and of the weekly offset that are kept, and days a comparison with then needs. */
const MINIMA_DAYS = 7;
const MINIMA_LEAST = 5;
const HISTORY_DAYS = 40;
const PAST_DAYS = 28;
/** What is no leak becomes the reference over so many days; a fall that is no repair sooner. */
const REFERENCE_DAYS = 60;
const REFERENCE_DAYS_FALLEN = 7;
/** The noise of a week is followed this long after an alarm, over so many days. */
const WEEK_CALM_DAYS = 14;
const WEEK_FOLLOW_DAYS = 45;
const WEEK_FOLLOW_SIGMAS = 2.5;
/** Mean of |change| between two weeks to one deviation of a week: sqrt(pi) / 2. */
const MEAN_CHANGE_TO_SIGMA = 0.886;

/** Right after learning a rise must be larger by this part, by less each day, and as usual after so many days. */
const YOUNG_NEEDS = 0.5;
const GROWN_UP_DAYS = 42;

interface Excess {
  /** Weekly offset above its reference, open leaks taken off, m3/h. */
  readonly excess: number;
  /** The same of the lowest hour of the day. */
  readonly excessMin: number;
  /** Smallest excess that counts, m3/h. */
  readonly least: number;
}

/** Keeps the lowest hour of the day before 06:00, use taken off. */
export function followMinimum({ state, perHour }: FlowZone, { hour, flow, base }: Sample): void {
  state.hour.push(flow - state.fit!.slope * base);
  if (state.hour.length > perHour) state.hour.shift();
  if (state.hour.length !== perHour || hour >= 6) return;
  const mean = meanOf(state.hour);
  if (state.dayMin === null || mean < state.dayMin) state.dayMin = mean;
}

/** Once a day: what leaks all week through against a reference, for leaks too slow for any sum over hours. */
export function judgeDay(zone: FlowZone, at: Millis): FlowEvent[] {
  const { state } = zone;
  const week = fitLine(lastWeek(state), rowsBack(zone, zone.perWeek, 0), zone.perWeek * 0.5);
  closeMinimum(zone);
  if (week === undefined) return [];
  forgetTransients(zone);
  state.history.push(week.offset - zone.known);
  if (state.history.length > HISTORY_DAYS) state.history.shift();
  const found = excessOf(zone, week);
  if (found === undefined) return [];
  rememberNormal(zone, week, found.least);
  const daysSinceAlarm = (at - state.lastAlarmAt) / DAY_MS;
  if (state.lastAlarmAt > 0 && daysSinceAlarm < CORRECTION_DAYS && zone.known > 0) {
    correctNewest(zone, at, found);
    return [];
  }
  if (isLeftInWeek(zone, at, found.excess, found.least)) return [];
  forgetGrowth(zone, at);
  countSlowDays(zone, found);
  const { excess, least } = found;
  if (state.slowDays >= SLOW_DAYS) return [tellSlow(zone, at, found)];
  if (zone.known > 0) {
    const fallen = -excess + Math.min(0, errorBefore(zone, at, zone.state.leaks[0]!.since));
    if (fallen > least) return repair(zone, at, at - DAY_MS, Math.min(zone.known, fallen));
  }
  if (Math.abs(excess) < least / 2 || excess < 0) {
    followReference(zone, found);
    if (daysSinceAlarm > WEEK_CALM_DAYS) followWeek(zone);
  }
  return [];
}

function closeMinimum({ state }: FlowZone): void {
  if (state.dayMin !== null) state.minima.push(state.dayMin);
  state.dayMin = null;
  if (state.minima.length > MINIMA_DAYS) state.minima.shift();
}

/** @returns undefined on the days on which the references are set */
function excessOf(zone: FlowZone, { slope, offset }: LineFit): Excess | undefined {
  const { state, known } = zone;
  const minima = [...state.minima].sort((a, b) => a - b);
  const minimum = minima[minima.length >> 1] ?? 0;
  const isMinimumKnown = minima.length >= MINIMA_LEAST;
  if (state.reference === null) {
    state.reference = offset;
    state.referenceMin = isMinimumKnown ? minimum : null;
    return undefined;
  }
  if (state.referenceMin === null) {
    if (isMinimumKnown) state.referenceMin = minimum - known;
    return undefined;
  }
  const noise = Math.max(
    (SLOW_SIGMAS * youth(zone) * state.weekScale) / zone.sensitivity,
    SLOW_MEAN_PART * Math.abs(state.meanFlow) * slope,
    NIGHT_FLOW_PART * nightLevel(zone, slope),
  );
  return {
    excess: offset - state.reference - known,
    excessMin: minimum - state.referenceMin - known,
    // Open leaks breathe with the pressure: what is new must stand out from them.
    least: Math.max(noise, Math.min(BREATHING_MAX * noise, BREATHING_PART * known)),
  };
}

/** The noise of a week can't be known from a few of them, and neither can the profile: a young zone needs more. */
function youth({ state, perDay }: FlowZone): number {
  return 1 + YOUNG_NEEDS * Math.max(0, 1 - state.bins / perDay / GROWN_UP_DAYS);
}

function rememberNormal({ state, known }: FlowZone, { slope, offset }: LineFit, least: number): void {
  state.pastSlopes.push(slope);
  state.pastOffsets.push(Math.min(offset - known, state.reference! + 0.5 * least));
  if (state.pastSlopes.length > PAST_DAYS) {
    state.pastSlopes.shift();
    state.pastOffsets.shift();
  }
}

/**
 * The first week after an alarm corrects its size. What was clearly too much or too little before it began is the error of
 * another leak, or of the reference: the newest must not be talked away for it, or it rings again.
 */
function correctNewest(zone: FlowZone, at: Millis, found: Excess): void {
  const newest = zone.state.leaks.at(-1)!;
  const excess = found.excess - errorBefore(zone, at, newest.since);
  const first = newest.found ?? newest.size;
  const most = (1 + (newest.kind === 'slow' ? CORRECTION_PART_SLOW : CORRECTION_PART)) * first;
  const wanted = Math.max(0.2 * newest.size, newest.size + 0.5 * excess);
  enlarge(zone, newest, Math.min(Math.max(most, newest.size), wanted) - newest.size, newest.since);
}

/** What the weekly offset strayed from its reference before `since` by more than its noise, m3/h: no leak that began then. */
function errorBefore(zone: FlowZone, at: Millis, since: Millis): number {
  const before = strayedBefore(zone, at, since);
  return Math.abs(before) > BEFORE_SIGMAS * zone.state.weekScale ? before : 0;
}

/** How far the weekly offset lay above its reference on the last days before `since`, open leaks taken off, m3/h. */
function strayedBefore({ state: { history, reference } }: FlowZone, at: Millis, since: Millis): number {
  const days = Math.ceil((at - since) / DAY_MS);
  const before = history.slice(0, -days).slice(-BEFORE_DAYS);
  return before.length === 0 ? 0 : median(before) - (reference ?? 0);
}

/** What lay above the reference in the oldest week that is remembered, m3/h. */
const excessThen = ({ state: { history, reference } }: FlowZone): number =>
  median(history.slice(0, THEN_DAYS)) - (reference ?? 0);

function countSlowDays(zone: FlowZone, { excess, excessMin, least }: Excess): void {
  const { state } = zone;
  const rawRise = zone.nights.rawRise();
  const isRecent = excess - excessThen(zone) > SLOW_RECENT_PART * excess;
  const isRaw = rawRise === undefined || rawRise > SLOW_RAW_PART * excess;
  if (zone.nights.isFestive()) return;
  if (excess > least && excessMin > SLOW_MINIMUM_PART * excess && isRaw && isRecent) {
    state.slowDays++;
  } else state.slowDays = 0;
}

/** A slow rise is the growth of a leak that still grows, otherwise a leak of its own. */
function tellSlow(zone: FlowZone, at: Millis, { excess, least }: Excess): FlowEvent {
  const { state } = zone;
  state.slowDays = 0;
  const growing = growingLeak(state.leaks);
  if (growing !== undefined && at - growing.grownAt <= SETTLED_DAYS * DAY_MS) return grow(zone, at, excess);
  const since = riseBegan(zone, at, excess);
  const newest = state.leaks.at(-1);
  // Nothing had risen before the newest leak began: what has since is more of it.
  if (newest !== undefined && at - newest.at <= SETTLED_DAYS * DAY_MS && since >= newest.since)
    return grow(zone, at, excess);
  const error = Math.max(state.weekScale, 0.25 * least);
  open(zone, { kind: 'slow', since, at, size: excess, found: excess, grownAt: at });
  zone.nights.correct(at - 7 * DAY_MS, excess);
  return leakEvent(at, { kind: 'slow', since, size: excess, error, score: excess / Math.max(1e-9, least) });
}

/** The last day on which a quarter of the rise did not show yet. */
function riseBegan({ state: { history, reference } }: FlowZone, at: Millis, excess: number): Millis {
  const level = (reference ?? 0) + 0.25 * excess;
  let days = 0;
  for (let index = history.length - 1; index >= 0 && history[index]! > level; index--) days++;
  return at - Math.max(1, days) * DAY_MS;
}

function followReference({ state }: FlowZone, { excess, excessMin, least }: Excess): void {
  const rate = 1 / (excess < -least ? REFERENCE_DAYS_FALLEN : REFERENCE_DAYS);
  state.reference! += excess * rate;
  state.referenceMin! += excessMin * rate;
}

/** How much the weekly offset strays by itself from one week to the next. */
function followWeek({ state }: FlowZone): void {
  const { history } = state;
  if (history.length < 8) return;
  const change = Math.abs(history[history.length - 1]! - history[history.length - 8]!) * MEAN_CHANGE_TO_SIGMA;
  state.weekScale += (Math.min(change, WEEK_FOLLOW_SIGMAS * state.weekScale) - state.weekScale) / WEEK_FOLLOW_DAYS;
}
