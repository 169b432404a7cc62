import { describe, expect, it } from 'vitest';
import type { Alarm, Flood, FloodLine, JournalEntry } from '../../../../contract/alarm.ts';
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

  it('rings when a hold ends on an alarm that nobody was told of, and when an acknowledged one asks again', () => {
    const events = (event: string) => plan({}, { event }).map((made) => made.event);
    expect(events('shelve-expired')).toEqual(['raise']);
    expect(events('unsuppress')).toEqual(['raise']);
    expect(events('re-alarm')).toEqual(['re-raise']);
    expect(plan({ state: 'acknowledged' }, { event: 'unshelve', to: 'acknowledged' })).toEqual([]);
  });
});

describe('planning in a flood', () => {
  const line = (n: number, priority: 1 | 2 | 3 | 4 = 3): FloodLine => ({
    alarm: `a-${n}`,
    event: 'raise',
    at: 1_767_225_600_000,
    priority,
    title: `Level high: ${n} m`,
    kind: 'high',
    asset: `well-${n}`,
  });
  const aFlood = (part: Partial<Flood> = {}): Flood => ({
    id: 'f-1',
    group: 'all',
    state: 'active',
    from: 1_767_225_600_000,
    beganAt: 1_767_225_600_000,
    alarms: 240,
    peak: 240,
    priorities: { 1: 1, 2: 0, 3: 239, 4: 0 },
    standing: 230,
    explained: 40,
    roots: [{ name: 'feeder-7/volt#lost', alarms: 40 }],
    assets: [{ name: 'well-1', alarms: 200 }],
    classes: [{ name: 'tank', alarms: 240 }],
    digest: {
      n: 1,
      dueAt: 1_767_225_610_000,
      lines: [line(1), line(2, 1), ...Array.from({ length: 98 }, (_, n) => line(n + 3))],
      events: 230,
    },
    ...part,
  });
  const inFlood = (alarm: Partial<Alarm>, channels: Parameters<typeof planNotifications>[0] = everything) =>
    planNotifications(channels, [anAlarm(alarm)], [anEntry({ flood: 'f-1' })], site, [aFlood()]);

  it('leaves to the digest what it tells, but never priority 1', () => {
    expect(inFlood({ priority: 3 }).map(({ event }) => event)).toEqual(['flood']);
    expect(inFlood({ priority: 1 }).map(({ event }) => event)).toEqual(['raise', 'flood']);
  });

  it('makes one digest however often it grows, due a little after its last line', () => {
    const [first] = inFlood({ priority: 3 });
    const [grown] = planNotifications(everything, [], [], site, [aFlood({ alarms: 241 })]);
    expect(first).toMatchObject({ id: 'flood:f-1:1:ops', alarm: 'f-1', dueAt: 1_767_225_612_000, state: 'due' });
    expect(grown?.id).toBe(first?.id);
  });

  it('says how many, what hangs together, and the most urgent first', () => {
    const message = readMessage(inFlood({ priority: 3 })[0] as never);
    expect(message).toMatchObject({
      event: 'digest',
      priority: 1,
      title: 'Alarm flood: 240 alarms, 230 standing',
      link: 'https://gw.example/alarms',
      body: { event: 'flood', flood: { id: 'f-1' }, leftOut: 130 },
    });
    const lines = message.text.split('\n');
    expect(lines[0]).toBe('Explained by a root and silent: 40 (feeder-7/volt#lost 40)');
    expect(lines[3]).toBe('P1 Level high: 2 m (well-2)');
    expect(lines.at(-1)).toBe('and 210 more; the journal has them all');
    expect(message.text.length).toBeLessThan(2000);
  });

  it('tells a channel for some priorities of theirs only, and each by itself where that was asked for', () => {
    const channels = {
      channels: [
        { name: 'urgent', priorities: [1] as const },
        { name: 'other', priorities: [2] as const },
      ],
    };
    const [digest, ...more] = inFlood({ priority: 3 }, channels);
    expect(more).toEqual([]);
    expect((readMessage(digest as never).body as { lines: unknown[] }).lines).toHaveLength(1);
    expect(
      inFlood({ priority: 3 }, { channels: [{ name: 'system', floods: 'each' }] }).map(({ event }) => event),
    ).toEqual(['raise']);
  });

  it('tells the end at once, also without new lines', () => {
    const over = aFlood({
      state: 'over',
      endedAt: 1_767_226_500_000,
      digest: { n: 4, dueAt: 1_767_226_500_000, lines: [], events: 0 },
    });
    const [made] = planNotifications(everything, [], [], site, [over]);
    expect(made).toMatchObject({ id: 'flood:f-1:4:ops', dueAt: 1_767_226_500_000 });
    expect(readMessage(made as never).title).toBe('Alarm flood over: 240 alarms, 230 still standing');
  });

  it('has nothing to tell of a flood to which nothing came', () => {
    const { digest: _, ...quiet } = aFlood();
    expect(planNotifications(everything, [], [], site, [quiet])).toEqual([]);
  });
});
