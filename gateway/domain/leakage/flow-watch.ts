import type { Millis } from '../../../contract/time.ts';
import {
  type FlowBin,
  type FlowEvent,
  type FlowState,
  type FlowWatchOptions,
  newFlowState,
  noSum,
  type Sum,
} from './flow-state.ts';
import { fitLine, type LineFit } from './line-fit.ts';
import { NightWatch, newNightState } from './night-watch.ts';
import { closeByDrop, knownOf, type OpenLeak } from './open-leaks.ts';
import { learnProfile, median } from './profile.ts';
import { followScale, learnScale, type Scale } from './scale.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Mirrored sums, each looking for a step of another size: small steps over hours, large ones at once. */
const STEP_FACTORS = [0.75, 1.5, 3] as const;
/** Log-likelihood at which a step is believed; one false one in e^25 / (samples a year) years if the noise were ideal. */
const CUSUM_LIMIT = 25;
/** A single sample tells no more than this many deviations. */
const CLIP_SIGMAS = 3.5;
/** Shorter than this it may be a flushing, a fire, or a tank lorry. */
const PERSIST_MS = 2.5 * 3_600_000;
/** By day, unless it is huge: irrigation and flushing last for hours, too. */
const DAY_PERSIST_MS = 4 * 3_600_000;
const PERSIST_MAX_MS = 4 * 3_600_000;
/** The expectation of now is fitted to what lies this far back, so that a step does not hide itself. */
const FIT_LAG_MS = 3 * HOUR_MS;
const FIT_SPAN_MS = 72 * HOUR_MS;
/** After a supply interruption pipes and roof tanks fill: nothing is judged for so long. */
const REFILL_MS = 6 * HOUR_MS;
/** Suspicion that nights neither confirm nor deny for so long is taken for the new normal. */
const SUSPICION_MAX_MS = 3 * DAY_MS;
/** Smallest slow rise worth a crew, as a part of mean and of night flow. */
const SLOW_MEAN_PART = 0.018;
const SLOW_NIGHT_PART = 0.05;
const SLOW_SIGMAS = 5;
const SLOW_DAYS = 3;
/** Part of a slow rise that must show in the nights as they are: works that close change the shape of a day only. */
const SLOW_RAW_PART = 0.25;
/** Smallest step that nights alone may tell of, as a part of the mean flow. */
const NIGHT_MEAN_PART = 0.025;
/** A balance has all day: it is left to the sums over hours and weeks but for what is large. */
const BALANCE_MEAN_PART = 0.1;
/** Nights among which a repair was misjudged stray more than nights do: no more than this times what was learned counts. */
const NIGHT_SPREAD_MAX = 1.5;
/** Growth this long ago is another leak's when it starts again. */
const SETTLED_DAYS = 14;
const YOUNG_DAYS = 7;
/** A rise this many times faster than an open leak has come is another leak. */
const GROWTH_FACTOR = 5;

/** A night's mean this many deviations of nights above its expectation confirms a step. */
const NIGHT_SIGMAS = 5.5;
/** Less when pressures fell, too, or when a whole night and most of a day say the same. */
const NIGHT_SIGMAS_FELT = 4;
const NIGHT_SIGMAS_WHOLE = 4.5;
const WHOLE_MS = 16 * HOUR_MS;
/** Pressures that fell by so many deviations more than the flow explains confirm a step. */
const PRESSURE_SIGMAS = 3.2;
/** Pressures that fell so clearly leave no doubt even where the flow alone could be another sort of day. */
/** A suspicion older than this is left to the nights. */
const FELT_MAX_BINS = 144;
const PLAIN_SIGMAS = 5;
const PLAIN_PERSIST_MS = 3 * HOUR_MS;
const PLAIN_FACTOR = 1.2;
/** Nobody flushes at night: with pressures that fell, this is long enough. */
const NIGHT_PERSIST_MS = HOUR_MS;
/** By day and without loggers a step must last this long, and be so many times what 3 h stray by themselves. */
const BLIND_PERSIST_MS = 6 * HOUR_MS;
const BLIND_FACTOR = 4.5;
/** Part of a step that must show in the flow itself, not only against the demand of the day. */
const RAW_PART = 0.4;

/** Part of the open leaks that comes and goes with pressure and with errors of their size. */
const BREATHING_PART = 0.15;
const BREATHING_MAX = 2;
/** The first week corrects the size of a sudden leak by no more than this part: the rest may be another. */
const CORRECTION_PART = 0.3;
/** After a repair a rise of less than this part of it is what it left behind. */
const LEFT_PART = 0.6;
/** Part of the longest flushing that is remembered from one day to the next. */
const TRANSIENT_KEPT = 0.99;
const QUIET_HOURS = 6;
/** Open leaks told apart in one zone; beyond, the oldest two count as one. */
const OPEN_MAX = 8;

function quietHours(
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
  // In one piece: a night, not a night and a lunch break.
  const windows = means.map((_, from) => {
    let total = 0;
    for (let by = 0; by < QUIET_HOURS; by++) total += means[(from + by) % 24]!;
    return total;
  });
  const from = windows.indexOf(Math.min(...windows));
  return means.map((_, hour) => ((hour - from + 24) % 24 < QUIET_HOURS ? 1 : 0));
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Watches the net inflow of one zone; private state in place, otherwise pure. */
export class FlowWatch {
  private readonly options: FlowWatchOptions;
  private readonly perDay: number;
  private readonly size: number;
  private readonly nights = new NightWatch();
  private kept: FlowState;

  constructor(options: FlowWatchOptions) {
    this.options = options;
    this.perDay = Math.round(DAY_MS / options.binMs);
    this.size = this.perDay * 7;
    this.kept = newFlowState(this.size, STEP_FACTORS.length);
    this.nights.state = this.kept.nights;
  }

  get state(): FlowState {
    return this.kept;
  }

  /** Goes on from what was kept; of an earlier version it may lack the nights. */
  set state(state: FlowState) {
    this.kept = { ...state, nights: state.nights ?? newNightState() };
    this.nights.state = this.kept.nights;
  }

  /** All open leaks together, m3/h. */
  get known(): number {
    return knownOf(this.state.leaks);
  }

  /** Days still to learn; 0: it watches. */
  daysLeft(): number {
    if (this.state.scale !== null) return 0;
    const days = this.state.learned.filter((value) => value !== null).length / this.perDay;
    return Math.max(1, Math.ceil(this.learnDays() - days));
  }

  private get sensitivity(): number {
    return this.options.sensitivity ?? 1;
  }

  private learnDays(): number {
    return this.options.metered ? 7 : 14;
  }

  /** What the zone should take now; undefined while it learns or when its demand is not known. */
  expectation(slot: number, demand: number | undefined): number | undefined {
    const { fit, scale, profile } = this.state;
    const base = this.options.metered ? demand : profile[slot];
    return scale === null || fit === null || base === undefined ? undefined : fit.slope * base + fit.offset;
  }

  /** @param fall - by how many deviations the pressures fell over the last so many bins; undefined: not known */
  step(bin: FlowBin, fall: (bins: number) => number | undefined = () => undefined): FlowEvent[] {
    const { state } = this;
    state.lastAt = bin.at;
    if (state.scale === null) {
      this.learn(bin);
      return [];
    }
    return this.watch(bin, state.scale, fall);
  }

  // -- learning ----------------------------------------------------------------------------------------------------------

  private learn(bin: FlowBin): void {
    const { state, options } = this;
    const isKnown = bin.flow !== undefined && (!options.metered || bin.demand !== undefined);
    state.learned.push(isKnown ? bin.flow! : null);
    state.learnedDemand.push(isKnown && options.metered ? bin.demand! : null);
    state.learnedSlot.push(bin.slot);
    // Bounded: of a zone that is mostly silent the oldest is forgotten.
    if (state.learned.length > 4 * this.learnDays() * this.perDay) {
      state.learned.shift();
      state.learnedDemand.shift();
      state.learnedSlot.shift();
    }
    const have = state.learned.reduce<number>((n, value) => n + (value === null ? 0 : 1), 0);
    if (have < this.learnDays() * this.perDay * 0.93 || state.learned.length < this.learnDays() * this.perDay) return;
    const values = state.learned.filter((value): value is number => value !== null);
    state.meanFlow = values.reduce((sum, value) => sum + value, 0) / values.length;
    if (!options.metered) {
      state.profile = learnProfile(state.learned, state.learnedSlot, this.perDay);
      state.profileN = state.profile.map(() => 3);
    }
    const rows = state.learned.map((flow, index) => ({
      flow,
      slot: state.learnedSlot[index]!,
      base: options.metered ? (state.learnedDemand[index] ?? 0) : state.profile[state.learnedSlot[index]!]!,
    }));
    const columns = {
      flow: rows.map(({ flow }) => flow ?? 0),
      base: rows.map(({ base }) => base),
      sigma: rows.map(({ base }) => Math.max(0.2 * state.meanFlow, base, 1e-6)),
      weight: rows.map(({ flow }) => (flow === null ? 0 : 1)),
    };
    const line = options.metered ? fitLine(columns, rows.keys(), 10) : { slope: 1, offset: 0, n: rows.length };
    if (line === undefined) return;
    const residuals = rows.map(({ flow, base, slot }) => ({
      hour: this.hourOf(slot),
      residual: flow === null ? null : flow - line.slope * base - line.offset,
    }));
    state.quietHours = quietHours(rows, (slot) => this.hourOf(slot));
    state.scale = learnScale(residuals, this.perDay, 1e-3 * Math.abs(state.meanFlow));
    state.fit = line;
    this.learnNatural(residuals);
    for (const { flow, base, slot } of rows.slice(-this.size)) this.remember(flow, base, slot, 1);
    state.learned = [];
    state.learnedDemand = [];
    state.learnedSlot = [];
    this.refit();
    state.weekScale = Math.max(state.nightScale / Math.sqrt(7), 1e-9);
  }

  /** What 3 h means and nights do by themselves. */
  private learnNatural(residuals: readonly { readonly hour: number; readonly residual: number | null }[]): void {
    const { state } = this;
    const per3h = Math.max(1, Math.round(this.perDay / 8));
    const means: number[] = [];
    for (let from = 0; from + per3h <= residuals.length; from++) {
      const block = residuals
        .slice(from, from + per3h)
        .flatMap(({ residual }) => (residual === null ? [] : [residual]));
      if (block.length >= per3h / 2) means.push(Math.abs(block.reduce((sum, value) => sum + value, 0) / block.length));
    }
    means.sort((a, b) => a - b);
    // All but the wildest hundredth: a flushing while learning must not blunt us for good.
    state.naturalMean3h = means[Math.floor(means.length * 0.99)] ?? 0;
    const nights: number[] = [];
    for (let from = 0; from + this.perDay <= residuals.length; from += this.perDay) {
      const night = residuals
        .slice(from, from + this.perDay)
        .filter(({ hour, residual }) => residual !== null && this.isQuiet(hour));
      if (night.length >= per3h / 2)
        nights.push(night.reduce((sum, { residual }) => sum + residual!, 0) / night.length);
    }
    const middle = median(nights);
    const deviations = nights.map((night) => Math.abs(night - middle));
    state.nightScale =
      deviations.length === 0
        ? 0
        : (1.35 * 1.2533 * deviations.reduce((sum, value) => sum + value, 0)) / deviations.length;
  }

  /** Highest and lowest flow that any sort of day would show within an hour of now: a holiday is none of the profile's days. */
  private envelope(slot: number): readonly [number, number] {
    const { profile } = this.state;
    const bin = slot % this.perDay;
    const reach = Math.max(1, Math.round(this.perDay / 24));
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const day of [Math.floor(slot / this.perDay), 0, 2, 4, 5, 6])
      for (let by = -reach; by <= reach; by++) {
        const value = profile[day * this.perDay + ((bin + by + this.perDay) % this.perDay)]!;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    return [low, high];
  }

  private hourOf(slot: number): number {
    return Math.floor(((slot % this.perDay) * 24) / this.perDay);
  }

  private remember(flow: number | null, base: number, slot: number, weight: number): void {
    const { state } = this;
    const { head } = state;
    state.ringFlow[head] = flow ?? 0;
    state.ringBase[head] = base;
    state.ringSigma[head] = state.scale!.hourly[this.hourOf(slot)]!;
    state.ringWeight[head] = flow === null ? 0 : weight;
    state.ringSlot[head] = slot;
    state.head = (head + 1) % this.size;
    state.filled = Math.min(this.size, state.filled + 1);
  }

  /** Rows of the ring from `fromAgo` to `toAgo` bins back, older first. */
  private *back(fromAgo: number, toAgo: number): Generator<number> {
    const { head, filled } = this.state;
    for (let ago = Math.min(fromAgo, filled); ago > toAgo; ago--) yield (head - ago + this.size * 2) % this.size;
  }

  private columns() {
    const { ringFlow: flow, ringBase: base, ringSigma: sigma, ringWeight: weight } = this.state;
    return { flow, base, sigma, weight };
  }

  private refit(): void {
    const { state } = this;
    const lag = Math.max(1, Math.round(FIT_LAG_MS / this.options.binMs));
    const span = Math.round(((this.options.metered ? 2 : 1) * FIT_SPAN_MS) / this.options.binMs);
    const rows = [...this.back(lag + span, lag)];
    const prior = state.fit?.slope ?? 1;
    const fit =
      fitLine(this.columns(), rows, Math.max(6, this.perDay * 0.9)) ??
      fitLine(this.columns(), rows, Math.max(3, this.perDay / 12), prior);
    if (fit !== undefined && fit.slope > 0.2 * prior && fit.slope < 5 * prior) state.fit = fit;
  }

  // -- watching ----------------------------------------------------------------------------------------------------------

  private watch(bin: FlowBin, scale: Scale, fall: (bins: number) => number | undefined): FlowEvent[] {
    const { state, options } = this;
    const events: FlowEvent[] = [];
    state.bins++;
    const base = options.metered ? bin.demand : state.profile[bin.slot]!;
    const hour = this.hourOf(bin.slot);
    const isKnown = bin.flow !== undefined && base !== undefined;
    if (!isKnown) this.remember(null, 0, bin.slot, 0);
    else {
      const fit = state.fit!;
      const mu = fit.slope * base + fit.offset;
      const sigma = scale.hourly[hour]!;
      const residual = bin.flow - mu;
      const isLow = mu > 0 && bin.flow < 0.25 * mu && residual < -sigma;
      state.lowBins = isLow ? state.lowBins + 1 : 0;
      const isInterrupted = (isLow && residual < -4 * sigma) || state.lowBins * options.binMs >= HOUR_MS;
      if (isInterrupted) state.refillUntil = bin.at + REFILL_MS;
      const isHeld = bin.at < state.refillUntil;
      const isSuspicious =
        state.up.some(({ value }) => value > CUSUM_LIMIT / 4) ||
        state.down.some(({ value }) => value > CUSUM_LIMIT / 4);
      this.remember(bin.flow, base, bin.slot, isHeld || isSuspicious ? 0 : 1);
      this.followMinimum(bin, base);
      const isNight = options.metered || this.isQuiet(hour);
      if (isNight && !isHeld)
        this.nights.add(hour, bin.flow - fit.slope * base, bin.flow - (options.metered ? fit.slope * base : 0));
      if (isHeld) this.resetSums();
      else {
        if (!isSuspicious) {
          followScale(scale, hour, residual, this.perDay);
          this.followProfile(bin, fit);
        }
        const [low, high] = options.metered ? [base, base] : this.envelope(bin.slot);
        const reach = Math.max(2, Math.round(this.perDay / 8));
        for (const [list, value] of [
          [state.recent, residual],
          [state.recentFlow, bin.flow],
          [state.recentHigh, high],
          [state.recentLow, low],
        ] as const) {
          list.push(value);
          if (list.length > reach) list.shift();
        }
        this.followNight(hour, residual, isSuspicious);
        this.sum(bin, base, residual, sigma, scale, hour);
        events.push(...this.decide(bin, scale, fall));
        state.suspectedBins = isSuspicious ? state.suspectedBins + 1 : 0;
        if (state.suspectedBins * options.binMs > SUSPICION_MAX_MS) this.accept();
      }
    }
    if (state.bins % Math.max(1, Math.round(this.perDay / 24)) === 0) this.refit();
    if (bin.slot % this.perDay === Math.floor((this.perDay * 6) / 24)) events.push(...this.daily(bin));
    const isNightOver = options.metered
      ? bin.slot % this.perDay === Math.floor((this.perDay * 6) / 24)
      : !this.isQuiet(hour);
    if (isNightOver && state.nights.hours.length > 0 && this.nights.close(bin.at, this.known))
      events.push(...this.nightly(bin, scale));
    return events;
  }

  private followProfile(bin: FlowBin, fit: LineFit): void {
    const { state, options } = this;
    if (options.metered) return;
    const seen = (bin.flow! - fit.offset) / fit.slope;
    const n = state.profileN[bin.slot]!;
    state.profileN[bin.slot] = Math.min(12, n + 1);
    state.profile[bin.slot] = state.profile[bin.slot]! + (seen - state.profile[bin.slot]!) / (n + 1);
  }

  private followNight(hour: number, residual: number, isSuspicious: boolean): void {
    const { state } = this;
    if (this.isQuiet(hour)) {
      state.nightSum += residual;
      state.nightN++;
    } else if (state.nightN > 0) {
      const mean = Math.abs(state.nightSum / state.nightN);
      if (state.nightN >= this.perDay / 12 && (!isSuspicious || mean < 2.5 * state.nightScale))
        state.nightScale += (Math.min(1.2533 * mean, 3 * state.nightScale) - state.nightScale) / 30;
      if (state.nightN >= this.perDay / 24) {
        state.nightSum = 0;
        state.nightN = 0;
      }
    }
  }

  private followMinimum(bin: FlowBin, base: number): void {
    const { state } = this;
    const per1h = Math.max(1, Math.round(this.perDay / 24));
    state.hour.push(bin.flow! - state.fit!.slope * base);
    if (state.hour.length > per1h) state.hour.shift();
    if (state.hour.length === per1h && this.hourOf(bin.slot) < 6) {
      const mean = state.hour.reduce((sum, value) => sum + value, 0) / per1h;
      if (state.dayMin === null || mean < state.dayMin) state.dayMin = mean;
    }
  }

  /** The six hours of the day with the least use: what is open then is a leak more than anything else. */
  private isQuiet(hour: number): boolean {
    return this.state.quietHours[hour] === 1;
  }

  private stepOf(scale: Scale): number {
    const information = scale.hourly.reduce((sum, sigma) => sum + 1 / (sigma * sigma), 0) / 24;
    return Math.sqrt((2 * CUSUM_LIMIT * scale.inflation) / ((this.perDay / 4) * information));
  }

  private sum(bin: FlowBin, base: number, residual: number, sigma: number, scale: Scale, hour: number): void {
    const { state } = this;
    const step = this.stepOf(scale);
    const variance = sigma * sigma * scale.inflation;
    const clipped = Math.max(-CLIP_SIGMAS * sigma, Math.min(CLIP_SIGMAS * sigma, residual));
    const quiet = this.isQuiet(hour);
    STEP_FACTORS.forEach((factor, index) => {
      const delta = Math.max(step * factor, 0.01 * state.meanFlow);
      for (const [sum, sign] of [
        [state.up[index]!, 1],
        [state.down[index]!, -1],
      ] as const) {
        const next = sum.value + this.sensitivity * (delta / variance) * (sign * clipped - delta / 2);
        if (next <= 0) {
          Object.assign(sum, noSum());
          continue;
        }
        if (sum.n === 0) sum.since = bin.at - this.options.binMs;
        sum.value = Math.min(next, 4 * CUSUM_LIMIT);
        sum.n++;
        sum.weight += 1 / (sigma * sigma);
        sum.excess += residual / (sigma * sigma);
        if (quiet) {
          sum.quietN++;
          sum.quietWeight += 1 / (sigma * sigma);
          sum.quietExcess += residual / (sigma * sigma);
          sum.quietBase += base / (sigma * sigma);
        }
      }
    });
  }

  private resetSums(): void {
    this.state.up = STEP_FACTORS.map(noSum);
    this.state.down = STEP_FACTORS.map(noSum);
    this.state.suspectedBins = 0;
  }

  private decide(bin: FlowBin, scale: Scale, fall: (bins: number) => number | undefined): FlowEvent[] {
    const { state, options } = this;
    const persist = Math.max(
      2,
      Math.round(Math.min(PERSIST_MAX_MS, Math.max(PERSIST_MS, 1.3 * state.longestTransient)) / options.binMs),
    );
    const falls = new Map<number, number | undefined>();
    const fallOver = (bins: number) => {
      if (!falls.has(bins)) falls.set(bins, fall(bins));
      return falls.get(bins);
    };
    const quickly = Math.max(2, Math.round(NIGHT_PERSIST_MS / options.binMs));
    const lately = state.recent.slice(-Math.max(1, Math.round(HOUR_MS / 2 / options.binMs)));
    const now = lately.reduce((sum, value) => sum + value, 0) / lately.length;
    const mean3h = state.recent.reduce((sum, value) => sum + value, 0) / Math.max(1, state.recent.length);
    for (let index = STEP_FACTORS.length - 1; index >= 0; index--) {
      for (const [sum, sign] of [
        [state.up[index]!, 1],
        [state.down[index]!, -1],
      ] as const) {
        if (sum.value < CUSUM_LIMIT || sum.n < Math.min(persist, quickly)) continue;
        const size = sum.excess / sum.weight;
        if (sign * size <= 0) continue;
        if (sign * now < 0.3 * sign * size) {
          // It is over by itself: flushing, a fire, a filled tank.
          if (sign > 0 && sum.n * options.binMs < 4 * HOUR_MS && size > 2 * state.naturalMean3h)
            state.longestTransient = Math.max(state.longestTransient, sum.n * options.binMs);
          this.resetSums();
          return [];
        }
        const quietMean = sum.quietWeight > 0 ? sum.quietExcess / sum.quietWeight : 0;
        const perHour = Math.max(1, Math.round(HOUR_MS / options.binMs));
        const perNight = (QUIET_HOURS / 24) * this.perDay;
        const quietError = Math.sqrt(
          state.nightScale ** 2 / Math.max(1, sum.quietN / perNight) +
            (sum.quietWeight > 0 ? scale.inflation / sum.quietWeight : 1e12),
        );
        const loudWeight = sum.weight - sum.quietWeight;
        const loudMean = loudWeight > 0 ? (sum.excess - sum.quietExcess) / loudWeight : quietMean;
        const fallen = sign > 0 && sum.n <= FELT_MAX_BINS ? fallOver(sum.n) : undefined;
        const isFelt = fallen !== undefined && fallen > PRESSURE_SIGMAS;
        if (sum.n < persist && !(isFelt && sum.quietN >= sum.n)) continue;
        const isWhole = sum.quietN >= 0.8 * perNight && sum.n * options.binMs >= WHOLE_MS;
        const nightSigmas = isFelt ? NIGHT_SIGMAS_FELT : isWhole ? NIGHT_SIGMAS_WHOLE : NIGHT_SIGMAS;
        const isNightly =
          sum.quietN >= (isFelt ? 1 : 2) * perHour &&
          sign * quietMean > 0.6 * sign * loudMean &&
          sign * quietMean > (nightSigmas / this.sensitivity) * quietError &&
          this.isNewAtNight(sum, sign, quietMean, (NIGHT_SIGMAS / this.sensitivity) * quietError) &&
          this.rawRise(sign, sum.n, true) > RAW_PART * sign * quietMean;
        const isLong = sum.n * options.binMs >= (fallen === undefined ? BLIND_PERSIST_MS : DAY_PERSIST_MS);
        const lasts = isLong || (isFelt && sign * mean3h > 3 * state.naturalMean3h);
        const isBig =
          lasts &&
          (isFelt || sign < 0 || (fallen === undefined && mean3h > BLIND_FACTOR * state.naturalMean3h)) &&
          sign * mean3h > 1.6 * state.naturalMean3h &&
          this.isBeyondAnyDay(sign);
        // A holiday or hot weather draws everywhere, and the flow explains the pressures then.
        const isPlain =
          fallen !== undefined &&
          fallen > PLAIN_SIGMAS &&
          sum.n * options.binMs >= PLAIN_PERSIST_MS &&
          mean3h > PLAIN_FACTOR * state.naturalMean3h;
        const isDaily =
          (isBig || isPlain) &&
          this.rawRise(sign, Math.min(sum.n, Math.round(this.perDay / 8)), false) > RAW_PART * sign * mean3h;
        if (!isNightly && !isDaily) {
          if (sum.quietN >= 2 * perHour && sign * quietMean < 0.3 * sign * Math.max(sign * size, sign * loudMean))
            this.resetSums();
          continue;
        }
        // An incident that is open grows in small steps; a jump is another leak.
        if (sign > 0 && this.isGrowth(bin.at, size, (sum.n * options.binMs) / DAY_MS)) {
          this.shift(size, sum.n);
          this.nights.correct(sum.since, size);
          this.resetSums();
          return [this.grow(bin.at, size)];
        }
        const error = Math.sqrt(scale.inflation / sum.weight);
        return this.stepFound(bin, sign, { since: sum.since, n: sum.n, size: Math.abs(size), error, score: sum.value });
      }
    }
    return [];
  }

  /** Compared with what was normal in any of the last four weeks, too: people come back from holidays. */
  private isNewAtNight(sum: Sum, sign: 1 | -1, mean: number, least: number): boolean {
    const { state } = this;
    const fit = state.fit!;
    const base = sum.quietBase / sum.quietWeight;
    return state.pastSlopes.every((slope, index) => {
      const then = slope * base + state.pastOffsets[index]! + this.known;
      const now = fit.slope * base + fit.offset;
      return sign * (mean + now - then) > 0.5 * least;
    });
  }

  /**
   * How far the flow of the last bins lies above that of the same time on any of the days before, given the usual
   * difference of those days; m3/h.
   */
  private rawRise(sign: 1 | -1, bins: number, isQuietOnly: boolean): number {
    const { state } = this;
    const { slope } = state.fit!;
    let now = 0;
    let n = 0;
    const days = Array.from({ length: 6 }, () => ({ sum: 0, n: 0 }));
    for (let ago = 1; ago <= Math.min(bins, this.size - 1); ago++) {
      const row = (state.head - ago + 2 * this.size) % this.size;
      if (state.ringFlow[row] === 0 && state.ringBase[row] === 0) continue;
      if (isQuietOnly && !this.isQuiet(this.hourOf(state.ringSlot[row]!))) continue;
      now += state.ringFlow[row]!;
      n++;
      days.forEach((day, index) => {
        const back = ago + (index + 1) * this.perDay;
        if (back <= bins || back > state.filled) return;
        const then = (state.head - back + 2 * this.size) % this.size;
        if (state.ringFlow[then] === 0 && state.ringBase[then] === 0) return;
        day.sum += state.ringFlow[then]! + slope * (state.ringBase[row]! - state.ringBase[then]!);
        day.n++;
      });
    }
    const before = days.filter((day) => day.n >= 0.6 * n).map((day) => sign * (day.sum / day.n));
    if (n === 0 || before.length === 0) return Number.POSITIVE_INFINITY;
    // One odd day among them may have been a flushing.
    before.sort((a, b) => b - a);
    return (sign * now) / n - before[before.length > 3 ? 1 : 0]!;
  }

  /** The last hours lie beyond what any sort of day of the last weeks shows. */
  private isBeyondAnyDay(sign: 1 | -1): boolean {
    const { state } = this;
    const flow = meanOf(state.recentFlow);
    const base = meanOf(sign > 0 ? state.recentHigh : state.recentLow);
    const fit = state.fit!;
    const least = 1.3 * state.naturalMean3h;
    if (sign * (flow - fit.slope * base - fit.offset) <= least) return false;
    return state.pastSlopes.every(
      (slope, index) => sign * (flow - slope * base - state.pastOffsets[index]! - this.known) > 0.5 * least,
    );
  }

  private stepFound(
    bin: FlowBin,
    sign: 1 | -1,
    found: {
      kind?: 'abrupt' | 'slow';
      since: number;
      n: number;
      size: number;
      error: number;
      score: number;
    },
  ): FlowEvent[] {
    const { state } = this;
    const { kind = 'abrupt', since, size, error, score } = found;
    this.shift(sign * size, found.n);
    this.nights.correct(since, sign * size);
    this.resetSums();
    if (sign < 0) {
      state.lastRepairAt = bin.at;
      state.lastRepairSize = size;
      return this.repaired(since, bin.at, size);
    }
    this.open({ kind, since, at: bin.at, size, found: size, grownAt: bin.at });
    state.lastAlarmAt = bin.at;
    state.lastGrowthAt = bin.at;
    state.slowDays = 0;
    return [{ kind, since, at: bin.at, size, low: Math.max(0, size - 2 * error), high: size + 2 * error, score }];
  }

  /** Closes what the drop fits; a leak nobody was told of ends without a word. */
  private repaired(since: Millis, at: Millis, size: number): FlowEvent[] {
    const all = closeByDrop(this.state.leaks, size);
    const closed = all.filter(({ isUntold }) => isUntold !== true);
    return all.length > 0 && closed.length === 0 ? [] : [{ kind: 'repair', since, at, size, closed }];
  }

  /** Whether a rise within so many days goes on as an open leak has come: then it is that leak's. */
  private isGrowth(at: Millis, size: number, days: number): boolean {
    const rates = this.state.leaks
      .filter(({ kind, grownAt }) => at - grownAt < (kind === 'slow' ? SETTLED_DAYS : YOUNG_DAYS) * DAY_MS)
      .map((leak) => leak.size / Math.max(2, (at - leak.since) / DAY_MS));
    return rates.length > 0 && size < GROWTH_FACTOR * Math.max(...rates) * Math.max(1, days);
  }

  /** A leak is larger than was thought, since then. */
  private enlarge(leak: OpenLeak, by: number, since: Millis): void {
    leak.size += by;
    this.nights.correct(since, by);
  }

  private open(leak: OpenLeak): void {
    const { leaks } = this.state;
    leaks.push(leak);
    if (leaks.length <= OPEN_MAX) return;
    const [first, second] = leaks.splice(0, 2) as [OpenLeak, OpenLeak];
    leaks.unshift({ ...second, size: first.size + second.size });
  }

  /** What grows is the newest leak that came slowly, otherwise the newest. */
  private grow(at: Millis, size: number): FlowEvent {
    const { state } = this;
    state.lastGrowthAt = at;
    const growing = state.leaks.findLast(({ kind }) => kind === 'slow') ?? state.leaks.at(-1)!;
    growing.size += size;
    state.grownTold += size;
    growing.grownAt = at;
    return { kind: 'growth', at, size: growing.size, leak: growing.at };
  }

  /** What lies before a step is told as if the step had been there already, so that fits run through. */
  private shift(size: number, binsSince: number): void {
    const { state } = this;
    for (const row of this.back(this.size, binsSince)) state.ringFlow[row] = state.ringFlow[row]! + size;
    for (const row of this.back(binsSince, 0)) if (state.ringFlow[row] !== 0) state.ringWeight[row] = 1;
    if (state.fit !== null) state.fit = { ...state.fit, offset: state.fit.offset + size };
    state.minima = state.minima.map((value) => value + size);
    state.recent = [];
    state.recentFlow = [];
    state.recentHigh = [];
    state.recentLow = [];
  }

  /** Suspicion that lasted without a verdict becomes the new normal. */
  private accept(): void {
    const { state } = this;
    for (const row of this.back(Math.round(SUSPICION_MAX_MS / this.options.binMs), 0))
      if (state.ringFlow[row] !== 0) state.ringWeight[row] = 1;
    this.resetSums();
    this.refit();
  }

  // -- nights ------------------------------------------------------------------------------------------------------------

  private nightly(bin: FlowBin, scale: Scale): FlowEvent[] {
    const { state, options } = this;
    const perNight = ((options.metered ? 24 : QUIET_HOURS - 2) / 24) * this.perDay;
    const quiet = scale.hourly.filter((_, hour) => options.metered || this.isQuiet(hour));
    const floor = Math.max(
      Math.sqrt(meanOf(quiet.map((sigma) => sigma * sigma)) / perNight),
      0.004 * Math.abs(state.meanFlow),
    );
    const least = Math.max(
      (options.metered ? BALANCE_MEAN_PART : NIGHT_MEAN_PART) * Math.abs(state.meanFlow),
      SLOW_NIGHT_PART * this.nightLevel(state.fit!.slope),
    );
    const up = this.nights.step(1, floor, Math.max(floor, NIGHT_SPREAD_MAX * state.nightScale), least);
    const newest = state.leaks.at(-1);
    const isLeftOver =
      bin.at - state.lastRepairAt < 5 * DAY_MS && up !== undefined && up.size < LEFT_PART * state.lastRepairSize;
    if (up !== undefined && isLeftOver) {
      // More was taken off than was repaired: what is left of it is no news.
      const since = bin.at - up.nights * DAY_MS;
      this.shift(up.size, Math.round((bin.at - since) / options.binMs));
      this.nights.correct(since, up.size);
      this.resetSums();
      if (newest === undefined)
        this.open({ kind: 'slow', since, at: since, size: up.size, grownAt: bin.at, isUntold: true });
      else newest.size += up.size;
      return [];
    }
    if (up !== undefined) {
      const since = bin.at - up.nights * DAY_MS;
      const n = Math.round((bin.at - since) / options.binMs);
      if (this.isGrowth(bin.at, up.size, up.nights)) {
        this.shift(up.size, n);
        this.nights.correct(since, up.size);
        this.resetSums();
        return [this.grow(bin.at, up.size)];
      }
      const kind = up.isGradual ? 'slow' : 'abrupt';
      return this.stepFound(bin, 1, { kind, since, n, size: up.size, error: up.error, score: up.sigmas });
    }
    return [];
  }

  // -- the slow channel ----------------------------------------------------------------------------------------------------

  private daily(bin: FlowBin): FlowEvent[] {
    const { state } = this;
    const week = fitLine(this.columns(), this.back(this.size, 0), this.size * 0.5);
    if (state.dayMin !== null) state.minima.push(state.dayMin);
    state.dayMin = null;
    if (state.minima.length > 7) state.minima.shift();
    if (week === undefined) return [];
    const offset = week.offset;
    state.longestTransient *= TRANSIENT_KEPT;
    state.history.push(offset - this.known);
    if (state.history.length > 40) state.history.shift();
    const minima = [...state.minima].sort((a, b) => a - b);
    const minimum = minima[minima.length >> 1] ?? 0;
    if (state.reference === null) {
      state.reference = offset;
      state.referenceMin = state.minima.length >= 5 ? minimum : null;
      return [];
    }
    if (state.referenceMin === null) {
      if (state.minima.length >= 5) state.referenceMin = minimum - this.known;
      return [];
    }
    const excess = offset - state.reference - this.known;
    const excessMin = minimum - state.referenceMin - this.known;
    const nightFlow = this.nightLevel(week.slope);
    const noise = Math.max(
      (SLOW_SIGMAS * state.weekScale) / this.sensitivity,
      SLOW_MEAN_PART * Math.abs(state.meanFlow) * week.slope,
      SLOW_NIGHT_PART * nightFlow,
    );
    // Open leaks breathe with the pressure: what is new must stand out from them.
    const least = Math.max(noise, Math.min(BREATHING_MAX * noise, BREATHING_PART * this.known));
    state.pastSlopes.push(week.slope);
    state.pastOffsets.push(Math.min(offset - this.known, state.reference + 0.5 * least));
    if (state.pastSlopes.length > 28) {
      state.pastSlopes.shift();
      state.pastOffsets.shift();
    }
    const events: FlowEvent[] = [];
    const daysSinceAlarm = (bin.at - state.lastAlarmAt) / DAY_MS;
    if (state.lastAlarmAt > 0 && daysSinceAlarm < 7 && this.known > 0) {
      // The first week after an alarm corrects its size.
      const newest = state.leaks.at(-1)!;
      const found = newest.found ?? newest.size;
      const most = (newest.kind === 'slow' ? 1.5 : 1 + CORRECTION_PART) * found;
      const wanted = Math.max(0.2 * newest.size, newest.size + 0.5 * excess);
      this.enlarge(newest, Math.min(Math.max(most, newest.size), wanted) - newest.size, newest.since);
      return [];
    }
    const isLeftOver = excess > 0.6 * least && excess < LEFT_PART * state.lastRepairSize;
    if (
      state.lastRepairAt > 0 &&
      bin.at - state.lastRepairAt < 7 * DAY_MS &&
      excess > 0.25 * least &&
      (state.grownTold > 0 || isLeftOver)
    ) {
      const rest = isLeftOver ? excess : Math.min(excess, state.grownTold);
      state.grownTold = Math.max(0, state.grownTold - rest);
      const newest = state.leaks.at(-1);
      if (newest !== undefined) this.enlarge(newest, rest, state.lastRepairAt);
      else
        this.open({
          kind: 'slow',
          since: state.lastRepairAt,
          at: state.lastRepairAt,
          size: rest,
          grownAt: bin.at,
          isUntold: true,
        });
      return [];
    }
    if (state.leaks.length === 0 && bin.at - state.lastRepairAt >= 7 * DAY_MS) state.grownTold = 0;
    const rawRise = this.nights.rawRise();
    const isRaw = rawRise === undefined || rawRise > SLOW_RAW_PART * excess;
    if (excess > least && excessMin > 0.4 * excess && isRaw) {
      state.slowDays++;
      if (state.slowDays === 1) state.slowSince = bin.at;
    } else state.slowDays = 0;
    if (state.slowDays >= SLOW_DAYS) {
      state.slowDays = 0;
      const growing = state.leaks.findLast(({ kind }) => kind === 'slow');
      const isSettled = growing === undefined || bin.at - growing.grownAt > SETTLED_DAYS * DAY_MS;
      state.slowDays = 0;
      if (state.leaks.length > 0 && !isSettled) events.push(this.grow(bin.at, excess));
      else {
        const error = Math.max(state.weekScale, 0.25 * least);
        const since = this.riseBegan(bin.at, excess);
        this.open({ kind: 'slow', since, at: bin.at, size: excess, found: excess, grownAt: bin.at });
        this.nights.correct(bin.at - 7 * DAY_MS, excess);
        state.lastGrowthAt = bin.at;
        events.push({
          kind: 'slow',
          since,
          at: bin.at,
          size: excess,
          low: Math.max(0, excess - 2 * error),
          high: excess + 2 * error,
          score: excess / Math.max(1e-9, least),
        });
      }
    } else if (excess < -least && this.known > 0) {
      const drop = Math.min(this.known, -excess);
      state.lastRepairAt = bin.at;
      state.lastRepairSize = drop;
      events.push(...this.repaired(bin.at - DAY_MS, bin.at, drop));
    } else if (Math.abs(excess) < least / 2 || excess < 0) {
      const rate = excess < -least ? 1 / 7 : 1 / 60;
      state.reference += excess * rate;
      state.referenceMin += excessMin * rate;
      if (daysSinceAlarm > 14) this.followWeek();
    }

    return events;
  }

  /** How much the weekly offset strays by itself from one week to the next. */
  private followWeek(): void {
    const { state } = this;
    const { history } = state;
    if (history.length < 8) return;
    const change = Math.abs(history[history.length - 1]! - history[history.length - 8]!) * 0.886;
    state.weekScale += (Math.min(change, 2.5 * state.weekScale) - state.weekScale) / 45;
  }

  private nightLevel(slope: number): number {
    const { state } = this;
    if (this.options.metered) return 0.3 * state.meanFlow;
    const perHour = Math.max(1, Math.round(this.perDay / 24));
    let least = Number.POSITIVE_INFINITY;
    for (let bin = 0; bin + perHour <= state.profile.length; bin += perHour) {
      let sum = 0;
      for (let i = 0; i < perHour; i++) sum += state.profile[bin + i]!;
      least = Math.min(least, sum / perHour);
    }
    return slope * least;
  }

  private riseBegan(at: Millis, excess: number): Millis {
    const { history } = this.state;
    const level = (this.state.reference ?? 0) + 0.25 * excess;
    let days = 0;
    for (let index = history.length - 1; index >= 0 && history[index]! > level; index--) days++;
    return at - Math.max(1, days) * DAY_MS;
  }
}
