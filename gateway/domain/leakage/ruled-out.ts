import type { Millis } from '../../../contract/time.ts';

const HOUR_MS = 3_600_000;
/** Another zone that lost more than this part of what came here may have got it through a boundary valve. */
const NEIGHBOUR_PART = 0.5;
/** A sensor that fell by so many of its deviations fell with the leak. */
const FELL_SIGMAS = 3;
/** A day whose shape strays so many times more than usual is a holiday. */
const HOLIDAY_FACTOR = 3;

/** What was known when a leak was raised. Flows and sizes are m3/h. */
export interface LeakFacts {
  readonly kind: 'abrupt' | 'slow';
  readonly since: Millis;
  readonly at: Millis;
  readonly size: number;
  /** Ends of bins, net inflow, expectation; null: not known. */
  readonly series: readonly (readonly [Millis, number | null, number | null, unknown?])[];
  /** Flow meters of the zone: how many samples in a row are alike now, and at most by themselves. */
  readonly meters: readonly { readonly point: string; readonly alike: number; readonly alikeUsual: number }[];
  /** Tanks of the zone whose level is taken off; how many. */
  readonly tanks: number;
  /** Longest draw of late that ended by itself. */
  readonly longestDrawMs: number;
  /** How far the shape of the last day strayed, in times of usual; undefined: not known yet. */
  readonly odd?: number;
  /** Change of each other metered zone over the same time, less its expectation. */
  readonly others: readonly { readonly zone: string; readonly change: number }[];
  /** Pressure sensors by how far they fell. */
  readonly sensors: readonly { readonly point: string; readonly drop: number; readonly sigmas: number }[];
}

/**
 * Each other reason there could be, with the numbers that rule it out, or what it was not checked for lack of. A reason
 * that the numbers do not rule out is named as such.
 */
export function ruledOut(facts: LeakFacts): string[] {
  return [
    meterFault(facts),
    drift(facts),
    interruption(facts),
    facts.kind === 'abrupt' ? passingDraw(facts) : undefined,
    holiday(facts),
    boundaryValve(facts),
    facts.tanks > 0
      ? `tank: what its level took or gave is taken off (${facts.tanks})`
      : 'tank: not checked, no level of a tank in this zone',
    'planned works: not checked here; a maintenance window of the zone suppresses the alarm',
  ].filter((line) => line !== undefined);
}

function meterFault({ series, since, at, meters }: LeakFacts): string {
  const span = series.filter(([end]) => end > since && end <= at);
  const known = span.filter(([, flow]) => flow !== null).length;
  const worst = [...meters].sort((a, b) => b.alike - a.alike)[0];
  const still =
    worst === undefined
      ? ''
      : `; ${worst.point} shows ${worst.alike} like values in a row, by itself up to ${Math.round(worst.alikeUsual)}`;
  return `meter fault: flow known in ${known} of ${span.length} bins since${still}`;
}

function drift({ kind, since, at, sensors }: LeakFacts): string {
  const fell = sensors.filter(({ sigmas }) => sigmas > FELL_SIGMAS);
  const first = fell[0];
  if (first !== undefined)
    return `meter drift: ${fell.length} of ${sensors.length} pressures fell, too, ${first.point} by ${figure(first.drop)} m`;
  if (kind === 'abrupt') return `meter drift: it came within ${hours(at - since)}, a drift takes weeks`;
  return sensors.length === 0
    ? 'meter drift: not checked, no pressure sensor in this zone'
    : `meter drift: not ruled out, none of ${sensors.length} pressures fell clearly`;
}

/** Roof tanks fill after an interruption. */
function interruption({ series }: LeakFacts): string {
  const parts = series.flatMap(([, flow, expected]) =>
    flow === null || expected === null || expected <= 0 ? [] : [flow / expected],
  );
  if (parts.length === 0) return 'supply interruption: not checked, the expectation is not known';
  const first = series[0]![0];
  const span = series.at(-1)![0] - first;
  return `supply interruption: least ${Math.round(100 * Math.min(...parts))} % of the expectation within ${hours(span)}`;
}

function passingDraw({ since, at, size, longestDrawMs }: LeakFacts): string {
  if (at - since < HOUR_MS)
    return `flushing, fire flow: ${figure(size)} m3/h by the minute is more than two hydrants draw and than passed here before`;
  const longest =
    longestDrawMs > 0 ? `the longest that ended by itself of late ${hours(longestDrawMs)}` : 'none of late';
  return `flushing, fire flow, irrigation: it lasts for ${hours(at - since)}, ${longest}`;
}

function holiday({ odd }: LeakFacts): string {
  if (odd === undefined) return 'holiday: not checked, the shape of days is not known yet';
  const verdict = odd > HOLIDAY_FACTOR ? 'not ruled out, ' : '';
  return `holiday: ${verdict}the shape of the last day strays ${figure(odd)} times as usual`;
}

function boundaryValve({ others, size }: LeakFacts): string {
  const most = [...others].sort((a, b) => a.change - b.change)[0];
  if (most === undefined) return 'boundary valve: not checked, no other metered zone with a known flow';
  if (-most.change > NEIGHBOUR_PART * size)
    return `boundary valve: not ruled out, ${most.zone} takes ${figure(-most.change)} m3/h less than expected`;
  return `boundary valve: no other zone takes clearly less, ${most.zone} ${figure(most.change)} m3/h`;
}

const hours = (ms: number): string => `${figure(ms / HOUR_MS)} h`;

const figure = (value: number): string => String(Number(value.toPrecision(2)));
