import { beyondLimit, sideOf } from '../alarm/limit.ts';
import { formatFigure } from '../alarm/sentence.ts';
import type { Rule } from '../plant.ts';
import type { Almanac } from '../schedule/almanac.ts';
import { gateOf, type When } from '../schedule/when.ts';
import type { Evaluator } from './evaluator.ts';

/** A plain limit as an evaluator, for limits that are looked at only at times. */
export function limit(rule: Rule): Evaluator {
  const side = sideOf(rule);
  let last = Number.NaN;
  return {
    inputs: [rule.pointId],
    evaluate({ values: [value = Number.NaN], isTripped }) {
      last = value;
      return side === 0 ? undefined : beyondLimit(rule, side, value, isTripped);
    },
    evidence: () => ({
      value: last,
      against: `limit ${formatFigure(rule.setpoint as number)}`,
      againstZh: `限值 ${formatFigure(rule.setpoint as number)}`,
      details: {
        value: last,
        limit: rule.setpoint,
        deadband: rule.deadband,
        ...(rule.unit === undefined ? {} : { unit: rule.unit }),
      },
    }),
  };
}

/**
 * Looked at only while the schedule, the sun or the calendar say so: otherwise the condition is false. The evaluator goes on
 * learning, and time alone concludes nothing beyond the moment at which the answer may change.
 */
export function gated(inner: Evaluator, when: readonly When[], almanac: Almanac): Evaluator {
  const gate = gateOf(when, almanac);
  let until = Number.POSITIVE_INFINITY;
  return {
    ...inner,
    evaluate(sample) {
      const spell = gate(sample.ts);
      until = spell.until;
      const truth = inner.evaluate(sample);
      return spell.is ? truth : false;
    },
    heldUntil: () => Math.min(until - 1, inner.heldUntil?.() ?? Number.POSITIVE_INFINITY),
  };
}
