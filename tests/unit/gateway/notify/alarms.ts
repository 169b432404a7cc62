import type { Alarm, JournalEntry } from '../../../../contract/alarm.ts';
import { planNotifications } from '../../../../gateway/notify/plan.ts';
import type { Notification } from '../../../../gateway/store/store.ts';

const START = Date.UTC(2026, 0, 1);

export function anAlarm(part: Partial<Alarm>): Alarm {
  return {
    id: 'fm-12/flow#high@1',
    kind: 'high',
    asset: 'fm-12',
    point: 'fm-12/flow',
    priority: 2,
    state: 'unacknowledged',
    holds: [],
    latched: false,
    active: true,
    message: 'Flow high: 92.4 m³/h, limit 80. fm-12, Binhu East, since 03:12. Check valve V-0716.',
    since: START,
    raisedAt: START + 30_000,
    changedAt: START + 30_000,
    value: 92.4,
    setpoint: 80,
    unit: 'm3/h',
    raisedLate: false,
    evidence: {},
    ...part,
  };
}

export function anEntry(part: Partial<JournalEntry>): JournalEntry {
  return {
    alarm: 'fm-12/flow#high@1',
    at: START,
    recordedAt: START + 60_000,
    from: 'normal',
    to: 'unacknowledged',
    event: 'raise',
    who: 'system',
    ...part,
  };
}

/** A planned notification, due since `dueAt`. */
export function aNotification(id: string, channel: string, dueAt: number): Notification {
  const [made] = planNotifications({ channels: [{ name: channel }] }, [anAlarm({})], [anEntry({ recordedAt: dueAt })], {
    id: 'site-1',
  });
  return { ...(made as Notification), id };
}
