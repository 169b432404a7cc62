import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, type Column, ColumnWriter, doublesOf, Held } from '../../../gateway/domain/column-text.ts';

const writer = new ColumnWriter();
const written = (column: Float64Array | Uint8Array): Column => {
  const pieces = [...writer.write({ column: () => column })];
  return (JSON.parse(pieces.join('')) as { column: Column }).column;
};
const T0 = Date.UTC(2026, 10, 20, 8);

describe('a column in a text', () => {
  const moment = fc.integer({ min: T0, max: T0 + 86_400_000 });
  const doubles = fc.oneof(
    fc.array(fc.double()),
    fc.array(fc.oneof(moment.map(Number), fc.constant(Number.NaN), fc.constant(Number.NEGATIVE_INFINITY))),
    fc.array(fc.oneof(fc.integer(), fc.constant(-0), fc.constant(0.5))),
    fc.tuple(fc.double(), fc.nat(50)).map(([value, rows]) => Array.from({ length: rows }, () => value)),
  );

  it('gives every number back as it was, and what is no number as none', () => {
    fc.assert(
      fc.property(doubles, (values) => {
        const back = doublesOf(written(Float64Array.from(values)));
        expect(back).toHaveLength(values.length);
        for (const [row, value] of values.entries()) {
          if (Number.isFinite(value)) expect(back[row]).toBe(value);
          else expect(Number.isFinite(back[row])).toBe(false);
        }
      }),
    );
  });

  it('gives every byte back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect([...bytesOf(written(bytes))]).toEqual([...bytes]);
      }),
    );
  });

  it('is short where the numbers are alike, and comes in pieces where they are many', () => {
    const rows = 300_000;
    const same = [...writer.write({ same: () => new Float64Array(rows).fill(Number.NaN) })].join('');
    expect(JSON.parse(same)).toEqual({ same: { all: null, rows } });
    const moments = Float64Array.from({ length: rows }, (_, row) => T0 + ((row * 7919) % 60_000));
    const pieces = [...writer.write({ moments: () => moments, none: () => new Uint8Array(0) })];
    expect(pieces.length).toBeGreaterThan(3);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(600_000);
    const text = pieces.join('');
    expect(text.length).toBeLessThan(6 * rows);
    const back = doublesOf((JSON.parse(text) as { moments: Column }).moments);
    expect(Buffer.compare(Buffer.from(back.buffer), Buffer.from(moments.buffer))).toBe(0);
  });

  it('is held fast in the same room each time, also when there are more rows', () => {
    const held = new Held();
    const column = Float64Array.from([1, 2, 3]);
    const two = held.hold('a', column, 2);
    column[0] = 9;
    expect([...two]).toEqual([1, 2]);
    expect(held.hold('a', column, 3).buffer).toBe(two.buffer);
    const wider = Float64Array.from([9, 2, 3, 4, 5]);
    expect([...held.hold('a', wider, 5)]).toEqual([9, 2, 3, 4, 5]);
    expect([...held.hold('b', Uint8Array.from([7]), 1)]).toEqual([7]);
  });

  it('is refused when it is cut off or of another kind', () => {
    for (const wrong of ['AAAA', { from: 0, int32: 'AAAA' }]) expect(() => doublesOf(wrong)).toThrow(/cut off/);
    expect(() => doublesOf('AAAAAAAAAA*=')).toThrow(/cut off/);
    expect(() => bytesOf({ from: 0, int32: 'AAAAAA==' })).toThrow(/differences/);
  });
});
