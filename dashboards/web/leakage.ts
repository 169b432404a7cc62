import { type Millis, parseTime } from '../../contract/time.ts';
import { countOf, type Json, maybe, numberOf, objectOf, rowsOf, textOf, wordsOf } from './json.ts';

/** What the gateway does about leaks in one zone now. */
export interface LeakZone {
  readonly zone: string;
  readonly name?: string;
  readonly nameZh?: string;
  readonly state: 'learning' | 'watching' | 'leak' | 'unmetered';
  readonly reason?: string;
  readonly silent: readonly string[];
  /** Days of data still wanted. */
  readonly daysLeft: number;
  readonly at?: Millis;
  /** Of the last night, m3/h. */
  readonly nightFlow?: number;
  readonly since?: Millis;
  /** m3/h, all open leaks together. */
  readonly size: number;
  readonly lostM3: number;
}

export const PERIODS = ['day', 'month', 'year'] as const;
export type Period = (typeof PERIODS)[number];

export interface Figure {
  readonly value: number;
  readonly origin: string;
  readonly basis?: string;
}

/** A volume and how far it can be trusted. */
export interface Volume extends Figure {
  /** Part of the time that is known, 0..1. */
  readonly coverage: number;
  readonly source: string;
  readonly resets: number;
  readonly doubtfulHours: number;
}

export interface Rate {
  readonly basis: 'gross' | 'corrected';
  readonly percent: number;
  readonly grade?: string;
}

export interface Balance {
  readonly authorisedM3: number;
  readonly lossesM3: number;
  readonly apparentM3: number;
  readonly realM3: number;
  readonly nonRevenueM3: number;
}

/** The figures of one zone over one period. */
export interface ZoneFigures {
  readonly zone: string;
  readonly name?: string;
  readonly nameZh?: string;
  /** Local date, month or year. */
  readonly period: string;
  readonly from: Millis;
  readonly to: Millis;
  /** Days that had data. */
  readonly days: number;
  readonly supplied?: Volume;
  readonly registered?: Volume;
  readonly balance?: Balance;
  readonly rates: readonly Rate[];
  readonly shown?: Rate['basis'];
  readonly nightFlow?: Figure;
  readonly nightFlowPercentile?: Figure;
  readonly legitimateNightUse?: Figure;
  readonly nightToDay?: Figure;
  readonly realLossByNight?: Figure;
  readonly background?: Figure;
  readonly pressure?: Figure;
  readonly uarl?: Figure;
  readonly ili?: Figure & { readonly band: string };
  /** Why a figure is absent. */
  readonly missing: ReadonlyMap<string, string>;
}

export interface NetworkFigures {
  readonly period: string;
  /** Zones that have a gross rate. */
  readonly zones: number;
  readonly suppliedM3?: number;
  readonly realM3?: number;
  readonly rate?: Rate;
}

export interface Figures {
  readonly zones: readonly ZoneFigures[];
  readonly network: readonly NetworkFigures[];
}

export interface WhatIfAlarm {
  readonly zone: string;
  readonly kind: string;
  readonly raisedAt: Millis;
  readonly since: Millis;
  readonly sizeM3PerH: number;
  readonly location: string;
  readonly closedAt?: Millis;
}

/** Leaks as they ring now beside those with another sensitivity. */
export interface WhatIf {
  readonly from: Millis;
  readonly to: Millis;
  readonly usual: number;
  readonly changed: number;
  readonly rows: readonly { readonly usual?: WhatIfAlarm; readonly changed?: WhatIfAlarm }[];
  readonly learning: readonly string[];
}

const STATES = ['learning', 'watching', 'leak', 'unmetered'] as const;

export function readZone(answer: unknown): LeakZone | undefined {
  const row = objectOf(answer);
  const zone = textOf(row.zone);
  const state = STATES.find((known) => known === row.state);
  if (zone === undefined || state === undefined) return undefined;
  return {
    zone,
    state,
    silent: wordsOf(row.silent),
    daysLeft: countOf(row.daysLeft),
    size: countOf(row.size),
    lostM3: countOf(row.lostM3),
    ...maybe('name', textOf(row.name)),
    ...maybe('nameZh', textOf(row.nameZh)),
    ...maybe('reason', textOf(row.reason)),
    ...maybe('at', parseTime(row.at)),
    ...maybe('nightFlow', numberOf(row.nightFlow)),
    ...maybe('since', parseTime(row.since)),
  };
}

export function readFigures(answer: unknown): Figures {
  const { zones, network } = objectOf(answer);
  return {
    zones: rowsOf(zones).flatMap((row) => readZoneFigures(row) ?? []),
    network: rowsOf(network).flatMap((row) => {
      const period = textOf(row.period);
      return period === undefined
        ? []
        : [
            {
              period,
              zones: countOf(row.zones),
              ...maybe('suppliedM3', numberOf(row.suppliedM3)),
              ...maybe('realM3', numberOf(row.realM3)),
              ...maybe('rate', readRate(row.rate)),
            },
          ];
    }),
  };
}

function readZoneFigures(row: Json): ZoneFigures | undefined {
  const zone = textOf(row.zone);
  const period = textOf(row.period);
  const from = parseTime(row.from);
  const to = parseTime(row.to);
  if (zone === undefined || period === undefined || from === undefined || to === undefined) return undefined;
  const ili = readFigure(row.ili);
  return {
    zone,
    period,
    from,
    to,
    days: countOf(row.days),
    rates: rowsOf(row.rates).flatMap((rate) => readRate(rate) ?? []),
    missing: new Map(
      rowsOf(row.missing).map(({ figure, reason }) => [textOf(figure) ?? '', textOf(reason) ?? ''] as const),
    ),
    ...maybe('name', textOf(row.name)),
    ...maybe('nameZh', textOf(row.nameZh)),
    ...maybe('supplied', readVolume(row.supplied)),
    ...maybe('registered', readVolume(row.registered)),
    ...maybe('balance', readBalance(row.balance)),
    ...maybe('shown', basisOf(row.shown)),
    ...maybe('nightFlow', readFigure(row.nightFlow)),
    ...maybe('nightFlowPercentile', readFigure(row.nightFlowPercentile)),
    ...maybe('legitimateNightUse', readFigure(row.legitimateNightUse)),
    ...maybe('nightToDay', readFigure(row.nightToDay)),
    ...maybe('realLossByNight', readFigure(row.realLossByNight)),
    ...maybe('background', readFigure(row.background)),
    ...maybe('pressure', readFigure(row.pressure)),
    ...maybe('uarl', readFigure(row.uarl)),
    ...maybe('ili', ili === undefined ? undefined : { ...ili, band: textOf(objectOf(row.ili).band) ?? '' }),
  };
}

const basisOf = (value: unknown): Rate['basis'] | undefined =>
  value === 'gross' || value === 'corrected' ? value : undefined;

function readFigure(answer: unknown): Figure | undefined {
  const { value, origin, basis } = objectOf(answer);
  const number = numberOf(value);
  if (number === undefined) return undefined;
  return { value: number, origin: textOf(origin) ?? '', ...maybe('basis', textOf(basis)) };
}

function readVolume(answer: unknown): Volume | undefined {
  const figure = readFigure(answer);
  if (figure === undefined) return undefined;
  const { coverage, source, resets, doubtfulHours } = objectOf(answer);
  return {
    ...figure,
    coverage: numberOf(coverage) ?? 1,
    source: textOf(source) ?? '',
    resets: countOf(resets),
    doubtfulHours: countOf(doubtfulHours),
  };
}

function readRate(answer: unknown): Rate | undefined {
  const { basis, percent, grade } = objectOf(answer);
  const value = numberOf(percent);
  if (value === undefined || (basis !== 'gross' && basis !== 'corrected')) return undefined;
  return { basis, percent: value, ...maybe('grade', textOf(grade)) };
}

function readBalance(answer: unknown): Balance | undefined {
  const row = objectOf(answer);
  const realM3 = numberOf(row.realM3);
  if (realM3 === undefined) return undefined;
  return {
    realM3,
    authorisedM3: countOf(row.authorisedM3),
    lossesM3: countOf(row.lossesM3),
    apparentM3: countOf(row.apparentM3),
    nonRevenueM3: countOf(row.nonRevenueM3),
  };
}

export function readWhatIf(answer: unknown): WhatIf | undefined {
  const row = objectOf(answer);
  const from = parseTime(row.from);
  const to = parseTime(row.to);
  if (from === undefined || to === undefined) return undefined;
  return {
    from,
    to,
    usual: countOf(row.usual),
    changed: countOf(row.changed),
    rows: rowsOf(row.rows).map((pair) => ({
      ...maybe('usual', readWhatIfAlarm(pair.usual)),
      ...maybe('changed', readWhatIfAlarm(pair.changed)),
    })),
    learning: wordsOf(row.learning),
  };
}

function readWhatIfAlarm(answer: unknown): WhatIfAlarm | undefined {
  const row = objectOf(answer);
  const raisedAt = parseTime(row.raisedAt);
  if (raisedAt === undefined) return undefined;
  return {
    raisedAt,
    zone: textOf(row.zone) ?? '',
    kind: textOf(row.kind) ?? '',
    since: parseTime(row.since) ?? raisedAt,
    sizeM3PerH: countOf(row.sizeM3PerH),
    location: textOf(row.location) ?? '',
    ...maybe('closedAt', parseTime(row.closedAt)),
  };
}

/** The rate for headlines: the one the gateway says, else the first there is. */
export function rateShown({ rates, shown }: Pick<ZoneFigures, 'rates' | 'shown'>): Rate | undefined {
  return rates.find(({ basis }) => basis === shown) ?? rates[0];
}

/** Real losses, m3 a day: by the balance, else by the nights; which one is always said. */
export function realLossOf(
  figures: Pick<ZoneFigures, 'balance' | 'realLossByNight' | 'from' | 'to'>,
): { readonly m3PerDay: number; readonly by: 'balance' | 'night' } | undefined {
  const { balance, realLossByNight, from, to } = figures;
  const days = (to - from) / 86_400_000;
  if (balance !== undefined && days > 0) return { m3PerDay: balance.realM3 / days, by: 'balance' };
  return realLossByNight === undefined ? undefined : { m3PerDay: realLossByNight.value, by: 'night' };
}

/** The figures reach until so long before now when their period isn't over. */
const RUNNING_MS = 3_600_000;

/** A period that isn't over yet: its figures still grow. */
export function isRunning(figures: readonly ZoneFigures[], label: string, now: Millis): boolean {
  return figures.some(({ period, to }) => period === label && to > now - RUNNING_MS);
}

/** Labels of periods in which at least one zone had data, oldest first. */
export function periodsOf(figures: Figures): readonly string[] {
  const known = new Set(figures.zones.filter(({ days }) => days > 0).map(({ period }) => period));
  return figures.network.map(({ period }) => period).filter((period) => known.has(period));
}
