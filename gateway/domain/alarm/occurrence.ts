import type { Alarm, Priority } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import type { Rule } from '../plant.ts';
import type { SiteClock } from '../site-clock.ts';
import type { Life } from './lifecycle.ts';
import { sentence, sentenceZh } from './sentence.ts';

/** Names of devices or points listed in evidence; a count says the rest. */
export const NAMES_MAX = 20;

/** What an alarm rests on when it is raised. */
export interface Evidence {
  readonly value?: number;
  /** Words after the value: `limit 80`. */
  readonly against?: string;
  /** The same in Chinese, where there are words for it. */
  readonly againstZh?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A condition that tripped. */
export interface Raise {
  /** When it became true. */
  readonly since: Millis;
  /** When its on-delay was over. */
  readonly at: Millis;
  readonly evidence: Evidence;
  /** What explains it: it is born suppressed. */
  readonly cause?: string;
}

/** One occurrence and everything known of it; plain data, goes into snapshots as it is. */
export interface Occurrence {
  rule: Rule;
  readonly id: string;
  life: Life;
  readonly since: Millis;
  readonly raisedAt: Millis;
  changedAt: Millis;
  returnedAt?: Millis;
  acknowledgedAt?: Millis;
  acknowledgedBy?: string;
  /** When it wants attention again, on the gateway's clock. */
  reAlarmAt?: Millis;
  /** When it becomes more urgent, on the gateway's clock, if it is still in alarm. */
  escalateAt?: Millis;
  /** Other than the rule's since it became more urgent. */
  priority?: Priority;
  firstInGroup?: boolean;
  value?: number;
  message: string;
  messageZh?: string;
  evidence: Readonly<Record<string, unknown>>;
  raisedLate: boolean;
  /** What explained it last; counts while it is suppressed. */
  explainedBy?: string;
  /** Id of the flood in which it was last raised: its end is told by the digest, too. */
  flood?: string;
}

/** @param raisedLate - it had ended before its data came */
export function newOccurrence(
  rule: Rule,
  raise: Raise,
  { life, raisedLate }: Pick<Occurrence, 'life' | 'raisedLate'>,
  clock: SiteClock,
): Occurrence {
  const { since, at, evidence } = raise;
  return {
    rule,
    id: occurrenceId(rule.key, at),
    life,
    since,
    raisedAt: at,
    changedAt: at,
    ...told(rule, raise, clock),
    evidence: evidence.details,
    raisedLate,
  };
}

/** What is known of an occurrence from its record, where its state was lost. */
export function occurrenceOf(rule: Rule, alarm: Alarm): Occurrence {
  const { id, state, active, latched, holds, shelvedUntil, since, raisedAt, changedAt, message, evidence } = alarm;
  const oneShot = holds.includes('shelved') && shelvedUntil === undefined;
  return {
    rule,
    id,
    life: {
      state,
      active,
      latched,
      holds,
      oneShot,
      confirmed: false,
      ...(shelvedUntil === undefined ? {} : { shelvedUntil }),
    },
    since,
    raisedAt,
    changedAt,
    message,
    evidence,
    raisedLate: alarm.raisedLate,
    ...(alarm.messageZh === undefined ? {} : { messageZh: alarm.messageZh }),
    ...(alarm.returnedAt === undefined ? {} : { returnedAt: alarm.returnedAt }),
    ...(alarm.acknowledgedAt === undefined ? {} : { acknowledgedAt: alarm.acknowledgedAt }),
    ...(alarm.acknowledgedBy === undefined ? {} : { acknowledgedBy: alarm.acknowledgedBy }),
    ...(alarm.value === undefined ? {} : { value: alarm.value }),
    ...(alarm.flood === undefined ? {} : { flood: alarm.flood }),
    ...(alarm.priority === rule.priority ? {} : { priority: alarm.priority }),
  };
}

/** Value and words of an occurrence. */
export function told(
  rule: Rule,
  { since, at, evidence }: Raise,
  clock: SiteClock,
): Pick<Occurrence, 'value' | 'message' | 'messageZh'> {
  const { value, against, againstZh } = isContact(rule, evidence.value) ? {} : evidence;
  const { locationName = rule.location } = rule;
  const common = {
    asset: rule.asset,
    since,
    raisedAt: at,
    ...(rule.unit === undefined ? {} : { unit: rule.unit }),
    ...(value === undefined ? {} : { value }),
  };
  const message = sentence(
    {
      ...common,
      title: rule.title,
      ...(locationName === undefined ? {} : { location: locationName }),
      ...(rule.response === undefined ? {} : { response: rule.response }),
      ...(against === undefined ? {} : { against }),
    },
    clock,
  );
  const { titleZh, responseZh, locationZh = rule.location } = rule;
  const messageZh =
    titleZh === undefined
      ? undefined
      : sentenceZh(
          {
            ...common,
            title: titleZh,
            ...(locationZh === undefined ? {} : { location: locationZh }),
            ...(responseZh === undefined ? {} : { response: responseZh }),
            ...(againstZh === undefined ? {} : { against: againstZh }),
          },
          clock,
        );
  return {
    message,
    ...(messageZh === undefined ? {} : { messageZh }),
    ...(evidence.value === undefined ? {} : { value: evidence.value }),
  };
}

/** An open door is open: `1, limit 0.5` would tell nobody anything. */
function isContact({ unit, setpoint }: Rule, value: number | undefined): boolean {
  const isPlain = unit === undefined || unit === '1';
  return isPlain && (value === 0 || value === 1) && (setpoint === undefined || setpoint === 0.5);
}

/** The record that the API and the live feed carry. */
export function recordOf(occurrence: Occurrence): Alarm {
  const { rule, life } = occurrence;
  const optional = <K extends string, V>(key: K, value: V | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
  return {
    id: occurrence.id,
    rule: rule.key,
    kind: rule.kind,
    asset: rule.asset,
    ...optional('point', rule.pointId === '' ? undefined : rule.pointId),
    ...optional('assetClass', rule.assetClass),
    ...optional('location', rule.location),
    priority: occurrence.priority ?? rule.priority,
    state: life.state,
    holds: life.holds,
    latched: life.latched,
    active: life.active,
    message: occurrence.message,
    ...optional('messageZh', occurrence.messageZh),
    since: occurrence.since,
    raisedAt: occurrence.raisedAt,
    changedAt: occurrence.changedAt,
    ...optional('returnedAt', occurrence.returnedAt),
    ...optional('acknowledgedAt', occurrence.acknowledgedAt),
    ...optional('acknowledgedBy', occurrence.acknowledgedBy),
    ...optional('shelvedUntil', life.shelvedUntil),
    ...optional('value', occurrence.value),
    ...optional('setpoint', rule.setpoint),
    ...optional('unit', rule.unit),
    raisedLate: occurrence.raisedLate,
    ...optional('response', rule.response),
    ...optional('responseZh', rule.responseZh),
    ...optional('cause', rule.cause),
    ...optional('causeZh', rule.causeZh),
    ...optional('consequence', rule.consequence),
    ...optional('consequenceZh', rule.consequenceZh),
    ...optional('timeToRespondMs', rule.timeToRespondMs),
    ...optional('explainedBy', life.holds.includes('suppressed') ? occurrence.explainedBy : undefined),
    ...optional('firstInGroup', occurrence.firstInGroup),
    ...optional('flood', occurrence.flood),
    evidence: occurrence.evidence,
  };
}

/**
 * Id of one occurrence: the same rule and event time give the same id, so a replay repeats nothing.
 *
 * @returns 15-20 characters of `0-9 a-z -`; time first, so that ids sort roughly by age
 */
export function occurrenceId(ruleKey: string, raisedAt: Millis): string {
  return `${Math.max(0, Math.round(raisedAt)).toString(36)}-${hash53(`${ruleKey}@${raisedAt}`).toString(36)}`;
}

/** cyrb53: 53 well-mixed bits of a text (public domain, github.com/bryc/code, cyrb53). */
function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
