import type { Millis } from '../../../contract/time.ts';

export const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Zones are whole quarters of an hour off, and change their offset on one. */
const QUARTER_MS = 15 * MINUTE_MS;
/** Offsets kept: a few days looked at from both sides of a change. */
const OFFSETS_MAX = 512;

/** The calendar of a time zone. A day is a number: days since 1970-01-01 of the local calendar. */
export interface LocalDays {
  /** Local day a moment lies in. */
  dayOf(at: Millis): number;
  /** Minutes since local midnight, 0 to 1440; goes by the clock on the wall. */
  minuteOf(at: Millis): number;
  /**
   * Moment of a time of day. One that the clocks skip moves on by as much as they skip; one that comes twice is the first.
   *
   * @param minute - since midnight; 1440 and more lie in the next day
   */
  moment(day: number, minute: number): Millis;
}

/** @param timezone - IANA name */
export function localDays(timezone: string): LocalDays {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const offsets = new Map<number, number>();
  const offsetAt = (at: Millis): number => {
    const quarter = Math.floor(at / QUARTER_MS);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      const parts: Record<string, number> = {};
      for (const { type, value } of format.formatToParts(quarter * QUARTER_MS)) parts[type] = Number(value);
      const { year = 1970, month = 1, day = 1, hour = 0, minute = 0 } = parts;
      offset = Date.UTC(year, month - 1, day, hour, minute) - quarter * QUARTER_MS;
      if (offsets.size >= OFFSETS_MAX) offsets.clear();
      offsets.set(quarter, offset);
    }
    return offset;
  };
  return {
    dayOf: (at) => Math.floor((at + offsetAt(at)) / DAY_MS),
    minuteOf: (at) => ((((at + offsetAt(at)) % DAY_MS) + DAY_MS) % DAY_MS) / MINUTE_MS,
    moment(day, minute) {
      const local = day * DAY_MS + minute * MINUTE_MS;
      const before = offsetAt(local - DAY_MS);
      const after = offsetAt(local + DAY_MS);
      if (before !== after && offsetAt(local - before) !== before && offsetAt(local - after) === after)
        return local - after;
      return local - before;
    },
  };
}

/** 1 = Monday … 7 = Sunday. */
export function weekdayOf(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}
