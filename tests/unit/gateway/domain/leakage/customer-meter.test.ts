import { describe, expect, it } from 'vitest';
import {
  type CustomerFinding,
  newCustomerMeter,
  readCustomerMeter,
} from '../../../../../gateway/domain/leakage/customer-meter.ts';

const QUARTER_MS = 900_000;
const HOUR_MS = 3_600_000;

/** Feeds quarter-hour steps of a register; null leaves the reading out. */
function feed(steps: readonly (number | null)[], neighboursUse = true): CustomerFinding[] {
  const state = newCustomerMeter();
  let total = 100;
  return steps.flatMap((step, index) => {
    total += step ?? 0;
    return step === null ? [] : readCustomerMeter(state, index * QUARTER_MS, total, neighboursUse);
  });
}

const times = (count: number, step: number | null) => new Array<number | null>(count).fill(step);

describe('a customer meter', () => {
  it('that never stands still for a day tells of a leak on the premises, once', () => {
    const found = feed(times(200, 0.01));
    expect(found).toEqual([{ kind: 'premises-leak', since: 0, at: 24 * HOUR_MS, flowM3h: expect.closeTo(0.04, 6) }]);
  });

  it('that stood still for an hour within the day is no leak', () => {
    expect(feed([...times(90, 0.01), ...times(5, 0), ...times(90, 0.01), ...times(5, 0)])).toEqual([]);
  });

  it('proves nothing over a gap', () => {
    expect(feed([...times(60, 0.01), ...times(12, null), ...times(60, 0.01)])).toEqual([]);
  });

  it('goes on leaking over a gap until it stood still', () => {
    expect(feed([...times(120, 0.01), ...times(12, null), ...times(120, 0.01)])).toHaveLength(1);
    const twice = [...times(120, 0.01), ...times(5, 0), ...times(120, 0.01)];
    expect(feed(twice)).toHaveLength(2);
  });

  it('running backwards is not a new register', () => {
    expect(feed([0, 1, -0.5])).toEqual([{ kind: 'backwards', at: 2 * QUARTER_MS, by: -0.5 }]);
    expect(feed([0, 1, -99])).toEqual([{ kind: 'reset', at: 2 * QUARTER_MS, by: -99 }]);
  });

  /** A week and a day in which it runs by day and rests for six hours a night. */
  const WEEK = Array.from({ length: 8 }, () => [...times(72, 0.01), ...times(24, 0)]).flat();

  it('is stopped after twice its longest pause while the neighbours use water', () => {
    const steps = [...WEEK, ...times(4, 0.01), ...times(50, 0)];
    expect(feed(steps)).toEqual([
      { kind: 'stopped', since: (WEEK.length + 3) * QUARTER_MS, at: (WEEK.length + 3 + 48) * QUARTER_MS },
    ]);
    expect(feed(steps.slice(0, -3))).toEqual([]);
    expect(feed(steps, false)).toEqual([]);
  });

  it('is not stopped in its first nights, when nobody knows its pauses', () => {
    expect(feed([...times(4, 0.01), ...times(2, 0), ...times(4, 0.01), ...times(90, 0), 0.01])).toEqual([]);
    const sixDays = [...WEEK.slice(0, 6 * 96), ...times(4, 0.01)];
    expect(feed([...sixDays, ...times(60, 0)])).toEqual([]);
    // Still at rest when the week is over.
    expect(feed([...sixDays, ...times(96, 0)])).toMatchObject([{ kind: 'stopped', at: 7 * 96 * QUARTER_MS }]);
  });

  it('learns from a pause that was no stop, up to a day: the next as long rings no more', () => {
    const away = [...times(72, 0), ...times(4, 0.01)];
    expect(feed([...WEEK, ...times(4, 0.01), ...away, ...away])).toHaveLength(1);
    const holidays = [...times(10 * 96, 0), ...times(4, 0.01)];
    expect(feed([...WEEK, ...times(4, 0.01), ...holidays, ...holidays])).toHaveLength(2);
  });

  it('hears nothing twice and nothing late', () => {
    const state = newCustomerMeter();
    readCustomerMeter(state, 1000, 5, true);
    readCustomerMeter(state, 2000, 6, true);
    expect(readCustomerMeter(state, 2000, 1, true)).toEqual([]);
    expect(readCustomerMeter(state, 1500, 1, true)).toEqual([]);
  });
});
