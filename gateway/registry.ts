import type { Quality, Reason } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import type { DeviceInfo, PointInfo, SourceInfo } from './domain/plant.ts';
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
