import { describe, expect, it } from 'vitest';
import { FlowZone } from '../../../../../gateway/domain/leakage/flow-zone.ts';
import { isGrowth, open, repair } from '../../../../../gateway/domain/leakage/leak-book.ts';

const DAY_MS = 86_400_000;

describe('a rise while a leak is open', () => {
  const zone = new FlowZone({ binMs: 900_000, metered: false });
  // Told of with 10 m3/h; since then its size was corrected down to 4.
  const since = { since: 0, at: DAY_MS, grownAt: -30 * DAY_MS };
  open(zone, { kind: 'abrupt', ...since, size: 4, found: 10 });

  it('that is no more than what was taken off its size is the same leak, and rings no second time', () => {
    expect(isGrowth(zone, 8 * DAY_MS, 6, 3)).toBe(true);
  });

  it('that is clearly more is another leak', () => {
    expect(isGrowth(zone, 8 * DAY_MS, 12, 3)).toBe(false);
  });

  it('that comes weeks later is another leak', () => {
    expect(isGrowth(zone, 20 * DAY_MS, 6, 3)).toBe(false);
  });
});

describe('what a repair left behind', () => {
  it('is no repair of its own when it goes: more of it may still show', () => {
    const zone = new FlowZone({ binMs: 900_000, metered: false });
    open(zone, { kind: 'abrupt', since: 0, at: 1, grownAt: 1, size: 50, found: 50 });
    expect(repair(zone, DAY_MS, DAY_MS, 51)).toMatchObject([{ kind: 'repair', size: 51 }]);
    open(zone, { kind: 'slow', since: DAY_MS, at: DAY_MS, grownAt: DAY_MS, size: 2, isUntold: true });
    expect(repair(zone, 2 * DAY_MS, 2 * DAY_MS, 2.1)).toEqual([]);
    expect(zone.state).toMatchObject({ leaks: [], lastRepairAt: DAY_MS, lastRepairSize: 51 });
  });
});

describe('the open leaks of a zone', () => {
  it('are eight that are told apart; of more the oldest two count as one, as large as both', () => {
    const zone = new FlowZone({ binMs: 900_000, metered: false });
    const sizes = () => zone.state.leaks.map(({ at, size }) => [at, size]);
    for (let n = 1; n <= 8; n++) open(zone, { kind: 'abrupt', since: n, at: n, grownAt: n, size: n, found: n });
    expect(sizes()).toEqual(Array.from({ length: 8 }, (_, n) => [n + 1, n + 1]));
    open(zone, { kind: 'abrupt', since: 9, at: 9, grownAt: 9, size: 9, found: 9 });
    expect(sizes()).toEqual([[2, 3], ...Array.from({ length: 7 }, (_, n) => [n + 3, n + 3])]);
  });
});
