import type { Millis } from '../../../contract/time.ts';
import type { LineFit } from './line-fit.ts';
import { type NightState, newNightState } from './night-watch.ts';
import type { OpenLeak } from './open-leaks.ts';
import type { Scale } from './scale.ts';

export interface FlowWatchOptions {
  /** Width of a bin; divides a day. */
  readonly binMs: number;
  /** True: the expectation comes from metered demand instead of the zone's weekly profile. */
  readonly metered: boolean;
  /** Above 1 believes less evidence; 1 unless said. */
  readonly sensitivity?: number;
}

/** One closed bin of a zone: means over the bin, or undefined when it can't be told. */
export interface FlowBin {
  /** End of the bin. */
  readonly at: Millis;
  /** Local bin of the week, Monday 00:00 = 0. */
  readonly slot: number;
  /** Net inflow, m3/h. */
  readonly flow: number | undefined;
  /** Metered demand, m3/h. */
  readonly demand: number | undefined;
}

export type FlowEvent =
  | {
      readonly kind: 'abrupt' | 'slow';
      readonly since: Millis;
      readonly at: Millis;
      readonly size: number;
      readonly low: number;
      readonly high: number;
      readonly score: number;
    }
  | {
      readonly kind: 'repair';
      readonly since: Millis;
      readonly at: Millis;
      readonly size: number;
      readonly closed: readonly OpenLeak[];
    }
  | { readonly kind: 'growth'; readonly at: Millis; readonly size: number; readonly leak: Millis };

/** One running sum, and what it saw since it was last zero. */
export interface Sum {
  value: number;
  since: number;
  n: number;
  weight: number;
  excess: number;
  quietN: number;
  quietWeight: number;
  quietExcess: number;
  quietBase: number;
}

/** Everything a zone knows; plain data, goes into snapshots as it is. */
export interface FlowState {
  learned: (number | null)[];
  learnedDemand: (number | null)[];
  learnedSlot: number[];
  profile: number[];
  profileN: number[];
  scale: Scale | null;
  /** 1 for the local hours of least use. */
  quietHours: number[];
  ringFlow: number[];
  ringBase: number[];
  ringSigma: number[];
  ringWeight: number[];
  ringSlot: number[];
  head: number;
  filled: number;
  fit: LineFit | null;
  bins: number;
  up: Sum[];
  down: Sum[];
  recent: number[];
  naturalMean3h: number;
  /** Deviation of a night's mean from its expectation, one value a night. */
  nightScale: number;
  nightSum: number;
  nightN: number;
  longestTransient: number;
  suspectedBins: number;
  refillUntil: number;
  /** Bins in a row with next to no flow. */
  lowBins: number;
  reference: number | null;
  referenceMin: number | null;
  /** Told of and not repaired, oldest first. */
  leaks: OpenLeak[];
  lastAlarmAt: number;
  lastRepairAt: number;
  /** m3/h. */
  lastRepairSize: number;
  /** Growth told of as part of an open leak: what a repair leaves behind of it is no news. */
  grownTold: number;
  slowDays: number;
  history: number[];
  minima: number[];
  dayMin: number | null;
  hour: number[];
  weekScale: number;
  /** Slope and leak-free offset of the last four weeks, one a day: what was normal then is no leak now. */
  pastSlopes: number[];
  pastOffsets: number[];
  /** Last hours: flow, and highest and lowest base of any sort of day. */
  recentFlow: number[];
  recentHigh: number[];
  recentLow: number[];
  meanFlow: number;
  lastAt: number;
  nights: NightState;
}

export const noSum = (): Sum => ({
  value: 0,
  since: 0,
  n: 0,
  weight: 0,
  excess: 0,
  quietN: 0,
  quietWeight: 0,
  quietExcess: 0,
  quietBase: 0,
});

/** @param size - bins a week
 * @param steps - sizes of steps looked for
 */
export function newFlowState(size: number, steps: number): FlowState {
  const zeros = () => new Array<number>(size).fill(0);
  return {
    learned: [],
    learnedDemand: [],
    learnedSlot: [],
    profile: [],
    profileN: [],
    scale: null,
    quietHours: [],
    ringFlow: zeros(),
    ringBase: zeros(),
    ringSigma: zeros(),
    ringWeight: zeros(),
    ringSlot: zeros(),
    head: 0,
    filled: 0,
    fit: null,
    bins: 0,
    up: Array.from({ length: steps }, noSum),
    down: Array.from({ length: steps }, noSum),
    recent: [],
    nightScale: 0,
    nightSum: 0,
    nightN: 0,
    naturalMean3h: 0,
    longestTransient: 0,
    suspectedBins: 0,
    refillUntil: 0,
    lowBins: 0,
    reference: null,
    referenceMin: null,
    leaks: [],
    lastAlarmAt: 0,
    lastRepairAt: 0,
    lastRepairSize: 0,
    grownTold: 0,
    slowDays: 0,
    history: [],
    minima: [],
    dayMin: null,
    hour: [],
    weekScale: 0,
    pastSlopes: [],
    pastOffsets: [],
    recentFlow: [],
    recentHigh: [],
    recentLow: [],
    meanFlow: 0,
    lastAt: 0,
    nights: newNightState(),
  };
}
