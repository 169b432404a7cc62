import type { Rule, RuleTest } from '../plant.ts';
import type { Evaluator } from './evaluator.ts';

/** Members named in the evidence; the count says the rest. */
const NAMES_MAX = 20;
/** How long the current of before is remembered, to see that it has fallen. */
const CURRENT_WINDOW_MS = 15 * 60_000;
/** The current must have fallen by this share of what the members behind the break took. */
const FALLEN_SHARE = 0.5;
/** Single members out before the break do not speak against it, as long as they are few. */
const SINGLES_SHARE = 0.25;

/**
 * Neighbours along a cable are out together, which single faults do not do: so many in a row (also along one phase), or all
 * from one member to the end while those before it work. Members without a value are passed over; behind a break they count
 * as out when the circuit's current has fallen with them.
 */
export function run(_rule: Rule, test: Extract<RuleTest, { readonly type: 'run' }>): Evaluator {
  const { members, current } = test;
  const names = members.map(({ point }) => point);
  const phases = [...new Set(members.flatMap(({ phase }) => phase ?? []))];
  const lines = [
    members.map((_, index) => index),
    ...phases.map((phase) => members.flatMap((member, index) => (member.phase === phase ? [index] : []))),
  ];
  let found: { from: number; out: readonly number[]; known: number } = { from: 0, out: [], known: 0 };
  let currents: { ts: number; value: number }[] = [];
  const stateOf = (value: number) =>
    Number.isNaN(value) ? undefined : test.side === 'above' ? value > test.limit : value < test.limit;

  const longest = (values: readonly number[]): readonly number[] => {
    let best: readonly number[] = [];
    for (const line of lines) {
      let here: number[] = [];
      for (const member of line) {
        const isOut = stateOf(values[member]!);
        if (isOut === undefined) continue;
        here = isOut ? [...here, member] : [];
        if (here.length > best.length) best = here;
      }
    }
    return best;
  };

  /** From the last one that works to the end. */
  const rest = (values: readonly number[], hasFallen: (share: number) => boolean): readonly number[] => {
    let works = members.length - 1;
    while (works >= 0 && stateOf(values[works]!) !== false) works--;
    if (works < 0) return [];
    const outBefore = values.slice(0, works).filter((value) => stateOf(value) === true).length;
    if (outBefore > SINGLES_SHARE * (works + 1)) return [];
    const behind = members.map((_, index) => index).slice(works + 1);
    const silent = behind.filter((index) => stateOf(values[index]!) === undefined);
    if (silent.length > 0 && !hasFallen(behind.length / members.length)) return [];
    return behind;
  };

  return {
    inputs: current === undefined ? names : [...names, current],
    isTolerant: true,
    evaluate({ ts, values }) {
      const known = values.slice(0, members.length).filter((value) => !Number.isNaN(value)).length;
      const amps = current === undefined ? Number.NaN : values[members.length]!;
      if (!Number.isNaN(amps)) {
        while ((currents[0]?.ts ?? ts) < ts - CURRENT_WINDOW_MS) currents.shift();
        if (ts - (currents.at(-1)?.ts ?? 0) >= CURRENT_WINDOW_MS / 30) currents.push({ ts, value: amps });
      }
      if (known === 0) return undefined;
      const hasFallen = (share: number) => {
        const highest = Math.max(...currents.map(({ value }) => value));
        return !Number.isNaN(amps) && highest - amps > FALLEN_SHARE * share * highest;
      };
      const out = test.of === 'neighbours' ? longest(values) : rest(values, hasFallen);
      if (out.length < test.count) return false;
      found = { from: out[0] as number, out, known };
      return true;
    },
    evidence: () => ({
      against: `${found.out.length} of ${members.length} from ${nameOf(found.from)}`,
      againstZh: `自 ${nameOf(found.from)} 起 ${found.out.length}/${members.length}`,
      details: {
        out: found.out.length,
        members: members.length,
        known: found.known,
        from: nameOf(found.from),
        points: found.out.slice(0, NAMES_MAX).map((index) => names[index]),
      },
    }),
    save: () => currents,
    load(state) {
      currents = state as typeof currents;
    },
  };

  function nameOf(index: number): string {
    return names[index]?.split('/')[0] ?? '';
  }
}
