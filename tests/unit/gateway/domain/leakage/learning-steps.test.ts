import { describe, expect, it } from 'vitest';
import { makeYear, STEP_MS, TOWN } from '../../../../../bench/leakage/made-network.ts';
import type { FlowEvent } from '../../../../../gateway/domain/leakage/flow-state.ts';
import { FlowWatch } from '../../../../../gateway/domain/leakage/flow-watch.ts';
import { type LearningBin, stepIn } from '../../../../../gateway/domain/leakage/learning-steps.ts';

const PER_DAY = 96;
const DAYS = 14;
const MEAN = 100;

/** Two weeks of what is left of the flow when use is taken off; quiet from midnight to six. */
function bins(shift: (day: number, isQuiet: boolean) => number): LearningBin[] {
  return Array.from({ length: DAYS * PER_DAY }, (_, index) => {
    const isQuiet = index % PER_DAY < PER_DAY / 4;
    const noise = 3 * Math.sin(index * 12.9898) + 1.5 * Math.sin(Math.floor(index / PER_DAY) * 78.233);
    return { residual: noise + shift(index / PER_DAY, isQuiet), isQuiet };
  });
}

describe('the first weeks of a zone', () => {
  it('show a leak that was repaired meanwhile: when, and how large it was', () => {
    const step = stepIn(
      bins((day) => (day < 6.5 ? 20 : 0)),
      PER_DAY,
      MEAN,
    );
    expect(step?.at).toBe(6.5 * PER_DAY);
    expect(step?.size).toBeCloseTo(-20, -0.5);
  });

  it('show a leak that began meanwhile, also where some hours are not known', () => {
    const some = bins((day) => (day < 9 ? 0 : 12)).map((bin, index) =>
      index % 50 < 5 ? { ...bin, residual: null } : bin,
    );
    expect(stepIn(some, PER_DAY, MEAN)?.size).toBeCloseTo(12, -0.5);
  });

  it.each([
    ['nothing', () => 0],
    ['a rise too small to matter', (day: number) => (day < 7 ? 0 : 2)],
    ['a holiday, which moves the days', (day: number, isQuiet: boolean) => (day < 7 || isQuiet ? 0 : -20)],
    ['a flushing of a day', (day: number) => (day > 7 && day < 8 ? 20 : 0)],
    ['the last night alone', (day: number) => (day < 13.2 ? 0 : 20)],
  ] as const)('show no step in %s', (_, shift) => {
    expect(stepIn(bins(shift), PER_DAY, MEAN)).toBeUndefined();
  });

  it('show none where nothing is known', () => {
    expect(stepIn([], PER_DAY, MEAN)).toBeUndefined();
    const unknown = bins(() => 0).map((bin) => ({ ...bin, residual: null }));
    expect(stepIn(unknown, PER_DAY, MEAN)).toBeUndefined();
  });
});

describe('a zone that learned while a leak was repaired', () => {
  const CALM = { ...TOWN, flushings: 0, irrigation: 0, holidays: [], weather: 0.01, meterDrift: 0, missing: 0 };
  const year = makeYear(CALM, 11, 0);
  const dayOf = (at: number) => (at - year.from) / 86_400_000;

  /** @param extra - m3/h on top of what is used, by day */
  function run(days: number, extra: (day: number) => number): FlowEvent[] {
    const watch = new FlowWatch({ binMs: STEP_MS, metered: false });
    const events: FlowEvent[] = [];
    for (let index = 0; index < days * PER_DAY; index++) {
      const flow = (year.flow[index] ?? 0) + extra(index / PER_DAY);
      const at = year.from + (index + 1) * STEP_MS;
      events.push(...watch.step({ at, slot: year.slot[index]!, flow, demand: undefined }));
    }
    return events.filter(({ kind }) => kind !== 'growth');
  }

  it('sees the next leak, and its repair within two days, as if there had been none', () => {
    const events = run(60, (day) => (day < 7.3 ? 25 : day >= 30.1 && day < 45.4 ? 15 : 0));
    expect(events.map(({ kind }) => kind)).toEqual(['abrupt', 'repair']);
    expect(dayOf(events[0]!.at) - 30.1).toBeLessThan(1.5);
    expect(dayOf(events[1]!.at) - 45.4).toBeLessThan(2);
  });

  it('keeps the next leak open as long as it runs when the one that was learned in is repaired just before', () => {
    const events = run(60, (day) => (day < 6.3 ? 0 : day < 21.6 ? 25 : day >= 26.1 && day < 50.4 ? 35 : 0));
    const raised = events.filter(({ kind }) => kind === 'abrupt' || kind === 'slow');
    const closing = events.filter((event) => event.kind === 'repair' && event.closed.length > 0);
    expect(raised).toHaveLength(1);
    expect(closing).toHaveLength(1);
    expect(dayOf(closing[0]!.at)).toBeGreaterThan(50.4);
    expect(dayOf(closing[0]!.at)).toBeLessThan(53);
  });
});
