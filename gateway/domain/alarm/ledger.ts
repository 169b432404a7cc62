import type { Alarm, AlarmState, Flood, JournalEntry, Priority } from '../../../contract/alarm.ts';
import { formatDuration, type Millis } from '../../../contract/time.ts';
import { unitLabel } from '../../../contract/units.ts';
import { listAsJson } from '../json-pieces.ts';
import type { Author, JudgeInput, OperatorCommand, Refusal, Rule } from '../plant.ts';
import type { SiteClock } from '../site-clock.ts';
import { FloodWatch } from './flood.ts';
import { isClosed, isRefusal, type Life, type LifeEvent, lifeEventOf, NORMAL, step } from './lifecycle.ts';
import { moved, occurrenceId, sentence, sentenceZh } from './occurrence.ts';
import { pageFor } from './paging.ts';

/** Closed occurrences kept in memory so that people can still comment, confirm or put them out of service. */
export const CLOSED_MAX = 2000;

/** What an alarm rests on when it is raised. */
export interface Evidence {
  readonly value?: number;
  /** Words after the value: `limit 80`. */
  readonly against?: string;
  /** The same in Chinese, where there are words for it. */
  readonly againstZh?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** One occurrence and everything known of it; plain data, goes into snapshots as it is. */
interface Occurrence {
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

/** Where transitions are written. */
export interface Records {
  readonly alarms: Alarm[];
  readonly journal: JournalEntry[];
  /** Floods whose record changed; the last entry per id wins. */
  readonly floods?: Flood[];
}

export interface Raise {
  readonly since: Millis;
  readonly at: Millis;
  readonly evidence: Evidence;
  /** What explains it: it is born suppressed. */
  readonly cause?: string;
}

/**
 * All occurrences that are not over, by rule and by id. Turns trips and clears, commands and time into
 * changed alarm records and journal lines; the rules of what may follow what are in lifecycle.ts.
 */
export class AlarmLedger {
  private readonly clock: SiteClock;
  private readonly byRule = new Map<string, Occurrence>();
  private readonly byId = new Map<string, Occurrence>();
  /** Ids of closed occurrences in byId, oldest first. */
  private readonly closed: string[] = [];
  /** Occurrences with something due on the gateway's clock. */
  private readonly timed = new Set<Occurrence>();
  private readonly floods: FloodWatch;
  /** Occurrences that are active, by asset. */
  private readonly activeOf = new Map<string, number>();

  /** @param groupOf - operator group of an alarm: floods are recognised per group */
  constructor(clock: SiteClock, groupOf?: (alarm: Alarm) => string) {
    this.clock = clock;
    this.floods = new FloodWatch(groupOf === undefined ? {} : { groupOf });
  }

  /** Whether an occurrence is open or was lately. */
  knows(id: string): boolean {
    return this.byId.has(id);
  }

  isOpen(ruleKey: string): boolean {
    return this.byRule.has(ruleKey);
  }

  /** When the open occurrence of a rule began. */
  since(ruleKey: string): Millis | undefined {
    return this.byRule.get(ruleKey)?.since;
  }

  /** A condition tripped: a new occurrence, or the one that waits for a person comes back. */
  raise(rule: Rule, raise: Raise, recordedAt: Millis, out: Records): void {
    const current = this.byRule.get(rule.key);
    if (current !== undefined && current.life.state !== 'normal') {
      delete current.returnedAt;
      if (raise.cause !== undefined) this.suppress(rule.key, raise.cause, raise.at, recordedAt, out);
      this.change(current, { kind: 'raise' }, 're-raise', raise.at, recordedAt, { who: 'system' }, out);
      return;
    }
    let life = NORMAL;
    if (current !== undefined) {
      // Back to normal under a hold: the hold moves on to the new occurrence.
      const { holds, shelvedUntil, oneShot } = current.life;
      life = { ...NORMAL, holds, oneShot, ...(shelvedUntil === undefined ? {} : { shelvedUntil }) };
      current.life = NORMAL;
      this.retire(current);
      out.alarms.push(toAlarm(current));
    }
    if (raise.cause !== undefined)
      life = { ...life, holds: [...new Set([...life.holds, 'suppressed' as const])].sort() };
    const occurrence = this.create(rule, raise, life, false);
    const known = this.byId.get(occurrence.id);
    if (known !== undefined) {
      // The same condition at the same event time, told again: the same occurrence, and now it holds.
      known.raisedLate = false;
      this.change(known, { kind: 'raise' }, 're-raise', raise.at, recordedAt, { who: 'system' }, out);
      return;
    }
    this.byRule.set(rule.key, occurrence);
    this.byId.set(occurrence.id, occurrence);
    this.change(
      occurrence,
      { kind: 'raise' },
      'raise',
      raise.at,
      recordedAt,
      { who: 'system', why: occurrence.message },
      out,
    );
    if (raise.cause !== undefined) this.floods.explained(toAlarm(occurrence), raise.cause, recordedAt);
  }

  /** A condition cleared. */
  clear(ruleKey: string, at: Millis, recordedAt: Millis, out: Records): void {
    const current = this.byRule.get(ruleKey);
    if (current === undefined || !current.life.active) return;
    current.returnedAt = at;
    this.change(
      current,
      { kind: 'return', latch: current.rule.latch },
      'return',
      at,
      recordedAt,
      { who: 'system' },
      out,
    );
  }

  /** More is known of a condition that holds: record and words change, the evidence is added to; no transition, no call. */
  update(ruleKey: string, evidence: Evidence, out: Records): void {
    const current = this.byRule.get(ruleKey);
    if (current === undefined || !current.life.active) return;
    const { rule, since, raisedAt } = current;
    Object.assign(current, this.told(rule, { since, at: raisedAt, evidence }), {
      evidence: { ...current.evidence, ...evidence.details },
    });
    out.alarms.push(toAlarm(current));
  }

  /** It is known where it comes from: journalled, nobody is called again. An alarm that is forgotten by now stays as it was. */
  locate(found: Extract<JudgeInput, { kind: 'located' }>, out: Records): void {
    const current = this.byId.get(found.alarm);
    if (current === undefined) return;
    const { at, location, why, details } = found;
    if (location !== undefined) {
      const { rule } = current;
      current.rule = { ...rule, location, locationZh: location };
      current.message = moved(current.message, rule.asset, rule.location, location);
      if (current.messageZh !== undefined)
        current.messageZh = moved(current.messageZh, rule.asset, rule.locationZh ?? rule.location, location);
    }
    current.evidence = { ...current.evidence, located: details };
    this.write(current, current.life.state, 'located', at, at, { who: 'system', why }, out);
  }

  /**
   * It had already ended when its data came: journalled, in the list of the past, never paged.
   *
   * @returns its id, for {@link returnLate}
   */
  raiseLate(rule: Rule, raise: Raise, recordedAt: Millis, out: Records): string {
    const occurrence = this.create(rule, raise, NORMAL, true);
    const { id } = occurrence;
    if (this.byId.has(id)) return id;
    occurrence.changedAt = recordedAt;
    this.byId.set(id, occurrence);
    this.retire(occurrence);
    this.write(
      occurrence,
      'normal',
      'raise-late',
      raise.at,
      recordedAt,
      { who: 'system', why: occurrence.message },
      out,
    );
    return id;
  }

  /** When it had ended; nothing happens when it is no late one. */
  returnLate(id: string, at: Millis, recordedAt: Millis, out: Records): void {
    const occurrence = this.byId.get(id);
    if (occurrence === undefined || !occurrence.raisedLate || occurrence.returnedAt !== undefined) return;
    occurrence.returnedAt = at;
    occurrence.changedAt = recordedAt;
    this.write(occurrence, 'normal', 'return-late', at, recordedAt, { who: 'system' }, out);
  }

  /** Suppression by logic: something else explains it. */
  suppress(ruleKey: string, cause: string, at: Millis, recordedAt: Millis, out: Records): void {
    const current = this.byRule.get(ruleKey);
    if (current === undefined) return;
    current.explainedBy = cause;
    const by = { who: 'system', why: `Explained by ${cause}.` };
    this.change(current, { kind: 'suppress' }, 'suppress', at, recordedAt, by, out);
    this.floods.explained(toAlarm(current), cause, recordedAt);
  }

  /** Nothing explains it any more. */
  unsuppress(ruleKey: string, at: Millis, recordedAt: Millis, out: Records): void {
    const current = this.byRule.get(ruleKey);
    if (current === undefined) return;
    this.change(current, { kind: 'unsuppress' }, 'unsuppress', at, recordedAt, { who: 'system' }, out);
  }

  /** Open occurrences, in the order they were raised. */
  open(): readonly {
    readonly rule: Rule;
    readonly since: Millis;
    readonly isActive: boolean;
    readonly isSuppressed: boolean;
  }[] {
    return [...this.byRule.values()].map(({ rule, since, life }) => ({
      rule,
      since,
      isActive: life.active,
      isSuppressed: life.holds.includes('suppressed'),
    }));
  }

  operate(command: OperatorCommand, out: Records): Refusal | undefined {
    const occurrence = this.byId.get(command.alarm);
    if (occurrence === undefined)
      return { code: 'alarm-unknown', message: `no alarm ${command.alarm} is open or was lately` };
    if (occurrence.raisedLate && command.action !== 'comment' && command.action !== 'confirm')
      return { code: 'action-not-possible', message: 'it had ended before its data came' };
    const event = lifeEventOf(command);
    if (event !== undefined && isRefusal(event)) return event;
    const newer = this.byRule.get(occurrence.rule.key);
    if (event !== undefined && newer !== undefined && newer !== occurrence && event.kind !== 'confirm')
      return { code: 'action-not-possible', message: `it was raised again as ${newer.id}` };
    const next = event === undefined ? occurrence.life : step(occurrence.life, event);
    if (isRefusal(next)) return next;
    if (command.action === 'acknowledge') {
      occurrence.acknowledgedAt = command.at;
      occurrence.acknowledgedBy = command.who;
    }
    const from = occurrence.life.state;
    occurrence.life = next;
    this.settle(occurrence, command.at);
    this.write(occurrence, from, command.action, command.at, command.at, { who: command.who, ...whyOf(command) }, out);
    return undefined;
  }

  /** The gateway's clock moved: shelving ends, forgotten alarms ask again. */
  tick(now: Millis, out: Records): void {
    for (const occurrence of this.timed) {
      const { shelvedUntil } = occurrence.life;
      if (shelvedUntil !== undefined && shelvedUntil <= now)
        this.change(occurrence, { kind: 'shelve-expired' }, 'shelve-expired', now, now, { who: 'system' }, out);
      if (occurrence.reAlarmAt !== undefined && occurrence.reAlarmAt <= now)
        this.change(occurrence, { kind: 're-alarm' }, 're-alarm', now, now, { who: 'system' }, out);
      if (occurrence.escalateAt !== undefined && occurrence.escalateAt <= now) this.escalate(occurrence, now, out);
    }
    this.floods.tick(now);
  }

  /** Nobody has brought it back to normal in its time: more urgent, and asked for again whoever acknowledged it. */
  private escalate(occurrence: Occurrence, now: Millis, out: Records): void {
    const { escalate, priority: before } = occurrence.rule;
    delete occurrence.escalateAt;
    if (escalate === undefined) return;
    const from = occurrence.life.state;
    occurrence.priority = escalate.priority;
    const why = `Still in alarm after ${formatDuration(escalate.afterMs)}: P${before} became P${escalate.priority}.`;
    const next = step(occurrence.life, { kind: 'escalate' });
    if (isRefusal(next)) return;
    occurrence.life = next;
    this.settle(occurrence, now);
    this.write(occurrence, from, 'escalate', now, now, { who: 'system', why }, out);
  }

  /** After a step: what it did to the floods. */
  tellFloods({ floods }: Records): void {
    const changed = this.floods.takeChanged();
    if (changed.length > 0) floods?.push(...changed);
  }

  /**
   * Its rule is another one now. An open occurrence follows: limits, priority, delays and texts are those of the new rule,
   * what was said when it was raised stays. More urgent than before, it asks for attention again, whoever acknowledged the
   * lesser one (OPC 10000-9, 5.5: a change of Severity of an acked condition).
   */
  renew(rule: Rule, by: Author, now: Millis, out: Records): void {
    const occurrence = this.byRule.get(rule.key);
    if (occurrence === undefined || occurrence.rule === rule) return;
    const { rule: before, evidence } = occurrence;
    const priority = occurrence.priority ?? before.priority;
    // Where it was found to come from outlasts what the files say of its place.
    const place = 'located' in evidence ? before.location : undefined;
    occurrence.rule = place === undefined ? rule : { ...rule, location: place, locationZh: place };
    const changes = differences(before, rule);
    if (changes.length === 0) return;
    if (occurrence.priority !== undefined && occurrence.priority >= rule.priority) delete occurrence.priority;
    const isMoreUrgent = (occurrence.priority ?? rule.priority) < priority && occurrence.life.active;
    const from = occurrence.life.state;
    if (isMoreUrgent) {
      const next = step(occurrence.life, { kind: 'escalate' });
      if (!isRefusal(next)) occurrence.life = next;
    }
    this.settle(occurrence, now);
    const why = [changes.join(', '), ...(by.why === undefined ? [] : [by.why])].join('. ');
    this.write(occurrence, from, isMoreUrgent ? 'escalate' : 'change-rule', now, now, { who: by.who, why }, out);
  }

  /** Rules that left the configuration, or were switched off, take their alarms with them. */
  closeUnknown(known: (ruleKey: string) => boolean, by: Author, now: Millis, out: Records): void {
    for (const [key, occurrence] of this.byRule) {
      if (known(key)) continue;
      const from = occurrence.life.state;
      if (occurrence.life.active) this.countActive(occurrence.rule.asset, -1);
      occurrence.life = NORMAL;
      occurrence.returnedAt ??= now;
      this.settle(occurrence, now);
      this.write(occurrence, from, 'remove', now, now, by, out);
    }
  }

  /** What it knows as of now, held fast at once and written as JSON piece by piece: fifty thousand take a tenth of a second. */
  freeze(): () => Iterable<string> {
    // Fields of an occurrence change in place, what they hold is replaced.
    const copies = (occurrences: Iterable<Occurrence | undefined>) =>
      Array.from(occurrences, (occurrence) => ({ ...occurrence }));
    const open = copies(this.byRule.values());
    const closed = copies(this.closed.map((id) => this.byId.get(id)));
    const floods = JSON.stringify(this.floods.snapshot());
    return function* () {
      yield '{"open":[';
      yield* listAsJson(open);
      yield '],"closed":[';
      yield* listAsJson(closed);
      yield `],"floods":${floods}}`;
    };
  }

  restore(state: unknown): void {
    const { open, closed, floods } = state as { open: Occurrence[]; closed: Occurrence[]; floods?: unknown };
    this.floods.restore(floods);
    for (const map of [this.byRule, this.byId]) map.clear();
    this.timed.clear();
    this.activeOf.clear();
    this.closed.length = 0;
    for (const occurrence of open) {
      this.byRule.set(occurrence.rule.key, occurrence);
      this.byId.set(occurrence.id, occurrence);
      if (occurrence.life.active) this.countActive(occurrence.rule.asset, 1);
      this.watch(occurrence);
    }
    for (const occurrence of closed) {
      this.byId.set(occurrence.id, occurrence);
      this.closed.push(occurrence.id);
    }
  }

  /** An alarm that is open by its record, of which the state was lost. */
  adopt(rule: Rule, alarm: Alarm): void {
    const { id, state, active, latched, holds, shelvedUntil, since, raisedAt, changedAt, message, evidence } = alarm;
    const oneShot = holds.includes('shelved') && shelvedUntil === undefined;
    const occurrence: Occurrence = {
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
    };
    this.byRule.set(rule.key, occurrence);
    this.byId.set(id, occurrence);
    if (active) this.countActive(rule.asset, 1);
    if (alarm.priority !== rule.priority) occurrence.priority = alarm.priority;
    this.watch(occurrence);
  }

  private create(rule: Rule, raise: Raise, life: Life, raisedLate: boolean): Occurrence {
    const { since, at, evidence } = raise;
    return {
      rule,
      id: occurrenceId(rule.key, at),
      life,
      since,
      raisedAt: at,
      changedAt: at,
      ...this.told(rule, raise),
      evidence: evidence.details,
      raisedLate,
    };
  }

  /** Value and words of an occurrence. */
  private told(rule: Rule, { since, at, evidence }: Raise): Pick<Occurrence, 'value' | 'message' | 'messageZh'> {
    const { value, against, againstZh } = isContact(rule, evidence.value) ? {} : evidence;
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
        ...(rule.location === undefined ? {} : { location: rule.location }),
        ...(rule.response === undefined ? {} : { response: rule.response }),
        ...(against === undefined ? {} : { against }),
      },
      this.clock,
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
            this.clock,
          );
    return {
      message,
      ...(messageZh === undefined ? {} : { messageZh }),
      ...(evidence.value === undefined ? {} : { value: evidence.value }),
    };
  }

  private change(
    occurrence: Occurrence,
    event: LifeEvent,
    name: string,
    at: Millis,
    recordedAt: Millis,
    by: { readonly who: string; readonly why?: string },
    out: Records,
  ): void {
    const next = step(occurrence.life, event);
    if (isRefusal(next) || next === occurrence.life) return;
    const { state: from, active: wasActive } = occurrence.life;
    occurrence.life = next;
    if (next.active !== wasActive) this.becameActive(occurrence, next.active);
    this.settle(occurrence, recordedAt);
    this.write(occurrence, from, name, at, recordedAt, by, out);
  }

  private becameActive(occurrence: Occurrence, isActive: boolean): void {
    const { asset } = occurrence.rule;
    if (isActive) {
      occurrence.firstInGroup = (this.activeOf.get(asset) ?? 0) === 0;
      delete occurrence.priority;
      delete occurrence.escalateAt;
    }
    this.countActive(asset, isActive ? 1 : -1);
  }

  private countActive(asset: string, step: 1 | -1): void {
    const count = (this.activeOf.get(asset) ?? 0) + step;
    if (count > 0) this.activeOf.set(asset, count);
    else this.activeOf.delete(asset);
  }

  /** Keeps timers and maps in step with the life. */
  private settle(occurrence: Occurrence, now: Millis): void {
    const { reAlarmMs } = occurrence.rule;
    const waits = reAlarmMs !== undefined && occurrence.life.active && occurrence.life.state === 'acknowledged';
    if (!waits) delete occurrence.reAlarmAt;
    else occurrence.reAlarmAt ??= now + reAlarmMs;
    const { escalate } = occurrence.rule;
    const mayRise = escalate !== undefined && occurrence.life.active && occurrence.priority === undefined;
    if (!mayRise) delete occurrence.escalateAt;
    else occurrence.escalateAt ??= now + escalate.afterMs;
    occurrence.changedAt = now;
    if (occurrence.life.state === 'unacknowledged') {
      // Who acknowledged it before it came back has not seen this.
      delete occurrence.acknowledgedAt;
      delete occurrence.acknowledgedBy;
    }
    this.watch(occurrence);
    if (!isClosed(occurrence.life)) {
      // A closed one that a person put on hold is open again.
      if (this.byRule.get(occurrence.rule.key) !== occurrence) this.reopen(occurrence);
    } else if (this.byRule.get(occurrence.rule.key) === occurrence) this.retire(occurrence);
  }

  private watch(occurrence: Occurrence): void {
    const { reAlarmAt, escalateAt, life } = occurrence;
    const isTimed = life.shelvedUntil !== undefined || reAlarmAt !== undefined || escalateAt !== undefined;
    if (isTimed) this.timed.add(occurrence);
    else this.timed.delete(occurrence);
  }

  private reopen(occurrence: Occurrence): void {
    const place = this.closed.indexOf(occurrence.id);
    if (place >= 0) this.closed.splice(place, 1);
    this.byRule.set(occurrence.rule.key, occurrence);
  }

  private retire(occurrence: Occurrence): void {
    if (this.byRule.get(occurrence.rule.key) === occurrence) this.byRule.delete(occurrence.rule.key);
    this.timed.delete(occurrence);
    this.closed.push(occurrence.id);
    while (this.closed.length > CLOSED_MAX) this.byId.delete(this.closed.shift() as string);
  }

  private write(
    occurrence: Occurrence,
    from: AlarmState,
    event: string,
    at: Millis,
    recordedAt: Millis,
    by: { readonly who: string; readonly why?: string },
    out: Records,
  ): void {
    const entry: JournalEntry = {
      alarm: occurrence.id,
      at,
      recordedAt,
      from,
      to: occurrence.life.state,
      event,
      ...by,
    };
    const alarm = toAlarm(occurrence);
    const page = pageFor(entry, alarm);
    const flood = page === undefined ? undefined : this.floods.note(page, entry, alarm);
    if (page === 'raise' || page === 're-raise') {
      if (flood === undefined) delete occurrence.flood;
      else occurrence.flood = flood;
    }
    const told = page === undefined ? {} : { told: page };
    out.journal.push({ ...entry, ...told, ...(flood === undefined ? {} : { flood }) });
    out.alarms.push(occurrence.flood === alarm.flood ? alarm : toAlarm(occurrence));
  }
}

/** What of a rule people go by is another than before, in words. */
function differences(before: Rule, now: Rule): string[] {
  const figure = (rule: Rule, value: number | undefined) =>
    value === undefined ? 'none' : `${value} ${rule.unit === undefined ? '' : unitLabel(rule.unit)}`.trim();
  const all: readonly (readonly [name: string, before: string, now: string])[] = [
    ['priority', `P${before.priority}`, `P${now.priority}`],
    ['setpoint', figure(before, before.setpoint), figure(now, now.setpoint)],
    ['deadband', figure(before, before.deadband), figure(now, now.deadband)],
    ['onDelay', formatDuration(before.onDelayMs), formatDuration(now.onDelayMs)],
    ['offDelay', formatDuration(before.offDelayMs), formatDuration(now.offDelayMs)],
  ];
  return all.flatMap(([name, was, is]) => (was === is ? [] : [`${name} ${was} became ${is}`]));
}

/** An open door is open: `1, limit 0.5` would tell nobody anything. */
function isContact({ unit, setpoint }: Rule, value: number | undefined): boolean {
  const isPlain = unit === undefined || unit === '1';
  return isPlain && (value === 0 || value === 1) && (setpoint === undefined || setpoint === 0.5);
}

function whyOf(command: OperatorCommand): { why?: string } {
  return command.comment === undefined || command.comment === '' ? {} : { why: command.comment };
}

function toAlarm(occurrence: Occurrence): Alarm {
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
