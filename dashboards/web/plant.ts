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
