import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairLine } from '../../../gateway/fair-line.ts';

const flood = { readings: 100, transitions: 90 };
const calm = { readings: 100, transitions: 3 };

describe('a line for what waits', () => {
  it('lets a source that is calm pass those that flood', () => {
    const line = new FairLine<string>();
    line.learn('loud', flood);
    line.add('loud 1', 'loud');
    line.add('calm 1', 'calm');
    line.add('tick', undefined);
    expect([line.take('calm'), line.take('calm'), line.take('calm')]).toEqual(['calm 1', 'tick', undefined]);
    expect(line.take('flooding')).toBe('loud 1');
  });

  it('knows how many transitions the next message of a source that floods will bring', () => {
    const line = new FairLine<string>();
    line.learn('loud', flood);
    line.learn('calm', calm);
    expect([line.transitionsOf(), line.transitionsOf('loud'), line.transitionsOf('calm')]).toEqual([0, 90, 0]);
    line.add('calm 1', 'calm');
    line.add('loud 1', 'loud');
    expect(line.transitionsOf()).toBe(90);
  });

  it('takes a source for calm again once a message of it was', () => {
    const line = new FairLine<string>();
    line.learn('loud', flood);
    line.learn('loud', calm);
    expect(line.sideOf('loud')).toBe('calm');
  });

  it('keeps a source where it stands while something of it waits, so that its order stays', () => {
    const line = new FairLine<string>();
    line.learn('loud', flood);
    line.add('first', 'loud');
    line.learn('loud', calm);
    line.add('second', 'loud');
    expect(line.waitingOn('calm')).toBe(0);
    expect([line.take('flooding'), line.take('flooding')]).toEqual(['first', 'second']);
    expect(line.sideOf('loud')).toBe('calm');
  });

  it('gives back everything once, each source in its order, however it is taken', () => {
    const steps = fc.array(
      fc.record({ source: fc.constantFrom('a', 'b', 'c', undefined), learn: fc.boolean(), take: fc.boolean() }),
    );
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.constantFrom('calm' as const, 'flooding' as const)), (all, sides) => {
        const line = new FairLine<{ source: string | undefined; n: number }>();
        const taken: { source: string | undefined; n: number }[] = [];
        all.forEach(({ source, learn, take }, n) => {
          if (source !== undefined) line.learn(source, learn ? flood : calm);
          line.add({ source, n }, source);
          const item = take ? line.take(sides.next().value) : undefined;
          if (item !== undefined) taken.push(item);
        });
        taken.push(...line.takeAll());
        expect(line.length).toBe(0);
        expect(taken.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(all.map((_, n) => n));
        for (const source of ['a', 'b', 'c']) {
          const own = taken.filter((item) => item.source === source).map(({ n }) => n);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
      }),
    );
  });
});
