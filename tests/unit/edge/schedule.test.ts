import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDoubt, shapeOf } from '../../../edge/doubt.ts';
import { firstDueMs, nextDueMs, phaseOf, probeDelayMs, shortTimeoutMs } from '../../../edge/schedule.ts';

describe('the schedule', () => {
  it('reads everything within a second of the start', () => {
    for (let index = 0; index < 50; index++) expect(firstDueMs(3_600_000, phaseOf(index), 1000)).toBeLessThan(2000);
  });

  it('spreads many devices evenly over the period', () => {
    const phases = Array.from({ length: 100 }, (_, index) => phaseOf(index)).sort((a, b) => a - b);
    for (let index = 1; index < phases.length; index++)
      expect((phases[index] as number) - (phases[index - 1] as number)).toBeLessThan(0.03);
  });

  it('keeps its rhythm however late it is served, and makes up for nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 60_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat({ max: 1_000_000 }),
        (everyMs, phase, nowMs) => {
          const { dueMs } = nextDueMs({ everyMs, phase, dueMs: nowMs }, nowMs);
          expect(dueMs).toBeGreaterThan(nowMs);
          expect(dueMs - nowMs).toBeLessThanOrEqual(everyMs * 1.11);
          expect(Math.abs(((dueMs - phase * everyMs) / everyMs) % 1)).toSatisfy(
            (rest: number) => rest < 1e-6 || rest > 1 - 1e-6,
          );
        },
      ),
    );
  });

  it('counts what was missed', () => {
    expect(nextDueMs({ everyMs: 100, phase: 0, dueMs: 1000 }, 1350).missed).toBe(3);
  });
});

describe('probing a dead device', () => {
  it('grows to five minutes', () => {
    expect([0, 1, 2, 10].map((probes) => probeDelayMs(probes, undefined))).toEqual([2000, 4000, 8000, 300_000]);
  });

  it('takes at most two percent of a line that others use, however many are dead', () => {
    for (const dead of [1, 2, 5])
      expect((1000 * dead) / probeDelayMs(0, { timeoutMs: 1000, dead })).toBeLessThanOrEqual(0.02);
  });

  it('waits for a device that was silent no longer than a few of its slowest round trips', () => {
    expect(shortTimeoutMs(1000, 60, 100)).toBe(300);
    expect(shortTimeoutMs(1000, 60, 5)).toBe(1000);
    expect(shortTimeoutMs(1000, undefined, 100)).toBe(1000);
    expect(shortTimeoutMs(250, 90, 100)).toBe(250);
  });
});

describe('doubt about late replies', () => {
  const [ten, three] = [shapeOf(3, 10), shapeOf(3, 3)];

  it('holds back a request of the same shape until the late reply was seen or can not come any more', () => {
    const doubt = createDoubt(5000);
    doubt.timedOut(ten, 0);
    expect([doubt.isSafe(ten, 4999), doubt.isSafe(three, 4999)]).toEqual([false, true]);
    doubt.seen(ten);
    expect(doubt.isSafe(ten, 4999)).toBe(true);
    doubt.timedOut(ten, 5000);
    expect(doubt.isSafe(ten, 10_001)).toBe(true);
  });

  it('takes an exception for the answer to the only one that waits, and for nothing where several do', () => {
    const doubt = createDoubt(5000);
    doubt.timedOut(ten, 0);
    doubt.timedOut(three, 0);
    doubt.seenException(3);
    expect([doubt.isSafe(ten, 1), doubt.isSafe(three, 1)]).toEqual([false, false]);
    doubt.seen(ten);
    doubt.seenException(3);
    expect(doubt.isSafe(three, 1)).toBe(true);
  });

  it('doubts a request that got an exception while another one waits for its answer', () => {
    const doubt = createDoubt(5000);
    doubt.timedOut(ten, 0);
    doubt.refused(three, 10);
    expect(doubt.isSafe(three, 20)).toBe(false);
    const clear = createDoubt(5000);
    clear.refused(three, 10);
    expect(clear.isSafe(three, 20)).toBe(true);
  });
});
