import type { Millis } from '../../../contract/time.ts';
import type { LocalDay } from './zone-days.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Tells local dates. @param timezone - IANA name */
export function localCalendar(timezone: string) {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  /** The wall clock as if it were UTC. */
  const wall = (at: Millis): Millis => {
    const parts: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(at)) parts[type] = value;
    const { year, month, day, hour, minute, second } = parts;
    return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  };
  /** The moment at which the wall shows this. Where clocks change at midnight, the first moment of that day. */
  const momentOf = (shown: Millis): Millis => {
    let at = shown - (wall(shown) - shown);
    at = shown - (wall(at) - at);
    return wall(at) < shown ? at + HOUR_MS : at;
  };
  const dayStart = (at: Millis): Millis => momentOf(Math.floor(wall(at) / DAY_MS) * DAY_MS);
  return {
    dayStart,
    /** Local date of a moment, `2026-11-23`. */
    dateOf: (at: Millis): string => new Date(wall(at)).toISOString().slice(0, 10),
    /** Whole local days that touch [from, to), oldest first, at most `most`. */
    days(from: Millis, to: Millis, most: number): LocalDay[] {
      const found: LocalDay[] = [];
      let start = dayStart(from);
      while (start < to && found.length < most) {
        // Noon of the next day is in it whatever the clocks do.
        const next = dayStart(start + 1.5 * DAY_MS);
        found.push({ date: new Date(wall(start)).toISOString().slice(0, 10), from: start, to: next });
        start = next;
      }
      return found;
    },
  };
}

export type FigurePeriod = 'day' | 'month' | 'year';

/** Days by the period they belong to: `2026-11-23`, `2026-11`, `2026`. */
export function byPeriod(days: readonly LocalDay[], period: FigurePeriod): ReadonlyMap<string, readonly LocalDay[]> {
  const length = { day: 10, month: 7, year: 4 }[period];
  const groups = new Map<string, LocalDay[]>();
  for (const day of days) {
    const label = day.date.slice(0, length);
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [day]);
    else group.push(day);
  }
  return groups;
}
