import type { QualityCode } from '../../contract/reading.ts';

/**
 * Readings as columns, in arrival order. Row i is one reading:
 * point = dense id, tsMs = source time (UTC ms), value = finite or NaN for "no value", quality and reason = codes of contract/reading.
 */
export interface Readings {
  readonly length: number;
  readonly point: Int32Array;
  readonly tsMs: Float64Array;
  readonly value: Float64Array;
  readonly quality: Uint8Array;
  readonly reason: Uint8Array;
}

/** Growing columns; `clear` keeps the memory for the next commit. */
export class ReadingBuffer implements Readings {
  length = 0;
  point: Int32Array;
  tsMs: Float64Array;
  value: Float64Array;
  quality: Uint8Array;
  reason: Uint8Array;

  constructor(capacity = 1024) {
    this.point = new Int32Array(capacity);
    this.tsMs = new Float64Array(capacity);
    this.value = new Float64Array(capacity);
    this.quality = new Uint8Array(capacity);
    this.reason = new Uint8Array(capacity);
  }

  push(point: number, tsMs: number, value: number, quality: QualityCode, reason: number): void {
    const row = this.length;
    if (row === this.point.length) this.grow();
    this.point[row] = point;
    this.tsMs[row] = tsMs;
    this.value[row] = value;
    this.quality[row] = quality;
    this.reason[row] = reason;
    this.length = row + 1;
  }

  /** Rows [from, to) of other columns. */
  append({ point, tsMs, value, quality, reason }: Omit<Readings, 'length'>, from: number, to: number): void {
    const row = this.length;
    while (row + to - from > this.point.length) this.grow();
    this.point.set(point.subarray(from, to), row);
    this.tsMs.set(tsMs.subarray(from, to), row);
    this.value.set(value.subarray(from, to), row);
    this.quality.set(quality.subarray(from, to), row);
    this.reason.set(reason.subarray(from, to), row);
    this.length = row + to - from;
  }

  clear(): void {
    this.length = 0;
  }

  private grow(): void {
    const capacity = this.point.length * 2;
    const widen = <T extends Int32Array | Float64Array | Uint8Array>(old: T, next: T): T => {
      next.set(old);
      return next;
    };
    this.point = widen(this.point, new Int32Array(capacity));
    this.tsMs = widen(this.tsMs, new Float64Array(capacity));
    this.value = widen(this.value, new Float64Array(capacity));
    this.quality = widen(this.quality, new Uint8Array(capacity));
    this.reason = widen(this.reason, new Uint8Array(capacity));
  }
}
