import { describe, expect, it } from 'vitest';
import { explainedBy } from '../../../dashboards/web/alarms.ts';
import { leakOf } from '../../../dashboards/web/leak.ts';
import { wordOf } from '../../../dashboards/web/reading.ts';
import { readAlarm, readPoint } from '../../../dashboards/web/wire.ts';

const alarm = (id: string, more: object) => {
  const at = '2026-11-23T12:00:00Z';
  const read = readAlarm({ id, priority: 2, state: 'unacknowledged', raisedAt: at, message: id, ...more });
  if (read === undefined) throw new Error('not an alarm');
  return read;
};
const point = (more: object) => {
  const read = readPoint({ device: 'd', measurement: 'm', ...more });
  if (read === undefined) throw new Error('not a point');
  return read;
};

describe('the evidence of a leak', () => {
  it('is read with its gaps, and nothing of it is trusted to be there', () => {
    const at = '2026-11-23T12:00:00.000Z';
    expect(
      leakOf({
        size: 12.4,
        interval: [10, 15],
        lostM3: 62,
        series: [[at, 40, null], 'x', [at, null, 38], ['no', 1, 2]],
      }),
    ).toEqual({
      size: 12.4,
      interval: [10, 15],
      lostM3: 62,
      growing: false,
      sensors: [],
      ruledOut: [],
      series: [
        { at: Date.parse(at), flow: 40 },
        { at: Date.parse(at), expected: 38 },
      ],
    });
    expect(leakOf({})).toBeUndefined();
    expect(leakOf({ size: 1, interval: 'wide', series: 7 })).toMatchObject({ size: 1, series: [] });
  });
});

describe('a root alarm', () => {
  it('names what it explains, worst first, and nothing else', () => {
    const root = alarm('root', { rule: 'lc-01#dead' });
    const all = [
      root,
      alarm('late', { priority: 3, explainedBy: 'lc-01#dead' }),
      alarm('worse', { explainedBy: 'lc-01#dead' }),
      alarm('other', { explainedBy: 'lc-02#dead' }),
      alarm('free', {}),
    ];
    expect(explainedBy(root, all).map(({ id }) => id)).toEqual(['worse', 'late']);
    expect(explainedBy(alarm('old', {}), all)).toEqual([]);
  });
});

describe('a contact', () => {
  it('is a word in the language of the page, and a number where nobody gave it one', () => {
    const door = point({ labels: { 0: 'closed', 1: 'open' }, labelsZh: { 0: '关' } });
    expect([wordOf(door, 1, 'en'), wordOf(door, 0, 'zh'), wordOf(door, 1, 'zh'), wordOf(door, 2, 'en')]).toEqual([
      'open',
      '关',
      'open',
      undefined,
    ]);
  });
});

describe('the normal band of a point', () => {
  it('is its own, or lies between its innermost limits; setpoints of changes are no levels', () => {
    const limits = [
      { kind: 'high', setpoint: 100 },
      { kind: 'high-high', setpoint: 120 },
      { kind: 'low', setpoint: 20 },
      { kind: 'pressure-drop', setpoint: 40 },
    ];
    expect(point({ limits, unit: 'kPa' }).normal).toEqual([20, 100]);
    expect(point({ limits, unit: 'kPa' }).limits).toHaveLength(3);
    expect(point({ limits, normal: [30, 90] }).normal).toEqual([30, 90]);
    expect(point({ limits: [limits[0]], unit: '[ppm]' }).normal).toEqual([0, 100]);
    // A temperature may be below zero: one limit makes no band.
    expect(point({ limits: [limits[0]], unit: 'Cel' }).normal).toBeUndefined();
  });
});
