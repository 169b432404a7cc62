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
  readonly consequence?: string;
  readonly timeToRespondMs?: number;
  /** Why it is suppressed: the rule of the root alarm that explains it, or `maintenance: <reason>`. */
  readonly explainedBy?: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

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
}

const ALARM_TIMES = ['since', 'raisedAt', 'changedAt', 'returnedAt', 'acknowledgedAt', 'shelvedUntil'] as const;

/** An alarm as it leaves us: times in ISO 8601, numbers finite or absent. */
export function alarmToWire(alarm: Alarm): Readonly<Record<string, unknown>> {
  const wire: Record<string, unknown> = { ...alarm };
  for (const key of ALARM_TIMES) if (alarm[key] !== undefined) wire[key] = formatTime(alarm[key]);
  for (const key of ['value', 'setpoint'] as const) if (!Number.isFinite(alarm[key])) delete wire[key];
  return wire;
}
