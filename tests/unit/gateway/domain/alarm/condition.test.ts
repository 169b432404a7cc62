import { describe, expect, it } from 'vitest';
import { Conditions } from '../../../../../gateway/domain/alarm/condition.ts';

const DELAYS = { onDelayMs: 10, offDelayMs: 30 };
const FOR_EVER = Number.POSITIVE_INFINITY;

/** One condition; says when it trips and clears. */
function watch() {
  const conditions = new Conditions();
  const told: string[] = [];
  const sink = {
    tripped: (_: number, since: number, at: number) => told.push(`tripped ${since}-${at}`),
    cleared: (_: number, at: number) => told.push(`cleared ${at}`),
  };
  return {
    told,
    conditions,
    feed: (ts: number, truth: boolean) => conditions.feed(0, truth, ts, DELAYS, sink),
    complete: (now: number, heldUntil = FOR_EVER) => conditions.complete(0, now, heldUntil, sink),
  };
}

describe('a condition with delays', () => {
  it('trips with the reading at which its on-delay is over, not before', () => {
    const { told, feed } = watch();
    feed(0, true);
    feed(9, true);
    expect(told).toEqual([]);
    feed(10, true);
    expect(told).toEqual(['tripped 0-10']);
  });

  it('clears with the reading at which its off-delay is over, not before', () => {
    const { told, feed } = watch();
    feed(0, true);
    feed(10, true);
    feed(20, false);
    feed(49, false);
    expect(told).toHaveLength(1);
    feed(50, false);
    expect(told[1]).toBe('cleared 50');
  });

  it('begins anew after an interruption, on both sides', () => {
    const { told, feed } = watch();
    feed(0, true);
    feed(5, false);
    feed(8, true);
    feed(12, true);
    expect(told).toEqual([]);
    feed(18, true);
    feed(20, false);
    feed(40, true);
    feed(45, false);
    feed(60, false);
    expect(told).toEqual(['tripped 8-18']);
    feed(75, false);
    expect(told[1]).toBe('cleared 75');
  });

  it('is settled by time alone at the very moment, while its last truth may be held', () => {
    const { told, feed, complete } = watch();
    feed(0, true);
    complete(9);
    complete(10, 9);
    expect(told).toEqual([]);
    complete(10, 10);
    expect(told).toEqual(['tripped 0-10']);
  });

  it('goes on with other delays, each side with its own', () => {
    const longer = { onDelayMs: 100, offDelayMs: 200 };
    const { told, conditions, feed, complete } = watch();
    feed(0, true);
    conditions.setDelays(0, longer);
    complete(99);
    expect(told).toEqual([]);
    complete(100);
    feed(110, false);
    conditions.setDelays(0, longer);
    complete(309);
    expect(told).toEqual(['tripped 0-100']);
    complete(310);
    expect(told[1]).toBe('cleared 310');
  });
});
