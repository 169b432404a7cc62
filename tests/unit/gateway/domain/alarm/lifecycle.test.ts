import { describe, expect, it } from 'vitest';
import {
  isClosed,
  isRefusal,
  type Life,
  type LifeEvent,
  lifeEventOf,
  NORMAL,
  SHELVE_MAX_MS,
  step,
} from '../../../../../gateway/domain/alarm/lifecycle.ts';
import type { OperatorCommand } from '../../../../../gateway/domain/plant.ts';

const LIVES: Readonly<Record<string, Life>> = {
  normal: NORMAL,
  unack: { ...NORMAL, state: 'unacknowledged', active: true },
  ack: { ...NORMAL, state: 'acknowledged', active: true },
  rtn: { ...NORMAL, state: 'rtn-unacknowledged' },
  'rtn-latched': { ...NORMAL, state: 'rtn-unacknowledged', latched: true },
  latched: { ...NORMAL, state: 'acknowledged', latched: true },
};

const EVENTS: Readonly<Record<string, LifeEvent>> = {
  raise: { kind: 'raise' },
  return: { kind: 'return', latch: false },
  'return and latch': { kind: 'return', latch: true },
  're-alarm': { kind: 're-alarm' },
  escalate: { kind: 'escalate' },
  acknowledge: { kind: 'acknowledge' },
  reset: { kind: 'reset' },
  'shelve once': { kind: 'shelve', oneShot: true },
  confirm: { kind: 'confirm' },
};

/** `.` stays as it is, `-` is refused; columns are the lives above (ISA-18.2-2016, 5.2.3; OPC 10000-9, 5.8). */
const TABLE = `
                    normal    unack        ack       rtn      rtn-latched  latched
  raise             unack     .            .         unack    unack        unack
  return            .         rtn          normal    .        .            .
  return and latch  .         rtn-latched  latched   .        .            .
  re-alarm          .         .            unack     .        .            .
  escalate          .         .            unack     .        .            .
  acknowledge       -         ack          -         normal   latched      -
  reset             -         -            -         -        -            normal
  shelve once       -         shelved      shelved   -        -            -
  confirm           confirmed -            confirmed -        -            confirmed
`;

const rows = TABLE.trim()
  .split('\n')
  .slice(1)
  .flatMap((line) => {
    const [event, ...after] = line.trim().split(/ {2,}| (?=[.-])/) as [string, ...string[]];
    return after.map((then, column) => [event, Object.keys(LIVES)[column] as string, then] as const);
  });

/** A life in the words of the table. */
function wordOf(life: Life): string {
  if (life.confirmed) return 'confirmed';
  if (life.holds.includes('shelved')) return 'shelved';
  const plain = JSON.stringify(life);
  return Object.keys(LIVES).find((name) => JSON.stringify(LIVES[name]) === plain) ?? plain;
}

const lifeAfter = (life: Life, ...events: LifeEvent[]): Life =>
  events.reduce<Life>((now, event) => {
    const next = step(now, event);
    if (isRefusal(next)) throw new Error(next.message);
    return next;
  }, life);

describe('the table of transitions', () => {
  it('is whole', () => {
    expect(rows).toHaveLength(Object.keys(LIVES).length * Object.keys(EVENTS).length);
  });

  it.each(rows)('%s, when it is %s: %s', (event, from, then) => {
    const life = LIVES[from] as Life;
    const next = step(life, EVENTS[event] as LifeEvent);
    if (then === '-') expect(next).toMatchObject({ code: 'action-not-possible' });
    else expect(wordOf(next as Life)).toBe(then === '.' ? from : then);
  });

  it('forgets with a new raise that it was confirmed', () => {
    const confirmed = lifeAfter(NORMAL, { kind: 'confirm' });
    expect(step(confirmed, { kind: 'confirm' })).toMatchObject({ code: 'action-not-possible' });
    expect(lifeAfter(confirmed, { kind: 'raise' }).confirmed).toBe(false);
  });
});

describe('holds', () => {
  const unack = LIVES.unack as Life;
  const until = 1000;

  it('lie over each other, each ends by itself, and the alarm works on underneath', () => {
    const held = lifeAfter(
      unack,
      { kind: 'suppress' },
      { kind: 'out-of-service' },
      { kind: 'shelve', oneShot: false, until },
    );
    expect(held).toMatchObject({ state: 'unacknowledged', holds: ['out-of-service', 'shelved', 'suppressed'] });
    expect(lifeAfter(held, { kind: 'unsuppress' }, { kind: 'return-to-service' })).toMatchObject({
      holds: ['shelved'],
      shelvedUntil: until,
    });
    const returned = lifeAfter(held, { kind: 'return', latch: false });
    expect(returned).toMatchObject({ state: 'rtn-unacknowledged', shelvedUntil: until });
    expect(lifeAfter(returned, { kind: 'shelve-expired' })).not.toHaveProperty('shelvedUntil');
  });

  it('keep an alarm open that is normal', () => {
    expect(isClosed(NORMAL)).toBe(true);
    expect(isClosed(lifeAfter(NORMAL, { kind: 'out-of-service' }))).toBe(false);
    expect(isClosed(unack)).toBe(false);
  });

  it('of one shot end with the return, those until a time do not', () => {
    const once = lifeAfter(unack, { kind: 'shelve', oneShot: true }, { kind: 'return', latch: false });
    expect(once).toMatchObject({ holds: [], oneShot: false });
    const shelvedAgain = lifeAfter(unack, { kind: 'shelve', oneShot: false, until }, { kind: 'shelve', oneShot: true });
    expect(shelvedAgain).not.toHaveProperty('shelvedUntil');
  });

  it('are not begun twice, nor ended when there are none', () => {
    for (const kind of ['unshelve', 'return-to-service'] as const)
      expect(step(unack, { kind })).toMatchObject({ code: 'action-not-possible' });
    const out = lifeAfter(unack, { kind: 'out-of-service' });
    expect(step(out, { kind: 'out-of-service' })).toMatchObject({ code: 'action-not-possible' });
    expect(step(unack, { kind: 'unsuppress' })).toBe(unack);
  });
});

describe('a command', () => {
  const command = (more: Partial<OperatorCommand>): OperatorCommand => ({
    action: 'shelve',
    alarm: 'a',
    who: 'li',
    at: 1000,
    ...more,
  });

  it.each([
    ['without an end', {}, false],
    ['until now', { until: 1000 }, false],
    ['until later', { until: 1001 }, true],
    ['for seven days', { until: 1000 + SHELVE_MAX_MS }, true],
    ['for more than seven days', { until: 1001 + SHELVE_MAX_MS }, false],
    ['once', { oneShot: true }, true],
  ] as const)('shelves %s: %s -> %s', (_, more, isTaken) => {
    const event = lifeEventOf(command(more));
    if (isTaken) expect(event).toMatchObject({ kind: 'shelve' });
    else expect(event).toMatchObject({ code: 'action-invalid' });
  });

  it('comments only with a text', () => {
    expect(lifeEventOf(command({ action: 'comment', comment: ' ' }))).toMatchObject({ code: 'action-invalid' });
    expect(lifeEventOf(command({ action: 'comment', comment: 'seen' }))).toBeUndefined();
  });
});
