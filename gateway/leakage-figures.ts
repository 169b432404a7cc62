import { setImmediate as turn } from 'node:timers/promises';
import type { Millis } from '../contract/time.ts';
import { convert, isUnit, UNITS, type UnitSymbol } from '../contract/units.ts';
import { byPeriod, type FigurePeriod, localCalendar } from './domain/leakage/local-days.ts';
import type { ZoneModel } from './domain/leakage/network.ts';
import { networkFigures, type ZoneFigures, zoneFigures } from './domain/leakage/report.ts';
import {
  type LocalDay,
  QUARTER_MS,
  type Quarter,
  type ZoneDay,
  type ZoneRecord,
  zoneDay,
} from './domain/leakage/zone-days.ts';
import type { Registry } from './registry.ts';
import type { Store } from './store/store.ts';

/** Local days of one answer, and quarters of all points that are read for it. */
export const FIGURE_DAYS_MAX = 1100;
export const FIGURE_VALUES_MAX = 40_000_000;
/** Questions that wait for their turn: one is answered at a time, so that figures never crowd out what is live. */
export const FIGURES_WAITING_MAX = 4;
/** Days read at once. */
const CHUNK_DAYS = 31;
/** A register may tell its value once a day or two: so far around the days it is looked for. */
const DAY_MS = 86_400_000;
const MARGIN_MS = 2 * DAY_MS;

export class FiguresError extends Error {
  readonly code: 'query-too-large' | 'figures-busy';
  constructor(code: FiguresError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface FiguresOptions {
  readonly zones: readonly ZoneModel[];
  readonly timezone: string;
  /** Local hours [from, to) in which the least flow is looked for. */
  readonly night: readonly [fromHour: number, toHour: number];
  readonly store: Pick<Store, 'query'>;
  readonly registry: Pick<Registry, 'pointId' | 'point'>;
  readonly now: () => Millis;
}

export interface FiguresAnswer {
  readonly zones: readonly ZoneFigures[];
  readonly network: readonly (ReturnType<typeof networkFigures> & { readonly label: string })[];
}

/** The figures a utility reports, made of what the store holds at the moment of the question: late data counts. */
export class LeakageFigures {
  private readonly options: FiguresOptions;
  private last: Promise<unknown> = Promise.resolve();
  /** Questions that are not answered yet, by what they ask; at most {@link FIGURES_WAITING_MAX}. */
  private readonly underWay = new Map<string, Promise<FiguresAnswer>>();
  private waiting = 0;

  constructor(options: FiguresOptions) {
    this.options = options;
  }

  get zones(): readonly ZoneModel[] {
    return this.options.zones;
  }

  /** @throws FiguresError when it would read too much, or when too many ask at once */
  async figures(
    zones: readonly ZoneModel[],
    range: { readonly from: Millis; readonly to: Millis; readonly period: FigurePeriod },
  ): Promise<FiguresAnswer> {
    const key = JSON.stringify([
      zones.map(({ id }) => id),
      range.period,
      Math.floor(range.from / QUARTER_MS),
      Math.floor(range.to / QUARTER_MS),
      Math.floor(this.options.now() / QUARTER_MS),
    ]);
    // Several screens, or one that was left and opened again, ask for the same: they share one answer.
    const underWay = this.underWay.get(key);
    if (underWay !== undefined) return underWay;
    if (this.waiting >= FIGURES_WAITING_MAX)
      throw new FiguresError('figures-busy', `${this.waiting} questions for figures wait already`);
    this.waiting++;
    const answer = this.last.then(() => this.answer(zones, range));
    this.last = answer.catch(() => undefined);
    this.underWay.set(key, answer);
    try {
      return await answer;
    } finally {
      this.underWay.delete(key);
      this.waiting--;
    }
  }

  private async answer(
    zones: readonly ZoneModel[],
    { from, to, period }: { readonly from: Millis; readonly to: Millis; readonly period: FigurePeriod },
  ): Promise<FiguresAnswer> {
    const { timezone, night, now } = this.options;
    const end = Math.floor(now() / QUARTER_MS) * QUARTER_MS;
    // Days that have begun; today counts until now.
    const days = localCalendar(timezone)
      .days(from, to, FIGURE_DAYS_MAX + 1)
      .filter((day) => day.from < end)
      .map((day) => ({ ...day, to: Math.min(day.to, end) }));
    const points = zones.reduce((sum, zone) => sum + pointsOf(withRegistered(zone)).length, 0);
    if (days.length > FIGURE_DAYS_MAX || days.length * points * 96 > FIGURE_VALUES_MAX)
      throw new FiguresError(
        'query-too-large',
        `${days.length} days of ${points} points: at most ${FIGURE_DAYS_MAX} days and ${FIGURE_VALUES_MAX} quarters of an hour; ask for one zone or a shorter range`,
      );
    const found: ZoneFigures[] = [];
    const told = await this.spanOf(zones.map(withRegistered), days);
    for (const zone of zones.map(withRegistered)) {
      const known = new Map<string, ZoneDay>();
      for (let start = 0; start < days.length; start += CHUNK_DAYS) {
        const chunk = days.slice(start, start + CHUNK_DAYS);
        const [from, to] = [chunk[0]!.from - MARGIN_MS, Math.min(end, chunk.at(-1)!.to + MARGIN_MS)];
        const isTold = from < told.to && to > told.from;
        const record = isTold ? await this.read(zone, Math.max(from, told.from), Math.min(to, told.to)) : NOTHING;
        for (const day of chunk) {
          known.set(day.date, zoneDay(zone, record, day, night));
          await turn();
        }
      }
      for (const [label, group] of byPeriod(days, period)) {
        const span = {
          from: group[0]!.from,
          to: group.at(-1)!.to,
          label,
          isYear: period === 'year' && isWholeYear(group),
        };
        found.push(
          zoneFigures(
            zone,
            span,
            group.map(({ date }) => known.get(date)!),
          ),
        );
      }
    }
    const labels = [...new Set(found.map(({ label }) => label))];
    return {
      zones: found,
      network: labels.map((label) => ({ label, ...networkFigures(found.filter((one) => one.label === label)) })),
    };
  }

  /** Days in which any of the zones' points told anything: the others need not be read. */
  private async spanOf(zones: readonly ZoneModel[], days: readonly LocalDay[]): Promise<Pick<LocalDay, 'from' | 'to'>> {
    const { store } = this.options;
    const ids = zones.flatMap((zone) => {
      const registers = [...zone.inlets, ...zone.outlets, ...zone.customers].map((flow) => this.registerOf(zone, flow));
      return [...pointsOf(zone), ...registers].flatMap((point) => this.idOf(point) ?? []);
    });
    const [first, last] = [days[0], days.at(-1)];
    const none = { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
    if (ids.length === 0 || first === undefined || last === undefined) return none;
    const range = { from: Math.floor((first.from - MARGIN_MS) / DAY_MS) * DAY_MS, to: last.to + MARGIN_MS };
    const counted = await store
      .query({ points: [...new Set(ids)], ...range, stepMs: DAY_MS, aggregate: 'count', across: 'sum' })
      // A store that is too busy to count is asked for all of it, piece by piece.
      .catch(() => undefined);
    if (counted === undefined) return { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    const told = counted.flatMap(({ values }) => values.flatMap(({ ts, count }) => (count > 0 ? [ts] : [])));
    return told.length === 0 ? none : { from: Math.min(...told), to: Math.max(...told) + DAY_MS };
  }

  private async read(zone: ZoneModel, from: Millis, to: Millis): Promise<ZoneRecord> {
    const flows = [...new Set([...zone.inlets, ...zone.outlets, ...zone.customers])];
    const same = (points: readonly string[]) => points.map((point) => [point, point] as const);
    const means = await this.quarters('mean', from, to, {
      flows: { wanted: same(flows), unit: 'm3/h' },
      pressures: { wanted: same(zone.pressures), unit: 'm[H2O]' },
    });
    const lasts = await this.quarters('last', from, to, {
      registers: { wanted: flows.map((point) => [point, this.registerOf(zone, point)]), unit: 'm3' },
      reverse: { wanted: flows.map((point) => [point, sibling(point, 'totalReverse')]), unit: 'm3' },
      levels: { wanted: same(zone.tanks.map(({ level }) => level)), unit: 'm' },
    });
    return { ...means, ...lasts };
  }

  /** The counter beside a flow: as configured, or the `total` of the same device. */
  private registerOf(zone: ZoneModel, point: string): string {
    return zone.totalizers?.[point] ?? sibling(point, 'total');
  }

  private idOf(point: string): number | undefined {
    const at = point.indexOf('/');
    return this.options.registry.pointId(point.slice(0, at), point.slice(at + 1));
  }

  /** Quarters of several groups of points with one question to the store. */
  private async quarters<Group extends string>(
    aggregate: 'mean' | 'last',
    from: Millis,
    to: Millis,
    groups: Readonly<Record<Group, Wanted>>,
  ): Promise<Record<Group, Map<string, readonly Quarter[]>>> {
    const { store, registry } = this.options;
    const names = Object.keys(groups) as Group[];
    const found = Object.fromEntries(names.map((group) => [group, new Map()])) as Awaited<
      ReturnType<typeof this.quarters<Group>>
    >;
    const places = new Map<number, { readonly group: Group; readonly key: string }[]>();
    for (const group of names)
      for (const [key, point] of groups[group].wanted) {
        const id = this.idOf(point);
        if (id !== undefined) places.set(id, [...(places.get(id) ?? []), { group, key }]);
      }
    if (places.size === 0) return found;
    const start = Math.floor(from / QUARTER_MS) * QUARTER_MS;
    const series = await store.query({ points: [...places.keys()], from: start, to, stepMs: QUARTER_MS, aggregate });
    for (const { point = -1, values } of series) {
      if (values.length === 0) continue;
      const own = registry.point(point)?.unit;
      for (const { group, key } of places.get(point) ?? []) {
        const { unit } = groups[group];
        const isOther = own !== undefined && isUnit(own) && UNITS[own].dimension === UNITS[unit].dimension;
        found[group].set(
          key,
          values.map(({ ts, value, worstQuality }) => ({
            ts,
            value: isOther ? convert(value, own, unit) : value,
            isDoubtful: worstQuality === 'uncertain',
          })),
        );
      }
    }
    return found;
  }
}

/** Points by what they stand for, and the unit they are wanted in. */
interface Wanted {
  readonly wanted: readonly (readonly [key: string, point: string])[];
  readonly unit: UnitSymbol;
}

/** What a stretch of days without any readings rests on. */
const NOTHING: ZoneRecord = {
  flows: new Map(),
  registers: new Map(),
  reverse: new Map(),
  levels: new Map(),
  pressures: new Map(),
};

/** The balance is made of what is registered for it; leaks are looked for with `customers` alone. */
const withRegistered = (zone: ZoneModel): ZoneModel => ({ ...zone, customers: zone.registered ?? zone.customers });

const sibling = (point: string, measurement: string): string => `${point.slice(0, point.indexOf('/'))}/${measurement}`;

const pointsOf = ({ inlets, outlets, customers, tanks, pressures }: ZoneModel): readonly string[] => [
  ...inlets,
  ...outlets,
  ...customers,
  ...tanks.map(({ level }) => level),
  ...pressures,
];

/** From the first of January to the end of December. */
function isWholeYear(days: readonly { readonly date: string }[]): boolean {
  return days.length >= 365 && days[0]!.date.endsWith('-01-01') && days.at(-1)!.date.endsWith('-12-31');
}
