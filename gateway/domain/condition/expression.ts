import { Environment } from '@marcbachmann/cel-js';
import type { ExpressionTest, Rule } from '../plant.ts';
import type { Almanac } from '../schedule/almanac.ts';
import type { Evaluator } from './evaluator.ts';

/** Elevation of the sun in degrees; below 0 it is under the horizon. */
export const SUN = 'sunElevation';
/** What the schedule of the device asks for, in percent; 0 is off. */
export const LEVEL = 'scheduleLevel';
/** Hours since local midnight, 0 to 24. */
export const HOUR = 'hourOfDay';
/** Names that every expression may use. */
export const ALWAYS_KNOWN: readonly string[] = [SUN, LEVEL, HOUR];

/** How precisely the sun's elevation is followed: it moves 0.25 degrees a minute at most. */
const SUN_STEP_MS = 60_000;

/** Where the schedule stands in for a command, switching may be this early or late: around it nothing is said. */
const SWITCHING_MS = 10 * 60_000;

/** A compiled expression, or why it is none. */
export type Compiled =
  | { readonly run: (context: Readonly<Record<string, number>>) => unknown }
  | { readonly fault: string };

/**
 * Compiles a CEL condition over doubles; `double * int` and unknown names are faults, found here and not at three in the morning.
 *
 * @param names - points and constants it may use; `abs`, `min`, `max` and `negativeSequence` are known
 */
export function compileExpression(cel: string, names: readonly string[]): Compiled {
  const environment = new Environment()
    .registerFunction('abs(double): double', Math.abs)
    .registerFunction('min(double, double): double', Math.min)
    .registerFunction('min(double, double, double): double', Math.min)
    .registerFunction('max(double, double): double', Math.max)
    .registerFunction('max(double, double, double): double', Math.max)
    .registerFunction('negativeSequence(double, double, double): double', negativeSequence);
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
export function expression(rule: Rule, test: ExpressionTest, { almanac }: { readonly almanac: Almanac }): Evaluator {
  const { latitude, longitude, schedule, instead = {} } = test;
  const variables = Object.keys(test.inputs);
  const named = namesIn(test.cel);
  const needsSun = named.has(SUN);
  const needsLevel = named.has(LEVEL) || Object.values(instead).includes(LEVEL);
  const compiled = compileExpression(test.cel, [
    ...variables,
    ...Object.keys(test.constants),
    ...ALWAYS_KNOWN.filter((name) => named.has(name)),
  ]);
  const context: Record<string, number> = { ...test.constants };
  const place = latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
  const optional = new Set(variables.flatMap((name, index) => (instead[name] === undefined ? [] : [index])));
  let sunAt = Number.NaN;
  let level = { is: Number.NaN, from: 0, until: 0 };
  /** May the schedule stand in for a command now? */
  const isSettled = (ts: number) => {
    if (schedule === undefined) return false;
    const { since, until } = almanac.lit(ts, schedule, place);
    return ts >= since + SWITCHING_MS && ts < until - SWITCHING_MS;
  };
  return {
    inputs: Object.values(test.inputs),
    optional,
    evaluate({ ts, values }) {
      if ('fault' in compiled) return undefined;
      if (needsSun) {
        if (place === undefined) return undefined;
        const step = Math.floor(ts / SUN_STEP_MS);
        if (step !== sunAt) {
          sunAt = step;
          context[SUN] = almanac.elevation(step * SUN_STEP_MS, place);
        }
      }
      if (needsLevel && schedule !== undefined) {
        if (ts < level.from || ts >= level.until) level = { ...almanac.level(ts, schedule, place), from: ts };
        context[LEVEL] = level.is;
      }
      if (named.has(HOUR)) context[HOUR] = almanac.days.minuteOf(ts) / 60;
      for (let index = 0; index < variables.length; index++) {
        const name = variables[index]!;
        const other = instead[name];
        const value = values[index]!;
        if (other === undefined || !Number.isNaN(value)) context[name] = value;
        else if (other !== LEVEL) context[name] = other;
        else context[name] = isSettled(ts) ? level.is : Number.NaN;
        if (Number.isNaN(context[name])) return undefined;
      }
      try {
        return compiled.run(context) === true;
      } catch {
        return undefined;
      }
    },
    heldUntil: () => (needsLevel && schedule !== undefined ? level.until - 1 : Number.POSITIVE_INFINITY),
    evidence: () => {
      const seen = Object.fromEntries(variables.map((name) => [name, context[name]]));
      const own = variables.find((name) => test.inputs[name] === rule.pointId);
      const value = own === undefined ? undefined : context[own];
      return {
        ...(value === undefined ? {} : { value }),
        details: {
          ...seen,
          ...test.constants,
          ...(needsSun ? { [SUN]: context[SUN] } : {}),
          ...(needsLevel ? { [LEVEL]: context[LEVEL] } : {}),
          expression: test.cel,
        },
      };
    },
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? 'not an expression';
}

/**
 * Negative-sequence share in percent of three phase voltages whose angles are taken to be 120 degrees apart: what meters
 * that show only magnitudes can say of the unbalance of GB/T 15543.
 */
function negativeSequence(a: number, b: number, c: number): number {
  const positive = (a + b + c) / 3;
  if (positive <= 0) return 0;
  const real = a - (b + c) / 2;
  const imaginary = (Math.sqrt(3) / 2) * (c - b);
  return (100 * Math.hypot(real, imaginary)) / 3 / positive;
}
