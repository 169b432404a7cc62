import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePoint, encodePoint, toWire } from '../../edge/decode.ts';
import { ORDERS, type PointModel, type PointType, TYPE_REGISTERS } from '../../edge/model.ts';

const point = (more: Partial<PointModel>): PointModel => ({
  id: 'p',
  label: 'p',
  table: 'holding-registers',
  address: 0,
  type: 'uint16',
  length: TYPE_REGISTERS[more.type ?? 'uint16'],
  order: 'ABCD',
  unit: '1',
  scale: 1,
  offset: 0,
  inverted: false,
  group: 'normal',
  scaleBy: [],
  hidden: false,
  source: 'test',
  ...more,
});
const blockOf = (one: PointModel) => ({ table: one.table, address: one.address, count: one.length, points: [one] });
const bytesOf = (words: Uint16Array) => Uint8Array.from([...words].flatMap((word) => [word >> 8, word & 0xff]));

const VALUES: Partial<Record<PointType, fc.Arbitrary<number>>> = {
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  float32: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  float64: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
};

describe('decoding', () => {
  it('undoes encoding, whatever the type and the order', () => {
    for (const [type, values] of Object.entries(VALUES) as [PointType, fc.Arbitrary<number>][]) {
      fc.assert(
        fc.property(values, fc.constantFrom(...ORDERS), (value, order) => {
          const one = point({ type, order });
          const words = encodePoint(one, value, new Map()) as Uint16Array;
          const decoded = decodePoint(one, bytesOf(words), blockOf(one), new Map());
          expect('value' in decoded ? decoded.value : decoded).toBe(value);
        }),
      );
    }
  });

  it('gives a finite number or a reason for any bytes, under any model', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(TYPE_REGISTERS) as PointType[]).filter((type) => type !== 'string')),
        fc.constantFrom(...ORDERS),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.double(),
        (type, order, bytes, scale) => {
          const one = point({ type, order, scale });
          const wire = toWire(decodePoint(one, bytes, blockOf(one), new Map()));
          if (typeof wire === 'number') expect(Number.isFinite(wire)).toBe(true);
          else expect(wire.quality).not.toBe('good');
        },
      ),
    );
  });

  it('reads the same number from the six orders of 64 bits', () => {
    const wire: Record<string, number[]> = {
      ABCDEFGH: [1, 2, 3, 4, 5, 6, 7, 8],
      BADCFEHG: [2, 1, 4, 3, 6, 5, 8, 7],
      HGFEDCBA: [8, 7, 6, 5, 4, 3, 2, 1],
      GHEFCDAB: [7, 8, 5, 6, 3, 4, 1, 2],
      CDABGHEF: [3, 4, 1, 2, 7, 8, 5, 6],
      EFGHABCD: [5, 6, 7, 8, 1, 2, 3, 4],
    };
    for (const [order, bytes] of Object.entries(wire)) {
      const one = point({ type: 'uint64', order: order as PointModel['order'] });
      const decoded = decodePoint(one, Uint8Array.from(bytes), blockOf(one), new Map());
      expect(decoded, order).toEqual({ value: Number(0x0102030405060708n) });
    }
  });
});
