import { describe, expect, it } from 'vitest';
import type { Alarm, JournalEntry } from '../../../../contract/alarm.ts';
import { planNotifications, readMessage } from '../../../../gateway/notify/plan.ts';
import { anAlarm, anEntry } from './alarms.ts';

const site = { id: 'site-1', publicUrl: 'https://gw.example/hanfeng/' };
const everything = { channels: [{ name: 'ops' }] };
const plan = (alarm: Partial<Alarm>, entry: Partial<JournalEntry> = {}, channels: typeof everything = everything) =>
  planNotifications(channels, [anAlarm(alarm)], [anEntry(entry)], site);

describe('planning notifications', () => {
  it('makes one message per channel that wants this priority', () => {
    const channels = {
      channels: [
        { name: 'all' },
        { name: 'urgent', priorities: [1] as const },
        { name: 'two', priorities: [2] as const },
      ],
    };
    const made = planNotifications(channels, [anAlarm({})], [anEntry({})], site);
    expect(
      made.map(({ channel, event, state, attempts, dueAt }) => ({ channel, event, state, attempts, dueAt })),
    ).toEqual([
      { channel: 'all', event: 'raise', state: 'due', attempts: 0, dueAt: 1_767_225_660_000 },
      { channel: 'two', event: 'raise', state: 'due', attempts: 0, dueAt: 1_767_225_660_000 },
    ]);
  });

  it('tells people what, and systems the alarm as the API shows it', () => {
    const [made] = plan({ value: Number.NaN });
    const message = readMessage(made as never);
    expect(message).toMatchObject({
      title: 'P2 Flow high: 92.4 m³/h, limit 80',
      text: anAlarm({}).message,
      link: 'https://gw.example/alarms/fm-12%2Fflow%23high%401',
      body: {
        event: 'raise',
        at: '2026-01-01T00:00:00.000Z',
        site: { id: 'site-1' },
        alarm: { raisedAt: '2026-01-01T00:00:30.000Z' },
      },
    });
    expect((message.body as { alarm: object }).alarm).not.toHaveProperty('value');
  });

  it('names who acknowledged, and what is back to normal', () => {
    const titles = [
      ...plan({ state: 'acknowledged' }, { event: 'acknowledge', who: 'li.wei' }),
      ...plan({ state: 'normal' }, { event: 'return' }),
      ...plan({}, { event: 're-raise' }),
    ].map((made) => readMessage(made).title);
    expect(titles).toEqual([
      'Acknowledged by li.wei: Flow high: 92.4 m³/h, limit 80',
      'Back to normal: Flow high: 92.4 m³/h, limit 80',
      'P2 again: Flow high: 92.4 m³/h, limit 80',
    ]);
  });

  it('rings for nothing that is held, raised late, or no event for people', () => {
    expect(plan({ holds: ['shelved'] })).toEqual([]);
    expect(plan({ holds: ['suppressed'] }, { event: 'return' })).toEqual([]);
    expect(plan({ holds: ['out-of-service'] })).toEqual([]);
    expect(plan({ raisedLate: true })).toEqual([]);
    expect(plan({}, { event: 'comment' })).toEqual([]);
    expect(plan({}, { event: 'constructor' })).toEqual([]);
    expect(plan({}, { alarm: 'another' })).toEqual([]);
    expect(plan({}, {}, { channels: [] })).toEqual([]);
  });

  it('makes the same ids again from the same journal, and others for another event, time or channel', () => {
    const ids = (...made: { id: string }[][]) => made.flat().map(({ id }) => id);
    expect(ids(plan({}))).toEqual(ids(plan({})));
    const all = ids(
      plan({}),
      plan({}, { event: 'return' }),
      plan({}, { at: 5 }),
      plan({}, {}, { channels: [{ name: 'b' }] }),
    );
    expect(new Set(all).size).toBe(4);
  });
});
