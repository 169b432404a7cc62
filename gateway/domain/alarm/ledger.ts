import type { Alarm, AlarmState, Flood, JournalEntry } from '../../../contract/alarm.ts';
import { formatDuration, type Millis } from '../../../contract/time.ts';
import { unitLabel } from '../../../contract/units.ts';
import type { Author, JudgeInput, OperatorCommand, Refusal, Rule } from '../plant.ts';
import type { SiteClock } from '../site-clock.ts';
import { AlarmList } from './alarm-list.ts';
import { FloodWatch } from './flood.ts';
import { isRefusal, type LifeEvent, lifeEventOf, NORMAL, step } from './lifecycle.ts';
import {
  type Evidence,
  newOccurrence,
  type Occurrence,
  occurrenceOf,
  type Raise,
  recordOf,
  told,
} from './occurrence.ts';
import { pageFor } from './paging.ts';
import { moved } from './sentence.ts';

/** Where transitions are written. */
export interface Records {
  readonly alarms: Alarm[];
  readonly journal: JournalEntry[];
  /** Floods whose record changed; the last entry per id wins. */
  readonly floods?: Flood[];
}

/**
 * Turns trips and clears, commands and time into changed alarm records and journal lines. What may follow what is said in
 * lifecycle.ts.
 */
export class AlarmLedger {
  private readonly clock: SiteClock;
  private readonly list = new AlarmList();
  private readonly floods: FloodWatch;

  /** @param groupOf - operator group of an alarm: floods are recognised per group */
  constructor(clock: SiteClock, groupOf?: (alarm: Alarm) => string) {
    this.clock = clock;
    this.floods = new FloodWatch(groupOf === undefined ? {} : { groupOf });
  }

  /** Whether an occurrence is open or was lately. */
  knows(id: string): boolean {
    return this.list.find(id) !== undefined;
  }

  isOpen(ruleKey: string): boolean {
    return this.list.openOf(ruleKey) !== undefined;
  }

  /** When the open occurrence of a rule began. */
  since(ruleKey: string): Millis | undefined {
    return this.list.openOf(ruleKey)?.since;
  }

  /** A condition tripped: a new occurrence, or the one that waits for a person comes back. */
  raise(rule: Rule, raise: Raise, recordedAt: Millis, out: Records): void {
    const current = this.list.openOf(rule.key);
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
      this.list.close(current);
      out.alarms.push(recordOf(current));
    }
    if (raise.cause !== undefined)
      life = { ...life, holds: [...new Set([...life.holds, 'suppressed' as const])].sort() };
    const occurrence = newOccurrence(rule, raise, { life, raisedLate: false }, this.clock);
    const known = this.list.find(occurrence.id);
    if (known !== undefined) {
      // The same condition at the same event time, told again: the same occurrence, and now it holds.
      known.raisedLate = false;
      this.change(known, { kind: 'raise' }, 're-raise', raise.at, recordedAt, { who: 'system' }, out);
      return;
    }
    this.list.add(occurrence);
    this.change(
      occurrence,
      { kind: 'raise' },
      'raise',
      raise.at,
      recordedAt,
      { who: 'system', why: occurrence.message },
      out,
    );
    if (raise.cause !== undefined) this.floods.explained(recordOf(occurrence), raise.cause, recordedAt);
  }

  /** A condition cleared. */
  clear(ruleKey: string, at: Millis, recordedAt: Millis, out: Records): void {
    const current = this.list.openOf(ruleKey);
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
    const current = this.list.openOf(ruleKey);
    if (current === undefined || !current.life.active) return;
    const { rule, since, raisedAt } = current;
    Object.assign(current, told(rule, { since, at: raisedAt, evidence }, this.clock), {
      evidence: { ...current.evidence, ...evidence.details },
    });
    out.alarms.push(recordOf(current));
  }

  /** It is known where it comes from: journalled, nobody is called again. An alarm that is forgotten by now stays as it was. */
  locate(found: Extract<JudgeInput, { kind: 'located' }>, out: Records): void {
    const current = this.list.find(found.alarm);
    if (current === undefined) return;
    const { at, location, why, details } = found;
    if (location !== undefined) {
      const { locationName, ...rule } = current.rule;
      current.rule = { ...rule, location, locationZh: location };
      current.message = moved(current.message, rule.asset, locationName ?? rule.location, location);
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
    const occurrence = newOccurrence(rule, raise, { life: NORMAL, raisedLate: true }, this.clock);
    const { id } = occurrence;
    if (this.list.find(id) !== undefined) return id;
    occurrence.changedAt = recordedAt;
    this.list.close(occurrence);
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
    const occurrence = this.list.find(id);
    if (occurrence === undefined || !occurrence.raisedLate || occurrence.returnedAt !== undefined) return;
    occurrence.returnedAt = at;
    occurrence.changedAt = recordedAt;
    this.write(occurrence, 'normal', 'return-late', at, recordedAt, { who: 'system' }, out);
  }

  /** Suppression by logic: something else explains it. */
  suppress(ruleKey: string, cause: string, at: Millis, recordedAt: Millis, out: Records): void {
    const current = this.list.openOf(ruleKey);
    if (current === undefined) return;
    current.explainedBy = cause;
    const by = { who: 'system', why: `Explained by ${cause}.` };
    this.change(current, { kind: 'suppress' }, 'suppress', at, recordedAt, by, out);
    this.floods.explained(recordOf(current), cause, recordedAt);
  }

  /** Nothing explains it any more. */
  unsuppress(ruleKey: string, at: Millis, recordedAt: Millis, out: Records): void {
    const current = this.list.openOf(ruleKey);
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
    return [...this.list.open()].map(({ rule, since, life }) => ({
      rule,
      since,
      isActive: life.active,
      isSuppressed: life.holds.includes('suppressed'),
    }));
  }

  operate(command: OperatorCommand, out: Records): Refusal | undefined {
    const occurrence = this.list.find(command.alarm);
    if (occurrence === undefined)
      return { code: 'alarm-unknown', message: `no alarm ${command.alarm} is open or was lately` };
    if (occurrence.raisedLate && command.action !== 'comment' && command.action !== 'confirm')
      return { code: 'action-not-possible', message: 'it had ended before its data came' };
    const event = lifeEventOf(command);
    if (event !== undefined && isRefusal(event)) return event;
    const newer = this.list.openOf(occurrence.rule.key);
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
    for (const occurrence of this.list.due(now)) {
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
    const occurrence = this.list.openOf(rule.key);
    if (occurrence === undefined || occurrence.rule === rule) return;
    const { rule: before, evidence } = occurrence;
    const priority = occurrence.priority ?? before.priority;
    // Where it was found to come from outlasts what the files say of its place.
    const place = 'located' in evidence ? before.location : undefined;
    occurrence.rule = place === undefined ? rule : { ...rule, location: place, locationZh: before.locationZh ?? place };
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
    for (const occurrence of this.list.open()) {
      if (known(occurrence.rule.key)) continue;
      const from = occurrence.life.state;
      if (occurrence.life.active) this.list.countActive(occurrence.rule.asset, -1);
      occurrence.life = NORMAL;
      occurrence.returnedAt ??= now;
      this.settle(occurrence, now);
      this.write(occurrence, from, 'remove', now, now, by, out);
    }
  }

  /** What it knows as of now, as pieces of JSON. */
  freeze(): () => Iterable<string> {
    const list = this.list.freeze();
    const floods = JSON.stringify(this.floods.snapshot());
    return function* () {
      yield '{';
      yield* list();
      yield `,"floods":${floods}}`;
    };
  }

  restore(state: unknown): void {
    const { open, closed, floods } = state as { open: Occurrence[]; closed: Occurrence[]; floods?: unknown };
    this.floods.restore(floods);
    this.list.restore({ open, closed });
  }

  /** An alarm that is open by its record, of which the state was lost. */
  adopt(rule: Rule, alarm: Alarm): void {
    this.list.adopt(occurrenceOf(rule, alarm));
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
      occurrence.firstInGroup = !this.list.isActiveAt(asset);
      delete occurrence.priority;
      delete occurrence.escalateAt;
    }
    this.list.countActive(asset, isActive ? 1 : -1);
  }

  /** Keeps timers and list in step with the life. */
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
    this.list.place(occurrence);
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
    const alarm = recordOf(occurrence);
    const page = pageFor(entry, alarm);
    const flood = page === undefined ? undefined : this.floods.note(page, entry, alarm);
    if (page === 'raise' || page === 're-raise') {
      if (flood === undefined) delete occurrence.flood;
      else occurrence.flood = flood;
    }
    const told = page === undefined ? {} : { told: page };
    out.journal.push({ ...entry, ...told, ...(flood === undefined ? {} : { flood }) });
    out.alarms.push(occurrence.flood === alarm.flood ? alarm : recordOf(occurrence));
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

function whyOf(command: OperatorCommand): { why?: string } {
  return command.comment === undefined || command.comment === '' ? {} : { why: command.comment };
}
