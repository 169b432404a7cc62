import type { EdgeState } from '../contract/state.ts';
import type { Bundle } from './bundle.ts';
import type { Judge } from './domain/judge.ts';
import type { DeviceInfo, PointInfo, Rule } from './domain/plant.ts';
import type { Limit, RuleSheet } from './domain/rule-table.ts';
import type { DeviceEntry, PlantRegistry, PointDescription } from './registry.ts';

/** What configuration and classes say about devices and points; made by whoever reads the files. */
export interface PlantCatalog {
  /** A device as its file says, or what can be said of a discovered one. */
  describeDevice(id: string, hint: DeviceHint): DeviceInfo;
  /** The hint is what the edge says; what a file says comes first. */
  describePoint(device: DeviceInfo, measurement: string, hint: PointHint): PointDescription;
  /** @param measuredBy - where the device is an asset: what measures it, on which members may hang */
  rulesFor(point: PointInfo, device: DeviceInfo, measuredBy?: string): readonly Rule[];
  /** Devices of the configuration with their measurements, known before anything was heard of them. */
  /**
   * The rules of all points of this kind, where each point has only plain limits of its class; undefined: ask
   * {@link rulesFor}. The same object for the same kind.
   */
  sheetFor?(point: PointInfo, device: DeviceInfo): PlantSheet | undefined;
  readonly declared: readonly {
    readonly device: string;
    readonly measurements: readonly string[];
    /** Those of them that nobody measures, because they are made of what other devices measure. */
    readonly made?: readonly string[];
  }[];
}

/** @see RuleSheet */
export interface PlantSheet {
  readonly limits: readonly Limit[];
  make(point: PointInfo, device: DeviceInfo): readonly Rule[];
}

export interface DeviceHint {
  readonly edge?: string | undefined;
  readonly line?: string | undefined;
  readonly model?: string | undefined;
}

export interface PointHint {
  readonly unit?: string | undefined;
  readonly everyMs?: number | undefined;
}

/** Most points of one gateway: three districts; a sender of random names must not fill the memory. */
export const POINTS_MAX = 1_000_000;

/** Line of an edge's devices whose line nobody has named yet. */
export const UNNAMED_LINE = '_';

/** Grows the plant: devices, points and sources that come up get their ids, and the judge and the next commit hear of them. */
export class PlantGrowth {
  private readonly registry: PlantRegistry;
  private readonly judge: Judge;
  private readonly catalog: PlantCatalog;
  /** Where new records are written with the next commit. */
  private readonly bundle: () => Bundle;
  private readonly sheets = new Map<PlantSheet, RuleSheet>();

  constructor(parts: { registry: PlantRegistry; judge: Judge; catalog: PlantCatalog; bundle: () => Bundle }) {
    this.registry = parts.registry;
    this.judge = parts.judge;
    this.catalog = parts.catalog;
    this.bundle = parts.bundle;
  }

  /** Brings the recovered plant up to what the configuration says now, and adds what it declares. */
  reconcile(): void {
    for (const device of [...this.registry.devices()]) {
      const { id, edge, line, model } = device;
      this.putDevice(this.catalog.describeDevice(id, { edge, line, model }));
    }
    for (const { device: id, measurements } of this.catalog.declared) {
      const entry = this.registry.entry(id) ?? this.putDevice(this.catalog.describeDevice(id, {}));
      for (const measurement of measurements) this.describe(entry, measurement, {});
    }
    let entry: DeviceEntry | undefined;
    // Putting a newer record in the place of one adds none.
    for (const point of this.registry.points()) {
      if (entry?.device.id !== point.device) entry = this.registry.entry(point.device) as DeviceEntry;
      this.describe(entry, point.measurement, { unit: point.unit, everyMs: point.everyMs });
    }
  }

  /** Makes every known source and point known to the judge; once, after {@link reconcile} and before its state is restored. */
  introduceAll(): void {
    for (let id = 0; id < this.registry.sourceCount; id++) {
      const source = this.registry.source(id);
      if (source !== undefined) this.judge.addSource(source);
    }
    this.judge.reserve(this.registry.pointCount);
    let entry: DeviceEntry | undefined;
    for (const point of this.registry.points()) {
      if (entry?.device.id !== point.device) entry = this.registry.entry(point.device) as DeviceEntry;
      this.introduce(point, entry);
    }
  }

  /** A device nobody had heard of. */
  discover(id: string, hint: DeviceHint): DeviceEntry {
    return this.putDevice(this.catalog.describeDevice(id, hint));
  }

  /** The point's dense id; undefined when there are {@link POINTS_MAX} already. */
  point(entry: DeviceEntry, measurement: string): number | undefined {
    const known = entry.pointIds.get(measurement);
    if (known !== undefined) return known;
    if (this.registry.pointCount >= POINTS_MAX) return undefined;
    const point = this.describe(entry, measurement, {});
    this.introduce(point);
    return point.id;
  }

  /** What an edge says of its devices: lines name sources of event time, units and intervals fill what no file says. */
  learn(edge: string, state: EdgeState, accepts: (device: string) => boolean): void {
    for (const { id, model, line, points = [] } of state.devices ?? []) {
      if (!accepts(id)) continue;
      const known = this.registry.entry(id);
      const owner = known?.device.edge;
      if (owner !== undefined && owner !== edge && known?.device.origin === 'declared') continue;
      const before = JSON.stringify(known?.device);
      const entry = this.putDevice(this.catalog.describeDevice(id, { edge, line, model }));
      const moved = JSON.stringify(entry.device) !== before;
      for (const { measurement, unit, everyMs } of points) {
        if (!entry.pointIds.has(measurement) && this.registry.pointCount >= POINTS_MAX) break;
        const old = this.registry.point(entry.pointIds.get(measurement) ?? -1);
        const point = this.describe(entry, measurement, { unit, everyMs });
        if (point !== old) this.introduce(point);
      }
      if (moved) for (const point of this.registry.pointsOf(id)) this.introduce(point);
    }
  }

  /** A batch of the edge holds readings of a device that nobody had bound to an edge. */
  bind(entry: DeviceEntry, edge: string): void {
    const { id, line, model } = entry.device;
    this.putDevice(this.catalog.describeDevice(id, { edge, line, model }));
    for (const point of this.registry.pointsOf(id)) this.introduce(point);
  }

  /** Files or assets say something else of these devices now: their rules are made anew. */
  renew(devices: readonly string[]): void {
    for (const id of devices) for (const point of this.registry.pointsOf(id)) this.introduce(point);
  }

  /** Source of event time of a device's readings that came by an edge, or by themselves. */
  sourceOf(entry: DeviceEntry, edge: string | undefined): number {
    if (entry.sourceEdge === edge && entry.source !== undefined) return entry.source;
    const source =
      edge === undefined
        ? this.source(`device/${entry.device.id}`, undefined)
        : this.lineSource(edge, entry.device.edge === edge ? (entry.device.line ?? UNNAMED_LINE) : UNNAMED_LINE);
    entry.sourceEdge = edge;
    entry.source = source;
    return source;
  }

  lineSource(edge: string, line: string): number {
    return this.source(`edge/${edge}/${line}`, edge);
  }

  private source(key: string, edge: string | undefined): number {
    const known = this.registry.sourceId(key);
    if (known !== undefined) return known;
    const source = this.registry.addSource({
      key,
      hasUpTo: edge !== undefined,
      ...(edge === undefined ? {} : { edge }),
    });
    this.judge.addSource(source);
    this.bundle().sources.push(source);
    this.bundle().touched = true;
    return source.id;
  }

  private putDevice(device: DeviceInfo): DeviceEntry {
    const known = this.registry.entry(device.id);
    if (known !== undefined && sameRecord(known.device, device)) return known;
    if (known === undefined) this.bundle().fresh.devices.add(device.id);
    this.bundle().devices.set(device.id, device);
    this.bundle().touched = true;
    return this.registry.putDevice(device);
  }

  /** The point's record as it should be; written when it is new or differs. */
  private describe(entry: DeviceEntry, measurement: string, hint: PointHint): PointInfo {
    const id = entry.pointIds.get(measurement);
    const known = id === undefined ? undefined : this.registry.point(id);
    const description = this.catalog.describePoint(entry.device, measurement, {
      unit: hint.unit ?? known?.unit,
      everyMs: hint.everyMs ?? known?.everyMs,
    });
    if (known === undefined) {
      const point = this.registry.addPoint(description);
      this.bundle().fresh.points.add(point.id);
      this.bundle().points.set(point.id, point);
      this.bundle().touched = true;
      return point;
    }
    if (sameRecord(known, description, 'id')) return known;
    const point = { id: known.id, ...description };
    this.registry.putPoint(point);
    this.bundle().points.set(point.id, point);
    this.bundle().touched = true;
    return point;
  }

  private introduce(point: PointInfo, entry = this.registry.entry(point.device) as DeviceEntry): void {
    const { device } = entry;
    const sheet = this.catalog.sheetFor?.(point, device);
    this.judge.addPoint(
      point,
      this.sourceOf(entry, device.edge),
      sheet === undefined ? this.catalog.rulesFor(point, device) : this.sheet(sheet),
    );
  }

  private sheet(sheet: PlantSheet): RuleSheet {
    const known = this.sheets.get(sheet);
    if (known !== undefined) return known;
    const fresh: RuleSheet = {
      limits: sheet.limits,
      make: (point) => sheet.make(point, (this.registry.entry(point.device) as DeviceEntry).device),
    };
    this.sheets.set(sheet, fresh);
    return fresh;
  }
}

/**
 * Same fields and values, in whatever order. Asked for every point at a start, so it makes no texts of what is flat.
 *
 * @param but - a field of `a` that does not count
 */
function sameRecord(a: object, b: object, but?: string): boolean {
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let fields = 0;
  for (const key in left) {
    if (left[key] === undefined || key === but) continue;
    if (!sameValue(left[key], right[key])) return false;
    fields++;
  }
  for (const key in right) if (right[key] !== undefined) fields--;
  return fields === 0;
}

function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  return JSON.stringify(a) === JSON.stringify(b);
}
