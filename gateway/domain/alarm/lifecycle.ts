import type { AlarmHold, AlarmState } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import type { OperatorCommand, Refusal } from '../plant.ts';

/**
 * Where one occurrence stands. States are those of ISA-18.2 / IEC 62682, by name because editions letter them differently;
 * holds are a second, independent field: evaluation goes on under them (OPC 10000-9, 5.8: SuppressedOrShelved).
 */
export interface Life {
  readonly state: AlarmState;
  /** The condition holds at the newest data. */
  readonly active: boolean;
  /** Returned to normal, kept until an operator resets it (OPC 10000-9, LatchedState). */
  readonly latched: boolean;
  /** Sorted, without repeats. */
  readonly holds: readonly AlarmHold[];
  /** Timed shelving ends then, whatever the transitions (OPC 10000-9, TimedShelved). */
  readonly shelvedUntil?: Millis;
  /** Shelving ends at the return to normal (OPC 10000-9, OneShotShelved). */
  readonly oneShot: boolean;
  /** An operator said that the corrective action is done (OPC 10000-9, ConfirmedState). */
  readonly confirmed: boolean;
}

/** What can happen to an occurrence. */
export type LifeEvent =
  | { readonly kind: 'raise' }
  | { readonly kind: 'return'; readonly latch: boolean }
  /** Acknowledged long ago and still active: it wants attention again (OPC 10000-9, ReAlarmTime). */
  | { readonly kind: 're-alarm' }
  /** It became more urgent while it stands: whoever acknowledged the lesser one has not seen this (OPC 10000-9, 5.5: a change of Severity of an acked condition). */
  | { readonly kind: 'escalate' }
  | { readonly kind: 'shelve-expired' }
  | { readonly kind: 'suppress' }
  | { readonly kind: 'unsuppress' }
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'shelve'; readonly until?: Millis; readonly oneShot: boolean }
  | { readonly kind: 'unshelve' }
  | { readonly kind: 'out-of-service' }
  | { readonly kind: 'return-to-service' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'confirm' };

export const NORMAL: Life = {
  state: 'normal',
  active: false,
  latched: false,
  holds: [],
  oneShot: false,
  confirmed: false,
};

/** Longest timed shelving: an alarm hidden for longer is out of service, and that is a decision of its own. */
export const SHELVE_MAX_MS = 7 * 86_400_000;

/** Nothing keeps this occurrence in the list any more. */
export function isClosed(life: Life): boolean {
  return life.state === 'normal' && life.holds.length === 0 && !life.active;
}

/**
 * The one table of transitions.
 *
 * @returns the next life; the same object when the event changes nothing; a refusal when a person asked for what makes no sense
 * @see ISA-18.2-2016, 5.2.3 (state transition diagram); OPC 10000-9, 5.8 and annex B.1
 */
export function step(life: Life, event: LifeEvent): Life | Refusal {
  switch (event.kind) {
    case 'raise':
      if (life.active) return life;
      return { ...life, state: 'unacknowledged', active: true, latched: false, confirmed: false };
    case 'return':
      return life.active ? returnToNormal(life, event.latch) : life;
    case 're-alarm':
      return life.active && life.state === 'acknowledged' ? { ...life, state: 'unacknowledged' } : life;
    case 'escalate':
      return life.active ? { ...life, state: 'unacknowledged' } : life;
    case 'shelve-expired':
      return release(life, 'shelved');
    case 'suppress':
      return hold(life, 'suppressed');
    case 'unsuppress':
      return release(life, 'suppressed');
    case 'acknowledge':
      if (life.state === 'unacknowledged') return { ...life, state: 'acknowledged' };
      if (life.state === 'rtn-unacknowledged') return { ...life, state: life.latched ? 'acknowledged' : 'normal' };
      return refuse(`already ${life.state}`);
    case 'shelve': {
      if (event.oneShot && !life.active)
        return refuse('one-shot shelving ends at the return to normal, and it has returned');
      const { shelvedUntil: _, ...rest } = hold(life, 'shelved');
      return { ...rest, oneShot: event.oneShot, ...(event.until === undefined ? {} : { shelvedUntil: event.until }) };
    }
    case 'unshelve':
      return life.holds.includes('shelved') ? release(life, 'shelved') : refuse('not shelved');
    case 'out-of-service':
      return life.holds.includes('out-of-service') ? refuse('already out of service') : hold(life, 'out-of-service');
    case 'return-to-service':
      return life.holds.includes('out-of-service') ? release(life, 'out-of-service') : refuse('not out of service');
    case 'reset':
      if (!life.latched) return refuse('nothing is latched');
      if (life.state !== 'acknowledged') return refuse('acknowledge it before the reset');
      return { ...life, state: 'normal', latched: false };
    case 'confirm':
      if (life.confirmed) return refuse('already confirmed');
      if (life.state !== 'acknowledged' && life.state !== 'normal') return refuse('acknowledge it before confirming');
      return { ...life, confirmed: true };
  }
}

/**
 * What an operator's command means for the life of an alarm; checks what the table can't know (times, texts).
 *
 * @returns undefined for a comment, which changes no state
 */
export function lifeEventOf(command: OperatorCommand): LifeEvent | Refusal | undefined {
  switch (command.action) {
    case 'comment':
      return (command.comment ?? '').trim() === '' ? invalid('a comment needs a text') : undefined;
    case 'shelve': {
      const { until, oneShot = false, at } = command;
      if (until === undefined && !oneShot) return invalid('shelving needs an end: until, or oneShot');
      if (until !== undefined && until <= at) return invalid('until must be later than now');
      if (until !== undefined && until > at + SHELVE_MAX_MS) return invalid('until must be within 7 days');
      return { kind: 'shelve', oneShot, ...(until === undefined ? {} : { until }) };
    }
    default:
      return { kind: command.action };
  }
}

export function isRefusal(outcome: object): outcome is Refusal {
  return 'code' in outcome;
}

function returnToNormal(life: Life, latch: boolean): Life {
  const next: Life = {
    ...life,
    active: false,
    latched: latch,
    state: life.state === 'unacknowledged' ? 'rtn-unacknowledged' : latch ? 'acknowledged' : 'normal',
  };
  return next.oneShot ? release(next, 'shelved') : next;
}

function hold(life: Life, name: AlarmHold): Life {
  return life.holds.includes(name) ? life : { ...life, holds: [...life.holds, name].sort() };
}

function release(life: Life, name: AlarmHold): Life {
  if (!life.holds.includes(name)) return life;
  const holds = life.holds.filter((other) => other !== name);
  if (name !== 'shelved') return { ...life, holds };
  const { shelvedUntil: _, ...rest } = life;
  return { ...rest, holds, oneShot: false };
}

const refuse = (message: string): Refusal => ({ code: 'action-not-possible', message });
const invalid = (message: string): Refusal => ({ code: 'action-invalid', message });
