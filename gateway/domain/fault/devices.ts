import { NAMES_MAX } from '../alarm/occurrence.ts';
import type { PointInfo } from '../plant.ts';
import { BUSY_COMMUNICATION, type PointStates } from '../point-states.ts';

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

/** Whether none of its points answers. */
export function isOffline(device: DeviceState): boolean {
  return device.points.length > 0 && device.unanswered === device.points.length;
}

/** Which points make up which device, and which devices a line. */
export class Devices {
  private readonly points: PointStates;
  private readonly infos: readonly PointInfo[];
  private readonly rows: DeviceState[] = [];
  /** An edge whose lines nobody named may have 20,000 devices on one. */
  private readonly byLine = new Map<LineState, Map<string, DeviceState>>();

  /** @param infos - points by their dense id */
  constructor(points: PointStates, infos: readonly PointInfo[]) {
    this.points = points;
    this.infos = infos;
  }

  get all(): readonly DeviceState[] {
    return this.rows;
  }

  of(point: number): DeviceState {
    return this.rows[this.points.device[point]!]!;
  }

  /**
   * A point joins its device among those of its source, and leaves where it was: its line was named only now, or it moved.
   *
   * @returns the device it left
   */
  join(point: number, line: LineState): DeviceState | undefined {
    const { device: id } = this.infos[point]!;
    const left = this.points.device[point] === -1 ? undefined : this.leave(point);
    let known = this.byLine.get(line);
    if (known === undefined) {
      known = new Map();
      this.byLine.set(line, known);
    }
    let device = known.get(id);
    if (device === undefined) {
      device = { id, row: this.rows.length, line, points: [], unanswered: 0, silentKey: undefined, changed: false };
      line.devices.push(device);
      this.rows.push(device);
      known.set(id, device);
    }
    if (isOffline(device)) line.offline--;
    device.points.push(point);
    if (this.isUnanswered(point)) device.unanswered++;
    if (isOffline(device)) line.offline++;
    this.points.device[point] = device.row;
    // An alarm about its silence goes with it, so that its next reading ends it.
    if (left?.silentKey !== undefined) device.silentKey ??= left.silentKey;
    return left;
  }

  private leave(point: number): DeviceState {
    const device = this.of(point);
    const { line, points } = device;
    if (isOffline(device)) line.offline--;
    points.splice(points.indexOf(point), 1);
    if (this.isUnanswered(point)) device.unanswered--;
    if (isOffline(device)) line.offline++;
    else if (points.length === 0) {
      line.devices.splice(line.devices.indexOf(device), 1);
      this.byLine.get(line)?.delete(device.id);
    }
    return device;
  }

  /** What of a device stands in evidence. */
  names(device: DeviceState): { readonly points: string[]; readonly affected: number } {
    const points = device.points.slice(0, NAMES_MAX).map((point) => `${device.id}/${this.infos[point]!.measurement}`);
    return { points, affected: device.points.length };
  }

  /** After the flags of the points are back: counts what does not answer. */
  recount(): void {
    for (const device of this.rows) {
      device.unanswered = device.points.filter((point) => this.isUnanswered(point)).length;
      device.changed = false;
    }
    for (const line of new Set(this.rows.map((device) => device.line)))
      line.offline = line.devices.filter(isOffline).length;
  }

  private isUnanswered(point: number): boolean {
    return (this.points.busy[point]! & BUSY_COMMUNICATION) !== 0;
  }
}
