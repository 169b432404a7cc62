import type { Alarm } from '../../contract/alarm.ts';
import { AHEAD_MAX_MS, type Quality } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';

/** The newest value of a point. `value` absent: there is none, and the quality says why. */
export interface LastValue {
  readonly ts: Millis;
  /** When the gateway took it; absent when the feed did not say. */
  readonly receivedAt?: Millis;
  readonly value?: number;
  readonly quality: Quality;
  readonly reason?: string;
}

/** A setpoint of one of the point's alarm rules, drawn as a tick. */
export interface Limit {
  readonly kind: string;
  readonly setpoint: number;
}

/** One measurement of one device, with its newest value. */
export interface Point {
  /** `<device>/<measurement>` */
  readonly id: string;
  readonly device: string;
  readonly measurement: string;
  readonly unit?: string;
  readonly label?: string;
  readonly labelZh?: string;
  readonly everyMs?: number;
  /** Older than this the value is stale. */
  readonly maxSilenceMs: number;
  /** How long a reading may be under way before it counts as late. */
  readonly reportingDelayMs: number;
  /** Normal band, in the point's own unit. */
  readonly normal?: readonly [low: number, high: number];
  readonly limits: readonly Limit[];
  /** What whole numbers mean: a contact is open, not 0. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly labelsZh?: Readonly<Record<string, string>>;
  readonly last?: LastValue;
}

export interface Device {
  readonly id: string;
  readonly name?: string;
  readonly nameZh?: string;
  readonly class: string;
  readonly model?: string;
  readonly location?: string;
  readonly locationZh?: string;
  readonly edge?: string;
  /** Degrees, WGS-84. */
  readonly latitude?: number;
  readonly longitude?: number;
}

/** Everything the page knows of the site. Replaced, never changed in place: an unchanged part keeps its identity. */
export interface Model {
  readonly points: ReadonlyMap<string, Point>;
  readonly devices: ReadonlyMap<string, Device>;
  readonly alarms: ReadonlyMap<string, Alarm>;
  /** False until the first whole answer of the gateway. */
  readonly loaded: boolean;
  /** Moves when there are other points or devices, not when their values change: what lists are made from. */
  readonly revision: number;
}

export interface LiveReading extends LastValue {
  readonly point: string;
}

/** What changes the model; in the order it came. */
export type Change =
  | {
      readonly kind: 'snapshot';
      readonly devices: readonly Device[];
      readonly points: readonly Point[];
      readonly alarms: readonly Alarm[];
    }
  /** One that was looked for on a site with more points than the page keeps. */
  | { readonly kind: 'point'; readonly point: Point }
  | { readonly kind: 'readings'; readonly readings: readonly LiveReading[] }
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  | { readonly kind: 'device'; readonly device: Device };

export const EMPTY_MODEL: Model = {
  points: new Map(),
  devices: new Map(),
  alarms: new Map(),
  loaded: false,
  revision: 0,
};

/** Most points the page keeps; a bigger site is looked at through Explore. */
export const POINTS_MAX = 20_000;
/** Most alarms the page keeps; normal ones go first. */
export const ALARMS_MAX = 2_000;

/**
 * Applies changes in order and copies each map at most once. Older news never overwrites newer, so that a whole answer
 * and the live feed may arrive in any order.
 */
export function applyChanges(model: Model, changes: readonly Change[]): Model {
  let { points, devices, alarms, loaded, revision } = model;
  let ownPoints: Map<string, Point> | undefined;
  let ownDevices: Map<string, Device> | undefined;
  let ownAlarms: Map<string, Alarm> | undefined;
  for (const change of changes) {
    if (change.kind === 'snapshot') {
      ownPoints = new Map(change.points.slice(0, POINTS_MAX).map((point) => [point.id, withNewest(points, point)]));
      ownDevices = new Map(change.devices.map((device) => [device.id, device]));
      ownAlarms = mergedAlarms(alarms, change.alarms);
      points = ownPoints;
      devices = ownDevices;
      alarms = ownAlarms;
      loaded = true;
      revision += 1;
    } else if (change.kind === 'readings') {
      ownPoints ??= new Map(points);
      for (const { point: id, ...last } of change.readings) {
        const point = ownPoints.get(id);
        if (point !== undefined) {
          if (isNewer(last, point.last)) ownPoints.set(id, { ...point, last });
        } else if (loaded && ownPoints.size < POINTS_MAX) {
          const found = discovered(id, last);
          if (found === undefined) continue;
          ownPoints.set(id, found);
          revision += 1;
        }
      }
      points = ownPoints;
    } else if (change.kind === 'point') {
      ownPoints ??= new Map(points);
      ownPoints.set(change.point.id, withNewest(ownPoints, change.point));
      points = ownPoints;
      revision += 1;
    } else if (change.kind === 'alarm') {
      const known = alarms.get(change.alarm.id);
      if (known !== undefined && known.changedAt > change.alarm.changedAt) continue;
      ownAlarms ??= new Map(alarms);
      if (isListed(change.alarm)) ownAlarms.set(change.alarm.id, change.alarm);
      else ownAlarms.delete(change.alarm.id);
      alarms = ownAlarms;
    } else {
      ownDevices ??= new Map(devices);
      ownDevices.set(change.device.id, change.device);
      devices = ownDevices;
      revision += 1;
    }
  }
  return { points, devices, alarms, loaded, revision };
}

/** Whether an alarm belongs in the list: open, latched or held while its condition stands. */
export function isListed(alarm: Alarm): boolean {
  return alarm.state !== 'normal' || alarm.latched || (alarm.active && alarm.holds.length > 0);
}

/** Alarms that were raised, or raised again, since the page last heard of them: "3 alarms came meanwhile". */
export function cameMeanwhile(before: ReadonlyMap<string, Alarm>, after: ReadonlyMap<string, Alarm>): readonly Alarm[] {
  return [...after.values()].filter((alarm) => {
    if (alarm.state === 'normal') return false;
    const known = before.get(alarm.id);
    return known === undefined || (known.state !== 'unacknowledged' && alarm.state === 'unacknowledged');
  });
}

/** The newest source time of all values: "Values are from 03:12:26". Undefined when there is none. */
export function newestTime(points: Iterable<Point>): Millis | undefined {
  let newest: Millis | undefined;
  for (const { last } of points) if (last !== undefined && (newest === undefined || last.ts > newest)) newest = last.ts;
  return newest;
}

function isNewer(last: LastValue, than: LastValue | undefined): boolean {
  if (than === undefined || isLater(last, than)) return true;
  // The same moment again is a correction, and the last committed wins.
  return last.ts === than.ts && (last.value !== than.value || last.quality !== than.quality);
}

/** By the time of the source; what a clock that is ahead told stands by the time it came. */
function isLater(last: LastValue, than: LastValue): boolean {
  if (!isAhead(last) && !isAhead(than)) return last.ts > than.ts;
  return (last.receivedAt ?? last.ts) > (than.receivedAt ?? than.ts);
}

const isAhead = ({ ts, receivedAt = ts }: LastValue): boolean => ts > receivedAt + AHEAD_MAX_MS;

function withNewest(points: ReadonlyMap<string, Point>, point: Point): Point {
  const known = points.get(point.id)?.last;
  return known !== undefined && (point.last === undefined || isLater(known, point.last))
    ? { ...point, last: known }
    : point;
}

/** The whole answer says which alarms are open; what the feed told meanwhile is newer and stays. */
function mergedAlarms(known: ReadonlyMap<string, Alarm>, listed: readonly Alarm[]): Map<string, Alarm> {
  const merged = new Map<string, Alarm>();
  for (const alarm of listed.slice(0, ALARMS_MAX)) {
    const ours = known.get(alarm.id);
    const newest = ours !== undefined && ours.changedAt > alarm.changedAt ? ours : alarm;
    if (isListed(newest)) merged.set(newest.id, newest);
  }
  return merged;
}

/** Default silence after which a value of a point nobody described is stale. */
const UNDESCRIBED_SILENCE_MS = 5 * 60_000;

function discovered(id: string, last: LastValue): Point | undefined {
  const slash = id.indexOf('/');
  if (slash <= 0) return undefined;
  const device = id.slice(0, slash);
  const measurement = id.slice(slash + 1);
  return { id, device, measurement, maxSilenceMs: UNDESCRIBED_SILENCE_MS, reportingDelayMs: 0, limits: [], last };
}
