import type { Alarm } from '../../contract/alarm.ts';
import type { Device, Point } from './model.ts';

export interface DeviceGroup {
  readonly id: string;
  readonly device: Device | undefined;
  readonly points: readonly Point[];
}

export interface ClassGroup {
  readonly class: string;
  readonly devices: readonly DeviceGroup[];
}

/** Classes whose order people expect: water, light, tunnel, power; the rest by name. */
const CLASS_ORDER: readonly RegExp[] = [
  /flow-meter|dma|inlet/,
  /pressure/,
  /pump|tank|valve/,
  /water-/,
  /waterlogging|sump/,
  /light|lamp/,
  /tunnel|fan/,
  /sub|transf|power/,
];

/**
 * Groups points by class and device. The order depends on names only, never on values: nothing jumps.
 */
export function groupPlant(points: Iterable<Point>, devices: ReadonlyMap<string, Device>): readonly ClassGroup[] {
  const byDevice = new Map<string, Point[]>();
  for (const id of devices.keys()) byDevice.set(id, []);
  for (const point of points) {
    const list = byDevice.get(point.device);
    if (list === undefined) byDevice.set(point.device, [point]);
    else list.push(point);
  }
  const byClass = new Map<string, DeviceGroup[]>();
  for (const [id, list] of byDevice) {
    const device = devices.get(id);
    const key = device?.class ?? 'generic';
    const group: DeviceGroup = { id, device, points: list };
    const groups = byClass.get(key);
    if (groups === undefined) byClass.set(key, [group]);
    else groups.push(group);
  }
  return [...byClass]
    .map(([key, groups]) => ({ class: key, devices: groups.sort((one, other) => naturally(one.id, other.id)) }))
    .sort((one, other) => rank(one.class) - rank(other.class) || naturally(one.class, other.class));
}

const collator = new Intl.Collator('en', { numeric: true });
const naturally = (one: string, other: string) => collator.compare(one, other);

function rank(name: string): number {
  if (name === 'generic') return CLASS_ORDER.length + 1;
  const place = CLASS_ORDER.findIndex((pattern) => pattern.test(name));
  return place < 0 ? CLASS_ORDER.length : place;
}

/** Spreads panels over columns: each goes where it ends highest; their order decides, so that a panel keeps its place. */
export function spread<T>(
  panels: readonly T[],
  columns: number,
  heightOf: (panel: T) => number,
): readonly (readonly T[])[] {
  const filled = Array.from({ length: columns }, () => ({ height: 0, panels: [] as T[] }));
  for (const panel of panels) {
    const shortest = filled.reduce((best, column) => (column.height < best.height ? column : best));
    shortest.panels.push(panel);
    shortest.height += heightOf(panel);
  }
  return filled.map((column) => column.panels);
}

/**
 * What fits on a wall: classes in which something is abnormal first, in each of them the devices that are; the rest in their
 * usual order, so that nothing moves but for an alarm.
 *
 * @param worstOf - most urgent open alarm of some devices
 * @param most - how many classes, and devices of each
 * @returns each class with the devices shown and how many it has
 */
export function onWall(
  classes: readonly ClassGroup[],
  worstOf: (devices: readonly string[]) => Alarm | undefined,
  compare: (one: Alarm, other: Alarm) => number,
  most: { readonly classes: number; readonly devices: number },
): readonly { readonly group: ClassGroup; readonly count: number }[] {
  const worstFirst = <T>(things: readonly T[], devicesOf: (thing: T) => readonly string[]): readonly T[] =>
    things
      .map((thing) => ({ thing, worst: worstOf(devicesOf(thing)) }))
      .sort(({ worst: one }, { worst: other }) => {
        if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
        return compare(one, other);
      })
      .map(({ thing }) => thing);
  const measuring = classes.filter(({ devices }) => devices.some(({ points }) => points.length > 0));
  return worstFirst(measuring, ({ devices }) => devices.map(({ id }) => id))
    .slice(0, most.classes)
    .map((group) => ({
      group: { ...group, devices: worstFirst(group.devices, ({ id }) => [id]).slice(0, most.devices) },
      count: group.devices.length,
    }));
}
