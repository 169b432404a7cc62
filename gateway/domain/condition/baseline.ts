import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Almanac } from '../schedule/almanac.ts';
import type { Evaluator } from './evaluator.ts';

const HOUR_MS = 3_600_000;
/** Hours that make the usual value: two weeks of nights, or of days. */
const HOURS_MAX = 168;
/** Before so many hours are known it says nothing. */
const HOURS_MIN = 24;
/** Share of the excess that must be gone before it counts as back. */
const BACK_SHARE = 0.2;

/**
 * Beyond a multiple of its own usual value: the median of the hourly means of the last weeks, apart for on and off. Hours in
 * alarm are not learned, so that damage does not become usual.
 */
export function baseline(
  rule: Rule,
  test: Extract<RuleTest, { readonly type: 'baseline' }>,
  { almanac }: { readonly almanac: Almanac },
): Evaluator {
  let state: { hours: [number[], number[]]; hour?: number; slot: 0 | 1; sum: number; count: number; wetAt?: number } = {
    hours: [[], []],
    slot: 0,
    sum: 0,
    count: 0,
  };
  let found = { value: Number.NaN, usual: Number.NaN, beside: Number.NaN };
  const { schedule, place, beside } = test;
  const slotAt = (ts: number): 0 | 1 => (schedule !== undefined && almanac.level(ts, schedule, place).is > 0 ? 1 : 0);
  const close = () => {
    if (state.count === 0) return;
    const hours = state.hours[state.slot];
    hours.push(state.sum / state.count);
    if (hours.length > HOURS_MAX) hours.shift();
  };
  return {
    inputs: beside === undefined ? [rule.pointId] : [rule.pointId, beside.point],
    evaluate({ ts, values: [value = Number.NaN, other = Number.NaN], isTripped }) {
      const hour = Math.floor(ts / HOUR_MS);
      const slot = slotAt(ts);
      if (hour !== state.hour || slot !== state.slot) {
        if (!isTripped) close();
        Object.assign(state, { hour, slot, sum: 0, count: 0 });
      }
      state.sum += value;
      state.count++;
      if (beside !== undefined && other > beside.above) state.wetAt = ts;
      const hours = state.hours[slot];
      if (hours.length < HOURS_MIN) return undefined;
      const usual = median(hours);
      found = { value, usual, beside: other };
      if (beside !== undefined && (state.wetAt === undefined || ts - state.wetAt > beside.withinMs)) return false;
      const factor = isTripped ? 1 + (test.factor - 1) * (1 - BACK_SHARE) : test.factor;
      return value > factor * usual && value > (isTripped ? test.floor * (1 - BACK_SHARE) : test.floor);
    },
    evidence: () => ({
      value: found.value,
      against: `usual ${formatFigure(found.usual)}`,
      againstZh: `平时 ${formatFigure(found.usual)}`,
      details: {
        value: found.value,
        usual: found.usual,
        factor: test.factor,
        floor: test.floor,
        ...(beside === undefined ? {} : { beside: beside.point, besideValue: found.beside }),
      },
    }),
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
