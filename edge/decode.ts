import type { Reason, WireValue } from '../contract/reading.ts';
import { convert } from '../contract/units.ts';
import type { Order, PointModel } from './model.ts';
import { type Block, isBitTable } from './plan.ts';

/** Last good values of points others are computed from: ratios, decimals, unit codes. */
export type Settings = ReadonlyMap<string, number>;

/** A value as decoded: finite, or why there is none. */
export type Decoded = { readonly value: number; readonly uncertain?: Reason } | { readonly reason: Reason };

const FULL_ORDERS: Readonly<Record<Order, readonly [pair: string, quad: string, octet: string]>> = {
  ABCD: ['AB', 'ABCD', 'ABCDEFGH'],
  CDAB: ['AB', 'CDAB', 'GHEFCDAB'],
  BADC: ['BA', 'BADC', 'BADCFEHG'],
  DCBA: ['BA', 'DCBA', 'HGFEDCBA'],
  ABCDEFGH: ['AB', 'ABCD', 'ABCDEFGH'],
  GHEFCDAB: ['AB', 'CDAB', 'GHEFCDAB'],
  BADCFEHG: ['BA', 'BADC', 'BADCFEHG'],
  HGFEDCBA: ['BA', 'DCBA', 'HGFEDCBA'],
  CDABGHEF: ['AB', 'CDAB', 'CDABGHEF'],
  EFGHABCD: ['AB', 'CDAB', 'EFGHABCD'],
};

/** Position on the wire of each byte, the most significant first, by order and length in bytes. */
const POSITIONS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries(FULL_ORDERS).flatMap(([order, full]) =>
    full.map((letters) => {
      const positions = [...letters].map((_, significance) => letters.indexOf(String.fromCharCode(65 + significance)));
      return [`${order}${letters.length}`, positions] as const;
    }),
  ),
);

const scratch = new DataView(new ArrayBuffer(8));

/** Puts a value's bytes, most significant first, into the scratch area. */
function arrange(bytes: Uint8Array, offset: number, length: number, order: Order): void {
  const positions = POSITIONS.get(`${order}${length}`) as readonly number[];
  for (let index = 0; index < length; index++) {
    scratch.setUint8(index, bytes[offset + (positions[index] as number)] as number);
  }
}

/**
 * Registers to the raw unsigned number they hold; NaN for a float that is none or BCD with a digit above 9.
 *
 * @param bytes - the registers as they came, two bytes each, high byte first
 * @param offset - first byte of the value
 */
function decodeRaw(point: PointModel, bytes: Uint8Array, offset: number): { value: number; unsigned: number } {
  switch (point.type) {
    case 'bool':
      return same(bytes[offset] as number);
    case 'int16':
    case 'uint16':
    case 'bcd16': {
      arrange(bytes, offset, 2, point.order);
      const unsigned = scratch.getUint16(0);
      if (point.type === 'bcd16') return { value: fromBcd(unsigned, 4), unsigned };
      return { value: point.type === 'int16' ? scratch.getInt16(0) : unsigned, unsigned };
    }
    case 'int32':
    case 'uint32':
    case 'bcd32':
    case 'float32': {
      arrange(bytes, offset, 4, point.order);
      const unsigned = scratch.getUint32(0);
      if (point.type === 'bcd32') return { value: fromBcd(unsigned, 8), unsigned };
      if (point.type === 'float32') return { value: scratch.getFloat32(0), unsigned };
      return { value: point.type === 'int32' ? scratch.getInt32(0) : unsigned, unsigned };
    }
    case 'int64':
    case 'uint64':
    case 'float64': {
      arrange(bytes, offset, 8, point.order);
      const unsigned = Number(scratch.getBigUint64(0));
      if (point.type === 'float64') return { value: scratch.getFloat64(0), unsigned };
      return { value: point.type === 'int64' ? Number(scratch.getBigInt64(0)) : unsigned, unsigned };
    }
    case 'string':
      return { value: Number.NaN, unsigned: 0 };
  }
}

const same = (value: number) => ({ value, unsigned: value });

/** Packed decimal digits to a number; NaN if a digit is above 9. */
function fromBcd(packed: number, digits: number): number {
  let value = 0;
  for (let digit = digits - 1; digit >= 0; digit--) {
    const nibble = Math.floor(packed / 16 ** digit) % 16;
    if (nibble > 9) return Number.NaN;
    value = value * 10 + nibble;
  }
  return value;
}

/** A field of bits of an unsigned number; exact up to 53 bits. */
function bitField(unsigned: number, low: number, high: number): number {
  return Math.floor(unsigned / 2 ** low) % 2 ** (high - low + 1);
}

/**
 * One point of a block to its value in its unit.
 *
 * @param bytes - the reply's registers, two bytes each, or one byte (0 or 1) for each bit of a coil block
 * @param block - where the reply starts
 * @param settings - values of the points this one is computed from
 */
export function decodePoint(point: PointModel, bytes: Uint8Array, block: Block, settings: Settings): Decoded {
  const offset = (point.address - block.address) * (isBitTable(block.table) ? 1 : 2);
  const raw = decodeRaw(point, bytes, offset);
  const sentinel = point.sentinels?.get(raw.unsigned);
  if (sentinel !== undefined) return { reason: sentinel };
  let { value } = raw;
  if (point.bit !== undefined) value = bitField(raw.unsigned, point.bit, point.bit);
  else if (point.bits !== undefined) value = bitField(raw.unsigned, point.bits[0], point.bits[1]);
  if (point.inverted) value = value === 0 ? 1 : 0;
  if (!Number.isFinite(value)) return { reason: 'not-a-number' };
  if (point.plus !== undefined) {
    const fraction = block.points.find((other) => other.id === point.plus);
    const part = fraction === undefined ? undefined : decodePoint(fraction, bytes, block, settings);
    if (part === undefined || 'reason' in part) return { reason: part?.reason ?? 'configuration' };
    value += part.value;
  }
  return scaleValue(point, value, settings);
}

/**
 * The number an instrument gave, in the point's unit, and judged by its range.
 *
 * @param value - before scale and offset
 */
export function scaleValue(point: PointModel, value: number, settings: Settings): Decoded {
  const scaled = applySettings(point, value * point.scale + point.offset, settings);
  if ('reason' in scaled) return scaled;
  if (!Number.isFinite(scaled.value)) return { reason: 'not-a-number' };
  if (point.range !== undefined && (scaled.value < point.range[0] || scaled.value > point.range[1]))
    return { reason: 'out-of-range' };
  // A code nobody described: the number is what the device says, its meaning is not known.
  if (point.labels !== undefined && !point.labels.has(value)) return { value: scaled.value, uncertain: 'out-of-range' };
  return scaled;
}

function applySettings(point: PointModel, start: number, settings: Settings): Decoded {
  let value = start;
  for (const id of point.scaleBy) {
    const factor = settings.get(id);
    if (factor === undefined) return { reason: 'no-value' };
    value *= factor;
  }
  for (const [id, base] of [
    [point.decimalsFrom, 0.1],
    [point.exponentFrom, 10],
  ] as const) {
    if (id === undefined) continue;
    const power = settings.get(id);
    if (power === undefined) return { reason: 'no-value' };
    // Division keeps 1234 with 2 decimals at 12.34, where a factor of 0.01 would not.
    value = base === 10 ? value * 10 ** power : value / 10 ** power;
  }
  if (point.unitFrom !== undefined) {
    const code = settings.get(point.unitFrom.point);
    if (code === undefined) return { reason: 'no-value' };
    const unit = point.unitFrom.units.get(code);
    if (unit === undefined) return { reason: 'configuration' };
    value = convert(value, unit, point.unit);
  }
  return { value };
}

/** How a decoded value travels. */
export function toWire(decoded: Decoded): WireValue {
  if ('reason' in decoded) return { quality: 'bad', reason: decoded.reason };
  // Registers hold short decimals: 0.1 * 3 is 0.3 for everyone but a float.
  const value = Number.isInteger(decoded.value) ? decoded.value : Number(decoded.value.toPrecision(15));
  return decoded.uncertain === undefined ? value : { value, quality: 'uncertain', reason: decoded.uncertain };
}

/** Registers to text: two characters each, padding and control characters dropped. */
export function decodeText(point: PointModel, bytes: Uint8Array, block: Block): string {
  const offset = (point.address - block.address) * 2;
  const swapped = point.order === 'BADC' || point.order === 'DCBA';
  let text = '';
  for (let index = 0; index < point.length * 2; index++) {
    const code = bytes[offset + (swapped ? index ^ 1 : index)] ?? 0;
    if (code >= 32 && code < 127) text += String.fromCharCode(code);
  }
  return text.trim();
}

/**
 * A value to the registers that hold it, for a command.
 *
 * @param value - in the point's unit
 * @returns registers high byte first, or undefined when the point can't hold the value
 */
export function encodePoint(point: PointModel, value: number, settings: Settings): Uint16Array | undefined {
  let factor = point.scale;
  for (const id of point.scaleBy) factor *= settings.get(id) ?? Number.NaN;
  if (point.decimalsFrom !== undefined) factor /= 10 ** (settings.get(point.decimalsFrom) ?? Number.NaN);
  if (point.exponentFrom !== undefined) factor *= 10 ** (settings.get(point.exponentFrom) ?? Number.NaN);
  const raw = (value - point.offset) / factor;
  if (!Number.isFinite(raw)) return undefined;
  const view = new DataView(new ArrayBuffer(8));
  const whole = Math.round(raw);
  let bytes = 2;
  switch (point.type) {
    case 'bool':
      return Uint16Array.of((whole !== 0) !== point.inverted ? 1 : 0);
    case 'int16':
      if (whole < -32_768 || whole > 32_767) return undefined;
      view.setInt16(0, whole);
      break;
    case 'uint16':
      if (whole < 0 || whole > 65_535) return undefined;
      view.setUint16(0, whole);
      break;
    case 'int32':
    case 'uint32':
      if (whole < (point.type === 'int32' ? -(2 ** 31) : 0) || whole >= 2 ** (point.type === 'int32' ? 31 : 32))
        return undefined;
      view.setUint32(0, whole >>> 0);
      bytes = 4;
      break;
    case 'float32':
      view.setFloat32(0, raw);
      bytes = 4;
      break;
    case 'float64':
      view.setFloat64(0, raw);
      bytes = 8;
      break;
    default:
      return undefined;
  }
  const positions = POSITIONS.get(`${point.order}${bytes}`) as readonly number[];
  const wire = new DataView(new ArrayBuffer(bytes));
  for (let index = 0; index < bytes; index++) wire.setUint8(positions[index] as number, view.getUint8(index));
  return Uint16Array.from({ length: bytes / 2 }, (_, register) => wire.getUint16(register * 2));
}
