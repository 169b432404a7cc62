import type { Millis } from '../contract/time.ts';

/** A moment as people in one place live it. */
export interface LocalTime {
  /** 0..24 */
  readonly hour: number;
  /** 0 Sunday .. 6 Saturday */
  readonly weekday: number;
  /** 1..366 */
  readonly dayOfYear: number;
  /** `MM-DD` */
  readonly monthDay: string;
}

const DAY_MS = 86_400_000;
/** Zone offsets change on whole quarter hours only, so one look-up serves that long. */
const OFFSET_KEEP_MS = 900_000;

/** Local time in one IANA zone. */
export function localClock(timezone: string): (at: Millis) => LocalTime {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' });
  let slot = Number.NaN;
  let offsetMs = 0;
  return (at) => {
    const now = Math.floor(at / OFFSET_KEEP_MS);
    if (now !== slot) {
      slot = now;
      offsetMs = offsetOf(format, at);
    }
    const local = new Date(at + offsetMs);
    const startOfYear = Date.UTC(local.getUTCFullYear(), 0, 1);
    return {
      hour: ((at + offsetMs) % DAY_MS) / 3_600_000,
      weekday: local.getUTCDay(),
      dayOfYear: Math.floor((local.getTime() - startOfYear) / DAY_MS) + 1,
      monthDay: local.toISOString().slice(5, 10),
    };
  };
}

function offsetOf(format: Intl.DateTimeFormat, at: Millis): number {
  const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  const match = /GMT([+-])(\d{2}):(\d{2})/.exec(name);
  if (match === null) return 0;
  const [, sign, hours, minutes] = match as unknown as [string, string, string, string];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
