/** How far a zone's flow strays from its expectation, learned by the hour of the day. */
export interface Scale {
  /** One deviation (robust, as of a normal distribution) per local hour, m3/h. */
  readonly hourly: number[];
  /** How much more a 3 h mean strays than independent samples would let it; >= 1. */
  inflation: number;
}

/** Mean of |x| to deviation for a normal distribution. */
export const MEAN_ABS_TO_SIGMA = 1.2533;
const CLIP = 4;
/** In-sample residuals of a profile learned on the same fortnight are this much too small. */
const IN_SAMPLE = 1.12;
/** Memory of an hour's deviation, in samples of that hour: about a month. */
const MEMORY_DAYS = 30;
const INFLATION_MAX = 40;

export function learnScale(
  residuals: readonly { readonly hour: number; readonly residual: number | null }[],
  perDay: number,
  resolution: number,
): Scale {
  const groups: number[][] = Array.from({ length: 24 }, () => []);
  for (const { hour, residual } of residuals) if (residual !== null) groups[hour]!.push(Math.abs(residual));
  const all = groups.flat();
  const floor = Math.max(resolution, 1e-6);
  const overall = Math.max(floor, IN_SAMPLE * MEAN_ABS_TO_SIGMA * clippedMean(all));
  const hourly = groups.map((group) => {
    const own = group.length === 0 ? overall : IN_SAMPLE * MEAN_ABS_TO_SIGMA * clippedMean(group);
    return Math.max(floor, 0.15 * overall, own);
  });
  const smooth = hourly.map(
    (own, hour) => 0.5 * own + 0.25 * hourly[(hour + 23) % 24]! + 0.25 * hourly[(hour + 1) % 24]!,
  );
  return { hourly: smooth, inflation: inflationOf(residuals, smooth, perDay) };
}

/** Keeps the deviation of an hour up to date. */
export function followScale(scale: Scale, hour: number, residual: number, perDay: number): void {
  const sigma = scale.hourly[hour]!;
  const rate = 1 / (MEMORY_DAYS * Math.max(1, perDay / 24));
  const seen = MEAN_ABS_TO_SIGMA * Math.min(Math.abs(residual), CLIP * sigma);
  scale.hourly[hour] = sigma + rate * (seen - sigma);
}

function clippedMean(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const most = CLIP * 1.4826 * sorted[sorted.length >> 1]!;
  return values.reduce((sum, value) => sum + (most > 0 ? Math.min(value, most) : value), 0) / values.length;
}

function inflationOf(
  residuals: readonly { readonly hour: number; readonly residual: number | null }[],
  hourly: readonly number[],
  perDay: number,
): number {
  const per3h = Math.max(1, Math.round(perDay / 8));
  let sum = 0;
  let n = 0;
  for (let from = 0; from + per3h <= residuals.length; from += per3h) {
    const block = residuals.slice(from, from + per3h).filter(({ residual }) => residual !== null);
    if (block.length < per3h / 2) continue;
    const mean = block.reduce((all, { hour, residual }) => all + clip(residual! / hourly[hour]!), 0) / block.length;
    sum += Math.min(mean * mean * block.length, INFLATION_MAX);
    n++;
  }
  return n === 0 ? 1 : Math.min(INFLATION_MAX, Math.max(1, sum / n));
}

const clip = (value: number): number => Math.max(-CLIP, Math.min(CLIP, value));
