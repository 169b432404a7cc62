import type { Millis } from '../../../contract/time.ts';
import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Almanac } from '../schedule/almanac.ts';
import { DAY_MS } from '../schedule/local-days.ts';
import type { Evaluator } from './evaluator.ts';

/** Share of the day over which flow and counter must be known. */
const COVERED = 0.9;

interface Day {
  day: number;
  from: { ts: Millis; total: number };
  to: { ts: Millis; total: number };
  sum: number;
  coveredMs: Millis;
  isBroken: boolean;
}

/** A meter's counter and the sum of its own flow over a local day must agree: otherwise pulses, scaling or the sensor are wrong. */
export function integral(
  rule: Rule,
  test: Extract<RuleTest, { readonly type: 'integral' }>,
  { almanac }: { readonly almanac: Almanac },
): Evaluator {
  let state: { today?: Day; flow?: number; last?: { sum: number; step: number; percent: number } } = {};
  const setpoint = rule.setpoint ?? Number.POSITIVE_INFINITY;
  const begin = (day: number, ts: Millis, total: number): Day => ({
    day,
    from: { ts, total },
    to: { ts, total },
    sum: 0,
    coveredMs: 0,
    isBroken: false,
  });
  const close = ({ from, to, sum, coveredMs, isBroken }: Day) => {
    const step = to.total - from.total;
    if (isBroken || coveredMs < COVERED * DAY_MS || Math.max(step, sum) < test.least) return;
    state.last = { sum, step, percent: (100 * Math.abs(sum - step)) / Math.max(step, test.least) };
  };
  return {
    inputs: [rule.pointId, test.flow],
    evaluate({ ts, values: [total = Number.NaN, flow = Number.NaN], isTripped, maxSilenceMs }) {
      const day = almanac.days.dayOf(ts);
      let { today } = state;
      if (today !== undefined && ts > today.to.ts) {
        const ms = ts - today.to.ts;
        if (total < today.to.total) today.isBroken = true;
        if (ms <= maxSilenceMs && state.flow !== undefined) {
          today.sum += (((state.flow + flow) / 2) * test.factor * ms) / 3_600_000;
          today.coveredMs += ms;
        } else today.isBroken = true;
        today.to = { ts, total };
      }
      if (today === undefined || day !== today.day) {
        if (today !== undefined) close(today);
        today = begin(day, ts, total);
      }
      Object.assign(state, { today, flow });
      if (state.last === undefined) return undefined;
      return state.last.percent > (isTripped ? setpoint - rule.deadband : setpoint);
    },
    evidence: () => {
      const { sum = 0, step = 0, percent = 0 } = state.last ?? {};
      return {
        against: `${formatFigure(sum)} by the flow, ${formatFigure(step)} by the counter in a day`,
        details: { byFlow: sum, byCounter: step, differencePercent: percent, allowedPercent: setpoint },
      };
    },
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}
