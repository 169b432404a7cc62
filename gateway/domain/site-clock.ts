import type { Millis } from '../../contract/time.ts';

/** Tells the time of the site, in its own zone. */
export interface SiteClock {
  /** `03:12`, or `11-22 03:12` when `seenAt` is another day. */
  short(at: Millis, seenAt: Millis): string;
  /** 0 = Monday 00:00 to 01:00 … 167 = Sunday 23:00 to 24:00, local time. */
  hourOfWeek(at: Millis): number;
}

/** Zones are whole quarters of an hour off, and change their offset on one. */
const QUARTER_MS = 15 * 60_000;
const MINUTE_MS = 60_000;
/** Minutes kept in words: a flood asks for the same few ten thousand times. */
const MINUTES_MAX = 64;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** @param timezone - IANA name, for example `Asia/Shanghai` */
export function siteClock(timezone: string): SiteClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    weekday: 'short',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const told = new Map<number, Record<string, string>>();
  const parts = (at: Millis): Record<string, string> => {
    const minute = Math.floor(at / MINUTE_MS);
    let found = told.get(minute);
    if (found === undefined) {
      found = {};
      for (const { type, value } of format.formatToParts(minute * MINUTE_MS)) found[type] = value;
      if (told.size >= MINUTES_MAX) told.clear();
      told.set(minute, found);
    }
    return found;
  };
  let quarter = Number.NaN;
  let hour = 0;
  return {
    short(at, seenAt) {
      const moment = parts(at);
      const seen = parts(seenAt);
      const time = `${moment.hour}:${moment.minute}`;
      const isSameDay = moment.day === seen.day && moment.month === seen.month;
      return isSameDay ? time : `${moment.month}-${moment.day} ${time}`;
    },
    hourOfWeek(at) {
      const now = Math.floor(at / QUARTER_MS);
      if (now !== quarter) {
        quarter = now;
        const moment = parts(now * QUARTER_MS);
        hour = WEEKDAYS.indexOf(moment.weekday ?? 'Mon') * 24 + Number(moment.hour);
      }
      return hour;
    },
  };
}
