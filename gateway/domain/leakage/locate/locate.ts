import type { Millis } from '../../../../contract/time.ts';
import type { ZoneModel } from '../network.ts';
import { weekClock } from '../week-clock.ts';
import { type PatternPlace, type Place, placeByPattern } from './pattern.ts';
import type { PipeGraph } from './pipe-graph.ts';
import { type Ranked, rankPipes } from './rank.ts';
import { type Column, type Residual, residualOf } from './residual.ts';

export const QUARTER_MS = 900_000;
/** History a location wants before the leak began: two weeks to learn from, found within five. */
export const HISTORY_DAYS = 35;
const PER_DAY = 96;
const BASELINE_DAYS = 14;
/** A leak is looked at over its last day at most. */
const WINDOW_QUARTERS = PER_DAY;
/** The quarter in which it began is a mixture. */
const SETTLE_QUARTERS = 1;
/** Before its recognised start a sudden leak may have begun. */
const MARGIN_QUARTERS = 2;
/** A repair is recognised some hours late: what lies before is a mixture. */
const CLOSING_QUARTERS = 48;
/** Moments at which the model is solved. */
const CONDITIONS = 2;
const OUTLETS_MAX = 6;
const LEVELS_MAX = 4;
/** Fewer sensors give no direction. */
const SENSORS_MIN = 3;
export const NO_HISTORY = 'too little history before it began';

/** What the network's hydraulics can be asked; see gateway/locate/network-model.ts. */
export interface Hydraulics {
  readonly graph: PipeGraph;
  readonly pumps: ReadonlySet<string>;
  readonly tanks: ReadonlySet<string>;
  has(id: string): boolean;
  isJunction(id: string): boolean;
  junctionsAround(from: readonly string[], meters: ReadonlySet<string>): string[];
  signatures(task: {
    readonly conditions: readonly {
      readonly secondOfWeek: number;
      readonly usedM3PerH?: number;
      readonly includesLeak: boolean;
      readonly running: Readonly<Record<string, boolean>>;
      readonly levelM: Readonly<Record<string, number>>;
    }[];
    readonly sensors: readonly string[];
    readonly candidates: readonly string[];
    readonly sizeM3PerH: number;
  }): ReadonlyMap<string, ArrayLike<number>>;
}

/** A leak to be found. Everything in it can be sent to a worker. */
export interface LocateTask {
  /** The metered zone; its pressures include those of the zones within. */
  readonly zone: Pick<ZoneModel, 'inlets' | 'outlets' | 'tanks' | 'customers' | 'pressures'>;
  readonly timezone: string;
  /** Device of a point -> node, pump or tank of the model, where they are not called the same. */
  readonly names: Readonly<Record<string, string>>;
  readonly kind: 'abrupt' | 'slow';
  readonly since: Millis;
  /** Until when there is data. */
  readonly at: Millis;
  readonly sizeM3PerH: number;
  readonly interval: readonly [low: number, high: number];
  /** Other leaks of the same water, open or closed within the history. */
  readonly others: readonly { readonly since: Millis; readonly until?: Millis }[];
  /** Quarter-hour means by point from `historyFrom` (a full quarter) on. */
  readonly historyFrom: Millis;
  readonly history: Readonly<Record<string, Column>>;
}

export type Located =
  | ({ readonly found: true; readonly sensors: number; readonly windowFrom: Millis; readonly windowTo: Millis } & Omit<
      Ranked,
      'faulty'
    > & { readonly faulty: readonly string[] })
  | { readonly found: false; readonly reason: string };

const no = (reason: string): Located => ({ found: false, reason });

interface Prepared {
  readonly residual: Residual;
  readonly from: number;
  readonly to: number;
  readonly drivers: ReturnType<typeof driversOf>;
}

/** The change of the pressures of `points` since the leak began, or why there is none. */
/** @param expects - pressures with the inflow as it is, or as it would be without the leak, which then shows as a fall */
function prepare(
  task: LocateTask,
  points: readonly string[],
  expects: 'inflow as it is' | 'inflow without the leak',
): Prepared | string {
  const { zone, history } = task;
  const quarter = (at: Millis) => Math.round((at - task.historyFrom) / QUARTER_MS);
  const to = quarter(task.at);
  const begun = quarter(task.since);
  const from =
    task.kind === 'slow'
      ? Math.max(0, to - WINDOW_QUARTERS)
      : Math.max(begun + SETTLE_QUARTERS, to - WINDOW_QUARTERS, 0);
  if (to - from < 2) return 'too little data since it began';
  const leakM3PerH = expects === 'inflow without the leak' ? task.sizeM3PerH : 0;
  const drivers = driversOf(zone, history, to, { from: begun, leakM3PerH });
  const residual = residualOf({
    sensors: points.map((point) => history[point]!),
    drivers: drivers.columns,
    baseline: baselineOf(task, quarter, begun - (task.kind === 'slow' ? 0 : MARGIN_QUARTERS)),
    from,
    to,
    startOfDay: weekClock(task.timezone)(task.historyFrom, PER_DAY) % PER_DAY,
  });
  if (residual === undefined) return NO_HISTORY;
  if (residual.used.length < SENSORS_MIN) return `only ${residual.used.length} pressure sensors gave good values`;
  return { residual, from, to, drivers };
}

/** Where a leak is, by the change of the pressures against what a model says of a leak at each junction. */
export function locate(task: LocateTask, model: Hydraulics): Located {
  const { zone, names, history } = task;
  const idOf = (point: string) => names[deviceOf(point)] ?? deviceOf(point);
  const pressures = zone.pressures.filter((point) => history[point] !== undefined && model.isJunction(idOf(point)));
  if (pressures.length < SENSORS_MIN)
    return no(`${pressures.length} pressure sensors of the zone are nodes of the model; at least ${SENSORS_MIN}`);
  const prepared = prepare(task, pressures, 'inflow as it is');
  if (typeof prepared === 'string') return no(prepared);
  const { residual, from, to, drivers } = prepared;
  const slotOf = weekClock(task.timezone);
  const meters = new Set([...zone.inlets, ...zone.outlets].map(idOf));
  const sensors = pressures.map(idOf);
  const candidates = model.junctionsAround(sensors, meters);
  const conditions = momentsOf(from, to).map((at) => ({
    secondOfWeek: (slotOf(task.historyFrom + at * QUARTER_MS, PER_DAY) * QUARTER_MS) / 1000,
    ...drivers.use(at, from, to, task.sizeM3PerH),
    running: runningOf(zone, history, at, (point) => (model.pumps.has(idOf(point)) ? idOf(point) : undefined)),
    levelM: Object.fromEntries(
      Object.entries(history).flatMap(([point, column]) =>
        model.tanks.has(idOf(point)) && Number.isFinite(column[at]) ? [[idOf(point), column[at]!]] : [],
      ),
    ),
  }));
  const signatures = model.signatures({ conditions, sensors, candidates, sizeM3PerH: task.sizeM3PerH });
  const [low, high] = task.interval;
  const sizeSpread = task.sizeM3PerH > 0 ? (high - low) / 2 / task.sizeM3PerH : 1;
  const ranked = rankPipes({ residual, signatures, graph: model.graph, sizeSpread });
  if (ranked === undefined) return no('the model has no pipes around the sensors of the zone');
  return {
    found: true,
    ...ranked,
    faulty: ranked.faulty.map((index) => pressures[index]!),
    sensors: residual.used.length - ranked.faulty.length,
    windowFrom: task.historyFrom + from * QUARTER_MS,
    windowTo: task.historyFrom + to * QUARTER_MS,
  };
}

/** About where a leak is without a model; undefined when the sensors don't say. @param placeOf - where a sensor stands */
export function locateByPattern(
  task: LocateTask,
  placeOf: (point: string) => Place | undefined,
): PatternPlace | undefined {
  const points = task.zone.pressures.filter((point) => task.history[point] !== undefined);
  const prepared = prepare(task, points, 'inflow without the leak');
  return typeof prepared === 'string' ? undefined : placeByPattern(prepared.residual, points, points.map(placeOf));
}

/** Points whose history a task wants. */
export function pointsWanted(zone: LocateTask['zone']): string[] {
  const { inlets, outlets, customers, tanks, pressures } = zone;
  return [...new Set([...inlets, ...outlets, ...customers, ...tanks.map(({ level }) => level), ...pressures])];
}

const deviceOf = (point: string): string => point.slice(0, point.indexOf('/'));

/** The newest days before the leak on which the same other leaks were open as now. */
function baselineOf({ others, at: now }: LocateTask, quarter: (at: Millis) => number, before: number): number[] {
  const spans = others.map(({ since, until }) => ({
    from: quarter(since) - 4 * MARGIN_QUARTERS,
    to: until === undefined ? Number.POSITIVE_INFINITY : quarter(until),
    isOpen: until === undefined || until > now,
  }));
  const fits = (at: number) =>
    spans.every(({ from, to, isOpen }) => {
      if (at >= to - CLOSING_QUARTERS && at < to) return false;
      return (at >= from && at < to) === isOpen;
    });
  const found: number[] = [];
  for (let at = before - 1; at >= 0 && found.length < BASELINE_DAYS * PER_DAY; at--) if (fits(at)) found.push(at);
  return found.reverse();
}

function driversOf(
  zone: LocateTask['zone'],
  history: LocateTask['history'],
  length: number,
  taken: { readonly from: number; readonly leakM3PerH: number },
) {
  const sum = (plus: readonly string[], minus: readonly string[] = []): Column => {
    const total = new Float64Array(length);
    for (const [points, sign] of [
      [plus, 1],
      [minus, -1],
    ] as const)
      for (const point of points) {
        const column = history[point];
        for (let at = 0; at < length; at++) total[at]! += sign * (column?.[at] ?? Number.NaN);
      }
    return total;
  };
  const net = sum(zone.inlets, zone.outlets);
  for (let at = Math.max(0, taken.from); at < length; at++) net[at]! -= taken.leakM3PerH;
  const isMetered = zone.customers.length > 0;
  const columns = [
    ...(isMetered ? [sum(zone.customers)] : []),
    net,
    ...zone.outlets.slice(0, OUTLETS_MAX).map((point) => sum([point])),
    ...zone.tanks.slice(0, LEVELS_MAX).map(({ level }) => sum([level])),
  ];
  return {
    columns,
    use(at: number, from: number, to: number, sizeM3PerH: number) {
      // With a tank the use of one quarter is not known, that of the window is.
      const [first, last] = zone.tanks.length > 0 ? [from, to] : [Math.max(from, at - 1), Math.min(to, at + 2)];
      let supplied = meanOf(net, first, last);
      for (const { level, areaM2 } of zone.tanks) {
        const change = (history[level]?.[last - 1] ?? Number.NaN) - (history[level]?.[first] ?? Number.NaN);
        supplied -= (areaM2 * change) / Math.max(1, (last - 1 - first) / 4);
      }
      if (!Number.isFinite(supplied)) return { includesLeak: true };
      // Known demand of customers leaves the leak on top; known inflow has it in it.
      return isMetered
        ? { usedM3PerH: Math.max(0, supplied - sizeM3PerH), includesLeak: false }
        : { usedM3PerH: supplied, includesLeak: true };
    },
  };
}

function meanOf(column: Column, from: number, to: number): number {
  let sum = 0;
  let n = 0;
  for (let at = from; at < to; at++) {
    if (Number.isNaN(column[at]!)) continue;
    sum += column[at]!;
    n++;
  }
  return n === 0 ? Number.NaN : sum / n;
}

/** Pumps whose flow is metered: more than a fiftieth of the largest flow is running. */
function runningOf(
  zone: LocateTask['zone'],
  history: LocateTask['history'],
  at: number,
  pumpOf: (point: string) => string | undefined,
): Record<string, boolean> {
  const running: Record<string, boolean> = {};
  for (const point of [...zone.inlets, ...zone.outlets]) {
    const pump = pumpOf(point);
    const column = history[point];
    if (pump === undefined || column === undefined || Number.isNaN(column[at]!)) continue;
    const most = column.reduce((so, value) => (Number.isNaN(value) ? so : Math.max(so, value)), 0);
    running[pump] = column[at]! > most / 50;
  }
  return running;
}

function momentsOf(from: number, to: number): number[] {
  const count = Math.min(CONDITIONS, to - from);
  return Array.from({ length: count }, (_, index) => from + Math.floor(((index + 0.5) * (to - from)) / count));
}
