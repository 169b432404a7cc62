import type { Millis } from '../../../contract/time.ts';

const QUARTER_MS = 900_000;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/**
 * Local bin of the week, Monday 00:00 = 0; nights when clocks change skip or repeat bins, as people do.
 *
 * @param timezone - IANA name
 */
export function weekClock(timezone: string): (at: Millis, perDay: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  let hour = Number.NaN;
  let atHour = 0;
  return (at, perDay) => {
    const now = Math.floor(at / QUARTER_MS);
    if (now !== hour) {
      const parts: Record<string, string> = {};
      for (const { type, value } of format.formatToParts(now * QUARTER_MS)) parts[type] = value;
      hour = now;
      atHour = WEEKDAYS.indexOf(parts.weekday ?? 'Mon') * 1440 + Number(parts.hour) * 60 + Number(parts.minute);
    }
    return Math.floor((atHour * perDay) / 1440) % (perDay * 7);
  };
}
