import { type BatchEnvelope, decodeEnvelope } from '../contract/batch.ts';
import { isDeeper } from '../contract/json-depth.ts';
import { parseTime } from '../contract/time.ts';
import { BATCH_BYTES_MAX, READINGS_MAX, type ReadingColumns } from '../contract/wire-readings.ts';
import { NameTable, QUOTE } from './name-table.ts';

/** Digits of a number that are read exactly: below 2^53, over a power of ten that is exact, one rounding is the right one. */
const DIGITS_MAX = 15;
const POWERS = Array.from({ length: DIGITS_MAX + 1 }, (_, power) => 10 ** power);

const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;

const READINGS = Buffer.from('"readings"');
const DEVICE = Buffer.from('"device"');
const TS = Buffer.from('"ts"');
const VALUES = Buffer.from('"values"');

/** A value that is nested deeper is looked at by the general parser, which says how deep is too deep. */
const SKIPPED_DEPTH_MAX = 8;

/**
 * Reads a batch of the usual shape from its bytes, without an object per device and value: a tenth of what a general
 * parser takes. Whatever is unusual (escapes, other fields in a reading, a field twice, a fault anywhere) is left to the
 * general one, so that there is one place which says what a batch may be and what is wrong with it.
 */
export class BatchDecoder {
  private readonly names = new NameTable();
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private devices: string[] = [];
  private timesMs: number[] = [];
  private ends: number[] = [];
  private measurements: string[] = [];
  private values: number[] = [];
  private odd: Map<number, unknown> | undefined;
  /** Numbers of the last names of a device, in this message, and of a measurement; negative = none. */
  private device = -1;
  private measurement = -1;

  /** @returns undefined when it is for `decodeBatch` to say what this is; never throws */
  decode(bytes: Buffer): BatchEnvelope | undefined {
    if (bytes.length > BATCH_BYTES_MAX) return undefined;
    if (this.names.beginMessage()) this.measurement = -1;
    this.device = -1;
    this.bytes = bytes;
    this.at = 0;
    this.devices = [];
    this.timesMs = [];
    this.ends = [];
    this.measurements = [];
    this.values = [];
    this.odd = undefined;
    try {
      if (!this.findReadings()) return undefined;
      const before = bytes.toString('latin1', 0, this.at);
      if (!this.readReadings()) return undefined;
      const after = this.rest();
      if (after === undefined) return undefined;
      const envelope = decodeEnvelope(JSON.parse(`${before}[]${after}`));
      return envelope.ok ? { ...envelope.value, readings: this.columns() } : undefined;
    } catch {
      return undefined;
    } finally {
      this.bytes = Buffer.alloc(0);
    }
  }

  private columns(): ReadingColumns {
    const { devices, timesMs, ends, measurements, values, odd } = this;
    return { devices, timesMs, ends, measurements, values, ...(odd === undefined ? {} : { odd }) };
  }

  /** Goes to the array of readings, which is the value of a field of the outermost object. */
  private findReadings(): boolean {
    if (!this.take(OPEN_OBJECT)) return false;
    for (;;) {
      if (this.word(READINGS)) return this.take(COLON) && this.peek() === OPEN_ARRAY;
      if (this.peek() !== QUOTE || !this.skipValue()) return false;
      if (!this.take(COLON) || !this.skipValue() || !this.take(COMMA)) return false;
    }
  }

  /** What follows the readings, when it can't name them again. */
  private rest(): string | undefined {
    const { bytes } = this;
    for (let at = this.at; at < bytes.length; at++)
      if ((bytes[at] as number) >= 0x80 || bytes[at] === BACKSLASH) return undefined;
    const text = bytes.toString('latin1', this.at, bytes.length);
    return text.includes('"readings"') || isDeeper(text, SKIPPED_DEPTH_MAX) ? undefined : text;
  }

  private readReadings(): boolean {
    if (!this.take(OPEN_ARRAY)) return false;
    if (this.take(CLOSE_ARRAY)) return true;
    do if (!this.readEntry()) return false;
    while (this.take(COMMA));
    return this.take(CLOSE_ARRAY) && this.devices.length <= READINGS_MAX;
  }

  private readEntry(): boolean {
    if (!this.take(OPEN_OBJECT)) return false;
    let device: string | undefined;
    let timeMs: number | undefined;
    let hasValues = false;
    do {
      if (this.word(DEVICE)) {
        if (device !== undefined || !this.take(COLON)) return false;
        const name = this.name(this.device);
        if (name < 0) return false;
        this.device = name;
        device = this.names.texts[name];
      } else if (this.word(TS)) {
        if (timeMs !== undefined || !this.take(COLON)) return false;
        timeMs = this.time();
        if (timeMs === undefined) return false;
      } else if (this.word(VALUES)) {
        if (hasValues || !this.take(COLON) || !this.readValues()) return false;
        hasValues = true;
      } else return false;
    } while (this.take(COMMA));
    if (device === undefined || !hasValues || !this.take(CLOSE_OBJECT)) return false;
    this.devices.push(device);
    this.timesMs.push(timeMs ?? Number.NaN);
    this.ends.push(this.values.length);
    return true;
  }

  /**
   * The values of one reading: `{"flow":12.5,...}`. The usual case, a name and a number without white space, is read
   * with everything at hand: a call per byte would be half of what a batch takes.
   */
  private readValues(): boolean {
    if (!this.take(OPEN_OBJECT)) return false;
    if (this.take(CLOSE_OBJECT)) return true;
    const { bytes, names, measurements, values } = this;
    names.beginObject();
    do {
      const name = this.name(this.measurement);
      this.measurement = name;
      // A field twice: the general parser knows which one counts.
      if (name < 0 || !names.isFirst(name)) return false;
      if (bytes[this.at] === COLON) this.at++;
      else if (!this.take(COLON)) return false;
      measurements.push(names.texts[name] as string);
      const value = this.number();
      if (!Number.isNaN(value)) values.push(value);
      else {
        const start = this.at;
        if (!this.skipValue()) return false;
        this.odd ??= new Map();
        this.odd.set(values.length, JSON.parse(this.bytes.toString('latin1', start, this.at)));
        values.push(Number.NaN);
      }
    } while (this.take(COMMA));
    return this.take(CLOSE_OBJECT);
  }

  private time(): number | undefined {
    const start = this.at;
    const value = this.number();
    if (!Number.isNaN(value)) return parseTime(value);
    return this.peek() === QUOTE && this.skipValue()
      ? parseTime(JSON.parse(this.bytes.toString('latin1', start, this.at)))
      : undefined;
  }

  /** A number of up to {@link DIGITS_MAX} digits without exponent; NaN leaves it where it is. */
  private number(): number {
    const { bytes } = this;
    let at = this.at;
    if ((bytes[at] as number) <= 0x20) {
      this.peek();
      at = this.at;
    }
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    let whole = 0;
    const first = at;
    let digit = (bytes[at] as number) - ZERO;
    while (digit >= 0 && digit <= 9) {
      whole = whole * 10 + digit;
      digit = (bytes[++at] as number) - ZERO;
    }
    let digits = at - first;
    if (digits === 0 || (digits > 1 && bytes[first] === ZERO)) return Number.NaN;
    let places = 0;
    if (bytes[at] === POINT) {
      digit = (bytes[++at] as number) - ZERO;
      while (digit >= 0 && digit <= 9) {
        whole = whole * 10 + digit;
        places++;
        digit = (bytes[++at] as number) - ZERO;
      }
      if (places === 0) return Number.NaN;
      digits += places;
    }
    // E or e
    if (digits > DIGITS_MAX || ((bytes[at] as number) | 0x20) === 0x65) return Number.NaN;
    this.at = at;
    const value = places === 0 ? whole : whole / (POWERS[places] as number);
    return isNegative ? -value : value;
  }

  /**
   * A text as the number of its name; negative when it is no plain id. Messages have the same names in the same order again
   * and again: the one that followed the last is tried first.
   *
   * @param after - the name before it, negative = none
   */
  private name(after: number): number {
    if (!this.take(QUOTE)) return -1;
    const { bytes, names } = this;
    const start = this.at;
    const end = after < 0 ? -1 : names.endOfFollower(after, bytes, start);
    if (end >= 0) {
      this.at = end;
      return names.followers[after] as number;
    }
    let at = start;
    let hash = 0x811c9dc5 | 0;
    for (;;) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) break;
      // Beyond the end it is no number at all.
      if (!(byte > 0x20 && byte < 0x7f)) return -1;
      hash = Math.imul(hash ^ byte, 0x01000193);
      at++;
    }
    this.at = at + 1;
    const name = names.find(bytes, start, at, hash);
    if (after >= 0) names.followers[after] = name;
    return name;
  }

  /** Any value, without a look at what it means; texts without escapes only. */
  private skipValue(): boolean {
    const { bytes } = this;
    let depth = 0;
    this.peek();
    const start = this.at;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        do at++;
        while (at < bytes.length && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH && (bytes[at] as number) < 0x80);
        if (bytes[at] !== QUOTE) return false;
        if (depth > 0) continue;
        this.at = at + 1;
        return true;
      }
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (++depth > SKIPPED_DEPTH_MAX) return false;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (depth > 0) depth--;
        else {
          this.at = at;
          return at > start;
        }
        if (depth > 0) continue;
        this.at = at + 1;
        return true;
      } else if (depth === 0 && byte === COMMA) {
        this.at = at;
        return at > start;
      }
    }
    return false;
  }

  /** Takes this very word, quotes included. */
  private word(word: Buffer): boolean {
    this.peek();
    const { bytes, at } = this;
    for (let index = 0; index < word.length; index++) if (bytes[at + index] !== word[index]) return false;
    this.at = at + word.length;
    return true;
  }

  private take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  /** The next byte that is no white space. */
  private peek(): number | undefined {
    const { bytes } = this;
    let byte = bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++this.at];
    return byte;
  }
}
