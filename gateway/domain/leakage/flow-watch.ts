import type { Burst } from './burst-watch.ts';
import { baseOf, expectedFlow, followProfile, refit, remember, trustAgain } from './expectation.ts';
import type { FlowBin, FlowEvent, FlowState, FlowWatchOptions } from './flow-state.ts';
import { DAY_MS, type Fall, FlowZone, type Sample } from './flow-zone.ts';
import { tell } from './leak-book.ts';
import { addToNight, closeNight, followNight, judgeNights, smallestAtNight } from './night-rise.ts';
import { followLastHours } from './other-days.ts';
import { isRefilling } from './passing-draws.ts';
import { followScale, type Scale } from './scale.ts';
import { followMinimum, judgeDay } from './slow-rise.ts';
import { addToSums, isSuspicious, resetSums } from './step-sums.ts';
import { judgeSums } from './step-verdict.ts';
import { daysLeft, learn } from './zone-learning.ts';

/** Suspicion that nights neither confirm nor deny for so long is taken for the new normal. */
const SUSPICION_MAX_MS = 3 * DAY_MS;
/** Local hour at which a day is judged: its night is over, and its morning has not begun. */
const JUDGED_AT_HOUR = 6;

/**
 * Watches the net inflow of one zone: learns for some days, then holds each bin against what is expected, by sums over
 * hours, by nights and by weeks. Private state in place, otherwise pure.
 */
export class FlowWatch {
  private readonly zone: FlowZone;

  constructor(options: FlowWatchOptions) {
    this.zone = new FlowZone(options);
  }

  get state(): FlowState {
    return this.zone.state;
  }

  set state(state: FlowState) {
    this.zone.state = state;
  }

  /** All open leaks together, m3/h. */
  get known(): number {
    return this.zone.known;
  }

  /** Days still to learn; 0: it watches. */
  daysLeft(): number {
    return daysLeft(this.zone);
  }

  /** Smallest sudden leak that would be found within three days, m3/h; undefined while that is not known. */
  smallestLeak(): number | undefined {
    const { scale, fit } = this.zone.state;
    return scale === null || fit === null ? undefined : smallestAtNight(this.zone, scale);
  }

  /** How far the shape of the last day strayed, in times of usual; undefined: not known yet. */
  oddness(): number | undefined {
    return this.zone.nights.oddness();
  }

  /** What the zone should take now, m3/h; undefined while it learns or when its demand is not known. */
  expectation(slot: number, demand: number | undefined): number | undefined {
    const base = baseOf(this.zone, { slot, demand });
    return base === undefined ? undefined : expectedFlow(this.zone.state, base);
  }

  /** Pipes fill after an interruption until then. */
  get refillUntil(): number {
    return this.zone.state.refillUntil;
  }

  /** Takes in a burst, or its end, that was seen between bins: it is an open leak like any other. */
  burst({ sign, since, at, size, error, score }: Burst): FlowEvent[] {
    const { state, options } = this.zone;
    const bins = Math.max(0, Math.ceil((state.lastAt - since) / options.binMs));
    return tell(this.zone, at, sign, { kind: 'abrupt', since, bins, size, error, score });
  }

  /** Takes in the next bin; `fall` is asked only where pressures may decide. */
  step(bin: FlowBin, fall: Fall = () => undefined): FlowEvent[] {
    const { zone } = this;
    zone.state.lastAt = bin.at;
    if (zone.state.scale !== null) return watch(zone, bin, zone.state.scale, fall);
    learn(zone, bin);
    return [];
  }
}

function watch(zone: FlowZone, bin: FlowBin, scale: Scale, fall: Fall): FlowEvent[] {
  const { state, options, perDay } = zone;
  state.bins++;
  const events: FlowEvent[] = [];
  const sample = sampleOf(zone, bin, scale);
  if (sample === undefined) remember(zone, null, 0, bin.slot, 0);
  else events.push(...takeIn(zone, sample, scale, fall));
  if (state.bins % zone.perHour === 0) refit(zone);
  const isJudged = bin.slot % perDay === Math.floor((perDay * JUDGED_AT_HOUR) / 24);
  if (isJudged) events.push(...judgeDay(zone, bin.at));
  const isNightOver = options.metered ? isJudged : !zone.isQuiet(zone.hourOf(bin.slot));
  if (isNightOver && state.nights.hours.length > 0 && closeNight(zone, bin.at, scale))
    events.push(...judgeNights(zone, bin.at, scale));
  return events;
}

function sampleOf(zone: FlowZone, { at, slot, flow, demand }: FlowBin, scale: Scale): Sample | undefined {
  const base = baseOf(zone, { slot, demand });
  const expected = base === undefined ? undefined : expectedFlow(zone.state, base);
  if (flow === undefined || base === undefined || expected === undefined) return undefined;
  const hour = zone.hourOf(slot);
  return { at, slot, hour, flow, base, expected, residual: flow - expected, sigma: scale.hourly[hour]! };
}

/** Learns from a sample that is beyond suspicion, and judges it unless pipes fill after an interruption. */
function takeIn(zone: FlowZone, sample: Sample, scale: Scale, fall: Fall): FlowEvent[] {
  const { state, options } = zone;
  const { slot, hour, flow, base, residual } = sample;
  const isHeld = isRefilling(zone, sample);
  const isSuspected = isSuspicious(state);
  remember(zone, flow, base, slot, isHeld || isSuspected ? 0 : 1);
  followMinimum(zone, sample);
  if (isHeld) {
    resetSums(state);
    return [];
  }
  addToNight(zone, sample);
  if (!isSuspected) {
    followScale(scale, hour, residual, zone.perDay);
    followProfile(zone, slot, flow);
  }
  followLastHours(zone, sample);
  followNight(zone, sample, isSuspected);
  addToSums(zone, sample, scale);
  const events = judgeSums(zone, sample, scale, fall);
  state.suspectedBins = isSuspected ? state.suspectedBins + 1 : 0;
  if (state.suspectedBins * options.binMs > SUSPICION_MAX_MS) acceptAsNormal(zone);
  return events;
}

function acceptAsNormal(zone: FlowZone): void {
  trustAgain(zone, Math.round(SUSPICION_MAX_MS / zone.options.binMs));
  resetSums(zone.state);
  refit(zone);
}
