import type { Millis } from '../../../contract/time.ts';
import type { Evidence } from '../alarm/occurrence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Almanac } from '../schedule/almanac.ts';
import { baseline } from './baseline.ts';
import { deviation, discrepancy, share } from './compare.ts';
import { counter } from './counter.ts';
import { expression } from './expression.ts';
import { gated, limit } from './gated.ts';
import { integral } from './integral.ts';
import { evenings, nights } from './nights.ts';
import { profile } from './profile.ts';
import { run } from './run.ts';
import { equals, frozen, outside } from './state.ts';
import { count, mean, rate } from './window.ts';

/** What one evaluation looks at: values of the inputs in the order of `inputs`, all known and fresh. */
export interface Sample {
  readonly ts: Millis;
  readonly values: readonly number[];
  /** The condition is tripped: the deadband applies. */
  readonly isTripped: boolean;
  /** Longest time the last value may be held over. */
  readonly maxSilenceMs: number;
}

/** Finds the truth of one rule; keeps what it needs of the past as plain data in `state`. */
export interface Evaluator {
  /** Text ids of the points it looks at; the first is the rule's own. */
  readonly inputs: readonly string[];
  /** Inputs that may be unknown without making the rule unknown: it counts over those that are known. */
  readonly isTolerant?: boolean;
  /** Places of inputs that the device may not have: then their value is NaN. Silent or bad ones still make it unknown. */
  readonly optional?: ReadonlySet<number>;
  /** @returns undefined while it can't be said */
  evaluate(sample: Sample): boolean | undefined;
  /** Until when the newest truth may be held over by the calendar; absent: as long as its points are not silent. */
  heldUntil?(): Millis;
  /** What the newest evaluation rested on. */
  evidence(): Evidence;
  /** Plain data for the snapshot; undefined when there is none. */
  save?(): unknown;
  load?(state: unknown): void;
}

export interface EvaluatorParts {
  /** Slot 0..167 of the local week at a moment. */
  readonly hourOfWeek: (at: Millis) => number;
  /** Sun, schedules and calendars. */
  readonly almanac: Almanac;
}

type Make<T extends RuleTest['type']> = (
  rule: Rule,
  test: Extract<RuleTest, { readonly type: T }>,
  parts: EvaluatorParts,
) => Evaluator;

/** Every kind of condition beside the plain limits, which are judged in place. */
const EVALUATORS: { readonly [T in Exclude<RuleTest['type'], 'above' | 'below'>]: Make<T> } = {
  equals,
  outside,
  frozen,
  rate,
  mean,
  count,
  counter,
  deviation,
  discrepancy,
  share,
  expression,
  profile,
  evenings,
  nights,
  baseline,
  run,
  integral,
};

/** @returns undefined for plain limits, which are judged in place */
export function evaluatorFor(rule: Rule, parts: EvaluatorParts): Evaluator | undefined {
  const { test, when } = rule;
  const isLimit = test === undefined || test.type === 'above' || test.type === 'below';
  if (isLimit) return when === undefined ? undefined : gated(limit(rule), when, parts.almanac);
  const make = EVALUATORS[test.type] as Make<typeof test.type>;
  const evaluator = make(rule, test as never, parts);
  return when === undefined ? evaluator : gated(evaluator, when, parts.almanac);
}
