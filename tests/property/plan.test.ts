import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Limits, PointModel, Table } from '../../edge/model.ts';
import { planBlocks, waysToSplit } from '../../edge/plan.ts';

const limitsOf = (more: Partial<Limits>): Limits => ({
  maxRegisters: 125,
  maxBits: 2000,
  gap: 0,
  onePointPerRequest: false,
  bitsFromZero: false,
  illegal: [],
  ...more,
});
const pointAt = (table: Table, address: number, length: number): PointModel => ({
  id: `${table}${address}x${length}`,
  label: '',
  table,
  address,
  type: 'uint16',
  length,
  order: 'ABCD',
  unit: '1',
  scale: 1,
  offset: 0,
  inverted: false,
  group: 'normal',
  scaleBy: [],
  hidden: false,
  source: 'test',
});
const points = fc
  .uniqueArray(fc.tuple(fc.nat({ max: 300 }), fc.constantFrom(1, 2, 4)), {
    selector: ([address]) => address,
    maxLength: 40,
  })
  .map((list) => list.map(([address, length]) => pointAt('holding-registers', address, length)));
const limits = fc
  .record({ maxRegisters: fc.integer({ min: 4, max: 125 }), gap: fc.integer({ min: 0, max: 20 }) })
  .map(limitsOf);

describe('the planner', () => {
  it('reads every point whole, once, within the limits', () => {
    fc.assert(
      fc.property(points, limits, (wanted, limit) => {
        const blocks = planBlocks(wanted, limit);
        expect(blocks.flatMap((block) => block.points.map((one) => one.id)).sort()).toEqual(
          wanted.map((one) => one.id).sort(),
        );
        for (const block of blocks) {
          expect(block.count).toBeLessThanOrEqual(limit.maxRegisters);
          for (const one of block.points) {
            expect(one.address).toBeGreaterThanOrEqual(block.address);
            expect(one.address + one.length).toBeLessThanOrEqual(block.address + block.count);
          }
        }
      }),
    );
  });

  it('reads no more than the gap allows between two wanted registers', () => {
    fc.assert(
      fc.property(points, limits, (wanted, limit) => {
        for (const block of planBlocks(wanted, limit)) {
          let unread = 0;
          for (let at = block.address; at < block.address + block.count; at++) {
            unread = block.points.some((one) => at >= one.address && at < one.address + one.length) ? 0 : unread + 1;
            expect(unread).toBeLessThanOrEqual(limit.gap);
          }
        }
      }),
    );
  });

  it('never asks for an illegal range or over a cut', () => {
    const range = fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 10 }));
    fc.assert(
      fc.property(points, limits, range, fc.nat({ max: 300 }), (wanted, limit, [from, length], cut) => {
        const to = from + length;
        const legal = wanted.filter((one) => one.address + one.length <= from || one.address > to);
        // A cut is learned between two values, never inside one.
        const cuts = legal.some((one) => one.address < cut && one.address + one.length > cut) ? [] : [cut];
        const illegal = [{ table: 'holding-registers' as const, from, to }];
        const blocks = planBlocks(legal, { ...limit, illegal }, { 'holding-registers': new Set(cuts) });
        for (const block of blocks) {
          expect(block.address + block.count <= from || block.address > to).toBe(true);
          for (const at of cuts) expect(at > block.address && at < block.address + block.count).toBe(false);
        }
      }),
    );
  });

  it('has no more requests than the best of all plans (small cases, by trying all)', () => {
    const few = fc
      .uniqueArray(fc.nat({ max: 24 }), { maxLength: 7 })
      .map((list) => list.sort((a, b) => a - b).map((address) => pointAt('holding-registers', address, 1)));
    fc.assert(
      fc.property(few, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 5 }), (wanted, maxRegisters, gap) => {
        const best = (from: number): number => {
          if (from >= wanted.length) return 0;
          let least = Number.POSITIVE_INFINITY;
          for (let to = from; to < wanted.length; to++) {
            const [first, last, before] = [
              wanted[from]?.address ?? 0,
              wanted[to]?.address ?? 0,
              wanted[to - 1]?.address ?? 0,
            ];
            if (last - first + 1 > maxRegisters || (to > from && last - before - 1 > gap)) break;
            least = Math.min(least, 1 + best(to + 1));
          }
          return least;
        };
        expect(planBlocks(wanted, limitsOf({ maxRegisters, gap })).length).toBe(best(0));
      }),
    );
  });

  it('keeps a total and its fraction in one request', () => {
    const total = { ...pointAt('holding-registers', 10, 2), plus: 'holding-registers14x2' };
    const fraction = pointAt('holding-registers', 14, 2);
    const other = pointAt('holding-registers', 12, 2);
    const blocks = planBlocks([total, fraction, other], limitsOf({ maxRegisters: 6 }));
    const together = blocks.find((block) => block.points.includes(total));
    expect(together?.points).toContain(fraction);
  });

  it('cuts a refused block between values until one is left', () => {
    fc.assert(
      fc.property(points, limits, (wanted, limit) => {
        for (const block of planBlocks(wanted, limit)) {
          for (const halves of waysToSplit(block, limit)) {
            expect(halves.flatMap((half) => half.points.map((one) => one.id)).sort()).toEqual(
              block.points.map((one) => one.id).sort(),
            );
            for (const half of halves) expect(half.count).toBeLessThan(block.count);
          }
        }
      }),
    );
  });
});
