import { describe, expect, it } from 'vitest';
import { Signal } from '../../../../../gateway/domain/leakage/signal.ts';

const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;

describe('a signal on its way into quarters of an hour', () => {
  it('holds a value until the next one', () => {
    const signal = new Signal();
    signal.take(0, 10, 0);
    signal.take(5 * MINUTE_MS, 40, 0);
    signal.take(10 * MINUTE_MS, 10, 0);
    expect(signal.close(0, QUARTER_MS)).toEqual({ mean: 20, end: 10 });
  });

  it('bridges one missing sample and no long gap', () => {
    const signal = new Signal();
    signal.take(0, 10, 0);
    signal.take(5 * MINUTE_MS, 10, 0);
    expect(signal.close(0, QUARTER_MS).mean).toBe(10);
    expect(signal.close(QUARTER_MS, 2 * QUARTER_MS)).toEqual({ mean: undefined, end: undefined });
  });

  it('takes samples in any order within the open bin, each once', () => {
    const signal = new Signal();
    for (const [at, value] of [
      [10, 30],
      [0, 0],
      [5, 60],
      [5, 60],
    ] as const)
      signal.take(at * MINUTE_MS, value, 0);
    expect(signal.close(0, QUARTER_MS).mean).toBe(30);
  });

  it('counts and leaves what comes after its bin was closed', () => {
    const signal = new Signal();
    signal.take(20 * MINUTE_MS, 5, QUARTER_MS);
    signal.take(MINUTE_MS, 99, QUARTER_MS);
    expect(signal.state.late).toBe(1);
  });

  it('leaves out a sensor that stands still as it never did', () => {
    const signal = new Signal();
    let at = 0;
    for (; at < 400; at++) signal.take(at * MINUTE_MS, at % 7, 0);
    signal.close(0, at * MINUTE_MS);
    for (const from = at; at < from + 30; at++) signal.take(at * MINUTE_MS, 3, 0);
    expect(signal.close(400 * MINUTE_MS, at * MINUTE_MS).mean).toBeUndefined();
    expect(signal.isStuck()).toBe(true);
    signal.take(at * MINUTE_MS, 4, 0);
    signal.close(at * MINUTE_MS, (at + 1) * MINUTE_MS);
    expect(signal.isStuck()).toBe(false);
  });
});
