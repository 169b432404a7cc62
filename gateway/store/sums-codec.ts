import { crc32 } from 'node:zlib';
import { QUARTER_MS } from './quarters.ts';

/** Rows of {@link quarterSums} of one point, ascending by quarter, as columns that grow and are used again. */
export class SumsRows {
  length = 0;
  ts = new Float64Array(128);
  min = new Float64Array(128);
  max = new Float64Array(128);
  sum = new Float64Array(128);
  readings = new Float64Array(128);
  last = new Float64Array(128);
  lastTs = new Float64Array(128);
  worst = new Float64Array(128);

  /** Makes room for `rows` in all; what is there stays. */
  reserve(rows: number): void {
    if (rows <= this.ts.length) return;
    const larger = (column: Float64Array) => {
      const copy = new Float64Array(Math.max(rows, column.length * 2));
      copy.set(column);
      return copy;
    };
    this.ts = larger(this.ts);
    this.min = larger(this.min);
    this.max = larger(this.max);
    this.sum = larger(this.sum);
    this.readings = larger(this.readings);
    this.last = larger(this.last);
    this.lastTs = larger(this.lastTs);
    this.worst = larger(this.worst);
  }
}

/** How minimum, maximum and last value stand in a block; in the upper bits of its first byte. */
const DECIMALS = 0;
const FLOATS = 1;
const DOUBLES = 2;
/** In the first byte: sums are doubles, for they are no sums of the decimals. */
const SUM_IS_DOUBLE = 8;
/** Decimals after the point that are looked for. */
const DECIMALS_MAX = 6;
const POWERS = Array.from({ length: DECIMALS_MAX + 1 }, (_, decimals) => 10 ** decimals);
/** Beyond, scaled values and their products could lose digits. */
const SCALED_MAX = 2 ** 50;
/** By so much of its largest summand a sum of doubles may miss the sum of the decimals that these stand for, per summand. */
const SUM_ERROR = 1e-12;

/** Bytes that a row takes at most: eight numbers of at most 8 bytes and a run's length. */
const ROW_BYTES_MAX = 96;
const HEAD_BYTES_MAX = 32;
const CRC_BYTES = 4;

/**
 * Writes rows of one point as a block: quarters and counts as differences, repeats as runs, and values as whole numbers of
 * their last decimal where they have one, some 7 bytes a row of noisy values with two decimals. The check sum at the end
 * takes in the point, so that a block of another is noticed.
 */
export class SumsWriter {
  data = new Uint8Array(65_536);
  private view = new DataView(this.data.buffer);
  length = 0;
  private column = new Float64Array(128);
  /** Minima as whole numbers of their last decimal. */
  private floor = new Float64Array(128);

  clear(): void {
    this.length = 0;
  }

  put(point: number, rows: SumsRows): void {
    const count = rows.length;
    this.makeRoom(count * ROW_BYTES_MAX + HEAD_BYTES_MAX);
    const start = this.length;
    const decimals = decimalsOf(rows);
    const kind = decimals !== undefined ? DECIMALS : areFloats(rows) ? FLOATS : DOUBLES;
    const scale = POWERS[decimals ?? 0] as number;
    const { floor } = this;
    if (kind === DECIMALS)
      for (let row = 0; row < count; row++) floor[row] = Math.round((rows.min[row] as number) * scale);
    const areSumsScaled = kind === DECIMALS && scaleSums(rows, scale, floor, this.column);
    this.data[this.length++] = (decimals ?? 0) | (areSumsScaled ? 0 : SUM_IS_DOUBLE) | (kind << 4);
    this.putNumber(count);
    if (areSumsScaled) this.putColumn(count, false);
    else this.putDoubles(rows.sum, count);
    const column = this.column;
    for (let row = 0; row < count; row++) column[row] = (rows.ts[row] as number) / QUARTER_MS - row;
    this.putColumn(count, true);
    column.set(count === rows.readings.length ? rows.readings : rows.readings.subarray(0, count));
    this.putColumn(count, true);
    column.set(count === rows.worst.length ? rows.worst : rows.worst.subarray(0, count));
    this.putColumn(count, true);
    for (let row = 0; row < count; row++) column[row] = (rows.lastTs[row] as number) - (rows.ts[row] as number);
    this.putColumn(count, true);
    if (kind === DECIMALS) this.putScaled(rows, scale);
    else for (const values of [rows.min, rows.max, rows.last]) this.putValues(values, count, kind);
    const crc = crc32(this.data.subarray(start, this.length), point);
    this.view.setUint32(this.length, crc, true);
    this.length += CRC_BYTES;
  }

  private makeRoom(bytes: number): void {
    if (this.column.length * ROW_BYTES_MAX < bytes) {
      this.column = new Float64Array(Math.ceil(bytes / ROW_BYTES_MAX));
      this.floor = new Float64Array(this.column.length);
    }
    if (this.length + bytes <= this.data.length) return;
    const larger = new Uint8Array(Math.max(this.length + bytes, this.data.length * 2));
    larger.set(this.data.subarray(0, this.length));
    this.data = larger;
    this.view = new DataView(larger.buffer);
  }

  /** Maximum and last value as what they are above the minimum. */
  private putScaled({ max, last, length }: SumsRows, scale: number): void {
    const { column, floor } = this;
    column.set(length === floor.length ? floor : floor.subarray(0, length));
    this.putColumn(length, true);
    for (const values of [max, last]) {
      for (let row = 0; row < length; row++)
        column[row] = Math.round((values[row] as number) * scale) - (floor[row] as number);
      this.putColumn(length, false);
    }
  }

  private putValues(values: Float64Array, count: number, kind: number): void {
    if (kind === DOUBLES) {
      this.putDoubles(values, count);
      return;
    }
    for (let row = 0; row < count; row++, this.length += 4)
      this.view.setFloat32(this.length, values[row] as number, true);
  }

  private putDoubles(values: Float64Array, count: number): void {
    for (let row = 0; row < count; row++, this.length += 8)
      this.view.setFloat64(this.length, values[row] as number, true);
  }

  /** The column of whole numbers: themselves or their differences, zeros as a zero and how many. */
  private putColumn(count: number, isDifference: boolean): void {
    const column = this.column;
    let before = 0;
    for (let row = 0; row < count; ) {
      const value = column[row] as number;
      const number = value - before;
      if (isDifference) before = value;
      if (number !== 0) {
        this.putNumber(number < 0 ? -2 * number - 1 : 2 * number);
        row++;
        continue;
      }
      let run = 1;
      while (row + run < count && column[row + run] === before) run++;
      this.putNumber(0);
      this.putNumber(run);
      row += run;
    }
  }

  /** Seven bits a byte, the lowest first. */
  private putNumber(number: number): void {
    let rest = number;
    while (rest >= 0x8000_0000) {
      this.data[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.data[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.data[this.length++] = rest;
  }
}

/** Decimals with which all of these are exactly themselves again. */
function decimalsOf({ min, max, last, length }: SumsRows): number | undefined {
  let decimals = 0;
  /** What was exact with fewer decimals need not be with more: very large values. */
  let unsure = 0;
  for (let row = 0; row < length; ) {
    const scale = POWERS[decimals] as number;
    if (
      isExact(min[row] as number, scale) &&
      isExact(max[row] as number, scale) &&
      isExact(last[row] as number, scale)
    ) {
      row++;
      continue;
    }
    if (++decimals > DECIMALS_MAX) return undefined;
    unsure = row;
  }
  const scale = POWERS[decimals] as number;
  for (let row = 0; row < unsure; row++)
    if (
      !isExact(min[row] as number, scale) ||
      !isExact(max[row] as number, scale) ||
      !isExact(last[row] as number, scale)
    )
      return undefined;
  return decimals;
}

function isExact(value: number, scale: number): boolean {
  const scaled = Math.round(value * scale);
  return scaled / scale === value && scaled < SCALED_MAX && scaled > -SCALED_MAX;
}

function areFloats({ min, max, last, length }: SumsRows): boolean {
  for (let row = 0; row < length; row++)
    for (let which = 0; which < 3; which++) {
      const value = (which === 0 ? min : which === 1 ? max : last)[row] as number;
      if (Math.fround(value) !== value) return false;
    }
  return true;
}

/** Sums as what they are above as many minima; false when they are not sums of such decimals. */
function scaleSums(rows: SumsRows, scale: number, floor: Float64Array, column: Float64Array): boolean {
  for (let row = 0; row < rows.length; row++) {
    const [sum, readings] = [rows.sum[row] as number, rows.readings[row] as number];
    const scaled = Math.round(sum * scale);
    const lowest = (floor[row] as number) * readings;
    if (Math.abs(scaled) >= SCALED_MAX || Math.abs(lowest) >= SCALED_MAX) return false;
    const largest = Math.max(Math.abs(rows.min[row] as number), Math.abs(rows.max[row] as number));
    if (Math.abs(scaled / scale - sum) > SUM_ERROR * readings * largest) return false;
    column[row] = scaled - lowest;
  }
  return true;
}

/** Reads blocks of {@link SumsWriter}. */
export class SumsReader {
  private data: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.data.buffer);
  private at = 0;

  /**
   * @param to - end of the block in `data`, its check sum included
   * @returns false when the block is not as it was written, or is another point's
   */
  take(data: Uint8Array, from: number, to: number, point: number, rows: SumsRows): boolean {
    if (data.buffer !== this.view.buffer || data.byteOffset !== this.view.byteOffset)
      this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.data = data;
    const end = to - CRC_BYTES;
    if (end <= from || this.view.getUint32(end, true) !== crc32(data.subarray(from, end), point)) return false;
    this.at = from;
    const head = data[this.at++] as number;
    const kind = head >> 4;
    const scale = POWERS[head & 7] as number;
    const count = this.number();
    rows.reserve(count);
    rows.length = count;
    const { ts, min, max, sum, readings, last, lastTs, worst } = rows;
    const areSumsScaled = (head & SUM_IS_DOUBLE) === 0;
    if (areSumsScaled) this.column(sum, count, false);
    else this.doubles(sum, count);
    this.column(ts, count, true);
    for (let row = 0; row < count; row++) ts[row] = ((ts[row] as number) + row) * QUARTER_MS;
    this.column(readings, count, true);
    this.column(worst, count, true);
    this.column(lastTs, count, true);
    for (let row = 0; row < count; row++) lastTs[row] = (lastTs[row] as number) + (ts[row] as number);
    if (kind !== DECIMALS) {
      for (const values of [min, max, last])
        if (kind === FLOATS) this.floats(values, count);
        else this.doubles(values, count);
      return true;
    }
    this.column(min, count, true);
    this.column(max, count, false);
    this.column(last, count, false);
    for (let row = 0; row < count; row++) {
      const lowest = min[row] as number;
      if (areSumsScaled) sum[row] = ((sum[row] as number) + lowest * (readings[row] as number)) / scale;
      min[row] = lowest / scale;
      max[row] = ((max[row] as number) + lowest) / scale;
      last[row] = ((last[row] as number) + lowest) / scale;
    }
    return true;
  }

  private column(into: Float64Array, count: number, isDifference: boolean): void {
    let value = 0;
    for (let row = 0; row < count; ) {
      const number = this.number();
      if (number === 0) {
        const run = this.number();
        into.fill(isDifference ? value : 0, row, row + run);
        row += run;
        continue;
      }
      const signed = number % 2 === 1 ? -(number + 1) / 2 : number / 2;
      value = isDifference ? value + signed : signed;
      into[row++] = value;
    }
  }

  private doubles(into: Float64Array, count: number): void {
    for (let row = 0; row < count; row++, this.at += 8) into[row] = this.view.getFloat64(this.at, true);
  }

  private floats(into: Float64Array, count: number): void {
    for (let row = 0; row < count; row++, this.at += 4) into[row] = this.view.getFloat32(this.at, true);
  }

  private number(): number {
    let byte = this.data[this.at++] as number;
    if (byte < 128) return byte;
    let number = byte & 127;
    let factor = 128;
    do {
      byte = this.data[this.at++] as number;
      number += (byte & 127) * factor;
      factor *= 128;
    } while (byte >= 128);
    return number;
  }
}
