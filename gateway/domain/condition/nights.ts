import type { Millis } from '../../../contract/time.ts';
import { formatFigure } from '../alarm/sentence.ts';
import type { Rule, RuleTest } from '../plant.ts';
import type { Almanac } from '../schedule/almanac.ts';
import type { Evaluator } from './evaluator.ts';
import { expression } from './expression.ts';

type Test<T extends RuleTest['type']> = Extract<RuleTest, { readonly type: T }>;
type Parts = { readonly almanac: Almanac };

/** Share of the lit hours of a night that must be known before it says anything. */
const COVERED = 0.8;
/** At full level a night needs this much to be measured by. */
const FULL_LEVEL_MIN_MS: Millis = 30 * 60_000;
const FULL_LEVEL = 98;
/** Below this share of its full value a lamp is out, and does not merely give less. */
const LIT_SHARE = 0.15;

/** The same fault on one evening after the other is a fault; a single evening may be a switching test or a loose contact. */
export function evenings(rule: Rule, test: Test<'evenings'>, parts: Parts): Evaluator {
  const out = expression(rule, test.out, parts);
  const fine = expression(rule, test.fine, parts);
  const takes = (of: Evaluator, values: readonly number[]) => of.inputs.map((name) => values[inputs.indexOf(name)]!);
  const inputs = [...new Set([...out.inputs, ...fine.inputs])];
  const optional = new Set(
    inputs.filter((name) => [out, fine].some((of) => of.optional?.has(of.inputs.indexOf(name)) === true)),
  );
  let state: { night?: number; outSince?: Millis; fineSince?: Millis; isOut: boolean; before: number; last?: number } =
    { isOut: false, before: 0 };
  return {
    inputs,
    optional: new Set(inputs.flatMap((name, index) => (optional.has(name) ? [index] : []))),
    evaluate(sample) {
      const { ts, values } = sample;
      const night = parts.almanac.nightOf(ts);
      if (night !== state.night) {
        // Evenings without an answer (no communication) neither count nor end the count.
        if (state.isOut) Object.assign(state, { before: state.before + 1, last: state.night });
        Object.assign(state, { night, isOut: false });
        delete state.outSince;
        delete state.fineSince;
      }
      const isOut = out.evaluate({ ...sample, values: takes(out, values) });
      const isFine = fine.evaluate({ ...sample, values: takes(fine, values) });
      if (isOut === undefined || isFine === undefined) return undefined;
      if (isOut) state.outSince ??= ts;
      else delete state.outSince;
      if (isFine) state.fineSince ??= ts;
      else delete state.fineSince;
      if (state.outSince !== undefined && ts - state.outSince >= test.heldMs) state.isOut = true;
      if (state.fineSince !== undefined && ts - state.fineSince >= test.heldMs)
        Object.assign(state, { isOut: false, before: 0 });
      return state.before + (state.isOut ? 1 : 0) >= test.evenings;
    },
    evidence: () => {
      const seen = out.evidence();
      const count = state.before + (state.isOut ? 1 : 0);
      return {
        ...seen,
        against: `${count} evenings in a row`,
        againstZh: `连续 ${count} 晚`,
        details: { ...seen.details, evenings: count, needed: test.evenings },
      };
    },
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}

interface Night {
  night: number;
  /** Value of the point times hours, measured and as it should be, over the time that is covered. */
  was: number;
  should: number;
  coveredMs: Millis;
}

/** Energy of whole nights against what schedule or level ask for: lamps out, burning on, or fading. */
export function nights(rule: Rule, test: Test<'nights'>, { almanac }: Parts): Evaluator {
  const { schedule, place, full, level } = test;
  let state: { tonight?: Night; last?: { ts: Millis; value: number; level: number }; bad: number; told: number[] } = {
    bad: 0,
    told: [],
  };
  const setpoint = rule.setpoint ?? Number.POSITIVE_INFINITY;
  const add = (tonight: Night, from: Millis, to: Millis, value: number, percent: number) => {
    if (to <= from) return;
    const hours = (to - from) / 3_600_000;
    if (level !== undefined) {
      if (percent < FULL_LEVEL || value < LIT_SHARE * full) return;
      tonight.was += value * hours;
      tonight.should += full * hours;
      tonight.coveredMs += to - from;
      return;
    }
    const { lit, full: atFull } = almanac.levelTime(from, to, schedule, place);
    if (lit === 0) return;
    tonight.was += (value * lit) / 3_600_000;
    tonight.should += (full * atFull) / 3_600_000;
    tonight.coveredMs += lit;
  };
  const close = ({ night, was, should, coveredMs }: Night) => {
    const noon = almanac.days.moment(night, 12 * 60);
    const next = almanac.days.moment(night + 1, 12 * 60);
    const needed =
      level === undefined ? COVERED * almanac.levelTime(noon, next, schedule, place).lit : FULL_LEVEL_MIN_MS;
    if (coveredMs < needed || should <= 0) return;
    const percent = 100 * (was / should - 1);
    const size = test.direction === 'above' ? percent : test.direction === 'below' ? -percent : Math.abs(percent);
    const isBad = size > (state.bad >= test.nights ? setpoint - rule.deadband : setpoint);
    state.bad = isBad ? state.bad + 1 : 0;
    state.told = [...state.told, percent].slice(-test.nights);
  };
  return {
    inputs: level === undefined ? [rule.pointId] : [rule.pointId, level],
    optional: new Set([1]),
    evaluate({ ts, values: [value = Number.NaN, measured = Number.NaN], maxSilenceMs }) {
      const percent = Number.isNaN(measured) ? almanac.level(ts, schedule, place).is : measured;
      const night = almanac.nightOf(ts);
      const { last } = state;
      const tonight = state.tonight ?? { night, was: 0, should: 0, coveredMs: 0 };
      if (last !== undefined) {
        const held = Math.min(ts, last.ts + maxSilenceMs);
        const noon = almanac.days.moment(tonight.night + 1, 12 * 60);
        add(tonight, last.ts, Math.min(held, noon), last.value, last.level);
        if (night !== tonight.night) {
          close(tonight);
          Object.assign(tonight, { night, was: 0, should: 0, coveredMs: 0 });
          add(tonight, Math.max(last.ts, noon), held, last.value, last.level);
        }
      }
      Object.assign(state, { tonight, last: { ts, value, level: percent } });
      return state.told.length === 0 ? undefined : state.bad >= test.nights;
    },
    evidence: () => ({
      against: `${state.told.map((percent) => `${percent > 0 ? '+' : ''}${formatFigure(percent)} %`).join(', ')} in the last nights, allowed ${formatFigure(setpoint)} %`,
      details: { nightsPercent: state.told, nights: state.bad, allowedPercent: setpoint, full },
    }),
    save: () => state,
    load(saved) {
      state = saved as typeof state;
    },
  };
}
