import { describe, expect, it } from 'vitest';
import { seeded } from '../../../../../bench/leakage/made-network.ts';
import { learnProfile, median } from '../../../../../gateway/domain/leakage/profile.ts';

const PER_DAY = 24;
const MONDAY = 0;
const FRIDAY = 4;
const SATURDAY = 5;
const SUNDAY = 6;

/** Two weeks of a place that gets up at six on working days and at nine on the others, m3/h. */
function fortnight(rest: readonly number[]) {
  const random = seeded(5);
  const slots = Array.from({ length: 14 * PER_DAY }, (_, index) => index % (7 * PER_DAY));
  const flow = slots.map((slot) => {
    const isAwake = slot % PER_DAY >= (rest.includes(Math.floor(slot / PER_DAY)) ? 9 : 6);
    return (isAwake ? 100 : 30) + 4 * (random() - 0.5);
  });
  return learnProfile(flow, slots, PER_DAY);
}

describe('the usual week of a zone', () => {
  it.each([
    { name: 'Saturday and Sunday', rest: [SATURDAY, SUNDAY] },
    { name: 'Friday and Saturday', rest: [FRIDAY, SATURDAY] },
    { name: 'Friday alone', rest: [FRIDAY] },
  ])('finds in the flow which days rest: $name', ({ rest }) => {
    const profile = fortnight(rest);
    for (let day = MONDAY; day <= SUNDAY; day++) {
      const sevenToNine = [7, 8].map((hour) => profile[day * PER_DAY + hour]!);
      expect(Math.abs(median(sevenToNine) - (rest.includes(day) ? 30 : 100))).toBeLessThan(5);
    }
  });
});
