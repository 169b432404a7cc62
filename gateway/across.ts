import type { Quality } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import type { Series, SeriesQuery } from './store/store.ts';

type Value = Series['values'][number];

const ORDER: readonly Quality[] = ['good', 'uncertain', 'bad'];

export function worse(a: Quality, b: Quality): Quality {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

interface Step {
  values: number;
  sum: number;
  max: number;
  count: number;
  worst: Quality;
}

/** Folds many points into one series, some of them at a time. Pure. */
export class Fold {
  private readonly steps = new Map<Millis, Step>();

  add(series: readonly Pick<Series, 'values'>[]): void {
    for (const { values } of series)
      for (const { ts, value, count, worstQuality } of values) {
        let step = this.steps.get(ts);
        if (step === undefined) {
          step = { values: 0, sum: 0, max: Number.NEGATIVE_INFINITY, count: 0, worst: 'good' };
          this.steps.set(ts, step);
        }
        step.values++;
        step.sum += value;
        step.max = Math.max(step.max, value);
        step.count += count;
        step.worst = worse(step.worst, worstQuality);
      }
  }

  /** Ascending. */
  end(across: NonNullable<SeriesQuery['across']>): Value[] {
    return [...this.steps]
      .sort(([a], [b]) => a - b)
      .map(([ts, { values, sum, max, count, worst }]) => ({
        ts,
        value: across === 'sum' ? sum : across === 'mean' ? sum / values : max,
        count,
        worstQuality: worst,
      }));
  }
}
