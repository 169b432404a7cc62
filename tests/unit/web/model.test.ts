import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alarm, AlarmState } from '../../../contract/alarm.ts';
import {
  applyChanges,
  type Change,
  cameMeanwhile,
  EMPTY_MODEL,
  type LiveReading,
  newestTime,
  type Point,
} from '../../../dashboards/web/model.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');

const point = (id: string, last?: Point['last']): Point => ({
  id,
  device: id.split('/')[0] as string,
  measurement: id.split('/')[1] as string,
  maxSilenceMs: 5_000,
  reportingDelayMs: 0,
  limits: [],
  ...(last === undefined ? {} : { last }),
});
const alarm = (id: string, state: AlarmState, changedAt = NOON): Alarm => ({
  id,
  kind: 'high',
  asset: 'fm-12',
  priority: 2,
  state,
  holds: [],
  latched: false,
  active: true,
  message: 'Flow high: 92.4 m³/h, limit 80. fm-12, since 03:12.',
  since: NOON,
  raisedAt: NOON,
  changedAt,
  raisedLate: false,
  evidence: {},
});
const reading = (id: string, ts: number, value: number): LiveReading => ({ point: id, ts, value, quality: 'good' });
const snapshot = (points: readonly Point[], alarms: readonly Alarm[] = []): Change => ({
  kind: 'snapshot',
  devices: [],
  points,
  alarms,
});

describe('what the page knows', () => {
  it('takes a reading for a point it knows and leaves every other point as it was', () => {
    const before = applyChanges(EMPTY_MODEL, [snapshot([point('fm-12/flow'), point('fm-12/pressure')])]);
    const after = applyChanges(before, [{ kind: 'readings', readings: [reading('fm-12/flow', NOON, 92.4)] }]);
    expect(after.points.get('fm-12/flow')?.last?.value).toBe(92.4);
    expect(after.points.get('fm-12/pressure')).toBe(before.points.get('fm-12/pressure'));
  });

  it('does not let an older reading overwrite a newer one', () => {
    const model = applyChanges(EMPTY_MODEL, [
      snapshot([point('fm-12/flow')]),
      { kind: 'readings', readings: [reading('fm-12/flow', NOON, 2), reading('fm-12/flow', NOON - 1_000, 1)] },
    ]);
    expect(model.points.get('fm-12/flow')?.last?.value).toBe(2);
  });

  it('shows what a clock that is ahead told only until the next reading that can be of its time', () => {
    const ahead = { ...reading('fm-12/flow', NOON + 7_200_000, 2), receivedAt: NOON };
    const next = { ...reading('fm-12/flow', NOON + 1_000, 3), receivedAt: NOON + 1_000 };
    for (const readings of [
      [ahead, next],
      [next, ahead],
    ]) {
      const model = applyChanges(EMPTY_MODEL, [snapshot([point('fm-12/flow')]), { kind: 'readings', readings }]);
      expect(model.points.get('fm-12/flow')?.last?.value).toBe(3);
    }
  });

  it('takes a second, different value of the same moment as a correction', () => {
    const model = applyChanges(EMPTY_MODEL, [
      snapshot([point('fm-12/flow')]),
      { kind: 'readings', readings: [reading('fm-12/flow', NOON, 2), reading('fm-12/flow', NOON, 3)] },
    ]);
    expect(model.points.get('fm-12/flow')?.last?.value).toBe(3);
  });

  it('keeps what the feed told when the whole answer is older', () => {
    const model = applyChanges(EMPTY_MODEL, [
      snapshot([point('fm-12/flow')]),
      { kind: 'readings', readings: [reading('fm-12/flow', NOON + 500, 7)] },
      snapshot([point('fm-12/flow', { ts: NOON, value: 1, quality: 'good' })]),
    ]);
    expect(model.points.get('fm-12/flow')?.last?.value).toBe(7);
  });

  it('finds a point that reports for the first time', () => {
    const model = applyChanges(EMPTY_MODEL, [
      snapshot([]),
      { kind: 'readings', readings: [reading('new-1/flow', NOON, 5), { ...reading('', NOON, 1), point: 'nonsense' }] },
    ]);
    expect([...model.points.keys()]).toEqual(['new-1/flow']);
  });

  it('drops an alarm that went back to normal and was acknowledged', () => {
    const model = applyChanges(EMPTY_MODEL, [
      snapshot([], [alarm('a', 'rtn-unacknowledged')]),
      { kind: 'alarm', alarm: alarm('a', 'normal', NOON + 1) },
    ]);
    expect(model.alarms.size).toBe(0);
  });

  it('does not bring back an older state of an alarm', () => {
    const model = applyChanges(EMPTY_MODEL, [
      { kind: 'alarm', alarm: alarm('a', 'acknowledged', NOON + 10) },
      { kind: 'alarm', alarm: alarm('a', 'unacknowledged', NOON) },
      snapshot([], [alarm('a', 'unacknowledged', NOON)]),
    ]);
    expect(model.alarms.get('a')?.state).toBe('acknowledged');
  });

  it('forgets alarms that the whole answer no longer lists', () => {
    const model = applyChanges(EMPTY_MODEL, [snapshot([], [alarm('a', 'unacknowledged')]), snapshot([], [])]);
    expect(model.alarms.size).toBe(0);
  });

  it('ends with the newest value of each point whatever the order and however often it came', () => {
    const newsOf = fc.array(
      fc.record({ point: fc.constantFrom('a/x', 'b/x'), ts: fc.integer({ min: 1, max: 20 }), value: fc.integer() }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(newsOf, fc.integer({ min: 1, max: 5 }), (news, size) => {
        const readings = news.map((one): LiveReading => ({ ...one, value: one.ts, quality: 'good' }));
        const batches: Change[] = [];
        for (let start = 0; start < readings.length; start += size)
          batches.push({ kind: 'readings', readings: readings.slice(start, start + size) });
        const model = applyChanges(EMPTY_MODEL, [snapshot([point('a/x'), point('b/x')]), ...batches, ...batches]);
        for (const id of ['a/x', 'b/x']) {
          const times = readings.filter((one) => one.point === id).map(({ ts }) => ts);
          expect(model.points.get(id)?.last?.ts).toBe(times.length === 0 ? undefined : Math.max(...times));
        }
      }),
    );
  });
});

describe('after a loss', () => {
  const before = new Map([
    ['old', alarm('old', 'unacknowledged')],
    ['taken', alarm('taken', 'acknowledged')],
  ]);

  it('names the alarms that came meanwhile, new ones and those raised again', () => {
    const after = new Map([
      ['old', alarm('old', 'unacknowledged')],
      ['taken', alarm('taken', 'unacknowledged')],
      ['fresh', alarm('fresh', 'rtn-unacknowledged')],
      ['done', alarm('done', 'normal')],
    ]);
    expect(cameMeanwhile(before, after).map(({ id }) => id)).toEqual(['taken', 'fresh']);
  });

  it('knows from when its values are', () => {
    expect(newestTime([point('a/x', { ts: 5, quality: 'good' }), point('a/y')])).toBe(5);
    expect(newestTime([point('a/y')])).toBeUndefined();
  });
});
