import type { Millis } from '../../../contract/time.ts';
import type { Almanac, Spell } from './almanac.ts';
import type { Calendar, Schedule } from './schedule.ts';
import type { Place } from './sun.ts';

/** One thing that must be so for a rule to be looked at. Plain data, part of the rule. */
export type When =
  | { readonly type: 'schedule'; readonly schedule: Schedule; readonly on: boolean; readonly place?: Place }
  /** It has been on for so long, and stays on for so long; dimming is no change. */
  | { readonly type: 'lit'; readonly schedule: Schedule; readonly forMs: Millis; readonly place?: Place }
  /** The schedule has not changed for so long, and will not for so long. */
  | { readonly type: 'settled'; readonly schedule: Schedule; readonly forMs: Millis; readonly place?: Place }
  | { readonly type: 'sun'; readonly degrees: number; readonly above: boolean; readonly place: Place }
  | { readonly type: 'calendar'; readonly calendar: Calendar; readonly inside: boolean }
  /** Minutes of the local day; over midnight when `to` is the earlier. */
  | { readonly type: 'between'; readonly from: number; readonly to: number };

/**
 * Do all of them hold at a moment, and until when at least does that stay so?
 * Remembers the last answer: readings come in order, and answers last for hours.
 */
export function gateOf(all: readonly When[], almanac: Almanac): (at: Millis) => Spell<boolean> {
  let last: Spell<boolean> & { readonly from: Millis } = { is: false, from: 0, until: 0 };
  return (at) => {
    if (at >= last.from && at < last.until) return last;
    let is = true;
    let until = Number.POSITIVE_INFINITY;
    for (const one of all) {
      const spell = spellOf(one, at, almanac);
      is &&= spell.is;
      until = Math.min(until, spell.until);
    }
    last = { is, from: at, until };
    return last;
  };
}

function spellOf(when: When, at: Millis, almanac: Almanac): Spell<boolean> {
  switch (when.type) {
    case 'schedule': {
      const { is, until } = almanac.level(at, when.schedule, when.place);
      return { is: is > 0 === when.on, until };
    }
    case 'lit': {
      const { is, since, until } = almanac.lit(at, when.schedule, when.place);
      const hour = at + 3_600_000;
      if (!is) return { is: false, until: Math.min(until, hour) };
      if (at < since + when.forMs) return { is: false, until: since + when.forMs };
      const end = until - when.forMs;
      return at >= end ? { is: false, until: Math.min(until, hour) } : { is: true, until: Math.min(end, hour) };
    }
    case 'settled': {
      const { since, until } = almanac.level(at, when.schedule, when.place);
      if (at < since + when.forMs) return { is: false, until: since + when.forMs };
      return at >= until - when.forMs ? { is: false, until } : { is: true, until: until - when.forMs };
    }
    case 'sun': {
      const { is, until } = almanac.isSunAbove(at, when.degrees, when.place);
      return { is: is === when.above, until };
    }
    case 'calendar': {
      const { is, until } = almanac.isIn(when.calendar, at);
      return { is: is === when.inside, until };
    }
    case 'between':
      return almanac.isBetween(at, when.from, when.to);
  }
}
