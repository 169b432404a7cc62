import { type Alarm, alarmToWire, type JournalEntry, type Priority } from '../../contract/alarm.ts';
import { formatTime } from '../../contract/time.ts';
import type { Notification } from '../store/store.ts';
import type { Message } from './channel.ts';

/** What planning needs to know of a channel. */
export interface ChannelPlan {
  readonly name: string;
  /** Priorities it wants to hear of; absent = all. */
  readonly priorities?: readonly Priority[] | undefined;
}

export interface SiteInfo {
  readonly id: string;
  readonly name?: string | undefined;
  /** Where people reach the dashboards, for links; without it messages carry none. */
  readonly publicUrl?: string | undefined;
}

/** Journal events that people are told of. */
const EVENTS: ReadonlySet<string> = new Set<Notification['event']>(['raise', 're-raise', 'return', 'acknowledge']);

/** Titles fit one line of a phone. */
const TITLE_LENGTH_MAX = 90;

/**
 * Which messages are due after a step of judging. Pure; the same journal lines make the same ids, so a replay or a
 * repeated commit makes nothing new.
 *
 * @param channels - in the order of the configuration
 * @param alarms - records as of this step; the last entry per id wins
 * @param journal - transitions of this step, oldest first
 * @returns one per event and channel; none for an alarm that is held (shelved, suppressed, out of service) or whose
 *   condition was over before its data came
 */
export function planNotifications(
  { channels }: { readonly channels: readonly ChannelPlan[] },
  alarms: readonly Alarm[],
  journal: readonly JournalEntry[],
  site: SiteInfo,
): Notification[] {
  if (channels.length === 0 || journal.length === 0) return [];
  const byId = new Map(alarms.map((alarm) => [alarm.id, alarm]));
  return journal.flatMap((entry) => {
    const alarm = byId.get(entry.alarm);
    if (!EVENTS.has(entry.event) || alarm === undefined || alarm.raisedLate || alarm.holds.length > 0) return [];
    const event = entry.event as Notification['event'];
    return channels
      .filter(({ priorities }) => priorities === undefined || priorities.includes(alarm.priority))
      .map(({ name }): Notification => {
        const id = `${alarm.id}:${event}:${entry.at}:${name}`;
        return {
          id,
          channel: name,
          alarm: alarm.id,
          event,
          payload: JSON.stringify(messageOf(id, event, alarm, entry, site)),
          dueAt: entry.recordedAt,
          attempts: 0,
          state: 'due',
        };
      });
  });
}

/** The message of a stored notification. */
export function readMessage(notification: Notification): Message {
  return JSON.parse(notification.payload) as Message;
}

function messageOf(
  id: string,
  event: Notification['event'],
  alarm: Alarm,
  entry: JournalEntry,
  site: SiteInfo,
): Message {
  const title = cut(titleOf(event, alarm, entry), TITLE_LENGTH_MAX);
  const link =
    site.publicUrl === undefined ? undefined : new URL(`/alarms/${encodeURIComponent(alarm.id)}`, site.publicUrl);
  return {
    id,
    event,
    priority: alarm.priority,
    title,
    text: alarm.message,
    ...(link === undefined ? {} : { link: link.href }),
    body: {
      event,
      at: formatTime(entry.at),
      recordedAt: formatTime(entry.recordedAt),
      who: entry.who,
      ...(entry.why === undefined ? {} : { why: entry.why }),
      site: { id: site.id, ...(site.name === undefined ? {} : { name: site.name }) },
      alarm: alarmToWire(alarm),
    },
  };
}

/** What happened, then what and how far: the first sentence of the alarm's message. */
function titleOf(event: Notification['event'], alarm: Alarm, entry: JournalEntry): string {
  const what = /^.*?\.(?=\s|$)/.exec(alarm.message)?.[0].slice(0, -1) ?? alarm.message;
  switch (event) {
    case 'raise':
    case 'escalate':
      return `P${alarm.priority} ${what}`;
    case 're-raise':
      return `P${alarm.priority} again: ${what}`;
    case 'return':
      return `Back to normal: ${what}`;
    case 'acknowledge':
      return `Acknowledged by ${entry.who}: ${what}`;
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
