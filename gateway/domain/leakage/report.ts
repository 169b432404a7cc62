import type { Millis } from '../../../contract/time.ts';
import {
  backgroundLeakage,
  correctedLossRate,
  grossLossRate,
  type LeakageIndex,
  type LossRate,
  leakageIndex,
  legitimateNightUse,
  type NetworkSize,
  nightToDayFactor,
  regionLossRate,
  unavoidableLosses,
  type WaterBalance,
  waterBalance,
} from './figures.ts';
import { namesOf, type ZoneModel } from './network.ts';
import { addVolumes, type KnownVolume, type ZoneDay } from './zone-days.ts';

/** Of a volume that is known for less of the time nothing is said. */
export const COVERAGE_MIN = 0.5;
/** Above this a volume counts as measured throughout. */
const COVERAGE_WHOLE = 0.995;
const PERCENTILE = 0.2;
const PERCENTILE_DAYS = 7;
const DAY_MS = 86_400_000;

/** Where a figure comes from. */
export type Origin = 'measured' | 'estimated' | 'configured' | 'assumed' | 'computed';

export interface Figure {
  readonly value: number;
  readonly unit: string;
  readonly origin: Origin;
  /** In words, where the origin alone doesn't say it. */
  readonly basis?: string;
}

/** A volume with all that must be known to trust it. */
export interface VolumeFigure extends Figure {
  /** Part of the time it is known for, 0..1; the rest was filled with its mean. */
  readonly coverage: number;
  /** Differences of counters, or integrated flow. */
  readonly source: 'register' | 'flow' | 'mixed';
  readonly resets: number;
  readonly doubtfulHours: number;
}

export interface ZoneFigures {
  readonly zone: string;
  readonly name?: string;
  readonly nameZh?: string;
  readonly from: Millis;
  readonly to: Millis;
  readonly label: string;
  /** Days that had data, and days of the period that are over or begun. */
  readonly days: number;
  readonly supplied?: VolumeFigure;
  readonly registered?: VolumeFigure;
  readonly balance?: WaterBalance;
  /** Every rate that can be told; `shown` is the one for headlines. */
  readonly rates: readonly LossRate[];
  readonly shown?: LossRate['basis'];
  readonly nightFlow?: Figure;
  /** 20th percentile of the last seven nights. */
  readonly nightFlowPercentile?: Figure;
  readonly legitimateNightUse?: Figure;
  readonly nightToDay?: Figure;
  /** Net night flow over the day, m3/day. */
  readonly realLossByNight?: Figure;
  readonly background?: Figure;
  readonly pressure?: Figure;
  readonly uarl?: Figure;
  readonly ili?: Figure & { readonly band: LeakageIndex['band'] };
  /** Figures that are absent, and why. */
  readonly missing: readonly { readonly figure: string; readonly reason: string }[];
}

/**
 * The figures of one zone over some days.
 *
 * @param days - those of the period that have begun, oldest first
 * @param isYear - the period is a whole year: only then CJJ 92 grades the rate
 */
export function zoneFigures(
  zone: ZoneModel,
  period: { readonly from: Millis; readonly to: Millis; readonly label: string; readonly isYear: boolean },
  days: readonly ZoneDay[],
): ZoneFigures {
  const missing: { figure: string; reason: string }[] = [];
  const miss = (figure: string, reason: string) => {
    missing.push({ figure, reason });
    return undefined;
  };
  const heard = days.filter(({ inflow }) => inflow.coveredMs > 0);
  const supplied = suppliedOf(zone, days, miss);
  const registered = registeredOf(zone, days, miss);
  const balance = balanceOf(zone, supplied, registered, days, miss);
  const rates = ratesOf(zone, supplied, registered, period.isYear, miss);
  const lastDays = days.slice(-PERCENTILE_DAYS).flatMap(({ nightFlow }) => nightFlow ?? []);
  const nights = days.flatMap(({ nightFlow }) => nightFlow ?? []);
  const nightFlow =
    nights.length === 0
      ? miss('nightFlow', 'no night with an hour of flow without holes')
      : figure(mean(nights), 'm3/h', 'measured', 'least mean over one hour of each night, mean of the nights');
  const nightFlowPercentile =
    lastDays.length === 0
      ? undefined
      : figure(percentile(lastDays), 'm3/h', 'measured', `20th percentile of the last ${lastDays.length} nights`);
  const legitimate =
    zone.population === undefined
      ? miss('legitimateNightUse', 'population is not configured')
      : figure(legitimateNightUse(zone.population), 'm3/h', 'estimated', '6 % of the people use 10 l an hour');
  const pressure = pressureOf(zone, days);
  const factor = nightToDayOf(zone, days);
  const realLossByNight =
    nightFlow === undefined || legitimate === undefined
      ? miss('realLossByNight', 'needs night flow and legitimate night use')
      : figure(
          Math.max(0, nightFlow.value - legitimate.value) * factor.value,
          'm3/day',
          'estimated',
          'net night flow x night-to-day factor',
        );
  const size = sizeOf(zone, pressure, miss);
  return {
    ...namesOf(zone),
    from: period.from,
    to: period.to,
    label: period.label,
    days: heard.length,
    ...given({ supplied, registered, balance }),
    rates,
    ...(rates.length === 0 ? {} : { shown: rates.at(-1)!.basis }),
    ...given({ nightFlow, nightFlowPercentile, legitimateNightUse: legitimate, pressure, realLossByNight }),
    nightToDay: factor,
    ...indexOf(size, balance, realLossByNight, lengthDays(days), miss),
    missing,
  };
}

/** Zones of a network together; zones without a balance of their own are inside of others. */
export function networkFigures(zones: readonly ZoneFigures[]): {
  readonly suppliedM3?: number;
  readonly realM3?: number;
  readonly rate?: LossRate;
  readonly zones: number;
  readonly missing: readonly { readonly figure: string; readonly reason: string }[];
} {
  const supplied = zones.flatMap((zone) => zone.supplied?.value ?? []);
  const parts = zones.flatMap(({ supplied: volume, rates }) => {
    const gross = rates.find(({ basis }) => basis === 'gross');
    return volume === undefined || gross === undefined ? [] : [{ suppliedM3: volume.value, percent: gross.percent }];
  });
  const percent = regionLossRate(parts);
  const balances = zones.flatMap(({ balance }) => balance ?? []);
  const missing = zones
    .filter((zone) => !zone.rates.some(({ basis }) => basis === 'gross'))
    .map(({ zone }) => ({ figure: 'rate', reason: `without ${zone}: it has no gross rate` }));
  return {
    ...(supplied.length === 0 ? {} : { suppliedM3: supplied.reduce((sum, value) => sum + value, 0) }),
    ...(balances.length === 0 ? {} : { realM3: balances.reduce((sum, { realM3 }) => sum + realM3, 0) }),
    ...(percent === undefined ? {} : { rate: { basis: 'gross' as const, percent } }),
    zones: parts.length,
    missing,
  };
}

type Miss = (figure: string, reason: string) => undefined;

function suppliedOf(zone: ZoneModel, days: readonly ZoneDay[], miss: Miss): VolumeFigure | undefined {
  if (zone.inlets.length === 0) return miss('supplied', 'no inlet meter');
  const inflow = addVolumes(days.map((day) => day.inflow));
  const outflow = addVolumes(days.map((day) => day.outflow));
  const known = addVolumes([inflow, outflow]);
  const coverage = known.wantedMs > 0 ? known.coveredMs / known.wantedMs : 0;
  const least = Math.min(partOf(inflow), zone.outlets.length === 0 ? 1 : partOf(outflow));
  if (least < COVERAGE_MIN)
    return miss('supplied', `inlets and outlets are known for ${percentWords(least)} of the time`);
  const storedDays = days.filter(({ stored }) => stored !== undefined);
  if (storedDays.length < days.length * COVERAGE_MIN) return miss('supplied', 'the level of a tank is missing');
  const stored = storedDays.reduce((sum, day) => sum + (day.stored ?? 0), 0);
  const m3 = filled(inflow) - filled(outflow) - stored;
  return volumeFigure(m3, known, coverage, storedDays.length === days.length);
}

function registeredOf(zone: ZoneModel, days: readonly ZoneDay[], miss: Miss): VolumeFigure | undefined {
  if (zone.customers.length === 0) return miss('registered', 'no customer meters are configured');
  const known = addVolumes(days.map((day) => day.customers));
  const coverage = partOf(known);
  if (coverage < COVERAGE_MIN)
    return miss('registered', `customer meters are known for ${percentWords(coverage)} of the time`);
  const share = zone.coverage ?? 1;
  const volume = volumeFigure(filled(known) / share, known, coverage, share === 1);
  return share === 1
    ? volume
    : {
        ...volume,
        origin: 'estimated',
        basis: `meters of ${percentWords(share)} of the demand, extended to all of it`,
      };
}

function balanceOf(
  zone: ZoneModel,
  supplied: VolumeFigure | undefined,
  registered: VolumeFigure | undefined,
  days: readonly ZoneDay[],
  miss: Miss,
): WaterBalance | undefined {
  if (supplied === undefined || registered === undefined)
    return miss('balance', 'needs the supplied and the registered volume');
  return waterBalance({
    suppliedM3: supplied.value,
    billedM3: registered.value,
    unbilledM3: (zone.unbilledM3PerDay ?? 0) * lengthDays(days),
    apparentM3: ((zone.apparentPercent ?? 0) / 100) * registered.value,
  });
}

function ratesOf(
  zone: ZoneModel,
  supplied: VolumeFigure | undefined,
  registered: VolumeFigure | undefined,
  isYear: boolean,
  miss: Miss,
): LossRate[] {
  const gross =
    supplied === undefined || registered === undefined ? undefined : grossLossRate(supplied.value, registered.value);
  if (gross === undefined) {
    miss('rate', 'needs the supplied and the registered volume');
    return [];
  }
  if (zone.corrections === undefined) {
    miss('correctedRate', 'no corrections (households, pipe length, pressure, frost) are configured');
    return [gross];
  }
  const corrected = correctedLossRate(gross, zone.corrections);
  if (isYear) return [gross, corrected];
  miss('grade', 'CJJ 92 grades the rate of a whole year');
  return [gross, { basis: corrected.basis, percent: corrected.percent }];
}

function pressureOf(zone: ZoneModel, days: readonly ZoneDay[]): Figure | undefined {
  const known = days.flatMap(({ pressures }) => pressures.filter((value) => value !== null));
  if (known.length > 0) return figure(mean(known), 'm', 'measured', 'mean of the sensors');
  return zone.pressureM === undefined ? undefined : figure(zone.pressureM, 'm', 'configured');
}

function nightToDayOf(zone: ZoneModel, days: readonly ZoneDay[]): Figure {
  const hours = Array.from({ length: 24 }, (_, hour) => {
    const known = days.flatMap(({ pressures }) => pressures[hour] ?? []);
    return known.length === 0 ? undefined : mean(known);
  });
  const nights = days.flatMap(({ nightPressure }) => nightPressure ?? []);
  const whole = hours.filter((value) => value !== undefined);
  const factor =
    whole.length === 24 && nights.length > 0
      ? nightToDayFactor(whole, mean(nights), zone.pressureExponent ?? 1)
      : undefined;
  return factor === undefined
    ? figure(24, 'h', 'assumed', 'no pressures over a whole day: leakage by day as at night')
    : figure(factor, 'h', 'computed', `pressures by hour, exponent ${zone.pressureExponent ?? 1}`);
}

function sizeOf(zone: ZoneModel, pressure: Figure | undefined, miss: Miss): NetworkSize | undefined {
  const { mainsKm, connections, privateKm = 0 } = zone;
  if (mainsKm === undefined || connections === undefined)
    return miss('uarl', 'mainsKm and connections are not configured');
  if (pressure === undefined) return miss('uarl', 'no pressure is measured or configured');
  return { mainsKm, connections, privateKm, pressure: pressure.value };
}

function indexOf(
  size: NetworkSize | undefined,
  balance: WaterBalance | undefined,
  byNight: Figure | undefined,
  days: number,
  miss: Miss,
): Partial<Pick<ZoneFigures, 'background' | 'uarl' | 'ili'>> {
  if (size === undefined) {
    miss('ili', 'needs the unavoidable losses');
    return {};
  }
  const background = figure(backgroundLeakage(size), 'm3/h', 'estimated', '40 l/km/h mains, 4 l/connection/h at 50 m');
  const uarl = figure(unavoidableLosses(size), 'm3/day', 'computed', '(18 Lm + 0.8 Nc + 25 Lp) P');
  const realM3PerDay = balance !== undefined && days > 0 ? balance.realM3 / days : byNight?.value;
  if (realM3PerDay === undefined) {
    miss('ili', 'no real losses by balance or by night flow');
    return { background, uarl };
  }
  const index = leakageIndex(realM3PerDay, size);
  if (index === undefined || index.doubts.length > 0) {
    miss(
      'ili',
      index === undefined ? 'no unavoidable losses' : `outside the limits of the formula: ${index.doubts.join(', ')}`,
    );
    return { background, uarl };
  }
  const basis = balance === undefined ? 'real losses by night flow' : 'real losses by the water balance';
  return { background, uarl, ili: { ...figure(index.ili, '1', 'computed', basis), band: index.band } };
}

function volumeFigure(m3: number, known: KnownVolume, coverage: number, isWhole: boolean): VolumeFigure {
  const { byRegister, byFlow, resets, doubtfulHours } = known;
  const origin = coverage >= COVERAGE_WHOLE && isWhole && doubtfulHours === 0 ? 'measured' : 'estimated';
  const source = byFlow === 0 ? 'register' : byRegister === 0 ? 'flow' : 'mixed';
  return { value: m3, unit: 'm3', origin, coverage, source, resets, doubtfulHours };
}

const lengthDays = (days: readonly ZoneDay[]): number =>
  days.reduce((sum, { from, to }) => sum + (to - from), 0) / DAY_MS;

const partOf = ({ coveredMs, wantedMs }: KnownVolume): number => (wantedMs > 0 ? coveredMs / wantedMs : 0);

/** Holes filled with the mean of what is known. */
function filled(known: KnownVolume): number {
  const part = partOf(known);
  return part > 0 ? known.m3 / part : 0;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Linear between the nearest two. */
function percentile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = PERCENTILE * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  return low + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - low);
}

const percentWords = (part: number): string => `${Math.round(100 * part)} %`;

function figure(value: number, unit: string, origin: Origin, basis?: string): Figure {
  return { value, unit, origin, ...(basis === undefined ? {} : { basis }) };
}

function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
