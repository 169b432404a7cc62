import type { Rule } from '../plant.ts';

/** Kinds that are a plain limit on one point; anything else has an evaluator of its own. */
export const HIGH_KINDS: ReadonlySet<string> = new Set(['high', 'high-high']);
export const LOW_KINDS: ReadonlySet<string> = new Set(['low', 'low-low']);

/** +1: trips above its setpoint; -1: trips below; 0: judged by an evaluator. */
export function limitSide(rule: Pick<Rule, 'kind' | 'test' | 'setpoint' | 'when'>): -1 | 0 | 1 {
  if (rule.when !== undefined) return 0;
  return sideOf(rule);
}

/** As {@link limitSide}, also for limits that are looked at only at times. */
export function sideOf(rule: Pick<Rule, 'kind' | 'test' | 'setpoint'>): -1 | 0 | 1 {
  if (rule.setpoint === undefined) return 0;
  if (rule.test !== undefined) return rule.test.type === 'above' ? 1 : rule.test.type === 'below' ? -1 : 0;
  return HIGH_KINDS.has(rule.kind) ? 1 : LOW_KINDS.has(rule.kind) ? -1 : 0;
}

/**
 * Is the value beyond the limit? Once tripped it must come back by the deadband before it counts as false
 * (OPC 10000-9, 5.8.19: LimitAlarm deadband).
 */
export function beyondLimit(rule: Rule, side: -1 | 1, value: number, tripped: boolean): boolean {
  const setpoint = rule.setpoint as number;
  const back = tripped ? rule.deadband : 0;
  if (back > 0) return side > 0 ? value > setpoint - back : value < setpoint + back;
  return side > 0 ? value > setpoint : value < setpoint;
}
