import { REASONS } from '../../../contract/reading.ts';
import { formatTime, type Millis } from '../../../contract/time.ts';
import type { ConditionSink, Conditions } from '../alarm/condition.ts';
import { type Evidence, NAMES_MAX } from '../alarm/occurrence.ts';
import type { PointInfo } from '../plant.ts';
import { BUSY_COMMUNICATION, type PointStates } from '../point-states.ts';
import type { RuleTable } from '../rule-table.ts';
import { badPointRule, downLineRule, offlineDeviceRule } from './built-in.ts';
import { type DeviceState, type Devices, isOffline, type LineState } from './devices.ts';
import type { HealthParts } from './silence.ts';

/** Reasons that say "it does not answer" rather than "it answers nonsense" (MODBUS exceptions 10 and 11: no path, no reply). */
const COMMUNICATION: ReadonlySet<number> = new Set(
  ['timeout', 'disconnected', 'crc', 'exception-10', 'exception-11'].map((reason) => REASONS.indexOf(reason as never)),
);

/**
 * Points without a valid value, devices that do not answer, lines on which nobody does: told by the quality of readings, after
 * a delay. What a whole device explains is one alarm of the device.
 */
export class Answers {
  private readonly points: PointStates;
  private readonly table: RuleTable;
  private readonly conditions: Conditions;
  private readonly infos: readonly PointInfo[];
  private readonly where: HealthParts['where'];
  private readonly devices: Devices;
  /** Rows of bad-quality rules by point, of device-offline rules by device row. */
  private readonly badRow = new Map<number, number>();
  private readonly offlineRow = new Map<number, number>();

  constructor({ points, table, conditions, infos, where }: HealthParts, devices: Devices) {
    this.points = points;
    this.table = table;
    this.conditions = conditions;
    this.infos = infos;
    this.where = where;
    this.devices = devices;
  }

  /** Built-in rules with delays that a reading of this point may move. */
  rowsOf(point: number): readonly number[] {
    const bad = this.badRow.get(point);
    const offline = this.offlineRow.get(this.points.device[point]!);
    if (bad === undefined && offline === undefined) return NONE;
    const { key } = this.devices.of(point).line;
    const line = key === undefined ? undefined : this.table.builtInKnown(`${key}#line-down`);
    return [bad, offline, line].filter((row) => row !== undefined);
  }

  /** A reading's quality: does the point have a valid value, does the device answer? */
  note(point: number, ts: Millis, isBad: boolean, reason: number, sink: ConditionSink): void {
    const device = this.devices.of(point);
    const answered = (this.points.busy[point]! & BUSY_COMMUNICATION) === 0;
    const answers = !(isBad && COMMUNICATION.has(reason));
    const wasOffline = isOffline(device);
    if (answers !== answered) {
      this.points.busy[point]! ^= BUSY_COMMUNICATION;
      device.unanswered += answers ? -1 : 1;
    }
    const nowOffline = isOffline(device);
    if (nowOffline !== wasOffline) device.line.offline += nowOffline ? 1 : -1;
    this.feedLine(device.line, point, ts, sink);
    if (nowOffline) {
      this.feed(this.offlineRule(point, device), true, ts, sink);
      for (const sibling of device.points) this.feed(this.badRow.get(sibling), false, ts, sink);
      return;
    }
    this.feed(this.offlineRow.get(this.points.device[point]!), false, ts, sink);
    this.feed(isBad ? this.badRule(point) : this.badRow.get(point), isBad, ts, sink);
  }

  /** What a bad-quality or device-offline alarm rests on. */
  evidence(row: number, since: Millis, at: Millis): Evidence {
    const rule = this.table.rule(row);
    const point = this.table.point[row]!;
    const reason = REASONS[this.points.reason[point]!] ?? 'other';
    const window = { from: formatTime(since), to: formatTime(at) };
    if (rule.kind === 'line-down') {
      const { devices } = this.devices.of(point).line;
      const names = devices.slice(0, NAMES_MAX).map(({ id }) => id);
      return {
        against: `${devices.length} devices`,
        details: { reason, window, devices: names, affected: devices.length },
      };
    }
    if (rule.kind !== 'device-offline') return { against: reason, details: { reason, window } };
    return { against: reason, details: { reason, window, ...this.devices.names(this.devices.of(point)) } };
  }

  /** Takes over an alarm that is open by its record. @returns its row, which stands as tripped until a reading clears it */
  adopt(kind: string | undefined, device: DeviceState, point: number | undefined): number | undefined {
    if (kind === 'bad-quality' && point !== undefined) return this.badRule(point);
    if (kind === 'device-offline') return this.offlineRule(device.points[0]!, device);
    const { key, edge } = device.line;
    if (kind !== 'line-down' || key === undefined || edge === undefined) return undefined;
    return this.lineRule(edge, key, device.points[0]!);
  }

  /** After points and built-in rules are back. */
  restore(): void {
    for (const row of this.table.builtIns) {
      const point = this.table.point[row]!;
      const { kind } = this.table.rule(row);
      if (kind === 'bad-quality') this.badRow.set(point, row);
      if (kind === 'device-offline') this.offlineRow.set(this.points.device[point]!, row);
    }
  }

  /** All devices of a line that has several: it is the line (fault-rules, 6: bus down). */
  private feedLine(line: LineState, point: number, ts: Millis, sink: ConditionSink): void {
    const { key, edge } = line;
    if (key === undefined || edge === undefined || line.devices.length < 2) return;
    const isDown = line.offline === line.devices.length;
    const row = isDown ? this.lineRule(edge, key, point) : this.table.builtInKnown(`${key}#line-down`);
    this.feed(row, isDown, ts, sink);
  }

  private lineRule(edge: string, key: string, point: number): number {
    const row = this.table.builtInRow(`${key}#line-down`, point, () => downLineRule(edge, key));
    this.conditions.resize(this.table.length);
    return row;
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

const NONE: readonly number[] = [];
