import type { Alarm } from '../../../contract/alarm.ts';
import type { PointInfo } from '../plant.ts';
import { Answers } from './answers.ts';
import { type DeviceState, Devices, type LineState } from './devices.ts';
import { type HealthParts, Silence } from './silence.ts';

/** Faults of the measuring itself, per point, device and line: silent, not answering, without a valid value. */
export class DeviceHealth {
  readonly silence: Silence;
  readonly answers: Answers;
  private readonly devices: Devices;
  private readonly infos: readonly PointInfo[];

  constructor(parts: HealthParts) {
    this.infos = parts.infos;
    this.devices = new Devices(parts.points, parts.infos);
    this.silence = new Silence(parts, this.devices);
    this.answers = new Answers(parts, this.devices);
  }

  /** A point is measured over this line from now on. */
  join(point: number, line: LineState): void {
    const left = this.devices.join(point, line);
    this.silence.joined(point, left !== undefined);
  }

  deviceOf(point: number): DeviceState {
    return this.devices.of(point);
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
    // A start asks so, and most starts have none: no look at 65,000 devices then.
    if (alarms.length === 0) return rows;
    const { all } = this.devices;
    const byId = new Map(all.map((device) => [device.id, device]));
    for (const { id, kind, asset, point: pointId, active, rule, location } of alarms) {
      const lineKey = rule?.split('#')[0] ?? location;
      const device = kind === 'line-down' ? all.find(({ line }) => line.key === lineKey) : byId.get(asset);
      if (device === undefined) continue;
      const point = device.points.find((one) => `${device.id}/${this.infos[one]!.measurement}` === pointId);
      const row =
        kind === 'stale' ? this.silence.adopt(device, point, active) : this.answers.adopt(kind, device, point);
      if (row !== undefined) rows.set(id, row);
    }
    return rows;
  }

  snapshot(): unknown {
    return this.silence.snapshot();
  }

  /** After points and built-in rules are back. */
  restore(state: unknown): void {
    this.devices.recount();
    this.silence.restore(state);
    this.answers.restore();
  }
}
