import { describe, expect, it } from 'vitest';
import type { Alarm, JournalEntry } from '../../../../../contract/alarm.ts';
import { CLOSED_MAX } from '../../../../../gateway/domain/alarm/alarm-list.ts';
import { AlarmLedger } from '../../../../../gateway/domain/alarm/ledger.ts';
import type { OperatorCommand, Rule } from '../../../../../gateway/domain/plant.ts';
import { siteClock } from '../../../../../gateway/domain/site-clock.ts';
import { highRule, START } from '../timeline.ts';

/** A ledger and what it wrote; times are milliseconds from START. */
function keeping(rule: Rule = highRule()) {
  const ledger = new AlarmLedger(siteClock('UTC'));
  const out = { alarms: [] as Alarm[], journal: [] as JournalEntry[] };
  const evidence = { details: {} };
  return {
    ledger,
    out,
    last: () => out.alarms.at(-1) as Alarm,
    events: () => out.journal.map(({ event }) => event),
    raise: (at: number) => ledger.raise(rule, { since: START + at, at: START + at, evidence }, START + at, out),
    late: (at: number) => ledger.raiseLate(rule, { since: START + at, at: START + at, evidence }, START + at, out),
    clear: (at: number) => ledger.clear(rule.key, START + at, START + at, out),
    tick: (at: number) => ledger.tick(START + at, out),
    operate: (alarm: string, action: OperatorCommand['action'], more: Partial<OperatorCommand> = {}) =>
      ledger.operate({ action, alarm, who: 'li', at: START + 50, ...more }, out),
  };
}

describe('the ledger of alarms', () => {
  it('returns once, and never what is not active', () => {
    const { raise, clear, operate, events, last } = keeping();
    clear(1);
    raise(2);
    clear(3);
    clear(9);
    expect(events()).toEqual(['raise', 'return']);
    operate(last().id, 'acknowledge');
    expect(last()).toMatchObject({ state: 'normal', returnedAt: START + 3 });
  });

  it('forgets who acknowledged it when it comes back before it is over', () => {
    const { raise, clear, operate, last } = keeping(highRule({ latch: true }));
    raise(1);
    operate(last().id, 'acknowledge');
    expect(last()).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'li' });
    clear(60);
    raise(70);
    expect(last().state).toBe('unacknowledged');
    expect(last()).not.toHaveProperty('acknowledgedBy');
    expect(last()).not.toHaveProperty('acknowledgedAt');
  });

  it('becomes more urgent, ends shelving and asks again at the very moment', () => {
    const rule = highRule({ priority: 3, escalate: { afterMs: 1000, priority: 1 }, reAlarmMs: 500 });
    const { raise, operate, tick, last, events } = keeping(rule);
    raise(0);
    operate(last().id, 'acknowledge', { at: START + 100 });
    tick(599);
    expect(last().state).toBe('acknowledged');
    tick(600);
    expect(last().state).toBe('unacknowledged');
    tick(999);
    expect(last().priority).toBe(3);
    tick(1000);
    expect(last().priority).toBe(1);
    operate(last().id, 'shelve', { at: START + 1000, until: START + 2000 });
    tick(1999);
    expect(last().holds).toEqual(['shelved']);
    tick(2000);
    expect(last().holds).toEqual([]);
    expect(events()).toEqual(['raise', 'acknowledge', 're-alarm', 'escalate', 'shelve', 'shelve-expired']);
  });

  it('takes of a late alarm comments and confirmation, nothing else', () => {
    const { late, operate, events } = keeping();
    const id = late(1);
    for (const action of ['acknowledge', 'out-of-service', 'reset'] as const)
      expect(operate(id, action)).toMatchObject({ code: 'action-not-possible' });
    expect(operate(id, 'comment', { comment: 'a burst main' })).toBeUndefined();
    expect(operate(id, 'confirm')).toBeUndefined();
    expect(events()).toEqual(['raise-late', 'comment', 'confirm']);
  });

  it('makes one alarm of what was told as late and then holds at the same moment', () => {
    const { late, raise, last, events } = keeping();
    const id = late(1);
    expect(last()).toMatchObject({ id, raisedLate: true, active: false });
    raise(1);
    expect(last()).toMatchObject({ id, raisedLate: false, active: true, state: 'unacknowledged' });
    expect(events()).toEqual(['raise-late', 're-raise']);
  });

  it('acts on the newest occurrence of a rule only; an older one is confirmed or commented', () => {
    const { raise, clear, operate, last } = keeping();
    raise(1);
    const first = last().id;
    operate(first, 'acknowledge');
    clear(60);
    raise(70);
    expect(operate(first, 'out-of-service')).toMatchObject({ message: `it was raised again as ${last().id}` });
    expect(operate(first, 'confirm')).toBeUndefined();
  });

  it('opens a closed one again that is put out of service, and closes it once', () => {
    const { ledger, raise, clear, operate, last } = keeping();
    raise(1);
    const { id } = last();
    operate(id, 'acknowledge');
    clear(60);
    expect(ledger.isOpen('fm-12/flow#high')).toBe(false);
    operate(id, 'out-of-service');
    expect(ledger.isOpen('fm-12/flow#high')).toBe(true);
    operate(id, 'return-to-service');
    expect(ledger.isOpen('fm-12/flow#high')).toBe(false);
    const state = JSON.parse([...ledger.freeze()()].join('')) as { open: unknown[]; closed: unknown[] };
    expect([state.open.length, state.closed.length]).toEqual([0, 1]);
  });

  it('remembers so many closed ones and no more', () => {
    const { ledger, late } = keeping();
    const ids = Array.from({ length: CLOSED_MAX + 1 }, (_, n) => late(n));
    expect(ledger.knows(ids[0] as string)).toBe(false);
    expect(ledger.knows(ids[1] as string)).toBe(true);
  });
});
