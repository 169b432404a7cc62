import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PointIds } from '../../../gateway/point-ids.ts';

const measurement = fc.nat(30).map((number) => `m${number}`);
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ set: measurement }) },
  { weight: 4, arbitrary: fc.record({ get: measurement }) },
);

describe('the points of a device', () => {
  it('are what a map would hold, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ids = new PointIds();
        const expected = new Map<string, number>();
        for (const [number, one] of steps.entries()) {
          if ('set' in one) {
            ids.set(one.set, number);
            expected.set(one.set, number);
            continue;
          }
          expect(ids.getNext(one.get)).toBe(expected.get(one.get));
          expect(ids.get(one.get)).toBe(expected.get(one.get));
          expect(ids.has(one.get)).toBe(expected.has(one.get));
        }
        expect(ids.values()).toEqual([...expected.values()].sort((a, b) => a - b));
      }),
    );
  });

  it.each([5, 40])('%d are found round after round in the order of the messages', (count) => {
    const ids = new PointIds();
    const names = Array.from({ length: count }, (_, index) => `m${index}`);
    for (const [id, name] of names.entries()) ids.set(name, id);
    const asSent = names.toReversed();
    for (let round = 0; round < 3; round++)
      expect(asSent.map((name) => ids.getNext(name))).toEqual(asSent.map((name) => names.indexOf(name)));
  });

  it('that are not there are not, also after the last one', () => {
    const ids = new PointIds();
    expect(ids.getNext('flow')).toBeUndefined();
    ids.set('flow', 7);
    expect([ids.getNext('flow'), ids.getNext('level'), ids.getNext('flow')]).toEqual([7, undefined, 7]);
  });
});
