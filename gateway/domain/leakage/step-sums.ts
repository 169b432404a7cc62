import { type FlowState, noSum, type Sum } from './flow-state.ts';
import type { FlowZone, Sample, Sign } from './flow-zone.ts';
import type { Scale } from './scale.ts';

/** Mirrored sums, each looking for a step of another size: small steps over hours, large ones at once. */
export const STEP_FACTORS = [0.75, 1.5, 3] as const;
/** Log-likelihood at which a step is believed; one false one in e^25 / (samples a year) years if the noise were ideal. */
export const CUSUM_LIMIT = 25;
/** From this part of the limit on the zone is suspected: nothing is learned from its flow. */
const SUSPECTED_PART = 1 / 4;
/** A sum grows no further than this times the limit, so that it comes down again in time. */
const LIMITS_MAX = 4;
/** A single sample tells no more than this many deviations. */
const CLIP_SIGMAS = 3.5;
/** No step smaller than this part of the mean flow is looked for. */
const STEP_MEAN_PART = 0.01;

/** Step that a quarter of a day of usual noise would bring to the limit, m3/h. */
function stepOf({ perDay }: FlowZone, scale: Scale): number {
  const information = scale.hourly.reduce((sum, sigma) => sum + 1 / (sigma * sigma), 0) / 24;
  return Math.sqrt((2 * CUSUM_LIMIT * scale.inflation) / ((perDay / 4) * information));
}

/** Adds a sample to the running log-likelihoods of a step against none (CUSUM; Page 1954). */
export function addToSums(zone: FlowZone, sample: Sample, scale: Scale): void {
  const { state } = zone;
  const { residual, sigma } = sample;
  const step = stepOf(zone, scale);
  const variance = sigma * sigma * scale.inflation;
  const clipped = Math.max(-CLIP_SIGMAS * sigma, Math.min(CLIP_SIGMAS * sigma, residual));
  STEP_FACTORS.forEach((factor, index) => {
    const delta = Math.max(step * factor, STEP_MEAN_PART * state.meanFlow);
    for (const [sum, sign] of [
      [state.up[index]!, 1],
      [state.down[index]!, -1],
    ] as const) {
      const next = sum.value + zone.sensitivity * (delta / variance) * (sign * clipped - delta / 2);
      if (next <= 0) Object.assign(sum, noSum());
      else tally(zone, sum, Math.min(next, LIMITS_MAX * CUSUM_LIMIT), sample);
    }
  });
}

function tally(zone: FlowZone, sum: Sum, value: number, { at, hour, base, residual, sigma }: Sample): void {
  if (sum.n === 0) sum.since = at - zone.options.binMs;
  sum.value = value;
  sum.n++;
  sum.weight += 1 / (sigma * sigma);
  sum.excess += residual / (sigma * sigma);
  if (!zone.isQuiet(hour)) return;
  sum.quietN++;
  sum.quietWeight += 1 / (sigma * sigma);
  sum.quietExcess += residual / (sigma * sigma);
  sum.quietBase += base / (sigma * sigma);
}

/** Largest steps first. Both sums of a size are taken before either is judged. */
export function* sumsOf(state: FlowState): Generator<readonly [sum: Sum, sign: Sign]> {
  for (let index = STEP_FACTORS.length - 1; index >= 0; index--) {
    const [up, down] = [state.up[index]!, state.down[index]!];
    yield [up, 1];
    yield [down, -1];
  }
}

export const isSuspicious = ({ up, down }: FlowState): boolean =>
  [...up, ...down].some(({ value }) => value > CUSUM_LIMIT * SUSPECTED_PART);

export function resetSums(state: FlowState): void {
  state.up = STEP_FACTORS.map(noSum);
  state.down = STEP_FACTORS.map(noSum);
  state.suspectedBins = 0;
}
