import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  listOf,
  readAlarm,
  readBucket,
  readChange,
  readDevice,
  readJournal,
  readPoint,
  readSession,
} from '../../../dashboards/web/wire.ts';

describe('answers of the gateway', () => {
  it('turns ISO times of an alarm into milliseconds and leaves absent members absent', () => {
    const alarm = readAlarm({
      id: 'a',
      kind: 'high',
      asset: 'fm-12',
      priority: 1,
      state: 'unacknowledged',
      holds: [],
      latched: false,
      active: true,
      message: 'm',
      since: '2026-11-23T12:00:00.000Z',
      raisedAt: '2026-11-23T12:00:10.000Z',
      changedAt: '2026-11-23T12:00:10.000Z',
      raisedLate: false,
      evidence: {},
    });
    expect(alarm?.raisedAt).toBe(Date.parse('2026-11-23T12:00:10Z'));
    expect(alarm !== undefined && 'acknowledgedBy' in alarm).toBe(false);
  });

  it('refuses an alarm without id, state or time', () => {
    const whole = { id: 'a', state: 'acknowledged', priority: 2, raisedAt: '2026-11-23T12:00:10Z' };
    expect(readAlarm(whole)).toBeDefined();
    for (const key of Object.keys(whole)) expect(readAlarm({ ...whole, [key]: undefined })).toBeUndefined();
  });

  it('takes a reading event of one object, of an array, and drops what has no time', () => {
    const one = '{"point":"fm-12/flow","ts":"2026-11-23T12:00:00Z","value":1,"quality":"good"}';
    expect(readChange('reading', one)).toMatchObject({
      kind: 'readings',
      readings: [{ point: 'fm-12/flow', value: 1 }],
    });
    expect(readChange('reading', `[${one},{"point":"x/y"}]`)).toMatchObject({ readings: [{ point: 'fm-12/flow' }] });
    expect(readChange('reading', '{"point":"fm-12/flow"}')).toBeUndefined();
  });

  it('takes a device event wrapped in its name and ignores that of an edge', () => {
    expect(readChange('device', '{"device":{"id":"fm-12","class":"flow-meter"}}')).toMatchObject({ kind: 'device' });
    expect(readChange('device', '{"edge":{"id":"e-1","online":true}}')).toBeUndefined();
  });

  it('finds the list of a page under its name', () => {
    expect(listOf({ points: [1] }, 'points')).toEqual([1]);
    expect(listOf({ points: 5 }, 'points')).toEqual([]);
  });

  it('drops a band that is no band and limits without a setpoint', () => {
    const read = (more: object) => readPoint({ device: 'a', measurement: 'b', ...more });
    expect(read({ normal: [1, 2] })?.normal).toEqual([1, 2]);
    expect(read({ normal: [2, 1] })?.normal).toBeUndefined();
    expect(read({ normal: [1] })?.normal).toBeUndefined();
    expect(read({ limits: [{ kind: 'high' }, { kind: 'high', setpoint: 3 }] })?.limits).toHaveLength(1);
  });

  it('makes no band of negative flow where a limit only tells a meter that runs backwards', () => {
    const limits = [
      { kind: 'low', setpoint: -0.5 },
      { kind: 'high', setpoint: 100 },
    ];
    const bandIn = (unit: string) => readPoint({ device: 'a', measurement: 'b', unit, limits })?.normal;
    expect(bandIn('m3/h')).toEqual([0, 100]);
    expect(bandIn('Cel')).toEqual([-0.5, 100]);
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('reading', 'alarm', 'device', 'other'), (value, name) => {
        for (const read of [readAlarm, readBucket, readDevice, readJournal, readPoint, readSession]) read(value);
        readChange(name, JSON.stringify(value));
        readChange(name, `${JSON.stringify(value)}}`);
        listOf(value, 'x');
      }),
    );
  });
});
