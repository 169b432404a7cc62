import { FlowWatch } from '../../gateway/domain/leakage/flow-watch.ts';
import {
  CHINESE_TOWN,
  leakFlow,
  type MadeLeak,
  type MadeYear,
  makeYear,
  type Place,
  STEP_MS,
  TOWN,
  VILLAGE,
} from './made-network.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const SEEDS = [1, 2, 3, 4, 5, 6] as const;
const LEAKS = 8;

interface Tally {
  years: number;
  leaks: number;
  found: number;
  abrupt: number;
  abruptFound: number;
  falseAlarms: number;
  nuisance: number;
  readonly delaysH: number[];
  readonly delaysD: number[];
  lost: number;
  whole: number;
}

/** Years of places that are not L-Town, with and without leaks, by the onset rule of the scorer; one line each. */
export function* madeYears(): Generator<string> {
  for (const place of [TOWN, CHINESE_TOWN, VILLAGE]) {
    for (const leaks of [0, LEAKS]) {
      const tally: Tally = {
        years: 0,
        leaks: 0,
        found: 0,
        abrupt: 0,
        abruptFound: 0,
        falseAlarms: 0,
        nuisance: 0,
        delaysH: [],
        delaysD: [],
        lost: 0,
        whole: 0,
      };
      for (const seed of SEEDS) count(makeYear(place, seed * 7919, leaks), tally);
      yield lineOf(place, leaks, tally);
    }
  }
}

function lineOf(place: Place, leaks: number, tally: Tally): string {
  const perYear = (count: number) => (count / tally.years).toFixed(2);
  const head = `${place.name.padEnd(14)} ${leaks} leaks a year  false ${perYear(tally.falseAlarms)} a year`;
  if (leaks === 0) return head;
  return (
    `${head}  found ${tally.found}/${tally.leaks}  abrupt ${tally.abruptFound}/${tally.abrupt}` +
    `  nuisance ${perYear(tally.nuisance)} a year  delay ${middle(tally.delaysH)} h / ${middle(tally.delaysD)} d` +
    `  saved ${(100 * (1 - tally.lost / tally.whole)).toFixed(0)} %`
  );
}

function count(year: MadeYear, tally: Tally): void {
  const watch = new FlowWatch({ binMs: STEP_MS, metered: false });
  const found = new Map<MadeLeak, number>();
  year.flow.forEach((flow, index) => {
    const at = year.from + (index + 1) * STEP_MS;
    const bin = { at, slot: year.slot[index]!, flow: flow ?? undefined, demand: undefined };
    for (const event of watch.step(bin)) {
      if (event.kind !== 'abrupt' && event.kind !== 'slow') continue;
      const fitting = year.leaks.filter((leak) => at >= leak.start && at <= deadline(leak));
      const fresh = fitting.filter((leak) => !found.has(leak)).sort((a, b) => deadline(a) - deadline(b))[0];
      if (fresh !== undefined) found.set(fresh, at);
      else if (fitting.length > 0) tally.nuisance++;
      else tally.falseAlarms++;
    }
  });
  tally.years++;
  for (const leak of year.leaks) {
    const at = found.get(leak);
    tally.leaks++;
    if (leak.type === 'abrupt') tally.abrupt++;
    if (at !== undefined) {
      tally.found++;
      if (leak.type === 'abrupt') tally.abruptFound++;
      if (leak.type === 'abrupt') tally.delaysH.push((at - leak.start) / HOUR_MS);
      else tally.delaysD.push((at - leak.start) / DAY_MS);
    }
    for (let time = leak.start; time < leak.end; time += HOUR_MS) {
      const flow = leakFlow(leak, time);
      tally.whole += flow;
      if (at === undefined || time < at) tally.lost += flow;
    }
  }
}

const deadline = (leak: MadeLeak): number =>
  leak.type === 'abrupt' ? Math.min(leak.end, leak.start + 3 * DAY_MS) : Math.min(leak.end, leak.peak + 7 * DAY_MS);

function middle(values: number[]): string {
  if (values.length === 0) return '-';
  return values.sort((a, b) => a - b)[values.length >> 1]!.toFixed(1);
}
