import { formatTime, type Millis } from '../../../contract/time.ts';
import type { ConditionSink, Conditions } from '../alarm/condition.ts';
import type { Evidence } from '../alarm/occurrence.ts';
import type { DeviceInfo, PointInfo } from '../plant.ts';
import { BUSY_DEVICE_SILENT, BUSY_QUIET, BUSY_STALE, type PointStates } from '../point-states.ts';
import type { RuleTable } from '../rule-table.ts';
import { silenceText, silenceTextZh, silentDeviceRule, stalePointRule } from './built-in.ts';
import type { DeviceState, Devices } from './devices.ts';
import { LEARNED_AFTER_MS, OFTEN_READINGS, QUIET_MS, ReportIntervals, UNLEARNED_MS } from './report-interval.ts';

/** What is now for a source: its event time, or the judge's clock where readings count by receipt. */
export interface SourceTime {
  readonly now: Millis;
  readonly byReceipt: boolean;
  readonly wall: Millis;
}

export interface HealthSink extends ConditionSink {
  tripped(rule: number, since: Millis, at: Millis, evidence?: Evidence): void;
}

/** What judging the devices needs to know. */
export interface HealthParts {
  readonly points: PointStates;
  readonly table: RuleTable;
  readonly conditions: Conditions;
  /** Points by their dense id. */
  readonly infos: readonly PointInfo[];
  readonly where: (device: string) => Pick<DeviceInfo, 'class' | 'location' | 'locationZh'> | undefined;
}

/**
 * Points and devices that say nothing for too long. All points of a device together are one alarm of the device; a point of
 * which nobody said how often it reports is waited for as it has shown.
 */
export class Silence {
  /** Of points of which nobody said how often they report. */
  readonly intervals = new ReportIntervals();
  private readonly points: PointStates;
  private readonly table: RuleTable;
  private readonly conditions: Conditions;
  private readonly infos: readonly PointInfo[];
  private readonly where: HealthParts['where'];
  private readonly devices: Devices;

  constructor({ points, table, conditions, infos, where }: HealthParts, devices: Devices) {
    this.points = points;
    this.table = table;
    this.conditions = conditions;
    this.infos = infos;
    this.where = where;
    this.devices = devices;
  }

  /** A point is new at its device; one that moved is counted anew, in the time of the other source. */
  joined(point: number, hasMoved: boolean): void {
    if (hasMoved) this.points.floor[point] = FROM_NOW;
    this.learnAnew(point);
  }

  /** How often a point reports is learned from its next reading on, if nobody said it. */
  private learnAnew(point: number): void {
    this.intervals.forget(point);
    this.points.fresh[point] = 0;
    if (this.infos[point]!.learnsInterval !== true) return;
    this.points.heardFrom[point] = Number.NaN;
    this.stillNew(point);
  }

  /** Each of its readings is looked at. */
  private stillNew(point: number): void {
    this.points.patienceMs[point] = UNLEARNED_MS;
    this.points.busy[point]! |= BUSY_QUIET;
  }

  /**
   * Finds what has been silent for too long.
   *
   * @returns the source's time before which nothing more can become silent
   */
  lookForSilence(devices: readonly DeviceState[], time: SourceTime, sink: HealthSink): Millis {
    let wake = Number.POSITIVE_INFINITY;
    for (const device of devices) {
      if (device.silentKey !== undefined) continue;
      let last = Number.NEGATIVE_INFINITY;
      let patienceMs = Number.POSITIVE_INFINITY;
      for (const point of device.points) {
        last = Math.max(last, this.lastHeard(point, time));
        patienceMs = Math.min(patienceMs, this.patienceMs(point, device, time));
      }
      if (time.now - last > patienceMs) {
        this.deviceSilent(device, last, patienceMs, time, sink);
        continue;
      }
      wake = Math.min(wake, last + patienceMs);
      for (const point of device.points) {
        if ((this.points.busy[point]! & BUSY_STALE) !== 0) continue;
        const dueAt = this.lastHeard(point, time) + this.patienceMs(point, device, time);
        if (time.now > dueAt) this.pointStale(point, device, time, sink);
        else wake = Math.min(wake, dueAt);
      }
    }
    return wake;
  }

  /** How long a point may be silent; one that learns its interval is followed from {@link QUIET_MS} on. */
  private patienceMs(point: number, device: DeviceState, time: SourceTime): Millis {
    const { points } = this;
    if (this.infos[point]!.learnsInterval !== true) return points.maxSilenceMs[point]!;
    if ((points.busy[point]! & BUSY_QUIET) !== 0) return points.patienceMs[point]!;
    const last = this.lastHeard(point, time);
    // It was declared before, or its state is of an earlier version.
    if (Number.isNaN(points.heardFrom[point]!) && points.newest(point) !== Number.NEGATIVE_INFINITY)
      points.heardFrom[point] = last;
    if (time.now - last <= QUIET_MS) return QUIET_MS;
    points.busy[point]! |= BUSY_QUIET;
    device.changed = true;
    points.patienceMs[point] = this.intervals.patienceMs(point, points.heardFrom[point]!, last);
    return points.patienceMs[point]!;
  }

  /**
   * A point that learns its interval reported again; before anything else is noted of its reading.
   *
   * @returns the source's time at which it may be quiet again
   */
  quietOver(point: number, ts: Millis, time: SourceTime): Millis {
    const { points, intervals } = this;
    const at = time.byReceipt ? time.now : ts;
    const last = this.lastHeard(point, time);
    const heardFrom = points.heardFrom[point]!;
    points.busy[point]! &= ~BUSY_QUIET;
    if (Number.isNaN(heardFrom)) {
      points.heardFrom[point] = at;
      points.fresh[point] = 1;
      this.stillNew(point);
    } else if (at - last > QUIET_MS) {
      points.fresh[point] = 0;
      intervals.ended(point, heardFrom, last, at);
    } else if (points.fresh[point] !== 0) this.heardAgain(point, last, at);
    return at + QUIET_MS;
  }

  /** A new point reported without a silence between. Readings of one moment are one: a logger sends a day of them at once. */
  private heardAgain(point: number, last: Millis, at: Millis): void {
    const { points } = this;
    if (at > last) points.fresh[point]!++;
    if (points.fresh[point]! <= OFTEN_READINGS) return this.stillNew(point);
    points.fresh[point] = 0;
    points.heardFrom[point] = at - LEARNED_AFTER_MS;
  }

  /** A reading came after a silence. */
  silenceOver(point: number, ts: Millis, time: SourceTime, sink: ConditionSink): void {
    const device = this.devices.of(point);
    const at = time.byReceipt ? time.wall : ts;
    if (device.silentKey !== undefined) {
      sink.cleared(this.table.builtInKnown(device.silentKey)!, at);
      device.silentKey = undefined;
      for (const sibling of device.points) {
        this.points.busy[sibling]! &= ~BUSY_DEVICE_SILENT;
        // The others get their full time again before they count as silent by themselves.
        this.points.floor[sibling] = time.byReceipt ? time.now : Math.max(time.now, ts);
      }
    }
    if ((this.points.busy[point]! & BUSY_STALE) !== 0) {
      this.points.busy[point]! &= ~BUSY_STALE;
      const { device: id, measurement } = this.infos[point]!;
      sink.cleared(this.table.builtInKnown(`${id}/${measurement}#stale`)!, at);
    }
  }

  /** Takes over an alarm that is open by its record. @returns its row */
  adopt(device: DeviceState, point: number | undefined, active: boolean): number {
    const where = this.where(device.id);
    const isWhole = point === undefined || device.points.length === 1;
    const make = () =>
      point === undefined ? silentDeviceRule(device.id, where) : stalePointRule(this.infos[point]!, where);
    const rule = make();
    const row = this.table.builtInRow(rule.key, point ?? device.points[0]!, () => rule);
    this.conditions.resize(this.table.length);
    if (!active) return row;
    device.changed = true;
    if (isWhole) device.silentKey = rule.key;
    for (const one of isWhole ? device.points : [point])
      this.points.busy[one]! |= isWhole ? BUSY_DEVICE_SILENT : BUSY_STALE;
    return row;
  }

  snapshot(): unknown {
    return this.devices.all
      .filter((device) => device.silentKey !== undefined)
      .map(({ points, silentKey }) => [points[0], silentKey]);
  }

  restore(state: unknown): void {
    const silent = new Map(state as [number, string][]);
    for (const device of this.devices.all) device.silentKey = silent.get(device.points[0]!);
  }

  private lastHeard(point: number, time: SourceTime): Millis {
    const newest = this.points.newest(point);
    if (Number.isNaN(this.points.floor[point]!))
      this.points.floor[point] = newest === Number.NEGATIVE_INFINITY ? time.now : Number.NEGATIVE_INFINITY;
    if (this.points.floor[point] === FROM_NOW) this.points.floor[point] = time.now;
    const heard = newest === Number.NEGATIVE_INFINITY ? newest : time.byReceipt ? this.points.heard[point]! : newest;
    return Math.max(heard, this.points.floor[point]!);
  }

  private deviceSilent(
    device: DeviceState,
    last: Millis,
    patienceMs: number,
    time: SourceTime,
    sink: HealthSink,
  ): void {
    const only = device.points.length === 1 ? device.points[0] : undefined;
    const where = this.where(device.id);
    const make = () =>
      only === undefined ? silentDeviceRule(device.id, where) : stalePointRule(this.infos[only]!, where);
    const key = only === undefined ? `${device.id}#stale` : make().key;
    const row = this.table.builtInRow(key, device.points[0]!, make);
    this.conditions.resize(this.table.length);
    device.silentKey = key;
    device.changed = true;
    for (const point of device.points) this.points.busy[point]! |= BUSY_DEVICE_SILENT;
    this.raiseSilence(row, last, patienceMs, time, sink, this.devices.names(device));
  }

  private pointStale(point: number, device: DeviceState, time: SourceTime, sink: HealthSink): void {
    const info = this.infos[point]!;
    const row = this.table.builtInRow(`${info.device}/${info.measurement}#stale`, point, () =>
      stalePointRule(info, this.where(info.device)),
    );
    this.conditions.resize(this.table.length);
    device.changed = true;
    this.points.busy[point]! |= BUSY_STALE;
    this.raiseSilence(row, this.lastHeard(point, time), this.patienceMs(point, device, time), time, sink, {});
  }

  private raiseSilence(
    row: number,
    last: Millis,
    patienceMs: number,
    time: SourceTime,
    sink: HealthSink,
    affected: Readonly<Record<string, unknown>>,
  ): void {
    const silenceMs = time.now - last;
    const since = time.byReceipt ? time.wall - silenceMs : last;
    const at = time.byReceipt ? time.wall : last + patienceMs;
    sink.tripped(row, since, at, {
      against: silenceText(silenceMs),
      againstZh: silenceTextZh(silenceMs),
      details: { lastHeard: formatTime(since), maxSilenceMs: patienceMs, silenceMs, ...affected },
    });
  }
}

/** Silence counts from the next look on. */
const FROM_NOW = Number.POSITIVE_INFINITY;
