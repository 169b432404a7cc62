import { formatDuration } from '../../../contract/time.ts';
import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

type Test<T extends RuleTest['type']> = Extract<RuleTest, { readonly type: T }>;

/** Samples a rate keeps of its window. */
const RATE_SAMPLES = 12;
/** Slices a mean divides its window into. */
const MEAN_SLICES = 30;
/** Share of the window that must be known before a mean says anything. */
const MEAN_COVERED = 0.8;

/** How fast the value changes over the window, against the setpoint in units per `perMs`. */
export function rate(rule: Rule, test: Test<'rate'>): Evaluator {
  let samples: { ts: number; value: number }[] = [];
  let found = Number.NaN;
  const setpoint = rule.setpoint ?? Number.POSITIVE_INFINITY;
  const spacingMs = test.windowMs / (RATE_SAMPLES - 2);
  return {
    inputs: [rule.pointId],
    evaluate({ ts, values: [value = Number.NaN], isTripped, maxSilenceMs }) {
      const newest = samples.at(-1);
      if (newest !== undefined && ts - newest.ts > Math.max(maxSilenceMs, test.windowMs)) samples = [];
      while ((samples[1]?.ts ?? ts) <= ts - test.windowMs) samples.shift();
      const oldest = samples[0];
      if (samples.length === 0 || ts - (samples.at(-1)?.ts ?? 0) >= spacingMs) samples.push({ ts, value });
      if (oldest === undefined || ts - oldest.ts < test.windowMs / 2) return undefined;
      const change = ((value - oldest.value) * test.perMs) / (ts - oldest.ts);
      found = change;
      const size = test.direction === 'rise' ? change : test.direction === 'fall' ? -change : Math.abs(change);
      return size > (isTripped ? setpoint - rule.deadband : setpoint);
    },
    evidence: () => ({
      value: found,
      against: `in ${formatDuration(test.perMs)}, limit ${formatFigure(setpoint)}`,
      details: { changePer: formatDuration(test.perMs), change: found, limit: setpoint, windowMs: test.windowMs },
    }),
    save: () => samples,
    load(state) {
      samples = state as typeof samples;
    },
  };
}

/** Time-weighted mean over the window. */
export function mean(rule: Rule, test: Test<'mean'>): Evaluator {
  const sliceMs = test.windowMs / MEAN_SLICES;
  let state: { slices: { slot: number; sum: number; weightMs: number }[]; last?: { ts: number; value: number } } = {
    slices: [],
  };
  let found = Number.NaN;
  const setpoint = rule.setpoint ?? Number.POSITIVE_INFINITY;
  const add = (from: number, to: number, value: number) => {
    for (let at = from; at < to; ) {
      const slot = Math.floor(at / sliceMs);
      const end = Math.min(to, (slot + 1) * sliceMs);
      const slice = state.slices.at(-1);
      if (slice === undefined || slice.slot !== slot)
        state.slices.push({ slot, sum: value * (end - at), weightMs: end - at });
      else {
        slice.sum += value * (end - at);
        slice.weightMs += end - at;
      }
      at = end;
    }
  };
  return {
    inputs: [rule.pointId],
    evaluate({ ts, values: [value = Number.NaN], isTripped, maxSilenceMs }) {
      const { last } = state;
      if (last !== undefined)
        add(Math.max(last.ts, ts - test.windowMs), Math.min(ts, last.ts + maxSilenceMs), last.value);
      state.last = { ts, value };
      const oldest = Math.floor(ts / sliceMs) - MEAN_SLICES;
      while ((state.slices[0]?.slot ?? Number.POSITIVE_INFINITY) <= oldest) state.slices.shift();
      let sum = 0;
      let weightMs = 0;
      for (const slice of state.slices) {
        sum += slice.sum;
        weightMs += slice.weightMs;
      }
      if (weightMs < test.windowMs * MEAN_COVERED) return undefined;
      found = sum / weightMs;
      const back = isTripped ? rule.deadband : 0;
      return test.direction === 'above' ? found > setpoint - back : found < setpoint + back;
    },
    evidence: () => ({
      value: found,
      against: `mean of ${formatDuration(test.windowMs)}, limit ${formatFigure(setpoint)}`,
      details: { mean: found, windowMs: test.windowMs, limit: setpoint, deadband: rule.deadband },
    }),
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}

/** How often something started or changed within the window: cycling lamps, pumps that start too often, chattering contacts. */
export function count(rule: Rule, test: Test<'count'>): Evaluator {
  let state: { isOn?: boolean; times: number[] } = { times: [] };
  return {
    inputs: [rule.pointId],
    evaluate({ ts, values: [value = Number.NaN] }) {
      const isOn = value > test.threshold;
      const hasChanged = state.isOn !== undefined && isOn !== state.isOn;
      state.isOn = isOn;
      if (hasChanged && (isOn || test.of === 'changes')) state.times.push(ts);
      while (state.times.length > test.count || (state.times[0] ?? ts) < ts - test.windowMs) state.times.shift();
      return state.times.length >= test.count;
    },
    evidence: () => ({
      against: `${state.times.length} ${test.of} in ${formatDuration(test.windowMs)}`,
      details: { times: state.times.length, windowMs: test.windowMs, allowed: test.count - 1 },
    }),
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}
