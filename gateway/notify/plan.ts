import {
  type Alarm,
  alarmTitle,
  alarmToWire,
  type Flood,
  type FloodDigest,
  floodToWire,
  type JournalEntry,
  type Priority,
} from '../../contract/alarm.ts';
import { formatTime } from '../../contract/time.ts';
import { pageFor } from '../domain/alarm/paging.ts';
import type { Notification } from '../store/store.ts';
import type { Message } from './channel.ts';

/** What planning needs to know of a channel. */
export interface ChannelPlan {
  readonly name: string;
  /** Priorities it wants to hear of; absent = all. */
  readonly priorities?: readonly Priority[] | undefined;
  /** `each`: every alarm of a flood as a message of its own; otherwise one digest tells many. */
  readonly floods?: 'digest' | 'each' | undefined;
}

export interface SiteInfo {
  readonly id: string;
  readonly name?: string | undefined;
  /** Where people reach the dashboards, for links; without it messages carry none. */
  readonly publicUrl?: string | undefined;
}

/** Titles fit one line of a phone. */
const TITLE_LENGTH_MAX = 90;
/** A digest waits this much longer than its last line may come, so that the commit of that line is there. */
const DIGEST_GRACE_MS = 2000;
/** Lines of a digest's text; the others are counted. */
const DIGEST_LINES_SHOWN = 20;
/** Always told at once, by itself: nothing of priority 1 is ever swallowed. */
const NEVER_DIGESTED: Priority = 1;

/**
 * Which messages are due after a step of judging. Pure; the same journal lines make the same ids, so a replay or a
 * repeated commit makes nothing new.
 *
 * @param channels - in the order of the configuration
 * @param alarms - records as of this step; the last entry per id wins
 * @param journal - transitions of this step, oldest first
 * @param floods - floods whose record changed in this step
 * @returns one per event and channel; none for an alarm that is held (shelved, suppressed, out of service) or whose
 *   condition was over before its data came. What a flood's digest tells is not told by itself as well, and the digest is one
 *   notification that grows until it is due; priority 1 is always told by itself
 */
export function planNotifications(
  { channels }: { readonly channels: readonly ChannelPlan[] },
  alarms: readonly Alarm[],
  journal: readonly JournalEntry[],
  site: SiteInfo,
  floods: readonly Flood[] = [],
): Notification[] {
  if (channels.length === 0) return [];
  const byId = new Map(alarms.map((alarm) => [alarm.id, alarm]));
  const single = journal.flatMap((entry) => {
    const alarm = byId.get(entry.alarm);
    const event = alarm === undefined ? undefined : pageFor(entry, alarm);
    if (alarm === undefined || event === undefined) return [];
    const isDigested = entry.flood !== undefined && alarm.priority !== NEVER_DIGESTED;
    return channels
      .filter(({ priorities }) => priorities === undefined || priorities.includes(alarm.priority))
      .filter((channel) => !isDigested || channel.floods === 'each')
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
  const digests = floods.flatMap((flood) => channels.flatMap((channel) => digestFor(channel, flood, site) ?? []));
  return [...single, ...digests];
}

/** The digest of a flood for one channel: the same id as long as it grows, so that the newest replaces the one before. */
function digestFor(channel: ChannelPlan, flood: Flood, site: SiteInfo): Notification | undefined {
  const { digest, id: alarm, state } = flood;
  if (digest === undefined || channel.floods === 'each') return undefined;
  const wanted = (priority: Priority) => channel.priorities === undefined || channel.priorities.includes(priority);
  const lines = digest.lines.filter(({ priority }) => wanted(priority));
  // A channel that hears of some priorities only is told of a flood when one of those is in it.
  const concerns = ([1, 2, 3, 4] as const).some((priority) => wanted(priority) && flood.priorities[priority] > 0);
  if (!concerns || (state === 'active' && lines.length === 0)) return undefined;
  const id = `flood:${alarm}:${digest.n}:${channel.name}`;
  return {
    id,
    channel: channel.name,
    alarm,
    event: 'flood',
    payload: JSON.stringify(digestMessage(id, flood, { ...digest, lines }, site)),
    dueAt: digest.dueAt + (state === 'active' ? DIGEST_GRACE_MS : 0),
    attempts: 0,
    state: 'due',
  };
}

function digestMessage(id: string, flood: Flood, { lines, events }: FloodDigest, site: SiteInfo): Message {
  const { alarms, state, standing, group } = flood;
  const urgent = lines.toSorted((a, b) => a.priority - b.priority);
  const more = events - Math.min(urgent.length, DIGEST_LINES_SHOWN);
  const link = site.publicUrl === undefined ? undefined : new URL('/alarms', site.publicUrl).href;
  const whose = group === 'all' ? '' : ` ${group}`;
  const title =
    state === 'active'
      ? `Alarm flood${whose}: ${alarms} alarms, ${standing} standing`
      : `Alarm flood${whose} over: ${alarms} alarms, ${standing} still standing`;
  return {
    id,
    event: 'digest',
    priority: ([1, 2, 3, 4] as const).find((priority) => flood.priorities[priority] > 0) ?? 4,
    title: cut(title, TITLE_LENGTH_MAX),
    text: [
      ...groupLines(flood),
      ...urgent
        .slice(0, DIGEST_LINES_SHOWN)
        .map((line) => `P${line.priority} ${lineWords(line.event)}${line.title} (${line.asset})`),
      ...(more > 0 ? [`and ${more} more; the journal has them all`] : []),
    ].join('\n'),
    ...(link === undefined ? {} : { link }),
    body: {
      event: 'flood',
      recordedAt: formatTime(flood.endedAt ?? flood.beganAt),
      site: { id: site.id, ...(site.name === undefined ? {} : { name: site.name }) },
      flood: floodToWire(flood),
      lines: lines.map((line) => ({ ...line, at: formatTime(line.at) })),
      leftOut: events - lines.length,
    },
  };
}

/** What hangs together: roots first, because they explain most; then where most of it is. */
function groupLines({ roots, explained, assets, classes }: Flood): string[] {
  const words = (groups: Flood['roots']) =>
    groups
      .slice(0, 5)
      .map(({ name, alarms }) => `${name} ${alarms}`)
      .join(', ');
  return [
    ...(explained === 0 ? [] : [`Explained by a root and silent: ${explained} (${words(roots)})`]),
    `By class: ${words(classes)}`,
    `By asset: ${words(assets)}`,
  ];
}

const LINE_WORDS = { raise: '', 're-raise': 'again: ', return: 'back to normal: ', acknowledge: 'acknowledged: ' };
const lineWords = (event: keyof typeof LINE_WORDS) => LINE_WORDS[event];

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
  const what = alarmTitle(alarm);
  switch (event) {
    case 'raise':
    case 'escalate':
    case 'flood':
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
