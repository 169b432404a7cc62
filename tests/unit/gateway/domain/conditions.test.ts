import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../../../gateway/domain/condition/expression.ts';
import type { RuleTest } from '../../../../gateway/domain/plant.ts';
import { flowPoint, highRule, START, Timeline } from './timeline.ts';

const points = [
  flowPoint(),
  flowPoint({ id: 1, measurement: 'pressure', label: 'Pressure' }),
  flowPoint({ id: 2, measurement: 'command', label: 'Command' }),
];

function line(test: RuleTest, changes: Parameters<typeof highRule>[0] = {}): Timeline {
  const { setpoint: _, ...rest } = highRule({
    kind: test.type,
    key: `fm-12/flow#${test.type}`,
    test,
    deadband: 0,
    ...changes,
  });
  return new Timeline({
    points,
    rules: [changes.setpoint === undefined ? rest : { ...rest, setpoint: changes.setpoint }],
  });
}

describe('a rate of change', () => {
  const rise: RuleTest = { type: 'rate', windowMs: 60_000, perMs: 60_000, direction: 'rise' };

  it('trips when the change over its window is beyond the setpoint, and says how fast', () => {
    const story = line(rise, { setpoint: 10 });
    for (let second = 0; second <= 60; second += 10) story.at(second, 20);
    for (let second = 70; second <= 130; second += 10) story.at(second, 20 + (second - 60) * 0.3);
    expect(story.only()).toMatchObject({ active: true });
    expect(story.only().evidence).toMatchObject({ limit: 10, changePer: '1m' });
  });

  it('says nothing before it has seen half of its window, nor of a fall', () => {
    expect(line(rise, { setpoint: 10 }).at(0, 20).at(10, 60).story()).toBe('');
    const fall = line(rise, { setpoint: 10 });
    for (let second = 0; second <= 120; second += 10) fall.at(second, 200 - second);
    expect(fall.story()).toBe('');
  });
});

describe('a mean', () => {
  const mean: RuleTest = { type: 'mean', windowMs: 300_000, direction: 'above' };

  it('is weighted by time and not by the number of readings', () => {
    const story = line(mean, { setpoint: 50 });
    for (let second = 0; second < 300; second += 30) story.at(second, 40);
    for (let second = 300; second < 330; second++) story.at(second, 95);
    expect(story.story()).toBe('');
    for (let second = 330; second < 500; second += 30) story.at(second, 95);
    expect(story.only().active).toBe(true);
  });
});

describe('a frozen value', () => {
  const frozen: RuleTest = { type: 'frozen', exemptUpTo: 0.5 };

  it('is the same for the whole on-delay; the smallest change ends it', () => {
    const story = line(frozen, { onDelayMs: 60_000 });
    for (let second = 0; second <= 80; second += 10) story.at(second, 42);
    expect(story.story()).toBe('raise@70');
    expect(story.at(90, 42.1).active).toEqual([]);
  });

  it('may stand still where that is normal', () => {
    const story = line(frozen, { onDelayMs: 60_000 });
    for (let second = 0; second <= 300; second += 10) story.at(second, 0);
    expect(story.story()).toBe('');
  });
});

describe('a counter', () => {
  const counter: RuleTest = { type: 'counter', wrapAt: 65_536, maxPerHour: 3600 };

  it('that goes back was reset; one that rolls over was not', () => {
    expect(line(counter).at(0, 500).at(10, 3).at(20, 4).story()).toBe('raise@10 return@20');
    expect(line(counter).at(0, 65_530).at(10, 2).at(20, 3).story()).toBe('');
  });

  it('that runs faster than it can is wrong', () => {
    expect(line(counter).at(0, 500).at(10, 600).at(20, 601).story()).toBe('raise@10 return@20');
  });
});

describe('a count within a window', () => {
  it('trips at so many starts and returns when they are old', () => {
    const story = line({ type: 'count', windowMs: 60_000, count: 3, of: 'starts', threshold: 0.5 });
    for (let second = 0; second < 60; second += 10) story.at(second, (second / 10) % 2);
    expect(story.active).toEqual(['count']);
    expect(story.at(100, 0).at(120, 0).active).toEqual([]);
  });
});

describe('two points', () => {
  it('that deviate by more than the setpoint trip, in units or in percent', () => {
    const units = line({ type: 'deviation', from: 'fm-12/pressure', percent: false }, { setpoint: 5 });
    units.readings([
      [0, 100, 0],
      [0, 96, 1],
    ]);
    expect(units.story()).toBe('');
    units.readings([
      [10, 100, 0],
      [10, 90, 1],
    ]);
    expect(units.active).toEqual(['deviation']);
    const percent = line({ type: 'deviation', from: 'fm-12/pressure', percent: true }, { setpoint: 5 });
    percent.readings([
      [0, 100, 0],
      [0, 96, 1],
    ]);
    expect(percent.story()).toBe('');
  });

  it('that change at the same moment are compared after both are known', () => {
    const story = line({ type: 'discrepancy', feedback: 'fm-12/command', threshold: 0.5 });
    for (const [second, value] of [
      [0, 0],
      [10, 1],
      [20, 0],
    ] as const)
      story.readings([
        [second, value, 0],
        [second, value, 2],
      ]);
    expect(story.story()).toBe('');
    expect(
      story.readings([
        [30, 1, 0],
        [30, 0, 2],
      ]).active,
    ).toEqual(['discrepancy']);
  });

  it('are unknown while one is missing, bad or silent: no transition', () => {
    const story = line({ type: 'discrepancy', feedback: 'fm-12/command', threshold: 0.5 });
    expect(story.at(0, 1).at(10, 1).story()).toBe('');
    story.bad(20, 'sensor-fault', 2).at(30, 1);
    expect(story.story()).toBe('');
    const silent = line({ type: 'discrepancy', feedback: 'fm-12/command', threshold: 0.5 }).at(0, 0, 2);
    expect(silent.at(100, 1).active).not.toContain('discrepancy');
  });
});

describe('an expression', () => {
  const test: RuleTest = {
    type: 'expression',
    cel: 'flow < 0.1 && pressure > minPressure',
    inputs: { flow: 'fm-12/flow', pressure: 'fm-12/pressure' },
    constants: { minPressure: 200 },
  };

  it('joins points and constants, keeps its delay and gives its inputs as evidence', () => {
    const story = line(test, { onDelayMs: 20_000 });
    for (let second = 0; second <= 30; second += 10)
      story.readings([
        [second, 0, 0],
        [second, 300, 1],
      ]);
    expect(story.story()).toBe('raise@20');
    expect(story.only().evidence).toMatchObject({ flow: 0, pressure: 300, minPressure: 200, expression: test.cel });
  });

  it('knows where the sun stands', () => {
    const sun: RuleTest = {
      type: 'expression',
      cel: 'flow > 10.0 && sunElevation > 6.0',
      inputs: { flow: 'fm-12/flow' },
      constants: {},
      latitude: 31.16,
      longitude: 108.39,
    };
    // 07:30 local time in November is just after sunrise in Kaizhou; noon is another matter.
    expect(line(sun).at(-1800, 50).story()).toBe('');
    expect(
      line(sun)
        .at(4 * 3600, 50)
        .story(),
    ).toBe('raise@14400');
    expect(START).toBe(Date.UTC(2026, 10, 23));
  });

  it('is checked when it is loaded: types, names, truth', () => {
    const fault = (cel: string) => compileExpression(cel, ['flow', 'pressure']);
    expect(fault('flow * 2 > 1.0')).toMatchObject({ fault: expect.stringContaining('double * int') as string });
    expect(fault('flo > 1.0')).toMatchObject({ fault: expect.stringContaining('flo') as string });
    expect(fault('flow + 1.0')).toMatchObject({ fault: expect.stringContaining('double') as string });
    expect(fault('flow >')).toHaveProperty('fault');
    expect(fault('max(flow, pressure) > 1.0')).toHaveProperty('run');
  });
});

describe('a discrete state and a range', () => {
  it('trips on its values', () => {
    expect(
      line({ type: 'equals', values: [2, 3] })
        .at(0, 1)
        .at(1, 2)
        .at(2, 3)
        .at(3, 1)
        .story(),
    ).toBe('raise@1 return@3');
  });

  it('trips outside of what is possible, and on the words for no value', () => {
    const range: RuleTest = { type: 'outside', low: -10, high: 500, sentinels: [327.67] };
    expect(line(range).at(0, 5).at(1, 900).at(2, 5).at(3, 327.67).story()).toBe('raise@1 return@2 re-raise@3');
  });
});

describe('what a rule knows', () => {
  it('goes on after a restart', () => {
    const story = line({ type: 'counter' }).at(0, 500);
    story.restart();
    expect(story.at(10, 3).story()).toBe('raise@10');
  });
});
