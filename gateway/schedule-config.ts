import { z } from 'zod';
import type { Mistake } from '../contract/mistakes.ts';
import { idSchema } from '../contract/reading.ts';
import { durationSchema } from '../contract/settings.ts';
import { parseDuration } from '../contract/time.ts';
import type { Calendar, DayPlan, Schedule, TimeOfDay } from './domain/schedule/schedule.ts';
import { SUN_EVENTS, type SunEvent } from './domain/schedule/sun.ts';

const DAY_MS = 86_400_000;
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
/** Shifts from the sun beyond this are a slip of the pen. */
const SHIFT_MAX_MS = 6 * 3_600_000;

const dateWords = 'a day such as 2026-10-01, or days from..to such as 2026-10-01..2026-10-07';
const dateRangeSchema = z.string({ error: dateWords }).transform((text, context) => {
  const [from, to] = ends(text).map(dayOf);
  if (from !== undefined && to !== undefined && from <= to) return [from, to] as const;
  context.addIssue({ code: 'custom', message: dateWords });
  return z.NEVER;
});

const yearlyWords = 'a day of every year such as 05-01, or days from..to such as 12-24..01-02';
const yearlySchema = z.string({ error: yearlyWords }).transform((text, context) => {
  const [from, to] = ends(text).map(monthDayOf);
  if (from !== undefined && to !== undefined) return [from, to] as const;
  context.addIssue({ code: 'custom', message: yearlyWords });
  return z.NEVER;
});

const calendarSchema = z.strictObject({
  weekdays: z.array(z.enum(WEEKDAYS)).default([]),
  dates: z
    .array(dateRangeSchema)
    .max(2000)
    .default([])
    .describe('Days by date; holidays of the lunar calendar are given as dates, year by year'),
  yearly: z.array(yearlySchema).max(400).default([]).describe('Month and day, every year'),
  except: z.array(dateRangeSchema).max(2000).default([]).describe('Days that do not belong to it: working weekends'),
  of: z.array(idSchema).max(50).default([]).describe('All days of these calendars belong to it too'),
});

export const calendarsSchema = z
  .record(idSchema, calendarSchema)
  .describe('Days that belong together, by name: weekends, holidays, festivals');

const timeWords = 'a time of day such as 23:00, or sunset, sunrise, dusk or dawn, shifted as in sunset + 10m';
export const timeOfDaySchema = z.string({ error: timeWords }).transform((text, context): TimeOfDay => {
  const time = timeOfDay(text);
  if (time !== undefined) return time;
  context.addIssue({ code: 'custom', message: timeWords });
  return z.NEVER;
});

const levelSchema = z.number().min(0).max(100);
const stepsSchema = z.array(z.strictObject({ at: timeOfDaySchema, level: levelSchema })).max(48);

export const schedulesSchema = z
  .record(
    idSchema,
    z.strictObject({
      on: timeOfDaySchema.describe('23:00, or sunset, sunrise, dusk or dawn with a shift: sunset + 10m'),
      off: timeOfDaySchema,
      level: levelSchema.default(100).describe('Percent from `on`'),
      steps: stepsSchema.default([]).describe('Dimming: from a time of day on another level'),
      days: z
        .array(
          z.strictObject({
            calendar: idSchema,
            off: timeOfDaySchema.optional(),
            on: timeOfDaySchema.optional(),
            level: levelSchema.optional(),
            steps: stepsSchema.optional(),
            stays: z.literal('off').optional().describe('Not switched on at all on these days'),
          }),
        )
        .max(50)
        .default([])
        .describe('What differs on days of a calendar; the first that fits the evening counts'),
    }),
  )
  .describe('When lamps and other things should be on, by name; devices name theirs');

const minuteWords = 'two times of day such as 22:00..05:00';

/** What must be so for an alarm to be looked at. */
export const whenSchema = z
  .union(
    [
      z
        .enum(['always', 'schedule-on', 'schedule-off', 'dark', 'daylight', 'sun-up', 'sun-down'])
        .transform((is) => ({ is })),
      z.strictObject({ calendar: idSchema }),
      z.strictObject({ notCalendar: idSchema }),
      z.strictObject({
        lit: durationSchema({ minMs: 1000, maxMs: DAY_MS / 2 }).describe(
          'By the schedule it has been on for so long, and stays on for so long: switches may be early or late',
        ),
      }),
      z.strictObject({
        settled: durationSchema({ minMs: 1000, maxMs: DAY_MS / 2 }).describe(
          'The schedule has not changed for so long, and will not for so long',
        ),
      }),
      z.strictObject({
        between: z.string({ error: minuteWords }).transform((text, context) => {
          const [from, to] = ends(text).map(minuteOf);
          if (from !== undefined && to !== undefined && from !== to) return [from, to] as const;
          context.addIssue({ code: 'custom', message: minuteWords });
          return z.NEVER;
        }),
      }),
    ],
    {
      error:
        'always, schedule-on, schedule-off, dark, daylight, sun-up, sun-down, {calendar: …}, {notCalendar: …}, {lit: 10m}, {settled: 10m} or {between: 22:00..05:00}',
    },
  )
  .describe('One thing that must be so');
export type WhenSettings = z.output<typeof whenSchema>;

/** Calendars and schedules of a site, ready for rules. */
export interface Timetable {
  readonly calendars: ReadonlyMap<string, Calendar>;
  readonly schedules: ReadonlyMap<string, Schedule>;
}

export const NO_TIMETABLE: Timetable = { calendars: new Map(), schedules: new Map() };

/** Puts calendars and schedules together; names that do not exist are mistakes. */
export function timetableOf(
  calendars: z.output<typeof calendarsSchema>,
  schedules: z.output<typeof schedulesSchema>,
  file: string,
): { readonly timetable: Timetable; readonly mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const allowed = `one of ${Object.keys(calendars).join(', ') || 'calendars:, where there is none'}`;
  const known = new Map<string, Calendar>();
  const calendarOf = (name: string, path: string, above: readonly string[]): Calendar | undefined => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const said = calendars[name];
    if (said === undefined || above.includes(name)) {
      mistakes.push({ file, path, found: said === undefined ? name : `${name}, which is made of itself`, allowed });
      return undefined;
    }
    const parts = said.of.flatMap(
      (part, index) => calendarOf(part, `calendars.${name}.of[${index}]`, [...above, name]) ?? [],
    );
    const calendar: Calendar = {
      name,
      weekdays: [
        ...new Set([...said.weekdays.map((day) => WEEKDAYS.indexOf(day) + 1), ...parts.flatMap((p) => p.weekdays)]),
      ],
      dates: [...said.dates, ...parts.flatMap(({ dates }) => dates)],
      yearly: [...said.yearly, ...parts.flatMap(({ yearly }) => yearly)],
      except: [...said.except, ...parts.flatMap(({ except }) => except)],
    };
    known.set(name, calendar);
    return calendar;
  };
  for (const name of Object.keys(calendars)) calendarOf(name, `calendars.${name}`, []);
  const made = new Map<string, Schedule>();
  for (const [name, { days, ...usual }] of Object.entries(schedules)) {
    const special = days.flatMap(({ calendar, stays, ...differs }, index) => {
      const found = calendarOf(calendar, `schedules.${name}.days[${index}].calendar`, []);
      if (found === undefined) return [];
      const said = Object.fromEntries(Object.entries(differs).filter(([, value]) => value !== undefined));
      return [{ calendar: found, ...(stays === 'off' ? {} : { plan: { ...usual, ...said } as DayPlan }) }];
    });
    made.set(name, { name, usual, special });
  }
  return { timetable: { calendars: known, schedules: made }, mistakes };
}

/** What has no schedule should surely be on while it is dark: from a little after dusk to a little before dawn. */
export const DARK_HOURS: Schedule = {
  name: 'dark hours',
  usual: {
    on: { sun: 'dusk', plusMs: 15 * 60_000 },
    off: { sun: 'dawn', plusMs: -15 * 60_000 },
    level: 100,
    steps: [],
  },
  special: [],
};

function timeOfDay(text: string): TimeOfDay | undefined {
  const minute = minuteOf(text);
  if (minute !== undefined) return { minute };
  const match = /^([a-z]+)(?:\s*([+-])\s*(\S+))?$/.exec(text.trim());
  const sun = match?.[1] as SunEvent | undefined;
  if (sun === undefined || !SUN_EVENTS.includes(sun)) return undefined;
  const shift = match?.[3] === undefined ? 0 : parseDuration(match[3]);
  if (shift === undefined || shift > SHIFT_MAX_MS) return undefined;
  return { sun, plusMs: match?.[2] === '-' ? -shift : shift };
}

function ends(text: string): [string, string] {
  const [from = '', to = from, ...more] = text.split('..').map((part) => part.trim());
  return more.length > 0 ? ['', ''] : [from, to];
}

function minuteOf(text: string): number | undefined {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text.trim());
  const [hour, minute] = [Number(match?.[1]), Number(match?.[2])];
  return match !== null && hour <= 23 && minute <= 59 ? hour * 60 + minute : undefined;
}

function dayOf(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const timeMs = Date.parse(`${text}T00:00:00Z`);
  // 02-30 is read as the 2nd of March by lenient parsers: it must come out as it went in.
  const isDate = Number.isFinite(timeMs) && new Date(timeMs).toISOString().startsWith(text);
  return isDate ? timeMs / DAY_MS : undefined;
}

function monthDayOf(text: string): number | undefined {
  // A leap year, so that 02-29 is one.
  const day = /^\d{2}-\d{2}$/.test(text) ? dayOf(`2028-${text}`) : undefined;
  return day === undefined ? undefined : Number(text.slice(0, 2)) * 100 + Number(text.slice(3));
}
