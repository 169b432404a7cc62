import { bytesOf, type Column, ColumnWriter, doublesOf, Held } from './column-text.ts';

/** The columns of a snapshot. */
export type PointColumns = Readonly<
  Record<'newest' | 'value' | 'heard' | 'floor' | 'quality' | 'reason' | 'busy', Column> &
    Partial<Record<'heardFrom' | 'patienceMs' | 'fresh', Column>>
>;

/** Doubles per point in {@link PointStates.hot}: one cache line holds two points. */
export const STRIDE = 4;
/** Source time of the newest live reading; -Infinity before the first. */
export const NEWEST = 0;
/** A value within [CALM_LOW, CALM_HIGH] changes nothing; an empty band (low > high) sends every reading the long way. */
export const CALM_LOW = 1;
export const CALM_HIGH = 2;
/** Newest usable (good or uncertain) value; NaN before the first. */
export const VALUE = 3;

/** State of every point, row = dense id. What the fast path touches lies together. */
export class PointStates {
  hot = new Float64Array(0);
  /** The judge's clock when the point was last heard; used where the source has no `upTo`. */
  heard = new Float64Array(0);
  /** Silence counts from here at the earliest: when it was first expected, or its device came back. NaN: not yet. */
  floor = new Float64Array(0);
  /** Since when a point that learns its interval is heard; NaN: not yet. */
  heardFrom = new Float64Array(0);
  /** How long it is waited for, while it is {@link BUSY_QUIET}. */
  patienceMs = new Float64Array(0);
  /** One more than how often such a point was heard again while it is new; 0: it no longer is. */
  fresh = new Uint8Array(0);
  quality = new Uint8Array(0);
  reason = new Uint8Array(0);
  source = new Int32Array(0);
  /** Row in the judge's list of devices. */
  device = new Int32Array(0);
  firstRule = new Int32Array(0);
  ruleCount = new Int32Array(0);
  maxSilenceMs = new Float64Array(0);
  /** Calm band while nothing is going on, from the setpoints. */
  restLow = new Float64Array(0);
  restHigh = new Float64Array(0);
  /** Bits of {@link BUSY_STALE} and so on: why every reading must go the long way. */
  busy = new Uint8Array(0);
  count = 0;
  private readonly held = new Held();
  private readonly writer = new ColumnWriter();

  resize(points: number): void {
    this.count = Math.max(this.count, points);
    if (points > this.heard.length) this.widen(Math.max(points, this.heard.length * 2, 64));
  }

  /** Room for so many points. */
  reserve(points: number): void {
    if (points > this.heard.length) this.widen(points);
  }

  private widen(capacity: number): void {
    const old = this.heard.length;
    const widen = <T extends Float64Array | Uint8Array | Int32Array>(from: T, to: T, fill: number): T => {
      to.fill(fill);
      to.set(from);
      return to;
    };
    const hot = new Float64Array(capacity * STRIDE);
    hot.set(this.hot);
    for (let point = old; point < capacity; point++) {
      hot[point * STRIDE + NEWEST] = Number.NEGATIVE_INFINITY;
      hot[point * STRIDE + CALM_LOW] = Number.POSITIVE_INFINITY;
      hot[point * STRIDE + CALM_HIGH] = Number.NEGATIVE_INFINITY;
      hot[point * STRIDE + VALUE] = Number.NaN;
    }
    this.hot = hot;
    this.heard = widen(this.heard, new Float64Array(capacity), 0);
    this.floor = widen(this.floor, new Float64Array(capacity), Number.NaN);
    this.heardFrom = widen(this.heardFrom, new Float64Array(capacity), Number.NaN);
    this.patienceMs = widen(this.patienceMs, new Float64Array(capacity), 0);
    this.fresh = widen(this.fresh, new Uint8Array(capacity), 0);
    this.quality = widen(this.quality, new Uint8Array(capacity), 0);
    this.reason = widen(this.reason, new Uint8Array(capacity), 0);
    this.source = widen(this.source, new Int32Array(capacity), -1);
    this.device = widen(this.device, new Int32Array(capacity), -1);
    this.firstRule = widen(this.firstRule, new Int32Array(capacity), 0);
    this.ruleCount = widen(this.ruleCount, new Int32Array(capacity), 0);
    this.maxSilenceMs = widen(this.maxSilenceMs, new Float64Array(capacity), 0);
    this.restLow = widen(this.restLow, new Float64Array(capacity), Number.NEGATIVE_INFINITY);
    this.restHigh = widen(this.restHigh, new Float64Array(capacity), Number.POSITIVE_INFINITY);
    this.busy = widen(this.busy, new Uint8Array(capacity), 0);
  }

  newest(point: number): number {
    return this.hot[point * STRIDE + NEWEST]!;
  }

  value(point: number): number {
    return this.hot[point * STRIDE + VALUE]!;
  }

  /** Opens or closes the fast path of a point after its rules or flags changed. */
  rearm(point: number, calm: boolean): void {
    this.hot[point * STRIDE + CALM_LOW] = calm ? this.restLow[point]! : Number.POSITIVE_INFINITY;
    this.hot[point * STRIDE + CALM_HIGH] = calm ? this.restHigh[point]! : Number.NEGATIVE_INFINITY;
  }

  /** The columns as of now, copied at once and written as text piece by piece; until they are held fast again. */
  freeze(): () => Iterable<string> {
    const { count, held } = this;
    const copyOf = (name: string, column: Float64Array | Uint8Array) => {
      const copy = held.hold(name, column, count);
      return () => copy;
    };
    const hot = held.hold('hot', this.hot, count * STRIDE) as Float64Array;
    const ofHot = (offset: number) => () => {
      const column = held.room('column', this.heard, count) as Float64Array;
      for (let point = 0; point < count; point++) column[point] = hot[point * STRIDE + offset]!;
      return column;
    };
    const columns = {
      newest: ofHot(NEWEST),
      value: ofHot(VALUE),
      heard: copyOf('heard', this.heard),
      floor: copyOf('floor', this.floor),
      // A plant of which everything is declared has none of these.
      ...(this.heardFrom.some((from) => !Number.isNaN(from))
        ? {
            heardFrom: copyOf('heardFrom', this.heardFrom),
            patienceMs: copyOf('patienceMs', this.patienceMs),
            fresh: copyOf('fresh', this.fresh),
          }
        : {}),
      quality: copyOf('quality', this.quality),
      reason: copyOf('reason', this.reason),
      busy: copyOf('busy', this.busy),
    };
    return () => this.writer.write(columns);
  }

  /** @throws Error, with nothing changed, for columns it can't use */
  restore(state: PointColumns): void {
    const newest = doublesOf(state.newest);
    const value = doublesOf(state.value);
    const heard = doublesOf(state.heard);
    const floor = doublesOf(state.floor);
    const heardFrom = state.heardFrom === undefined ? undefined : doublesOf(state.heardFrom);
    const patienceMs = state.patienceMs === undefined ? undefined : doublesOf(state.patienceMs);
    const fresh = state.fresh === undefined ? undefined : bytesOf(state.fresh);
    const quality = bytesOf(state.quality);
    const reason = bytesOf(state.reason);
    const busy = bytesOf(state.busy);
    this.resize(newest.length);
    for (let point = 0; point < newest.length; point++) {
      this.hot[point * STRIDE + NEWEST] = orElse(newest[point], Number.NEGATIVE_INFINITY);
      this.hot[point * STRIDE + VALUE] = orElse(value[point], Number.NaN);
      this.heard[point] = orElse(heard[point], 0);
      this.floor[point] = orElse(floor[point], Number.NaN);
      this.heardFrom[point] = orElse(heardFrom?.[point], Number.NaN);
      this.patienceMs[point] = orElse(patienceMs?.[point], this.patienceMs[point]!);
      this.fresh[point] = fresh?.[point] ?? 0;
      this.quality[point] = quality[point] ?? 0;
      this.reason[point] = reason[point] ?? 0;
      // Which points need every reading is said by the rules of today.
      this.busy[point] = ((busy[point] ?? 0) & ~BUSY_EVALUATOR) | (this.busy[point]! & BUSY_EVALUATOR);
    }
  }
}

/** What a column of doubles says, unless it says nothing. */
const orElse = (value: number | undefined, otherwise: number): number =>
  value !== undefined && Number.isFinite(value) ? value : otherwise;

/** The point is stale, its newest reading is bad, its device is silent, or an evaluator wants every reading. */
export const BUSY_STALE = 1;
export const BUSY_BAD = 2;
export const BUSY_DEVICE_SILENT = 4;
export const BUSY_EVALUATOR = 8;
/** Its newest reading says that the device does not answer. */
export const BUSY_COMMUNICATION = 16;
/** It learns how often it reports, and has been silent for a while: its next reading says for how long. */
export const BUSY_QUIET = 32;
