import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

const HOUR_MS = 3_600_000;
/** A counter this near to its end that starts again near zero has rolled over, and was not reset. */
const WRAP_SHARE = 0.95;

/** A totalizer went back or leapt: reset, replaced or misread. True for one reading; consumption is never negative. */
export function counter(rule: Rule, test: Extract<RuleTest, { readonly type: 'counter' }>): Evaluator {
  let last: { ts: number; value: number } | undefined;
  let found = { from: Number.NaN, to: Number.NaN };
  return {
    inputs: [rule.pointId],
    evaluate({ ts, values: [value = Number.NaN] }) {
      const before = last;
      last = { ts, value };
      if (before === undefined || ts <= before.ts) return undefined;
      const { wrapAt } = test;
      let delta = value - before.value;
      if (delta < 0 && wrapAt !== undefined && before.value > wrapAt * WRAP_SHARE && value < wrapAt * (1 - WRAP_SHARE))
        delta += wrapAt;
      const perHour = (delta * HOUR_MS) / (ts - before.ts);
      const isWrong = delta < 0 || (test.maxPerHour !== undefined && perHour > test.maxPerHour);
      if (isWrong) found = { from: before.value, to: value };
      return isWrong;
    },
    evidence: () => ({
      value: found.to,
      against: `before ${formatFigure(found.from)}`,
      details: {
        from: found.from,
        to: found.to,
        ...(test.maxPerHour === undefined ? {} : { maxPerHour: test.maxPerHour }),
      },
    }),
    save: () => last,
    load(state) {
      last = state as typeof last;
    },
  };
}
