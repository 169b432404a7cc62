import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

const WEEK_HOURS = 168;
/** Hours of the same kind that must have been seen before it says anything: two weeks and the present one. */
const SEEN_MIN = 2;
/** How fast the usual value follows, per hour seen; slow enough that a week of trouble does not become usual. */
const STEP = 0.25;
/** Mean absolute deviation of a normal distribution is 0.8 of its standard deviation. */
const MAD_TO_SIGMA = 1.25;

interface Slot {
  usual: number;
  spread: number;
  seen: number;
}

/**
 * Far from what this hour of the week usually shows, in robust deviations: usual value and spread follow step by step,
 * bounded by the spread itself, so that a single bad hour moves them little. Trouble is not learned.
 */
export function profile(
  rule: Rule,
  test: Extract<RuleTest, { readonly type: 'profile' }>,
  parts: { readonly hourOfWeek: (at: number) => number },
): Evaluator {
  let state: { slots: (Slot | null)[]; hour?: number; sum: number; count: number } = {
    slots: Array.from({ length: WEEK_HOURS }, () => null),
    sum: 0,
    count: 0,
  };
  let found = { value: Number.NaN, usual: Number.NaN, spread: Number.NaN };
  const setpoint = rule.setpoint ?? 4;
  const learn = (hour: number, value: number) => {
    const slot = state.slots[hour];
    if (!slot) {
      state.slots[hour] = { usual: value, spread: test.floor, seen: 1 };
      return;
    }
    const error = value - slot.usual;
    const bound = 3 * MAD_TO_SIGMA * Math.max(slot.spread, test.floor);
    slot.usual += STEP * Math.max(-bound, Math.min(bound, error));
    slot.spread += STEP * (Math.min(Math.abs(error), bound) - slot.spread);
    slot.seen++;
  };
  return {
    inputs: [rule.pointId],
    evaluate({ ts, values: [value = Number.NaN], isTripped }) {
      const hour = parts.hourOfWeek(ts);
      if (state.hour !== hour) {
        if (state.hour !== undefined && state.count > 0 && !isTripped) learn(state.hour, state.sum / state.count);
        state.hour = hour;
        state.sum = 0;
        state.count = 0;
      }
      state.sum += value;
      state.count++;
      const slot = state.slots[hour];
      if (!slot || slot.seen < SEEN_MIN) return undefined;
      const spread = MAD_TO_SIGMA * Math.max(slot.spread, test.floor);
      found = { value, usual: slot.usual, spread };
      const size = (value - slot.usual) / spread;
      const distance = test.direction === 'above' ? size : test.direction === 'below' ? -size : Math.abs(size);
      return distance > (isTripped ? setpoint - Math.min(rule.deadband, setpoint) : setpoint);
    },
    evidence: () => ({
      value: found.value,
      against: `usual ${formatFigure(found.usual)}`,
      details: { ...found, limitDeviations: setpoint },
    }),
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}
