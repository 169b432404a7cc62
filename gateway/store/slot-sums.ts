import type { Millis } from '../../contract/time.ts';
import type { SeriesQuery } from './store.ts';
import type { SumsRows } from './sums-codec.ts';

type Aggregate = SeriesQuery['aggregate'];

/**
 * What adds up to an aggregate, per point and slot: of rows that come in any order from wherever readings lie, each reading
 * in one of them.
 */
export class SlotSums {
  readonly points: readonly number[];
  readonly slots: number;
  private readonly aggregate: Aggregate;
  private readonly from: Millis;
  private readonly to: Millis;
  private readonly stepMs: number;
  /** Minimum, maximum, sum or last value. */
  private readonly part: Float64Array;
  private readonly readings: Float64Array;
  private readonly worst: Uint8Array;
  /** Of the last value; of no other aggregate. */
  private readonly at: Float64Array;

  /** @param points - ascending, each once */
  constructor(points: readonly number[], { from, to, stepMs, aggregate }: Omit<SeriesQuery, 'points' | 'across'>) {
    this.points = points;
    this.slots = Math.ceil((to - from) / stepMs);
    this.aggregate = aggregate;
    this.from = from;
    this.to = to;
    this.stepMs = stepMs;
    const cells = points.length * this.slots;
    this.part = new Float64Array(cells);
    this.readings = new Float64Array(cells);
    this.worst = new Uint8Array(cells);
    this.at = new Float64Array(aggregate === 'last' ? cells : 0);
  }

  clear(): void {
    this.readings.fill(0);
    this.worst.fill(0);
  }

  /** A valued reading of `points[index]` inside the range. */
  addReading(index: number, ts: Millis, value: number, quality: number): void {
    const slot = Math.floor((ts - this.from) / this.stepMs);
    this.addPart(index, slot, value, 1, quality, ts);
  }

  /**
   * Sums of `points[index]`; those outside of the range are left out.
   *
   * @param isLeftOut - quarters that are counted elsewhere
   */
  addSums(index: number, rows: SumsRows, isLeftOut?: (ts: Millis) => boolean): void {
    const { ts, readings, worst, lastTs } = rows;
    const part = this.partOf(rows);
    for (let row = 0; row < rows.length; row++) {
      const at = ts[row] as number;
      if (at < this.from || at >= this.to || isLeftOut?.(at)) continue;
      const slot = Math.floor((at - this.from) / this.stepMs);
      this.addPart(
        index,
        slot,
        part[row] as number,
        readings[row] as number,
        worst[row] as number,
        lastTs[row] as number,
      );
    }
  }

  /**
   * @param part - minimum, maximum, sum or last value, as the aggregate asks
   * @param lastTs - of the last reading among them
   */
  addPart(index: number, slot: number, part: number, readings: number, worst: number, lastTs: Millis): void {
    const cell = index * this.slots + slot;
    if (this.readings[cell] === 0) {
      this.part[cell] = part;
      if (this.aggregate === 'last') this.at[cell] = lastTs;
    } else
      switch (this.aggregate) {
        case 'min':
          if (part < (this.part[cell] as number)) this.part[cell] = part;
          break;
        case 'max':
          if (part > (this.part[cell] as number)) this.part[cell] = part;
          break;
        case 'last':
          if (lastTs >= (this.at[cell] as number)) {
            this.part[cell] = part;
            this.at[cell] = lastTs;
          }
          break;
        default:
          this.part[cell] = (this.part[cell] as number) + part;
      }
    this.readings[cell] = (this.readings[cell] as number) + readings;
    if (worst > (this.worst[cell] as number)) this.worst[cell] = worst;
  }

  /** Slots of `points[index]` that have valued readings, ascending. */
  each(index: number, tell: (slot: number, value: number, readings: number, worst: number) => void): void {
    for (let slot = 0; slot < this.slots; slot++) {
      const cell = index * this.slots + slot;
      const readings = this.readings[cell] as number;
      if (readings === 0) continue;
      const part = this.part[cell] as number;
      const value = this.aggregate === 'mean' ? part / readings : this.aggregate === 'count' ? readings : part;
      tell(slot, value, readings, this.worst[cell] as number);
    }
  }

  private partOf({ min, max, sum, last, readings }: SumsRows): Float64Array {
    return { min, max, last, sum, mean: sum, count: readings }[this.aggregate];
  }
}

/** Values of several points become one per slot. */
export class AcrossSums {
  private readonly across: NonNullable<SeriesQuery['across']>;
  private readonly value: Float64Array;
  private readonly series: Uint32Array;
  private readonly readings: Float64Array;
  private readonly worst: Uint8Array;

  constructor(across: NonNullable<SeriesQuery['across']>, slots: number) {
    this.across = across;
    this.value = new Float64Array(slots);
    this.series = new Uint32Array(slots);
    this.readings = new Float64Array(slots);
    this.worst = new Uint8Array(slots);
  }

  add(slot: number, value: number, readings: number, worst: number): void {
    const before = this.value[slot] as number;
    const isFirst = this.series[slot] === 0;
    this.value[slot] = this.across === 'max' ? (isFirst ? value : Math.max(before, value)) : before + value;
    this.series[slot] = (this.series[slot] as number) + 1;
    this.readings[slot] = (this.readings[slot] as number) + readings;
    this.worst[slot] = Math.max(this.worst[slot] as number, worst);
  }

  each(tell: (slot: number, value: number, readings: number, worst: number) => void): void {
    for (const [slot, series] of this.series.entries()) {
      if (series === 0) continue;
      const value = this.value[slot] as number;
      const told = this.across === 'mean' ? value / series : value;
      tell(slot, told, this.readings[slot] as number, this.worst[slot] as number);
    }
  }
}
