import { GOOD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { Raise } from '../../gateway/domain/alarm/occurrence.ts';
import { LeakageDetector } from '../../gateway/domain/leakage/leakage.ts';
import {
  CHINESE_TOWN,
  leakFlow,
  type MadeLeak,
  type MadeYear,
  makeYear,
  type Place,
  QUARTER,
  TANK_TOWN,
  TOWN,
  VILLAGE,
  WORKS_TOWN,
} from './made-network.ts';
import { type PlaceKind, RANDOM_SEEDS, randomPlace } from './random-places.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const LEAKS = 8;

/** Places that constants may be looked at with, and years of the same places that are only reported. */
export const SEEDS = { tuning: [1, 2, 3, 4, 5, 6], heldOut: [101, 102, 103, 104, 105, 106] } as const;
export const PLACES = [TOWN, CHINESE_TOWN, VILLAGE, WORKS_TOWN, QUARTER, TANK_TOWN] as const;

export interface MadeAlarm {
  readonly at: Millis;
  readonly raise: Raise;
  readonly verdict: 'found' | 'nuisance' | 'false';
  readonly leak?: MadeLeak;
}

export interface Tally {
  years: number;
  leaks: number;
  found: number;
  abrupt: number;
  abruptFound: number;
  falseAlarms: number;
  /** Of these, on a leak that was open, but later than the rule allows. */
  late: number;
  nuisance: number;
  readonly delaysH: number[];
  readonly delaysD: number[];
  lost: number;
  whole: number;
}

export const newTally = (): Tally => ({
  years: 0,
  leaks: 0,
  found: 0,
  abrupt: 0,
  abruptFound: 0,
  falseAlarms: 0,
  late: 0,
  nuisance: 0,
  delaysH: [],
  delaysD: [],
  lost: 0,
  whole: 0,
});

/** Years of places that are not L-Town, with and without leaks, by the onset rule of the scorer; one line each. */
export function* madeYears(
  seeds: readonly number[] = SEEDS.heldOut,
  places: readonly Place[] = PLACES,
  look: (place: Place, seed: number, year: MadeYear, alarms: readonly MadeAlarm[]) => void = () => {},
): Generator<string> {
  for (const place of places) {
    for (const leaks of [0, LEAKS]) {
      const tally = newTally();
      for (const seed of seeds) {
        const year = makeYear(place, seed * 7919, leaks);
        const alarms = judged(year, watchYear(place, year));
        count(year, alarms, tally);
        look(place, seed, year, alarms);
      }
      yield lineOf(place.name, leaks, tally);
    }
  }
}

export function lineOf(name: string, leaks: number, tally: Tally): string {
  const perYear = (count: number) => (count / tally.years).toFixed(2);
  const head = `${name.padEnd(14)} ${leaks} leaks a year  false ${perYear(tally.falseAlarms)} a year`;
  if (leaks === 0) return head;
  return (
    `${head} (${perYear(tally.late)} of them late on an open leak)  found ${tally.found}/${tally.leaks}  abrupt ${tally.abruptFound}/${tally.abrupt}` +
    `  nuisance ${perYear(tally.nuisance)} a year  delay ${middle(tally.delaysH)} h / ${middle(tally.delaysD)} d` +
    `  saved ${(100 * (1 - tally.lost / tally.whole)).toFixed(0)} %`
  );
}

/** The same for places that are drawn by lot: a line a kind, with and without leaks. */
export function* randomYears(
  [first, last]: readonly [number, number] = RANDOM_SEEDS.heldOut,
  kinds: readonly PlaceKind[] = ['village', 'town'],
): Generator<string> {
  for (const kind of kinds) {
    for (const leaks of [0, LEAKS]) {
      const tally = newTally();
      for (let seed = first; seed <= last; seed++) {
        const place = randomPlace(kind, seed);
        const year = makeYear(place, seed * 7919, leaks);
        count(year, judged(year, watchYear(place, year)), tally);
      }
      yield lineOf(`random ${kind}`, leaks, tally);
    }
  }
}

/** A year of readings through the detector, as a gateway would feed it. */
export function watchYear(place: Place, year: MadeYear): { at: Millis; raise: Raise }[] {
  const pressures = year.pressures.map((_, index) => `pt-${index + 1}/pressure`);
  const zone = {
    id: place.name,
    inlets: ['fm/flow'],
    outlets: [],
    tanks: place.tank === undefined ? [] : [{ level: 'tank/level', areaM2: place.tank.areaM2 }],
    customers: [],
    pressures,
  };
  const detector = new LeakageDetector([zone], place.summerTime ? 'Europe/Berlin' : 'Asia/Shanghai');
  for (const [id, point] of ['fm/flow', 'tank/level', ...pressures].entries()) detector.pointKnown(point, id);
  const raised: { at: Millis; raise: Raise }[] = [];
  for (let index = 0; index < year.flow.length; index++) {
    const at = year.from + index * year.stepMs;
    const take = (id: number, value: number | null | undefined) => {
      if (value !== null && value !== undefined) detector.reading(id, at, value, GOOD);
    };
    take(0, year.flow[index]);
    take(1, year.level[index]);
    for (let by = 0; by < year.pressures.length; by++) take(2 + by, year.pressures[by]![index]);
    for (const finding of detector.advance(at))
      if (finding.kind === 'raise') raised.push({ at: finding.raise.at, raise: finding.raise });
  }
  return raised;
}

/** Which leak each alarm found, by the onset rule. */
export function judged(year: MadeYear, raised: readonly { at: Millis; raise: Raise }[]): MadeAlarm[] {
  const found = new Set<MadeLeak>();
  return raised.map(({ at, raise }) => {
    const fitting = year.leaks.filter((leak) => at >= leak.start && at <= deadline(leak));
    const leak = fitting.filter((one) => !found.has(one)).sort((a, b) => deadline(a) - deadline(b))[0];
    if (leak === undefined) return { at, raise, verdict: fitting.length > 0 ? 'nuisance' : 'false' };
    found.add(leak);
    return { at, raise, verdict: 'found', leak };
  });
}

export function count(year: MadeYear, alarms: readonly MadeAlarm[], tally: Tally): void {
  tally.years++;
  for (const { verdict, at } of alarms) {
    if (verdict === 'false' && year.leaks.some(({ start, end }) => at >= start && at < end)) tally.late++;
    if (verdict === 'nuisance') tally.nuisance++;
    if (verdict === 'false') tally.falseAlarms++;
  }
  for (const leak of year.leaks) {
    const at = alarms.find((alarm) => alarm.leak === leak)?.at;
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
