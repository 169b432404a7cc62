import fc from 'fast-check';
import { expect, it } from 'vitest';
import { QUARTER_MS } from '../../../gateway/store/quarters.ts';
import { SumsReader, SumsRows, SumsWriter } from '../../../gateway/store/sums-codec.ts';

interface Row {
  readonly ts: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly readings: number;
  readonly last: number;
  readonly lastTs: number;
  readonly worst: number;
}

const decimals = (digits: number) => fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).map((value) => value / 10 ** digits);
/** As sensors give them: whole numbers, decimals, 32-bit floats, and whatever a double can be. */
const values: fc.Arbitrary<fc.Arbitrary<number>> = fc.constantFrom(
  decimals(0),
  decimals(2),
  decimals(6),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 2 ** 53, -(2 ** 60), 1e300, 0.1 + 0.2, 5e-324),
);
const rowsOf = (value: fc.Arbitrary<number>): fc.Arbitrary<Row[]> =>
  fc
    .array(
      fc.record({
        quarter: fc.integer({ min: 0, max: 3_000_000 }),
        readings: fc.array(value, { minLength: 1, maxLength: 20 }),
        after: fc.integer({ min: 0, max: QUARTER_MS - 1 }),
        worst: fc.integer({ min: 0, max: 1 }),
      }),
      { minLength: 1, maxLength: 120 },
    )
    .map((rows) =>
      rows
        .sort((a, b) => a.quarter - b.quarter)
        .filter(({ quarter }, index) => quarter !== rows[index - 1]?.quarter)
        .map(({ quarter, readings, after, worst }) => ({
          ts: quarter * QUARTER_MS,
          min: Math.min(...readings),
          max: Math.max(...readings),
          sum: readings.reduce((sum, each) => sum + each, 0),
          readings: readings.length,
          last: readings.at(-1) as number,
          lastTs: quarter * QUARTER_MS + after,
          worst,
        })),
    );

function columns(rows: readonly Row[]): SumsRows {
  const all = new SumsRows();
  all.reserve(rows.length);
  all.length = rows.length;
  for (const [at, row] of rows.entries()) for (const key of Object.keys(row) as (keyof Row)[]) all[key][at] = row[key];
  return all;
}

function row(rows: SumsRows, at: number): Row {
  const { ts, min, max, sum, readings, last, lastTs, worst } = rows;
  const number = (column: Float64Array) => column[at] as number;
  return {
    ts: number(ts),
    min: number(min),
    max: number(max),
    sum: number(sum),
    readings: number(readings),
    last: number(last),
    lastTs: number(lastTs),
    worst: number(worst),
  };
}

/** Zero has one sign in an answer. */
const plain = (value: number) => value + 0;

it('reads what was written: all but sums exactly, and these as the sum of the decimals that they were made of', () => {
  fc.assert(
    fc.property(fc.array(values.chain(rowsOf), { minLength: 1, maxLength: 4 }), (points) => {
      const writer = new SumsWriter();
      const ends = points.map((rows, point) => {
        writer.put(point, columns(rows));
        return writer.length;
      });
      const reader = new SumsReader();
      const read = new SumsRows();
      for (const [point, rows] of points.entries()) {
        expect(reader.take(writer.data, ends[point - 1] ?? 0, ends[point] as number, point, read)).toBe(true);
        expect(read.length).toBe(rows.length);
        for (const [at, wanted] of rows.entries()) {
          const found = row(read, at);
          for (const key of ['ts', 'readings', 'lastTs', 'worst', 'min', 'max', 'last'] as const)
            expect(plain(found[key])).toBe(plain(wanted[key]));
          if (Number.isFinite(wanted.sum)) {
            const largest = Math.max(Math.abs(wanted.min), Math.abs(wanted.max));
            expect(Math.abs(found.sum - wanted.sum)).toBeLessThanOrEqual(1.1e-12 * wanted.readings * largest);
          } else expect(found.sum).toBe(wanted.sum);
        }
      }
    }),
  );
});

it('refuses a block of which any byte is another, and the block of another point', () => {
  fc.assert(
    fc.property(values.chain(rowsOf), fc.nat(), fc.integer({ min: 1, max: 255 }), (rows, place, change) => {
      const writer = new SumsWriter();
      writer.put(7, columns(rows));
      const reader = new SumsReader();
      const read = new SumsRows();
      expect(reader.take(writer.data, 0, writer.length, 8, read)).toBe(false);
      const at = place % writer.length;
      writer.data[at] = (writer.data[at] as number) ^ change;
      expect(reader.take(writer.data, 0, writer.length, 7, read)).toBe(false);
    }),
  );
});

it('takes some seven bytes for a quarter of noisy readings with two decimals, and next to none for a constant', () => {
  const day = (value: (minute: number) => number): Row[] =>
    Array.from({ length: 96 }, (_, quarter) => {
      const readings = Array.from({ length: 15 }, (_, minute) => Math.round(value(quarter * 15 + minute) * 100) / 100);
      return {
        ts: quarter * QUARTER_MS,
        min: Math.min(...readings),
        max: Math.max(...readings),
        sum: readings.reduce((sum, each) => sum + each, 0),
        readings: 15,
        last: readings.at(-1) as number,
        lastTs: quarter * QUARTER_MS + 840_000,
        worst: 0,
      };
    });
  const bytes = (rows: Row[]) => {
    const writer = new SumsWriter();
    writer.put(0, columns(rows));
    return writer.length;
  };
  expect(bytes(day((minute) => 40 + 8 * Math.sin(minute / 200) + ((minute * 7919) % 100) / 50)) / 96).toBeLessThan(8);
  expect(bytes(day(() => 0.1))).toBeLessThan(40);
});
