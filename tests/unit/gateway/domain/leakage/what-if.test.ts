import { describe, expect, it } from 'vitest';
import { makeYear, STEP_MS, TOWN } from '../../../../../bench/leakage/made-network.ts';
import { type WhatIfTask, whatIf } from '../../../../../gateway/domain/leakage/what-if.ts';

const DAYS = 34;
const PER_DAY = 96;
const YEAR = makeYear({ ...TOWN, flushings: 0, irrigation: 0, holidays: [], weather: 0.01, missing: 0 }, 11, 0);

/** Thirty-four days with a burst of two and a half days. */
function task(sizeM3PerH: number, sensitivity: number, more: Partial<WhatIfTask> = {}): WhatIfTask {
  const flow = Float64Array.from({ length: DAYS * PER_DAY }, (_, at) => {
    const isBurst = at >= 30.1 * PER_DAY && at < 32.6 * PER_DAY;
    return YEAR.flow[at]! + (isBurst ? sizeM3PerH : 0);
  });
  return {
    zones: [{ id: 'north', inlets: ['fm-1/flow'], outlets: [], tanks: [], customers: [], pressures: [] }],
    timezone: 'UTC',
    history: { 'fm-1/flow': flow },
    historyFrom: YEAR.from,
    from: YEAR.from + 20 * PER_DAY * STEP_MS,
    sensitivity,
    ...more,
  };
}

describe('what would have rung', () => {
  const plain = whatIf(task(15, 1));

  it('is the same with the setting as it is', () => {
    const { rows, learning } = plain;
    expect(learning).toEqual([]);
    expect(rows).toHaveLength(1);
    expect(rows[0]!.usual).toMatchObject({ zone: 'north', kind: 'abrupt', closedAt: expect.any(Number) });
    expect(rows[0]!.changed).toEqual(rows[0]!.usual);
  });

  it('with less sensitivity is later or nothing, with more at least as much, side by side', () => {
    const blunt = whatIf(task(15, 0.25)).rows;
    expect(blunt).toHaveLength(1);
    expect(blunt[0]!.usual).toBeDefined();
    const bluntAt = blunt[0]!.changed?.raisedAt ?? Number.POSITIVE_INFINITY;
    expect(bluntAt).toBeGreaterThan(blunt[0]!.usual!.raisedAt);

    const keen = whatIf(task(15, 4)).rows;
    const count = (rows: typeof keen, of: 'usual' | 'changed') => rows.filter((row) => row[of] !== undefined).length;
    expect(count(keen, 'changed')).toBeGreaterThanOrEqual(count(keen, 'usual'));
  });

  it('starts from the sensitivity that the zone has', () => {
    const [zone] = task(15, 1).zones;
    const own = whatIf(task(15, 4, { zones: [{ ...zone!, sensitivity: 0.25 }] })).rows;
    expect(own.map(({ changed }) => changed).filter((alarm) => alarm !== undefined)).toEqual(
      plain.rows.map(({ usual }) => usual),
    );
  });

  it('tells only of the time that was asked for, and of zones that had too little history', () => {
    const late = YEAR.from + 33 * PER_DAY * STEP_MS;
    expect(whatIf(task(15, 1, { from: late })).rows).toEqual([]);
    const short = task(15, 1);
    const history = { 'fm-1/flow': short.history['fm-1/flow']!.slice(0, 5 * PER_DAY) };
    expect(whatIf({ ...short, history })).toEqual({ rows: [], learning: ['north'] });
  });
});
