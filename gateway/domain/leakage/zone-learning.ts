import { refit, remember } from './expectation.ts';
import type { FlowBin } from './flow-state.ts';
import { type FlowZone, meanOf, QUIET_HOURS } from './flow-zone.ts';
import { STEPS_MAX, stepIn } from './learning-steps.ts';
import { fitLine, type LineFit } from './line-fit.ts';
import { learnProfile, median, type Profile } from './profile.ts';
import { learnScale, MEAN_ABS_TO_SIGMA } from './scale.ts';

/** A profile needs every day of the week twice; with metered demand there is only a line to learn. */
const LEARN_DAYS = 14;
const LEARN_DAYS_METERED = 7;
/** Part of the bins of these days that must be known. */
const KNOWN_PART = 0.93;
/** Of a zone that is mostly silent the oldest is forgotten: learning never holds more than this times its days. */
const LEARN_DAYS_KEPT = 4;
/** All but the wildest hundredth: a flushing while learning must not blunt us for good. */
const WILD_PART = 0.99;
/** In-sample nights stray less than nights to come. */
const IN_SAMPLE_NIGHTS = 1.35;

interface Residual {
  readonly hour: number;
  /** m3/h; null: not known. */
  readonly residual: number | null;
}

const learnDays = ({ options }: FlowZone): number => (options.metered ? LEARN_DAYS_METERED : LEARN_DAYS);

/** Days still to learn; 0: it watches. */
export function daysLeft(zone: FlowZone): number {
  if (zone.state.scale !== null) return 0;
  const days = zone.state.learned.filter((value) => value !== null).length / zone.perDay;
  return Math.max(1, Math.ceil(learnDays(zone) - days));
}

/** Takes in a bin of the first weeks; with enough of them the zone knows its usual week, its noise and its nights. */
export function learn(zone: FlowZone, bin: FlowBin): void {
  const { state, options, perDay } = zone;
  const isKnown = bin.flow !== undefined && (!options.metered || bin.demand !== undefined);
  state.learned.push(isKnown ? bin.flow! : null);
  state.learnedDemand.push(isKnown && options.metered ? bin.demand! : null);
  state.learnedSlot.push(bin.slot);
  const binsToLearn = learnDays(zone) * perDay;
  if (state.learned.length > LEARN_DAYS_KEPT * binsToLearn) {
    state.learned.shift();
    state.learnedDemand.shift();
    state.learnedSlot.shift();
  }
  const have = state.learned.reduce<number>((n, value) => n + (value === null ? 0 : 1), 0);
  if (have < binsToLearn * KNOWN_PART || state.learned.length < binsToLearn) return;
  conclude(zone);
}

function conclude(zone: FlowZone): void {
  const { state, perDay } = zone;
  const lesson = lessonOf(zone);
  if (lesson === undefined) return;
  const { rows, line, profile, residuals } = lesson;
  state.meanFlow = lesson.meanFlow;
  if (profile !== undefined) {
    state.profile = profile;
    state.profileN = profile.map(() => 3);
  }
  state.quietHours = lesson.quietHours;
  state.scale = learnScale(residuals, perDay, 1e-3 * Math.abs(state.meanFlow));
  state.fit = line;
  state.naturalMean3h = usualMean3h(residuals, perDay);
  state.nightScale = nightDeviation(residuals, zone);
  for (const { flow, base, slot } of rows.slice(-zone.perWeek)) remember(zone, flow, base, slot, 1);
  state.learned = [];
  state.learnedDemand = [];
  state.learnedSlot = [];
  refit(zone);
  state.weekScale = Math.max(state.nightScale / Math.sqrt(7), 1e-9);
}

interface Lesson {
  readonly rows: readonly { readonly flow: number | null; readonly slot: number; readonly base: number }[];
  readonly meanFlow: number;
  /** Undefined with metered demand. */
  readonly profile: Profile | undefined;
  readonly line: LineFit;
  readonly residuals: readonly Residual[];
  readonly quietHours: number[];
}

/**
 * What the first weeks say of use and noise. A leak that began or was repaired meanwhile is no noise: all of it is told as it
 * was at the end, so that what is new from then on stands out.
 */
function lessonOf(zone: FlowZone): Lesson | undefined {
  let flows: readonly (number | null)[] = zone.state.learned;
  let lesson = lessonFrom(zone, flows);
  for (let steps = 0; steps < STEPS_MAX && lesson !== undefined; steps++) {
    const { residuals, quietHours, meanFlow } = lesson;
    const bins = residuals.map(({ hour, residual }) => ({ residual, isQuiet: quietHours[hour] === 1 }));
    const step = stepIn(bins, zone.perDay, meanFlow);
    if (step === undefined) break;
    flows = flows.map((flow, bin) => (flow === null || bin >= step.at ? flow : flow + step.size));
    lesson = lessonFrom(zone, flows) ?? lesson;
  }
  return lesson;
}

/** @param flows - of the bins learned from, m3/h */
function lessonFrom(zone: FlowZone, flows: readonly (number | null)[]): Lesson | undefined {
  const { state, options, perDay } = zone;
  const hourOf = (slot: number) => zone.hourOf(slot);
  const meanFlow = meanOf(flows.filter((value): value is number => value !== null));
  const profile = options.metered ? undefined : learnProfile(flows, state.learnedSlot, perDay);
  const rows = flows.map((flow, index) => {
    const slot = state.learnedSlot[index]!;
    return { flow, slot, base: profile === undefined ? (state.learnedDemand[index] ?? 0) : profile[slot]! };
  });
  const columns = {
    flow: rows.map(({ flow }) => flow ?? 0),
    base: rows.map(({ base }) => base),
    sigma: rows.map(({ base }) => Math.max(0.2 * meanFlow, base, 1e-6)),
    weight: rows.map(({ flow }) => (flow === null ? 0 : 1)),
  };
  const line = options.metered ? fitLine(columns, rows.keys(), 10) : { slope: 1, offset: 0, n: rows.length };
  if (line === undefined) return undefined;
  const residuals = rows.map(({ flow, base, slot }) => ({
    hour: hourOf(slot),
    residual: flow === null ? null : flow - line.slope * base - line.offset,
  }));
  return { rows, meanFlow, profile, line, residuals, quietHours: quietHoursOf(rows, hourOf) };
}

/** The hours of least use, in one piece: a night, not a night and a lunch break. @returns 1 for each of them */
function quietHoursOf(
  rows: readonly { readonly slot: number; readonly base: number; readonly flow: number | null }[],
  hourOf: (slot: number) => number,
): number[] {
  const sum = new Array<number>(24).fill(0);
  const n = new Array<number>(24).fill(0);
  for (const { slot, base, flow } of rows) {
    if (flow === null) continue;
    sum[hourOf(slot)]! += base;
    n[hourOf(slot)]!++;
  }
  const means = sum.map((total, hour) => (n[hour] === 0 ? Number.POSITIVE_INFINITY : total / n[hour]!));
  const windows = means.map((_, from) => {
    let total = 0;
    for (let by = 0; by < QUIET_HOURS; by++) total += means[(from + by) % 24]!;
    return total;
  });
  const from = windows.indexOf(Math.min(...windows));
  return means.map((_, hour) => ((hour - from + 24) % 24 < QUIET_HOURS ? 1 : 0));
}

/** How far the mean of 3 h strays by itself, m3/h. */
function usualMean3h(residuals: readonly Residual[], perDay: number): number {
  const per3h = Math.max(1, Math.round(perDay / 8));
  const means: number[] = [];
  for (let from = 0; from + per3h <= residuals.length; from++) {
    const block = residuals.slice(from, from + per3h).flatMap(({ residual }) => (residual === null ? [] : [residual]));
    if (block.length >= per3h / 2) means.push(Math.abs(meanOf(block)));
  }
  means.sort((a, b) => a - b);
  return means[Math.floor(means.length * WILD_PART)] ?? 0;
}

/** One deviation of a night's mean, m3/h; 0 when no night is known. */
function nightDeviation(residuals: readonly Residual[], zone: FlowZone): number {
  const { perDay } = zone;
  const least = Math.max(1, Math.round(perDay / 8)) / 2;
  const nights: number[] = [];
  for (let from = 0; from + perDay <= residuals.length; from += perDay) {
    const night = residuals
      .slice(from, from + perDay)
      .flatMap(({ hour, residual }) => (residual !== null && zone.isQuiet(hour) ? [residual] : []));
    if (night.length >= least) nights.push(meanOf(night));
  }
  const middle = median(nights);
  const deviations = nights.map((night) => Math.abs(night - middle));
  if (deviations.length === 0) return 0;
  return (IN_SAMPLE_NIGHTS * MEAN_ABS_TO_SIGMA * deviations.reduce((sum, value) => sum + value, 0)) / deviations.length;
}
