import { AHEAD_MAX_MS, QUALITIES, type Quality, type QualityCode, REASONS, type Reason } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { bytesOf, type Column, ColumnWriter, doublesOf } from './domain/column-text.ts';
import type { DeviceInfo, PointInfo, SourceInfo } from './domain/plant.ts';
import type { Readings } from './domain/readings.ts';
import { PointIds } from './point-ids.ts';
import type { EdgeRecord, LaneMark } from './store/store.ts';

/** The newest value of a point, as the screens show it. */
export interface LastValue {
  readonly ts: Millis;
  readonly receivedAt: Millis;
  readonly value?: number;
  readonly quality: Quality;
  readonly reason?: Reason;
}

/** All devices, points, sources and edges, in memory; only ingest writes it, after the commit. */
export interface Registry {
  device(id: string): DeviceInfo | undefined;
  devices(): Iterable<DeviceInfo>;
  point(id: number): PointInfo | undefined;
  /** Dense id of `<device>/<measurement>`, or undefined. */
  pointId(device: string, measurement: string): number | undefined;
  points(): Iterable<PointInfo>;
  pointsOf(device: string): readonly PointInfo[];
  source(id: number): SourceInfo | undefined;
  last(point: number): LastValue | undefined;
  edges(): Iterable<EdgeRecord>;
  edge(id: string): EdgeRecord | undefined;
  marks(): Iterable<LaneMark>;
}

/** A device and the dense ids of its points; what the ingest path looks up once per device and message. */
export interface DeviceEntry {
  readonly id: string;
  device: DeviceInfo;
  readonly pointIds: PointIds;
  /** The device that stood after it in a message: the next message will most likely have them in the same order. */
  follower: DeviceEntry | undefined;
  /** Source of event time of readings that come by `sourceEdge` (undefined = by itself), once asked for. */
  source?: number | undefined;
  sourceEdge?: string | undefined;
}

/** A point as a file or a message describes it, before it has a dense id. */
export type PointDescription = Omit<PointInfo, 'id'>;

/**
 * The registry in memory: nested maps for names, typed arrays for last values.
 * Only ingest calls the writing methods.
 */
export class PlantRegistry implements Registry {
  private readonly entries = new Map<string, DeviceEntry>();
  private readonly pointList: PointInfo[] = [];
  private readonly sourceList: SourceInfo[] = [];
  private readonly sourceIds = new Map<string, number>();
  private readonly edgeRecords = new Map<string, EdgeRecord>();
  private readonly laneMarks = new Map<string, Map<string, LaneMark>>();
  private lastTs = new Float64Array(0);
  private lastReceivedAt = new Float64Array(0);
  private lastValue = new Float64Array(0);
  private lastQuality = new Uint8Array(0);
  private lastReason = new Uint8Array(0);
  private readonly writer = new ColumnWriter();

  device(id: string): DeviceInfo | undefined {
    return this.entries.get(id)?.device;
  }

  *devices(): Iterable<DeviceInfo> {
    for (const { device } of this.entries.values()) yield device;
  }

  point(id: number): PointInfo | undefined {
    return this.pointList[id];
  }

  pointId(device: string, measurement: string): number | undefined {
    return this.entries.get(device)?.pointIds.get(measurement);
  }

  points(): Iterable<PointInfo> {
    return this.pointList.values();
  }

  pointsOf(device: string): readonly PointInfo[] {
    const ids = this.entries.get(device)?.pointIds.values() ?? [];
    return ids.map((id) => this.pointList[id] as PointInfo);
  }

  source(id: number): SourceInfo | undefined {
    return this.sourceList[id];
  }

  last(point: number): LastValue | undefined {
    const ts = this.lastTs[point];
    if (ts === undefined || ts === 0) return undefined;
    const value = this.lastValue[point] as number;
    const reason = this.lastReason[point] as number;
    const receivedAt = this.lastReceivedAt[point] as number;
    const quality = QUALITIES[this.lastQuality[point] as number] as Quality;
    // Thousands of these make one page: no object on the way for each thing that is absent.
    const last: { -readonly [Field in keyof LastValue]: LastValue[Field] } = Number.isNaN(value)
      ? { ts, receivedAt, quality }
      : { ts, receivedAt, value, quality };
    if (reason !== 0) last.reason = REASONS[reason] as Reason;
    return last;
  }

  /** @internal Source time of a point's newest value; 0 = none. */
  lastTime(point: number): Millis {
    return this.lastTs[point] ?? 0;
  }

  edges(): Iterable<EdgeRecord> {
    return this.edgeRecords.values();
  }

  edge(id: string): EdgeRecord | undefined {
    return this.edgeRecords.get(id);
  }

  *marks(): Iterable<LaneMark> {
    for (const lanes of this.laneMarks.values()) yield* lanes.values();
  }

  /** Lanes of one edge. */
  marksOf(edge: string): Iterable<LaneMark> {
    return this.laneMarks.get(edge)?.values() ?? [];
  }

  mark(edge: string, lane: string): LaneMark | undefined {
    return this.laneMarks.get(edge)?.get(lane);
  }

  /** @internal The hot path of ingest: the device of a message that stands after `before`. */
  entryAfter(before: DeviceEntry | undefined, device: string): DeviceEntry | undefined {
    const expected = before?.follower;
    if (expected?.id === device) return expected;
    const entry = this.entries.get(device);
    if (before !== undefined) before.follower = entry;
    return entry;
  }

  /** @internal */
  entry(device: string): DeviceEntry | undefined {
    return this.entries.get(device);
  }

  get pointCount(): number {
    return this.pointList.length;
  }

  get sourceCount(): number {
    return this.sourceList.length;
  }

  sourceId(key: string): number | undefined {
    return this.sourceIds.get(key);
  }

  /** @internal Adds a device or puts a newer record in its place; its points stay. */
  putDevice(device: DeviceInfo): DeviceEntry {
    const entry = this.entries.get(device.id);
    if (entry !== undefined) {
      entry.device = device;
      entry.source = undefined;
      return entry;
    }
    const { id } = device;
    const fresh: DeviceEntry = { id, device, pointIds: new PointIds(), follower: undefined };
    this.entries.set(device.id, fresh);
    return fresh;
  }

  /** @internal Gives a new point the next dense id. Its device must be known. */
  addPoint(description: PointDescription): PointInfo {
    // The new field first: V8 gives every copy that is widened afterwards a hidden class of its own (decision 0029).
    const point: PointInfo = { id: this.pointList.length, ...description };
    this.putPoint(point);
    return point;
  }

  /** @internal A point with the id it has: a newer record of a known one, or the next one of a recovery. */
  putPoint(point: PointInfo): void {
    const entry = this.entries.get(point.device);
    if (entry === undefined) throw new Error(`point ${point.device}/${point.measurement} of an unknown device`);
    if (point.id > this.pointList.length)
      throw new Error(`point id ${point.id} leaves a gap after ${this.pointList.length}`);
    this.pointList[point.id] = point;
    entry.pointIds.set(point.measurement, point.id);
    if (point.id >= this.lastTs.length) this.growLast(point.id + 1);
  }

  /** @internal Known or new source of event time; new ones get the next id. */
  addSource(source: Omit<SourceInfo, 'id'>): SourceInfo {
    const known = this.sourceIds.get(source.key);
    if (known !== undefined) return this.sourceList[known] as SourceInfo;
    const fresh: SourceInfo = { id: this.sourceList.length, ...source };
    this.putSource(fresh);
    return fresh;
  }

  /** @internal A source of a recovery, in the order of its ids. */
  putSource(source: SourceInfo): void {
    this.sourceList[source.id] = source;
    this.sourceIds.set(source.key, source.id);
  }

  /** @internal */
  putEdge(edge: EdgeRecord): void {
    this.edgeRecords.set(edge.id, edge);
  }

  /** @internal */
  putMark(mark: LaneMark): void {
    const lanes = this.laneMarks.get(mark.edge);
    if (lanes === undefined) this.laneMarks.set(mark.edge, new Map([[mark.lane, mark]]));
    else lanes.set(mark.lane, mark);
  }

  /**
   * @internal Rows [from, to) are on disk: they become last values where they are the newest. What a clock that is ahead
   * told stands back behind the next that is not: it would be shown as the newest for as long as the clock was ahead.
   */
  putLast(readings: Readings, from: number, to: number, receivedAt: Millis): void {
    const { point, tsMs, value, quality, reason } = readings;
    const horizon = receivedAt + AHEAD_MAX_MS;
    for (let row = from; row < to; row++) {
      const id = point[row] as number;
      const ts = tsMs[row] as number;
      if (ts < (this.lastTs[id] as number) && !((this.lastTs[id] as number) > horizon)) continue;
      this.lastTs[id] = ts;
      this.lastReceivedAt[id] = receivedAt;
      this.lastValue[id] = value[row] as number;
      this.lastQuality[id] = quality[row] as number;
      this.lastReason[id] = reason[row] as number;
    }
  }

  /** @internal A last value of a recovery; when it came is not known any more. */
  putLastReading(point: number, ts: Millis, value: number, quality: QualityCode, reason: number): void {
    this.lastTs[point] = ts;
    this.lastReceivedAt[point] = ts;
    this.lastValue[point] = value;
    this.lastQuality[point] = quality;
    this.lastReason[point] = reason;
  }

  /**
   * @internal The newest values as pieces of one JSON text. They are not held fast: what comes while the text is written may
   * be in it, of a point even a part. It is on disk, and whoever reads the text is told all commits since its first piece
   * once more, which brings each of these points to where the last of them left it.
   */
  lastAsText(): Iterable<string> {
    const rows = this.pointList.length;
    return this.writer.write({
      ts: () => this.lastTs.subarray(0, rows),
      receivedAt: () => this.lastReceivedAt.subarray(0, rows),
      value: () => this.lastValue.subarray(0, rows),
      quality: () => this.lastQuality.subarray(0, rows),
      reason: () => this.lastReason.subarray(0, rows),
    });
  }

  /**
   * @internal Newest values of a recovery, of all points that are known or of the first of them.
   * @throws Error, with nothing changed, for a text it can't use
   */
  restoreLast(text: string): void {
    const saved = JSON.parse(text) as Record<'ts' | 'receivedAt' | 'value' | 'quality' | 'reason', Column>;
    const [ts, receivedAt, value] = [doublesOf(saved.ts), doublesOf(saved.receivedAt), doublesOf(saved.value)];
    const [quality, reason] = [bytesOf(saved.quality), bytesOf(saved.reason)];
    if (
      ts.length > this.pointList.length ||
      [receivedAt, value, quality, reason].some(({ length }) => length !== ts.length)
    )
      throw new Error('the columns of the newest values are not of the same points');
    this.lastTs.set(ts);
    this.lastReceivedAt.set(receivedAt);
    this.lastValue.set(value);
    this.lastQuality.set(quality);
    this.lastReason.set(reason);
  }

  private growLast(needed: number): void {
    const capacity = Math.max(1024, 2 ** Math.ceil(Math.log2(needed)));
    const widen = <T extends Float64Array | Uint8Array>(old: T, next: T): T => {
      next.set(old);
      return next;
    };
    this.lastTs = widen(this.lastTs, new Float64Array(capacity));
    this.lastReceivedAt = widen(this.lastReceivedAt, new Float64Array(capacity));
    this.lastValue = widen(this.lastValue, new Float64Array(capacity));
    this.lastQuality = widen(this.lastQuality, new Uint8Array(capacity));
    this.lastReason = widen(this.lastReason, new Uint8Array(capacity));
  }
}
