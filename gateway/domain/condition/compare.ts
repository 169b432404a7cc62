import { unitLabel } from '../../../contract/units.ts';
import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

type Test<T extends RuleTest['type']> = Extract<RuleTest, { readonly type: T }>;

/** Members named in the evidence of a share; the count says the rest. */
const NAMES_MAX = 20;

/** Two points that should agree do not. */
export function deviation(rule: Rule, test: Test<'deviation'>): Evaluator {
  let found = { value: Number.NaN, other: Number.NaN };
  const setpoint = rule.setpoint ?? Number.POSITIVE_INFINITY;
  return {
    inputs: [rule.pointId, test.from],
    evaluate({ values: [value = Number.NaN, other = Number.NaN], isTripped }) {
      found = { value, other };
      const difference = Math.abs(value - other);
      const size = test.percent ? (100 * difference) / Math.max(Math.abs(other), Number.EPSILON) : difference;
      return size > (isTripped ? setpoint - rule.deadband : setpoint);
    },
    evidence: () => ({
      value: found.value,
      against:
        `${test.from} ${formatFigure(found.other)}, allowed ${formatFigure(setpoint)} ${test.percent ? '%' : unitLabel(rule.unit ?? '1')}`.trim(),
      details: { ...found, from: test.from, allowed: setpoint, percent: test.percent },
    }),
  };
}

/** A command and its feedback disagree; how long that may take is the rule's on-delay. */
export function discrepancy(rule: Rule, test: Test<'discrepancy'>): Evaluator {
  let found = { command: false, feedback: false };
  return {
    inputs: [rule.pointId, test.feedback],
    evaluate({ values: [command = Number.NaN, feedback = Number.NaN] }) {
      found = { command: command > test.threshold, feedback: feedback > test.threshold };
      return found.command !== found.feedback;
    },
    evidence: () => ({
      against: `commanded ${found.command ? 'on' : 'off'}, is ${found.feedback ? 'on' : 'off'}`,
      details: { ...found, feedbackPoint: test.feedback },
    }),
  };
}

/** So many of a group are out at once that the cause is common; counts over the members that are known. */
export function share(rule: Rule, test: Test<'share'>): Evaluator {
  let found: { out: number; known: number; names: string[] } = { out: 0, known: 0, names: [] };
  const setpoint = rule.setpoint ?? 20;
  return {
    inputs: test.members,
    isTolerant: true,
    evaluate({ values, isTripped }) {
      let out = 0;
      let known = 0;
      const names: string[] = [];
      for (let member = 0; member < values.length; member++) {
        const value = values[member]!;
        if (Number.isNaN(value)) continue;
        known++;
        if (test.side === 'above' ? value <= test.limit : value >= test.limit) continue;
        out++;
        if (names.length < NAMES_MAX) names.push(test.members[member] as string);
      }
      if (known === 0 || known < test.members.length / 2) return undefined;
      found = { out, known, names };
      return (100 * out) / known > (isTripped ? setpoint - rule.deadband : setpoint);
    },
    evidence: () => ({
      against: `${found.out} of ${found.known}`,
      details: {
        out: found.out,
        known: found.known,
        members: test.members.length,
        points: found.names,
        limitPercent: setpoint,
      },
    }),
  };
}
