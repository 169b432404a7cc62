import { describe, expect, it } from 'vitest';
import type { Alarm } from '../../../contract/alarm.ts';
import {
  backgroundOf,
  compareAlarms,
  countAlarms,
  indexAlarms,
  lampOf,
  messageOf,
  restOf,
  stepsOf,
  whatOf,
  worstAlarm,
} from '../../../dashboards/web/alarms.ts';

const alarm = (id: string, more: Partial<Alarm> = {}): Alarm => ({
  id,
  kind: 'high',
  asset: 'fm-12',
  priority: 3,
  state: 'unacknowledged',
  holds: [],
  latched: false,
  active: true,
  message: '',
  since: 0,
  raisedAt: 0,
  changedAt: 0,
  raisedLate: false,
  evidence: {},
  ...more,
});

describe('the alarm list', () => {
  it('sorts by priority, then new, back to normal, acknowledged, then the newest; held ones last', () => {
    const list = [
      alarm('held', { priority: 1, holds: ['shelved'] }),
      alarm('old', { raisedAt: 1 }),
      alarm('young', { raisedAt: 2 }),
      alarm('taken', { priority: 2, state: 'acknowledged' }),
      alarm('returned', { priority: 2, state: 'rtn-unacknowledged' }),
      alarm('first', { priority: 1 }),
    ];
    expect([...list].sort(compareAlarms).map(({ id }) => id)).toEqual([
      'first',
      'returned',
      'taken',
      'young',
      'old',
      'held',
    ]);
  });

  it('gives a held alarm the struck lamp whatever goes on underneath', () => {
    expect(lampOf(alarm('a', { holds: ['suppressed'] }))).toBe('held');
    expect(lampOf(alarm('a', { state: 'normal' }))).toBe('none');
  });
});

describe('the annunciator', () => {
  it('counts open and new ones and shows the lamp that matters most', () => {
    const counts = countAlarms([
      alarm('a', { priority: 2 }),
      alarm('b', { priority: 2, state: 'acknowledged' }),
      alarm('c', { priority: 3, state: 'rtn-unacknowledged' }),
      alarm('d', { priority: 3, state: 'acknowledged' }),
      alarm('e', { priority: 4, holds: ['shelved'] }),
    ]);
    expect(counts[1]).toEqual({ open: 0, fresh: 0, lamp: 'none' });
    expect(counts[2]).toEqual({ open: 2, fresh: 1, lamp: 'unacknowledged' });
    expect(counts[3]).toEqual({ open: 2, fresh: 0, lamp: 'rtn-unacknowledged' });
    expect(counts[4]).toEqual({ open: 0, fresh: 0, lamp: 'none' });
  });

  it('marks points and devices with their worst alarm, and not with a held one', () => {
    const index = indexAlarms([
      alarm('a', { point: 'fm-12/flow', priority: 3 }),
      alarm('b', { point: 'fm-12/flow', priority: 1 }),
      alarm('c', { asset: 'lc-1', holds: ['shelved'] }),
    ]);
    expect(index.byPoint.get('fm-12/flow')?.id).toBe('b');
    expect(index.byAsset.get('fm-12')?.id).toBe('b');
    expect(index.byAsset.has('lc-1')).toBe(false);
    expect(worstAlarm([])).toBeUndefined();
  });
});

describe('the words of an alarm', () => {
  it('splits the sentence after what and how far, not at a decimal point', () => {
    const message = 'Flow high: 92.4 m³/h, limit 80. fm-12, Binhu East, since 03:12. Close V-0716.';
    expect(whatOf(message)).toBe('Flow high: 92.4 m³/h, limit 80');
    expect(restOf(message)).toBe('fm-12, Binhu East, since 03:12. Close V-0716.');
  });

  it('splits a Chinese sentence at its full stop', () => {
    const message = '疑似爆管：入口流量高于预期 66 m³/h。DMA 07 滨湖东，始于 02:57。请关闭阀门 V-0716。';
    expect(whatOf(message)).toBe('疑似爆管：入口流量高于预期 66 m³/h');
    expect(restOf(message)).toBe('DMA 07 滨湖东，始于 02:57。请关闭阀门 V-0716。');
  });

  it('writes a fall with a true minus, and leaves ids and ranges as they are', () => {
    const fall = alarm('fall', {
      message: 'Pressure falls: -108.9 kPa. pt-01, 1-5 %, since 16:26.',
      messageZh: '压力骤降：-108.9 kPa。pt-01',
    });
    expect(messageOf(fall, 'en')).toBe('Pressure falls: −108.9 kPa. pt-01, 1-5 %, since 16:26.');
    expect(messageOf(fall, 'zh')).toBe('压力骤降：−108.9 kPa。pt-01');
  });

  it('makes steps of a response text', () => {
    expect(stepsOf('1. Call the crew.\n2. Close V-0716.')).toEqual(['Call the crew', 'Close V-0716']);
    expect(stepsOf('Call the crew. Close V-0716 at 0.4 MPa.')).toEqual(['Call the crew', 'Close V-0716 at 0.4 MPa']);
    expect(stepsOf(undefined)).toEqual([]);
  });
});

describe('what is behind an alarm', () => {
  it('is told in the language of the page, in English where its Chinese is not known, and not at all where nothing is', () => {
    const known = alarm('known', { cause: 'Rain.', causeZh: '下雨。', consequence: 'Cars stall.' });
    expect(backgroundOf(known, 'en')).toEqual({ cause: 'Rain.', consequence: 'Cars stall.' });
    expect(backgroundOf(known, 'zh')).toEqual({ cause: '下雨。', consequence: 'Cars stall.' });
    expect(backgroundOf(alarm('bare'), 'zh')).toEqual({});
  });
});
