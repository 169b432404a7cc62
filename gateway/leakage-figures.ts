import { setImmediate as turn } from 'node:timers/promises';
import type { Millis } from '../contract/time.ts';
import { convert, isUnit, UNITS, type UnitSymbol } from '../contract/units.ts';
import { byPeriod, type FigurePeriod, localCalendar } from './domain/leakage/local-days.ts';
import type { ZoneModel } from './domain/leakage/network.ts';
import { networkFigures, type ZoneFigures, zoneFigures } from './domain/leakage/report.ts';
import { QUARTER_MS, type Quarter, type ZoneDay, type ZoneRecord, zoneDay } from './domain/leakage/zone-days.ts';
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
const MARGIN_MS = 2 * 86_400_000;

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
    if (this.waiting >= FIGURES_WAITING_MAX)
      throw new FiguresError('figures-busy', `${this.waiting} questions for figures wait already`);
    this.waiting++;
    const answer = this.last.then(() => this.answer(zones, range));
    this.last = answer.catch(() => undefined);
    try {
      return await answer;
    } finally {
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
    for (const zone of zones.map(withRegistered)) {
      const known = new Map<string, ZoneDay>();
      for (let start = 0; start < days.length; start += CHUNK_DAYS) {
        const chunk = days.slice(start, start + CHUNK_DAYS);
        const record = await this.read(zone, chunk[0]!.from - MARGIN_MS, Math.min(end, chunk.at(-1)!.to + MARGIN_MS));
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

  private async read(zone: ZoneModel, from: Millis, to: Millis): Promise<ZoneRecord> {
    const flows = [...new Set([...zone.inlets, ...zone.outlets, ...zone.customers])];
    const registers = flows.map((point) => [point, this.registerOf(zone, point)] as const);
    const reverse = flows.map((point) => [point, sibling(point, 'totalReverse')] as const);
    const same = (points: readonly string[]) => points.map((point) => [point, point] as const);
    return {
      flows: await this.quarters(same(flows), 'mean', 'm3/h', from, to),
      registers: await this.quarters(registers, 'last', 'm3', from, to),
      reverse: await this.quarters(reverse, 'last', 'm3', from, to),
      levels: await this.quarters(same(zone.tanks.map(({ level }) => level)), 'last', 'm', from, to),
      pressures: await this.quarters(same(zone.pressures), 'mean', 'm[H2O]', from, to),
    };
  }

  /** The counter beside a flow: as configured, or the `total` of the same device. */
  private registerOf(zone: ZoneModel, point: string): string {
    return zone.totalizers?.[point] ?? sibling(point, 'total');
  }

  private async quarters(
    wanted: readonly (readonly [key: string, point: string])[],
    aggregate: 'mean' | 'last',
    unit: UnitSymbol,
    from: Millis,
    to: Millis,
  ): Promise<Map<string, readonly Quarter[]>> {
    const { store, registry } = this.options;
    const ids = new Map<number, string>();
    for (const [key, point] of wanted) {
      const at = point.indexOf('/');
      const id = registry.pointId(point.slice(0, at), point.slice(at + 1));
      if (id !== undefined) ids.set(id, key);
    }
    const found = new Map<string, readonly Quarter[]>();
    if (ids.size === 0) return found;
    const start = Math.floor(from / QUARTER_MS) * QUARTER_MS;
    const series = await store.query({ points: [...ids.keys()], from: start, to, stepMs: QUARTER_MS, aggregate });
    for (const { point, values } of series) {
      const key = ids.get(point ?? -1);
      if (key === undefined || values.length === 0) continue;
      const own = registry.point(point ?? -1)?.unit;
      const isOther = own !== undefined && isUnit(own) && UNITS[own].dimension === UNITS[unit].dimension;
      found.set(
        key,
        values.map(({ ts, value, worstQuality }) => ({
          ts,
          value: isOther ? convert(value, own, unit) : value,
          isDoubtful: worstQuality === 'uncertain',
        })),
      );
    }
    return found;
  }
}

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
