import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

type Test<T extends RuleTest['type']> = Extract<RuleTest, { readonly type: T }>;

/** The value is one of a set: a contact, a status word, a mode. */
export function equals(rule: Rule, test: Test<'equals'>): Evaluator {
  let last = Number.NaN;
  return {
    inputs: [rule.pointId],
    evaluate({ values: [value = Number.NaN] }) {
      last = value;
      return test.values.includes(value);
    },
    evidence: () => ({ details: { value: last, states: test.values } }),
  };
}

/** The value can't be: outside what the quantity or the sensor can show (NAMUR NE 43 for 4-20 mA), or a sentinel. */
export function outside(rule: Rule, test: Test<'outside'>): Evaluator {
  let last = Number.NaN;
  return {
    inputs: [rule.pointId],
    evaluate({ values: [value = Number.NaN] }) {
      last = value;
      return value < test.low || value > test.high || test.sentinels.includes(value);
    },
    evidence: () => ({
      value: last,
      against: `possible ${formatFigure(test.low)} to ${formatFigure(test.high)}`,
      details: { value: last, low: test.low, high: test.high, sentinels: test.sentinels },
    }),
  };
}

/**
 * The very same value as before, where some noise is expected. How long is the rule's on-delay.
 * A single reading says nothing: the second equal one begins it.
 */
export function frozen(rule: Rule, test: Test<'frozen'>): Evaluator {
  let last: number | undefined;
  return {
    inputs: [rule.pointId],
    evaluate({ values: [value = Number.NaN] }) {
      const isSame = value === last;
      last = value;
      return isSame && Math.abs(value) > (test.exemptUpTo ?? -1);
    },
    evidence: () => ({
      ...(last === undefined ? {} : { value: last }),
      against: 'unchanged',
      details: { value: last },
    }),
    save: () => last,
    load(state) {
      last = state as number | undefined;
    },
  };
}
