/** A moment: UTC, milliseconds since 1970-01-01T00:00:00Z, an integer. */
export type Millis = number;

/** The earliest and latest source time we believe (2000-01-01 and 2100-01-01): outside, a device's clock was never set. */
export const EARLIEST_TIME_MS: Millis = 946_684_800_000;
export const LATEST_TIME_MS: Millis = 4_102_444_800_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Parses a length of time such as `30s`, `500ms`, `2m`, `1h30m` or `7d`.
 *
 * @param text - one or more number-and-unit pairs; units ms, s, m, min, h, d; no sign, no spaces needed
 * @returns milliseconds, or undefined when the text is not a duration
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.replaceAll(' ', '');
  if (!/^(?:\d+(?:\.\d+)?(?:ms|min|s|m|h|d))+$/.test(compact)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|min|s|m|h|d)/g)) {
    totalMs += Number(amount) * (UNIT_MS[unit as string] as number);
  }
  return Number.isFinite(totalMs) ? totalMs : undefined;
}

/** Writes milliseconds as the shortest duration text: 90000 -> `1m30s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)}ms`;
  let rest = Math.round(durationMs / 1000);
  let text = '';
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const amount = Math.floor(rest / seconds);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * seconds;
  }
  return text;
}

/**
 * Reads a moment as people and devices write it.
 *
 * @param value - epoch milliseconds (number or digits), or ISO 8601; a text without zone is taken as UTC
 * @returns UTC milliseconds, or undefined when it is no moment, no day of the calendar, or outside 2000..2100
 */
export function parseTime(value: unknown): Millis | undefined {
  let timeMs: number;
  if (typeof value === 'number') timeMs = value;
  else if (typeof value !== 'string' || value.length < 8 || value.length > 40) return undefined;
  else if (/^\d{11,14}$/.test(value)) timeMs = Number(value);
  else if (/^\d{4}-\d{2}-\d{2}/.test(value)) {
    const iso = value.replace(' ', 'T');
    timeMs = Date.parse(/(?:Z|[+-]\d{2}:?\d{2})$/i.test(iso) || iso.length === 10 ? iso : `${iso}Z`);
    // The 30th of February would be read as the 2nd of March.
    if (Number(value.slice(8, 10)) > daysIn(Number(value.slice(0, 4)), Number(value.slice(5, 7)))) return undefined;
  } else return undefined;
  if (!Number.isFinite(timeMs) || timeMs < EARLIEST_TIME_MS || timeMs > LATEST_TIME_MS) return undefined;
  return Math.round(timeMs);
}

/** @param month - 1..12 */
function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Writes a moment as ISO 8601 UTC with milliseconds, the one form our answers use. */
export function formatTime(timeMs: Millis): string {
  const whole = Math.trunc(timeMs);
  const second = Math.floor(whole / 1000);
  const place = second & (TOLD_SECONDS - 1);
  if (second !== toldSeconds[place]) {
    toldWords[place] = new Date(second * 1000).toISOString().slice(0, -4);
    toldSeconds[place] = second;
  }
  return `${toldWords[place]}${String(whole - second * 1000).padStart(3, '0')}Z`;
}

/**
 * Seconds told last: ten thousand lines of a flood, or values of a page, ask for the same few, and a date is slow to put
 * into words. A power of two.
 */
const TOLD_SECONDS = 64;
const toldSeconds = new Float64Array(TOLD_SECONDS).fill(Number.NaN);
const toldWords: string[] = new Array(TOLD_SECONDS).fill('');
