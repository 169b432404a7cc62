import type { Millis } from '../../contract/time.ts';
import { convert, isUnit, UNITS, type UnitSymbol, unitLabel } from '../../contract/units.ts';

export const MINUS = '\u2212';
/** Stands where there is no value. */
export const NO_VALUE = '\u2013';

/** How a point's numbers are written: the unit people see, and how to get there from the point's own. */
export interface Writing {
  /** Unit as people see it. */
  readonly label: string;
  readonly decimals: number;
  /** Own unit -> shown unit. */
  show(value: number): number;
}

const PRESSURE_UNITS: Readonly<Record<string, UnitSymbol>> = { MPa: 'MPa', m: 'm[H2O]', bar: 'bar' };

/**
 * Decides once per point how its values are written, so that the number of digits does not change while it lives.
 *
 * @param reference - size of the values expected, in the point's own unit: the end of its band, or its first value
 * @param pressureUnit - the site's choice: `MPa`, `m` or `bar`
 */
export function writingOf(unit: string | undefined, reference: number, pressureUnit: string | undefined): Writing {
  let show = (value: number): number => value;
  let label = unit === undefined ? '' : unitLabel(unit);
  const wanted = PRESSURE_UNITS[pressureUnit ?? ''];
  if (unit !== undefined && wanted !== undefined && isUnit(unit) && UNITS[unit].dimension === 'pressure') {
    show = (value) => convert(value, unit, wanted);
    label = unitLabel(wanted);
  }
  return { label, decimals: decimalsFor(Math.abs(show(reference))), show };
}

/** Three figures that matter, at most four decimals. */
export function decimalsFor(magnitude: number): number {
  if (!Number.isFinite(magnitude) || magnitude >= 100) return 0;
  if (magnitude >= 10) return 1;
  if (magnitude >= 0.1 || magnitude === 0) return 2;
  return magnitude >= 0.01 ? 3 : 4;
}

/** A number with thousands commas, a true minus and fixed decimals; in both languages. */
export function writeNumber(value: number, decimals: number): string {
  const text = Math.abs(value).toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  return value < 0 && Number(text.replaceAll(',', '')) !== 0 ? MINUS + text : text;
}

/** The same without trailing zeros: for limits and ends of bands, which are chosen by people. */
export function writeShort(value: number, decimals: number): string {
  const text = writeNumber(value, decimals);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** A limit as people chose it: never rounded to another number than it is, so −0.5 beside hundreds is not −1. */
export function writeExact(value: number, decimals: number): string {
  const enough = Math.max(decimals, Math.abs(value) < 1 ? decimalsFor(Math.abs(value)) : 0);
  return writeShort(value, enough);
}

export function writeValue(value: number | undefined, writing: Writing): string {
  return value === undefined ? NO_VALUE : writeNumber(writing.show(value), writing.decimals);
}

export type Language = 'en' | 'zh';

/** Ages as people say them: `42 s`, `4 min`, `6 h 14 min`, `3 d 3 h`; `4 分钟`, `6 小时 14 分`, `3 天 3 小时`. */
export function writeAge(ageMs: number, language: Language): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  const zh = language === 'zh';
  if (seconds < 60) return zh ? `${seconds} 秒` : `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return zh ? `${minutes} 分钟` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const restMinutes = minutes % 60;
  if (hours < 24) {
    if (restMinutes === 0) return zh ? `${hours} 小时` : `${hours} h`;
    return zh ? `${hours} 小时 ${restMinutes} 分` : `${hours} h ${restMinutes} min`;
  }
  const days = Math.floor(hours / 24);
  const restHours = hours % 24;
  if (restHours === 0) return zh ? `${days} 天` : `${days} d`;
  return zh ? `${days} 天 ${restHours} 小时` : `${days} d ${restHours} h`;
}

/** `00:42`, for how long the connection has been lost and how long sound is silenced. */
export function writeClockSpan(spanMs: number): string {
  const seconds = Math.max(0, Math.floor(spanMs / 1000));
  const two = (part: number) => String(part).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${two(hours)}:${rest}` : rest;
}

/** Writes moments in the site's zone. Formatters are costly to make, so one of each is kept per zone and language. */
export interface SiteTime {
  /** `03:12:26` */
  clock(timeMs: Millis): string;
  /** `03:12` */
  minute(timeMs: Millis): string;
  /** `Fri 20 Nov 2026` */
  date(timeMs: Millis): string;
  /** `20 Nov 03:12` */
  dayMinute(timeMs: Millis): string;
  /** Day of the site, for telling today from yesterday: `2026-11-20`. */
  day(timeMs: Millis): string;
  /** `UTC+8` */
  readonly zone: string;
}

export function siteTime(timezone: string, language: Language, at: Millis): SiteTime {
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB';
  const zone = knownZone(timezone);
  const make = (options: Intl.DateTimeFormatOptions, tag = locale) =>
    new Intl.DateTimeFormat(tag, { timeZone: zone, hourCycle: 'h23', ...options });
  const clock = make({ hour: '2-digit', minute: '2-digit', second: '2-digit' }, 'en-GB');
  const minute = make({ hour: '2-digit', minute: '2-digit' }, 'en-GB');
  const date = make({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
  const short = make({ day: 'numeric', month: 'short' });
  const day = make({ year: 'numeric', month: '2-digit', day: '2-digit' }, 'en-CA');
  return {
    clock: (timeMs) => clock.format(timeMs),
    minute: (timeMs) => minute.format(timeMs),
    date: (timeMs) => date.format(timeMs).replaceAll(',', ''),
    dayMinute: (timeMs) => `${short.format(timeMs)} ${minute.format(timeMs)}`,
    day: (timeMs) => day.format(timeMs),
    zone: zoneName(zone, at),
  };
}

/** An unknown zone must not break the page: then it shows UTC and says so. */
function knownZone(timezone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return timezone;
  } catch {
    return 'UTC';
  }
}

/** Offset of a zone from UTC as people write it: `UTC+8`, `UTC+5:30`. */
export function zoneName(timezone: string, at: Millis): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'shortOffset' }).formatToParts(at);
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
  return name.replace('GMT', 'UTC').replace('-', MINUS);
}
