import { formatTime, type Millis } from './time.ts';

/** ISA-18.2 / IEC 62682 states; names, not letters, because editions letter them differently. */
export const ALARM_STATES = ['normal', 'unacknowledged', 'acknowledged', 'rtn-unacknowledged'] as const;
export type AlarmState = (typeof ALARM_STATES)[number];

/** What keeps an alarm quiet while it goes on working underneath. */
export const ALARM_HOLDS = ['shelved', 'suppressed', 'out-of-service'] as const;
export type AlarmHold = (typeof ALARM_HOLDS)[number];

/** 1 critical (call now), 2 high (act in hours), 3 medium (plan work), 4 low (data, information). */
export type Priority = 1 | 2 | 3 | 4;

/** What an operator can do to an alarm; the last part of `POST /api/v1/alarms/{id}/…`. */
export const ALARM_ACTIONS = [
  'acknowledge',
  'shelve',
  'unshelve',
  'out-of-service',
  'return-to-service',
  'reset',
  'confirm',
  'comment',
] as const;
export type AlarmAction = (typeof ALARM_ACTIONS)[number];

/** One occurrence of an alarm, as the API and the live feed carry it. Times are UTC milliseconds inside, ISO on the wire. */
export interface Alarm {
  /** Occurrence id, derived from rule, point and event time: a replay derives the same. */
  readonly id: string;
  /** Rule it comes from: `fm-12/flow#high`; several occurrences of one rule share it. */
  readonly rule?: string;
  /** Rule kind: `high`, `low`, `high-high`, `low-low`, `stale`, `offline`, `delivery-gap`, … */
  readonly kind: string;
  readonly asset: string;
  /** `<asset>/<measurement>` where the rule watches one point. */
  readonly point?: string;
  readonly assetClass?: string;
  /** Zone, place or edge in words, for people and for scoring. */
  readonly location?: string;
  readonly priority: Priority;
  readonly state: AlarmState;
  readonly holds: readonly AlarmHold[];
  /** Returned to normal but kept until an operator resets it. */
  readonly latched: boolean;
  /** The condition holds at the newest data. */
  readonly active: boolean;
  /** What: how far; where; since when; do what. At most 160 characters. */
  readonly message: string;
  /** The same in Chinese, where the rule has its words in Chinese. */
  readonly messageZh?: string;
  /** Event time at which the condition began and (after the on-delay) was raised. */
  readonly since: Millis;
  readonly raisedAt: Millis;
  readonly changedAt: Millis;
  readonly returnedAt?: Millis;
  readonly acknowledgedAt?: Millis;
  readonly acknowledgedBy?: string;
  readonly shelvedUntil?: Millis;
  readonly value?: number;
  readonly setpoint?: number;
  readonly unit?: string;
  /** The condition had already ended when its data came: journalled, never paged. */
  readonly raisedLate: boolean;
  readonly response?: string;
  readonly responseZh?: string;
  /** What is usually behind it, what happens when nobody acts, and how long people have. */
  readonly cause?: string;
  readonly causeZh?: string;
  readonly consequence?: string;
  readonly consequenceZh?: string;
  readonly timeToRespondMs?: number;
  /** Why it is suppressed: the rule of the root alarm that explains it, or `maintenance: <reason>`. */
  readonly explainedBy?: string;
  /** Nothing else of its asset was in alarm when it was raised: probably the cause of what followed (OPC 10000-9, FirstInGroupFlag). */
  readonly firstInGroup?: boolean;
  /** Id of the flood in which it was last raised. */
  readonly flood?: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** What people are told of. */
export const ALARM_NEWS = ['raise', 're-raise', 'return', 'acknowledge'] as const;
export type AlarmNews = (typeof ALARM_NEWS)[number];

/** One line of the journal: nothing ever edits it. */
export interface JournalEntry {
  readonly alarm: string;
  /** Event time of the transition, and when the gateway learned of it. */
  readonly at: Millis;
  readonly recordedAt: Millis;
  readonly from: AlarmState;
  readonly to: AlarmState;
  /** `raise`, `return`, `acknowledge`, `re-raise`, `shelve`, `comment`, … */
  readonly event: string;
  /** A user name, or `system`. */
  readonly who: string;
  readonly why?: string;
  /** What people were told; absent: nothing, because it was held, late, or no news. */
  readonly told?: AlarmNews;
  /** Id of the flood in which it was told: people got it in a digest, not as a message of its own. */
  readonly flood?: string;
}

/** How many alarms of a flood hang together, and by what. */
export interface FloodGroup {
  /** Key of a root's rule, an asset, or an asset class. */
  readonly name: string;
  readonly alarms: number;
}

/** One line of a flood's digest. */
export interface FloodLine {
  readonly alarm: string;
  readonly event: AlarmNews;
  readonly at: Millis;
  readonly priority: Priority;
  /** What, how far: the first sentence of the alarm's message. */
  readonly title: string;
  readonly kind: string;
  readonly asset: string;
}

/**
 * A flood: more alarms than people can take in. It begins above ten annunciated alarms in ten minutes and ends below five
 * (ISA-18.2 / EEMUA 191 as quoted by prosys.com). Times are when the gateway learned of the alarms.
 */
export interface Flood {
  /** Derived from operator group and beginning: a replay derives the same. */
  readonly id: string;
  /** Operator group, `all` where the site has one. */
  readonly group: string;
  readonly state: 'active' | 'over';
  /** First alarm of the ten minutes that made it one. */
  readonly from: Millis;
  /** When it was recognised: the eleventh alarm. */
  readonly beganAt: Millis;
  readonly endedAt?: Millis;
  /** Annunciated from `from` on. */
  readonly alarms: number;
  /** Most alarms in any ten minutes of it. */
  readonly peak: number;
  readonly priorities: Readonly<Record<Priority, number>>;
  /** Raised in it and not back to normal yet. */
  readonly standing: number;
  /** Alarms that a root explained meanwhile: they did not ring. */
  readonly explained: number;
  /** Largest first, at most 20 of each. */
  readonly roots: readonly FloodGroup[];
  readonly assets: readonly FloodGroup[];
  readonly classes: readonly FloodGroup[];
  /** The digest that is being collected; absent when nothing was added to it since the last record. */
  readonly digest?: FloodDigest;
}

/** What people are told of a flood at once. */
export interface FloodDigest {
  /** 1, 2, … within its flood. */
  readonly n: number;
  readonly dueAt: Millis;
  /** The most urgent, at most 100, in the order they came. */
  readonly lines: readonly FloodLine[];
  /** Lines that were left out included. */
  readonly events: number;
}

const ALARM_TIMES = ['since', 'raisedAt', 'changedAt', 'returnedAt', 'acknowledgedAt', 'shelvedUntil'] as const;

/** An alarm as it leaves us: times in ISO 8601, numbers finite or absent. */
export function alarmToWire(alarm: Alarm): Readonly<Record<string, unknown>> {
  const wire: Record<string, unknown> = { ...alarm };
  for (const key of ALARM_TIMES) if (alarm[key] !== undefined) wire[key] = formatTime(alarm[key]);
  for (const key of ['value', 'setpoint'] as const) if (!Number.isFinite(alarm[key])) delete wire[key];
  return wire;
}

/** A flood as it leaves us: times in ISO 8601. */
export function floodToWire({ digest: _, ...flood }: Flood): Readonly<Record<string, unknown>> {
  const { from, beganAt, endedAt } = flood;
  return {
    ...flood,
    from: formatTime(from),
    beganAt: formatTime(beganAt),
    ...(endedAt === undefined ? {} : { endedAt: formatTime(endedAt) }),
  };
}

/** What, and how far: the first sentence of an alarm's message. */
export function alarmTitle({ message }: Pick<Alarm, 'message'>): string {
  return /^.*?\.(?=\s|$)/.exec(message)?.[0].slice(0, -1) ?? message;
}
