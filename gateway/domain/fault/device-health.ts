import type { Alarm } from '../../../contract/alarm.ts';
import { REASONS } from '../../../contract/reading.ts';
import { formatTime, type Millis } from '../../../contract/time.ts';
import type { ConditionSink, Conditions } from '../alarm/condition.ts';
import type { Evidence } from '../alarm/ledger.ts';
import type { DeviceInfo, PointInfo } from '../plant.ts';
import { BUSY_COMMUNICATION, BUSY_DEVICE_SILENT, BUSY_QUIET, BUSY_STALE, type PointStates } from '../point-states.ts';
import type { RuleTable } from '../rule-table.ts';
import {
  badPointRule,
  downLineRule,
  offlineDeviceRule,
  silenceText,
  silenceTextZh,
  silentDeviceRule,
  stalePointRule,
} from './built-in.ts';
import { LEARNED_AFTER_MS, OFTEN_READINGS, QUIET_MS, ReportIntervals, UNLEARNED_MS } from './report-interval.ts';

/** Reasons that say "it does not answer" rather than "it answers nonsense" (MODBUS exceptions 10 and 11: no path, no reply). */
const COMMUNICATION: ReadonlySet<number> = new Set(
  ['timeout', 'disconnected', 'crc', 'exception-10', 'exception-11'].map((reason) => REASONS.indexOf(reason as never)),
);
/** Point names listed in evidence; the count says the rest. */
const NAMES_MAX = 20;

/** One source of event time: a line of an edge, or a device that publishes by itself. */
export interface LineState {
  /** `<edge>/<line>`; undefined for a device that publishes by itself. */
  readonly key: string | undefined;
  readonly edge: string | undefined;
  readonly devices: DeviceState[];
  /** How many of its devices do not answer at all. */
  offline: number;
}

/** A device within one source of event time. */
export interface DeviceState {
  readonly id: string;
  /** Its place in the list of all devices. */
  readonly row: number;
  readonly points: number[];
  readonly line: LineState;
  /** How many of its points do not answer. */
  unanswered: number;
  /** Key of the alarm that says it is silent; undefined while it talks. */
  silentKey: string | undefined;
  /** The flags of its points changed: fast paths must be set anew. */
  changed: boolean;
}

/** What is now for a source: its event time, or the judge's clock where readings count by receipt. */
export interface SourceTime {
  readonly now: Millis;
  readonly byReceipt: boolean;
  readonly wall: Millis;
}

export interface HealthSink extends ConditionSink {
  tripped(rule: number, since: Millis, at: Millis, evidence?: Evidence): void;
}

/**
 * Faults of the measuring itself, per point and per device: silent, not answering, without a valid value.
 * What a whole device explains is one alarm of the device.
 */
export class DeviceHealth {
  /** Of points of which nobody said how often they report. */
  readonly intervals = new ReportIntervals();
  private readonly points: PointStates;
  private readonly table: RuleTable;
  private readonly conditions: Conditions;
  private readonly infos: readonly PointInfo[];
  private readonly where: (device: string) => Pick<DeviceInfo, 'class' | 'location' | 'locationZh'> | undefined;
  private readonly devices: DeviceState[] = [];
  /** Rows of bad-quality rules by point, of device-offline rules by device row. */
  private readonly badRow = new Map<number, number>();
  private readonly offlineRow = new Map<number, number>();

  /** An edge whose lines nobody named may have 20,000 devices on one. */
  private readonly byLine = new Map<LineState, Map<string, DeviceState>>();

  constructor(
    points: PointStates,
    table: RuleTable,
    conditions: Conditions,
    infos: readonly PointInfo[],
    where: (device: string) => Pick<DeviceInfo, 'class' | 'location' | 'locationZh'> | undefined,
  ) {
    this.points = points;
    this.table = table;
    this.conditions = conditions;
    this.infos = infos;
    this.where = where;
  }

  /** A point joins its device among those of its source, and leaves where it was: its line was named only now, or it moved. */
  join(point: number, line: LineState): void {
    const { device: id } = this.infos[point]!;
    const left = this.points.device[point] === -1 ? undefined : this.leave(point);
    let known = this.byLine.get(line);
    if (known === undefined) {
      known = new Map();
      this.byLine.set(line, known);
    }
    let device = known.get(id);
    if (device === undefined) {
      device = { id, row: this.devices.length, line, points: [], unanswered: 0, silentKey: undefined, changed: false };
      line.devices.push(device);
      this.devices.push(device);
      known.set(id, device);
    }
    if (left === undefined) this.learnAnew(point);
    if (isOfflineDevice(device)) line.offline--;
    device.points.push(point);
    if ((this.points.busy[point]! & BUSY_COMMUNICATION) !== 0) device.unanswered++;
    if (isOfflineDevice(device)) line.offline++;
    this.points.device[point] = device.row;
    // An alarm about its silence goes with it, so that its next reading ends it.
    if (left?.silentKey !== undefined) device.silentKey ??= left.silentKey;
  }

  private leave(point: number): DeviceState {
    const device = this.deviceOf(point);
    const { line, points } = device;
    if (isOfflineDevice(device)) line.offline--;
    points.splice(points.indexOf(point), 1);
    if ((this.points.busy[point]! & BUSY_COMMUNICATION) !== 0) device.unanswered--;
    // Silence is counted anew, in the time of the other source.
    this.points.floor[point] = FROM_NOW;
    this.learnAnew(point);
    if (isOfflineDevice(device)) line.offline++;
    else if (points.length === 0) {
      line.devices.splice(line.devices.indexOf(device), 1);
      this.byLine.get(line)?.delete(device.id);
    }
    return device;
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

  deviceOf(point: number): DeviceState {
    return this.devices[this.points.device[point]!]!;
  }

  /** Built-in rules with delays that a reading of this point may move. */
  rowsOf(point: number): readonly number[] {
    const bad = this.badRow.get(point);
    const offline = this.offlineRow.get(this.points.device[point]!);
    if (bad === undefined && offline === undefined) return NONE;
    const { key } = this.deviceOf(point).line;
    const line = key === undefined ? undefined : this.table.builtInKnown(`${key}#line-down`);
    return [bad, offline, line].filter((row) => row !== undefined);
  }

  /** Its truth is about bad values: they do not make it unknown. */
  judgesQuality(row: number): boolean {
    return this.table.isBuiltIn(row);
  }

  /** A reading's quality: does the point have a valid value, does the device answer? */
  note(point: number, ts: Millis, isBad: boolean, reason: number, sink: ConditionSink): void {
    const device = this.deviceOf(point);
    const answered = (this.points.busy[point]! & BUSY_COMMUNICATION) === 0;
    const answers = !(isBad && COMMUNICATION.has(reason));
    const wasOffline = isOfflineDevice(device);
    if (answers !== answered) {
      this.points.busy[point]! ^= BUSY_COMMUNICATION;
      device.unanswered += answers ? -1 : 1;
    }
    const isOffline = isOfflineDevice(device);
    if (isOffline !== wasOffline) device.line.offline += isOffline ? 1 : -1;
    this.feedLine(device.line, point, ts, sink);
    if (isOffline) {
      this.feed(this.offlineRule(point, device), true, ts, sink);
      for (const sibling of device.points) this.feed(this.badRow.get(sibling), false, ts, sink);
      return;
    }
    this.feed(this.offlineRow.get(this.points.device[point]!), false, ts, sink);
    this.feed(isBad ? this.badRule(point) : this.badRow.get(point), isBad, ts, sink);
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
    const device = this.deviceOf(point);
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

  /** What a bad-quality or device-offline alarm rests on. */
  evidence(row: number, since: Millis, at: Millis): Evidence {
    const rule = this.table.rule(row);
    const point = this.table.point[row]!;
    const reason = REASONS[this.points.reason[point]!] ?? 'other';
    const window = { from: formatTime(since), to: formatTime(at) };
    if (rule.kind === 'line-down') {
      const { devices } = this.deviceOf(point).line;
      const names = devices.slice(0, NAMES_MAX).map(({ id }) => id);
      return {
        against: `${devices.length} devices`,
        details: { reason, window, devices: names, affected: devices.length },
      };
    }
    if (rule.kind !== 'device-offline') return { against: reason, details: { reason, window } };
    return { against: reason, details: { reason, window, ...this.names(this.deviceOf(point)) } };
  }

  /**
   * Takes over alarms that are open by their records.
   *
   * @returns their rows by occurrence id; those with delays stand as tripped until a reading clears them
   */
  adopt(
    alarms: readonly Pick<Alarm, 'id' | 'kind' | 'asset' | 'point' | 'active' | 'rule' | 'location'>[],
  ): Map<string, number> {
    const rows = new Map<string, number>();
    const byId = new Map(this.devices.map((device) => [device.id, device]));
    for (const { id, kind, asset, point: pointId, active, rule, location } of alarms) {
      const lineKey = rule?.split('#')[0] ?? location;
      const device = kind === 'line-down' ? this.devices.find(({ line }) => line.key === lineKey) : byId.get(asset);
      if (device === undefined) continue;
      const point = device.points.find((one) => `${device.id}/${this.infos[one]!.measurement}` === pointId);
      if (kind === 'stale') rows.set(id, this.adoptStale(device, point, active));
      else if (kind === 'bad-quality' && point !== undefined) rows.set(id, this.badRule(point));
      else if (kind === 'device-offline') rows.set(id, this.offlineRule(device.points[0]!, device));
      else if (kind === 'line-down' && device.line.key !== undefined && device.line.edge !== undefined) {
        const { key, edge } = device.line;
        rows.set(
          id,
          this.table.builtInRow(`${key}#line-down`, device.points[0]!, () => downLineRule(edge, key)),
        );
        this.conditions.resize(this.table.length);
      }
    }
    return rows;
  }

  private adoptStale(device: DeviceState, point: number | undefined, active: boolean): number {
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
    return this.devices
      .filter((device) => device.silentKey !== undefined)
      .map(({ points, silentKey }) => [points[0], silentKey]);
  }

  /** After points and built-in rules are back. */
  restore(state: unknown): void {
    const silent = new Map(state as [number, string][]);
    for (const device of this.devices) {
      device.unanswered = device.points.filter((point) => (this.points.busy[point]! & BUSY_COMMUNICATION) !== 0).length;
      device.silentKey = silent.get(device.points[0]!);
      device.changed = false;
    }
    for (const line of new Set(this.devices.map((device) => device.line)))
      line.offline = line.devices.filter(isOfflineDevice).length;
    for (const row of this.table.builtIns) {
      const point = this.table.point[row]!;
      const { kind } = this.table.rule(row);
      if (kind === 'bad-quality') this.badRow.set(point, row);
      if (kind === 'device-offline') this.offlineRow.set(this.points.device[point]!, row);
    }
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
    this.raiseSilence(row, last, patienceMs, time, sink, this.names(device));
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

  private names(device: DeviceState): { readonly points: string[]; readonly affected: number } {
    const points = device.points.slice(0, NAMES_MAX).map((point) => `${device.id}/${this.infos[point]!.measurement}`);
    return { points, affected: device.points.length };
  }

  /** All devices of a line that has several: it is the line (fault-rules, 6: bus down). */
  private feedLine(line: LineState, point: number, ts: Millis, sink: ConditionSink): void {
    const { key, edge } = line;
    if (key === undefined || edge === undefined || line.devices.length < 2) return;
    const ruleKey = `${key}#line-down`;
    const isDown = line.offline === line.devices.length;
    const row = isDown
      ? this.table.builtInRow(ruleKey, point, () => downLineRule(edge, key))
      : this.table.builtInKnown(ruleKey);
    this.conditions.resize(this.table.length);
    this.feed(row, isDown, ts, sink);
  }

  private offlineRule(point: number, device: DeviceState): number {
    const deviceRow = this.points.device[point]!;
    const known = this.offlineRow.get(deviceRow);
    if (known !== undefined) return known;
    const patienceMs = Math.min(...device.points.map((sibling) => this.points.maxSilenceMs[sibling]!));
    const make = () => offlineDeviceRule(device.id, patienceMs, this.where(device.id));
    const row = this.table.builtInRow(`${device.id}#device-offline`, device.points[0]!, make);
    this.conditions.resize(this.table.length);
    this.offlineRow.set(deviceRow, row);
    return row;
  }

  private badRule(point: number): number {
    const known = this.badRow.get(point);
    if (known !== undefined) return known;
    const info = this.infos[point]!;
    const make = () => badPointRule(info, this.where(info.device));
    const row = this.table.builtInRow(`${info.device}/${info.measurement}#bad-quality`, point, make);
    this.conditions.resize(this.table.length);
    this.badRow.set(point, row);
    return row;
  }

  private feed(row: number | undefined, truth: boolean, ts: Millis, sink: ConditionSink): void {
    if (row !== undefined) this.conditions.feed(row, truth, ts, this.table.rule(row), sink);
  }
}

/** Silence counts from the next look on. */
const FROM_NOW = Number.POSITIVE_INFINITY;

function isOfflineDevice(device: DeviceState): boolean {
  return device.points.length > 0 && device.unanswered === device.points.length;
}

const NONE: readonly number[] = [];
