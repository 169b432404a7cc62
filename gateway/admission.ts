import { type QualityCode, reasonCode, UNCERTAIN } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { type ReadingSink, type RejectReason, type WireReadings, walkReadings } from '../contract/wire-readings.ts';
import { ReadingBuffer } from './domain/readings.ts';
import type { PlantGrowth } from './plant-growth.ts';
import type { DeviceEntry, PlantRegistry } from './registry.ts';

/** Source times further ahead of the receive clock than this are no times. */
export const FUTURE_MAX_MS = 24 * 3_600_000;
/** An edge's wall clock further off than this is corrected. */
export const CLOCK_OFF_MS = 60_000;
/** Readings without a time that come within a millisecond are kept apart by at most this. */
const RECEIVE_SPREAD_MS = 1000;
/** Rejections told and kept in detail per message; the rest is counted. */
export const REJECTIONS_MAX = 1000;

const CLOCK = reasonCode('clock');
const RECEIVE_TIME = reasonCode('receive-time');

export interface Rejection {
  readonly reason: RejectReason;
  readonly detail: string;
  readonly entry: unknown;
}

/** Rows [from, to) of one source, in arrival order. */
export interface SourceRange {
  readonly source: number;
  readonly from: number;
  readonly to: number;
}

export interface Admitted {
  readonly ranges: readonly SourceRange[];
  readonly stored: number;
  readonly rejected: number;
  /** At most {@link REJECTIONS_MAX} of them. */
  readonly rejections: readonly Rejection[];
}

/** How one message is to be read. */
export interface AdmissionRules {
  /** The edge that sent it; undefined = the device itself or another door. */
  readonly edge?: string | undefined;
  readonly receivedAt: Millis;
  /** Added to every source time, and every value marked uncertain; undefined = the sender's clock is right. */
  readonly clockShiftMs?: number | undefined;
  /** Columns the readings go to. */
  readonly into: ReadingBuffer;
  /** Where readings go instead that are no newer than what we know: they may have been stored before. Undefined = no matter. */
  readonly doubtful?: DoubtfulReading[];
}

/** A reading whose point has one of the same or a later time. */
export interface DoubtfulReading {
  readonly source: number;
  readonly point: number;
  readonly ts: Millis;
  readonly value: number;
  readonly quality: QualityCode;
  readonly reason: number;
}

/**
 * Turns the entries of a message into rows of dense ids: unknown devices and points are discovered or rejected,
 * times checked, shifted or given. One bad reading costs that reading only.
 */
export class Admission implements ReadingSink {
  private readonly registry: PlantRegistry;
  private readonly growth: PlantGrowth;
  private readonly discovers: boolean;
  /** Newest source time of each point, what is not committed yet included. */
  private newestTs = new Float64Array(1024);

  private rules: AdmissionRules = { receivedAt: 0, into: new ReadingBuffer(1) };
  private latestTs = 0;
  private deviceId = '';
  private entry: DeviceEntry | undefined;
  private source = -1;
  private rangeFrom = 0;
  private ranges: SourceRange[] = [];
  private rejections: Rejection[] = [];
  private rejectedCount = 0;

  constructor(parts: { registry: PlantRegistry; growth: PlantGrowth; discovers: boolean }) {
    this.registry = parts.registry;
    this.growth = parts.growth;
    this.discovers = parts.discovers;
  }

  /** Whether readings of this device may be taken at all. */
  accepts(device: string): boolean {
    return this.discovers || this.registry.entry(device) !== undefined;
  }

  /** Whether readings of this point may be taken. */
  knows(device: string, measurement: string): boolean {
    return this.discovers || this.registry.entry(device)?.pointIds.has(measurement) === true;
  }

  /** Newest source time we know of this point; 0 = none. */
  newest(point: number): Millis {
    return this.newestTs[point] ?? 0;
  }

  /** The point has a reading of this time. */
  noteTime(point: number, tsMs: Millis): void {
    if (point >= this.newestTs.length) {
      const wider = new Float64Array(2 ** Math.ceil(Math.log2(point + 1)));
      wider.set(this.newestTs);
      this.newestTs = wider;
    }
    if (tsMs > (this.newestTs[point] as number)) this.newestTs[point] = tsMs;
  }

  /** Never throws, whatever the entries hold. */
  admit(entries: WireReadings, rules: AdmissionRules): Admitted {
    const start = rules.into.length;
    this.rules = rules;
    this.latestTs = rules.receivedAt + FUTURE_MAX_MS;
    this.deviceId = '';
    this.entry = undefined;
    this.source = -1;
    this.rangeFrom = start;
    this.ranges = [];
    this.rejections = [];
    this.rejectedCount = 0;
    walkReadings(entries, this);
    this.endRange();
    return {
      ranges: this.ranges,
      stored: rules.into.length - start,
      rejected: this.rejectedCount,
      rejections: this.rejections,
    };
  }

  reading(
    device: string,
    measurement: string,
    ts: Millis | undefined,
    value: number,
    quality: QualityCode,
    reason: number,
  ): void {
    if (device !== this.deviceId) this.turnTo(device);
    const entry = this.entry;
    if (entry === undefined)
      return this.rejected('unknown-device', `device ${device} is not declared`, one(device, measurement, ts, value));
    const point = entry.pointIds.getNext(measurement) ?? this.unknownPoint(entry, measurement);
    if (point === undefined)
      return this.rejected(
        'unknown-point',
        `${device}/${measurement} is not declared`,
        one(device, measurement, ts, value),
      );
    if (ts === undefined) {
      this.put(point, this.receiveTime(point), value, quality || UNCERTAIN, reason || RECEIVE_TIME);
      return;
    }
    const { clockShiftMs } = this.rules;
    const tsMs = clockShiftMs === undefined ? ts : ts + clockShiftMs;
    if (tsMs > this.latestTs || tsMs < 0)
      return this.rejected(
        'bad-time',
        `${device}/${measurement}: ts ${tsMs} is more than a day ahead`,
        one(device, measurement, ts, value),
      );
    if (clockShiftMs === undefined) this.put(point, tsMs, value, quality, reason);
    else this.put(point, tsMs, value, quality || UNCERTAIN, reason || CLOCK);
  }

  rejected(reason: RejectReason, detail: string, entry: unknown): void {
    this.rejectedCount++;
    if (this.rejections.length < REJECTIONS_MAX) this.rejections.push({ reason, detail, entry });
  }

  private put(point: number, tsMs: Millis, value: number, quality: QualityCode, reason: number): void {
    const { doubtful } = this.rules;
    if (doubtful !== undefined && tsMs <= this.newest(point)) {
      doubtful.push({ source: this.source, point, ts: tsMs, value, quality, reason });
      return;
    }
    this.rules.into.push(point, tsMs, value, quality, reason);
    this.noteTime(point, tsMs);
  }

  private turnTo(device: string): void {
    this.deviceId = device;
    this.entry = this.registry.entryAfter(this.entry, device);
    const { edge } = this.rules;
    if (this.entry === undefined) {
      if (!this.discovers) return;
      this.entry = this.growth.discover(device, { edge });
    } else if (edge !== undefined && this.entry.device.edge === undefined) {
      this.growth.bind(this.entry, edge);
    }
    const source = this.growth.sourceOf(this.entry, edge);
    if (source === this.source) return;
    this.endRange();
    this.source = source;
  }

  private endRange(): void {
    const to = this.rules.into.length;
    if (to > this.rangeFrom) this.ranges.push({ source: this.source, from: this.rangeFrom, to });
    this.rangeFrom = to;
  }

  private unknownPoint(entry: DeviceEntry, measurement: string): number | undefined {
    return this.discovers ? this.growth.point(entry, measurement) : undefined;
  }

  /** The receive clock, or a millisecond after the last one when two came in the same millisecond. */
  private receiveTime(point: number): Millis {
    const { receivedAt } = this.rules;
    const newest = this.newest(point);
    return newest >= receivedAt && newest < receivedAt + RECEIVE_SPREAD_MS ? newest + 1 : receivedAt;
  }
}

function one(device: string, measurement: string, ts: Millis | undefined, value: number): unknown {
  return { device, ...(ts === undefined ? {} : { ts }), values: { [measurement]: Number.isNaN(value) ? null : value } };
}
