import type { Millis } from '../../../contract/time.ts';
import { fitLine, type LineFit } from './line-fit.ts';
import { learnProfile } from './profile.ts';
import { learnScale, type Scale } from './scale.ts';

/** Mirrored sums, each looking for a step of another size: small steps over hours, large ones at once. */
const STEP_FACTORS = [0.75, 1.5, 3] as const;
/** Log-likelihood at which a step is believed; one false one in e^25 / (samples a year) years if the noise were ideal. */
const CUSUM_LIMIT = 25;
/** A single sample tells no more than this many deviations. */
const CLIP_SIGMAS = 3.5;
/** Shorter than this it may be a flushing, a fire, or a tank lorry. */
const PERSIST_MS = 2.5 * 3_600_000;
const PERSIST_MAX_MS = 6 * 3_600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The expectation of now is fitted to what lies this far back, so that a step does not hide itself. */
const FIT_LAG_MS = 3 * HOUR_MS;
const FIT_SPAN_MS = 72 * HOUR_MS;
/** After a supply interruption pipes and roof tanks fill: nothing is judged for so long. */
const REFILL_MS = 6 * HOUR_MS;
/** Suspicion that nights neither confirm nor deny for so long is taken for the new normal. */
const SUSPICION_MAX_MS = 3 * DAY_MS;
/** Smallest slow rise worth a crew, as a part of mean and of night flow. */
const SLOW_MEAN_PART = 0.02;
const SLOW_NIGHT_PART = 0.06;
const SLOW_SIGMAS = 4;
const SLOW_DAYS = 3;
/** Growth this long ago is another leak's when it starts again. */
const SETTLED_DAYS = 14;

export interface FlowWatchOptions {
  /** Width of a bin; divides a day. */
  readonly binMs: number;
  /** True: the expectation comes from metered demand instead of the zone's weekly profile. */
  readonly metered: boolean;
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
  | { readonly kind: 'abrupt' | 'slow'; readonly since: Millis; readonly at: Millis; readonly size: number; readonly low: number; readonly high: number; readonly score: number }
  | { readonly kind: 'repair'; readonly since: Millis; readonly at: Millis; readonly size: number }
  | { readonly kind: 'growth'; readonly at: Millis; readonly size: number };

interface Sum {
  value: number;
  since: number;
  n: number;
  weight: number;
  excess: number;
  quietN: number;
  quietWeight: number;
  quietExcess: number;
}

export interface FlowState {
  learned: (number | null)[];
  learnedDemand: (number | null)[];
  learnedSlot: number[];
  learnedDays: number;
  profile: number[];
  profileN: number[];
  scale: Scale | null;
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
  longestTransient: number;
  suspectedBins: number;
  refillUntil: number;
  reference: number | null;
  referenceMin: number | null;
  known: number;
  lastAlarmAt: number;
  lastGrowthAt: number;
  slowDays: number;
  slowSince: number;
  history: number[];
  minima: number[];
  dayMin: number | null;
  hour: number[];
  weekScale: number;
  meanFlow: number;
  lastAt: number;
}

const noSum = (): Sum => ({ value: 0, since: 0, n: 0, weight: 0, excess: 0, quietN: 0, quietWeight: 0, quietExcess: 0 });
