import { Environment } from '@marcbachmann/cel-js';
import { getPosition } from 'suncalc';
import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

/** Elevation of the sun in degrees; below 0 it is under the horizon. */
export const SUN = 'sunElevation';

/** How precisely the sun's elevation is followed: it moves 0.25 degrees a minute at most. */
const SUN_STEP_MS = 60_000;

/** A compiled expression, or why it is none. */
export type Compiled =
  | { readonly run: (context: Readonly<Record<string, number>>) => unknown }
  | { readonly fault: string };

/**
 * Compiles a CEL condition over doubles; `double * int` and unknown names are faults, found here and not at three in the morning.
 *
 * @param names - points and constants it may use; `abs`, `min` and `max` are known
 */
export function compileExpression(cel: string, names: readonly string[]): Compiled {
  const environment = new Environment()
    .registerFunction('abs(double): double', Math.abs)
    .registerFunction('min(double, double): double', Math.min)
    .registerFunction('min(double, double, double): double', Math.min)
    .registerFunction('max(double, double): double', Math.max)
    .registerFunction('max(double, double, double): double', Math.max);
  try {
    for (const name of names) environment.registerVariable(name, 'double');
    const parsed = environment.parse(cel);
    const check = parsed.check();
    if (!check.valid) return { fault: firstLine(check.error) };
    if (String(check.type) !== 'bool') return { fault: `it gives ${String(check.type)}, not true or false` };
    return { run: parsed as (context: Readonly<Record<string, number>>) => unknown };
  } catch (error) {
    return { fault: firstLine(error) };
  }
}

/** Names that stand in an expression; which of them are points the caller knows. */
export function namesIn(cel: string): ReadonlySet<string> {
  return new Set(cel.replace(/"[^"]*"|'[^']*'/g, '').match(/[A-Za-z_]\w*/g) ?? []);
}

/** A condition over several points of one asset, in CEL. An input that is missing, bad or silent makes it unknown. */
export function expression(rule: Rule, test: Extract<RuleTest, { readonly type: 'expression' }>): Evaluator {
  const variables = Object.keys(test.inputs);
  const needsSun = namesIn(test.cel).has(SUN);
  const compiled = compileExpression(test.cel, [
    ...variables,
    ...Object.keys(test.constants),
    ...(needsSun ? [SUN] : []),
  ]);
  const context: Record<string, number> = { ...test.constants };
  let sunAt = Number.NaN;
  return {
    inputs: Object.values(test.inputs),
    evaluate({ ts, values }) {
      if ('fault' in compiled) return undefined;
      variables.forEach((name, index) => {
        context[name] = values[index]!;
      });
      if (needsSun) {
        if (test.latitude === undefined || test.longitude === undefined) return undefined;
        const step = Math.floor(ts / SUN_STEP_MS);
        if (step !== sunAt) {
          sunAt = step;
          context[SUN] = getPosition(new Date(step * SUN_STEP_MS), test.latitude, test.longitude).altitude;
        }
      }
      try {
        return compiled.run(context) === true;
      } catch {
        return undefined;
      }
    },
    evidence: () => {
      const seen = Object.fromEntries(variables.map((name) => [name, context[name]]));
      const own = variables.find((name) => test.inputs[name] === rule.pointId);
      const value = own === undefined ? undefined : context[own];
      return {
        ...(value === undefined ? {} : { value }),
        details: { ...seen, ...test.constants, ...(needsSun ? { [SUN]: context[SUN] } : {}), expression: test.cel },
      };
    },
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? 'not an expression';
}
