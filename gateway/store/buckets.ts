import { BAD, GOOD, QUALITIES, type Quality } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { Bucket, Range } from './store.ts';

/** What is to be known of the readings inside one slot. A reading counts as valued when it is not bad and has a value. */
export interface Slot {
  /** Number of the slot from the start of the range; -1 for what lies before it. */
  readonly slot: number;
  readonly count: number;
  readonly worstQuality: number;
  /** Of valued readings; NaN when there is none. */
  readonly min: number;
  readonly max: number;
  /** Sum of value x time held inside the slot, and that time, ms. */
  readonly weighted: number;
  readonly weightMs: number;
  readonly firstTs: Millis;
  /** The last reading of any quality, and whether it is valued. */
  readonly lastTs: Millis;
  /** The last valued reading; `lastGoodTs` is NaN when there is none. */
  readonly lastGoodTs: Millis;
  readonly lastGoodValue: number;
  readonly lastGoodQuality: number;
}

/** Folds the readings of a point, in the order of time, into slots; of several of one moment the last given counts. */
export class SlotBuilder {
  private readonly slots: Slot[] = [];
  private readonly range: Range;
  private readonly stepMs: number;
  private readonly maxSilenceMs: number;
  private open: { -readonly [Key in keyof Slot]: Slot[Key] } | undefined;
  private isPending = false;
  private ts = 0;
  private value = 0;
  private quality = 0;

  constructor(range: Range, stepMs: number, maxSilenceMs: number) {
    this.range = range;
    this.stepMs = stepMs;
    this.maxSilenceMs = Math.floor(maxSilenceMs);
  }

  /** @param ts - not before the one given last; value NaN = none */
  add(ts: Millis, value: number, quality: number): void {
    if (this.isPending && ts !== this.ts) this.take(ts);
    this.isPending = true;
    this.ts = ts;
    this.value = value;
    this.quality = quality;
  }

  end(): readonly Slot[] {
    if (this.isPending) this.take(this.range.to);
    this.isPending = false;
    return this.slots;
  }

  /** The pending reading, which holds until `nextTs`, the end of its slot, or for as long as a silence may last. */
  private take(nextTs: Millis): void {
    const { ts, value, quality } = this;
    const { from, to } = this.range;
    const number = ts < from ? -1 : Math.floor((ts - from) / this.stepMs);
    let slot = this.open;
    if (slot?.slot !== number) {
      slot = {
        slot: number,
        count: 0,
        worstQuality: 0,
        min: Number.NaN,
        max: Number.NaN,
        weighted: 0,
        weightMs: 0,
        firstTs: ts,
        lastTs: ts,
        lastGoodTs: Number.NaN,
        lastGoodValue: 0,
        lastGoodQuality: 0,
      };
      this.open = slot;
      this.slots.push(slot);
    }
    slot.count++;
    slot.lastTs = ts;
    if (quality > slot.worstQuality) slot.worstQuality = quality;
    if (quality >= BAD || Number.isNaN(value)) return;
    const heldMs = Math.min(nextTs, from + (number + 1) * this.stepMs, to, ts + this.maxSilenceMs) - ts;
    slot.weighted += value * heldMs;
    slot.weightMs += heldMs;
    // Written so that NaN, the value before the first one, gives way.
    if (!(slot.min <= value)) slot.min = value;
    if (!(slot.max >= value)) slot.max = value;
    slot.lastGoodTs = ts;
    slot.lastGoodValue = value;
    slot.lastGoodQuality = quality;
  }
}

/** Length of a slot when a range is cut into `count` equal ones, whole milliseconds. */
export function slotLength({ from, to }: Range, count: number): number {
  return Math.max(1, Math.ceil((to - from) / Math.max(1, count)));
}

/**
 * Turns slots into buckets: carries each value on until the next reading (at most `maxSilenceMs`), so that the mean is
 * weighted by time over slot borders too, and holds the last good value over slots without readings while it is young enough.
 * `min`, `max` and `count` are of the readings inside the slot alone.
 *
 * @param slots - ascending, only those with readings
 * @returns ascending; a slot with neither readings nor a young enough value is absent
 */
export function fillBuckets(slots: readonly Slot[], range: Range, stepMs: number, maxSilenceMs: number): Bucket[] {
  const buckets: Bucket[] = [];
  let next = 0;
  let carried: Slot | undefined;
  const takeBefore = (slot: number) => {
    while (next < slots.length && (slots[next] as Slot).slot < slot) carried = newer(carried, slots[next++] as Slot);
  };
  const slotCount = Math.ceil((range.to - range.from) / stepMs);
  for (let index = 0; index < slotCount; index++) {
    takeBefore(index);
    const start = range.from + index * stepMs;
    const slot = slots[next]?.slot === index ? (slots[next] as Slot) : undefined;
    const bucket =
      slot === undefined ? heldBucket(start, carried, maxSilenceMs) : readBucket(start, slot, carried, maxSilenceMs);
    if (bucket !== undefined) buckets.push(bucket);
    if (carried === undefined && slot === undefined && next >= slots.length) break;
  }
  return buckets;
}

/** The state after another slot: its last reading, and the last good value of either. */
function newer(before: Slot | undefined, slot: Slot): Slot {
  if (!Number.isNaN(slot.lastGoodTs) || before === undefined) return slot;
  const { lastGoodTs, lastGoodValue, lastGoodQuality } = before;
  return { ...slot, lastGoodTs, lastGoodValue, lastGoodQuality };
}

function readBucket(start: Millis, slot: Slot, carried: Slot | undefined, maxSilenceMs: number): Bucket {
  let { weighted, weightMs } = slot;
  if (carried !== undefined && carried.lastGoodTs === carried.lastTs) {
    const until = Math.min(slot.firstTs, carried.lastGoodTs + maxSilenceMs);
    if (until > start) {
      weighted += carried.lastGoodValue * (until - start);
      weightMs += until - start;
    }
  }
  const { count, min, max } = slot;
  const worstQuality = quality(slot.worstQuality);
  if (Number.isNaN(min)) return { ts: start, count, worstQuality };
  return { ts: start, count, worstQuality, min, max, mean: weightMs > 0 ? weighted / weightMs : slot.lastGoodValue };
}

function heldBucket(start: Millis, carried: Slot | undefined, maxSilenceMs: number): Bucket | undefined {
  if (carried === undefined || Number.isNaN(carried.lastGoodTs)) return undefined;
  if (start - carried.lastGoodTs >= maxSilenceMs) return undefined;
  const value = carried.lastGoodValue;
  return {
    ts: start,
    min: value,
    max: value,
    mean: value,
    count: 0,
    worstQuality: quality(carried.lastGoodQuality),
    held: true,
  };
}

function quality(code: number): Quality {
  return QUALITIES[code] ?? (QUALITIES[GOOD] as Quality);
}
