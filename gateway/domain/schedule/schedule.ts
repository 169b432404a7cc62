import type { Millis } from '../../../contract/time.ts';
import { type LocalDays, weekdayOf } from './local-days.ts';
import { type Place, type SunEvent, sunEvent } from './sun.ts';

/** Days that belong together: a weekend, holidays. Plain data, goes into rules. */
export interface Calendar {
  readonly name: string;
  /** 1 = Monday … 7 = Sunday. */
  readonly weekdays: readonly number[];
  /** Local days, both ends belong to it. */
  readonly dates: readonly (readonly [from: number, to: number])[];
  /** Month * 100 + day of every year, both ends belong to it; may go over the turn of the year. */
  readonly yearly: readonly (readonly [from: number, to: number])[];
  /** Days that do not belong to it after all: working weekends. */
  readonly except: readonly (readonly [from: number, to: number])[];
}

/** A time of day by the clock, or by the sun. */
export type TimeOfDay = { readonly minute: number } | { readonly sun: SunEvent; readonly plusMs: number };

/** What one day says: on, how bright, dimmed when, off. Off and steps that lie before `on` are those of the next day. */
export interface DayPlan {
  readonly on: TimeOfDay;
  readonly off: TimeOfDay;
  /** Percent from `on`. */
  readonly level: number;
  readonly steps: readonly { readonly at: TimeOfDay; readonly level: number }[];
}

/** When something should be on, and how much. Plain data, goes into rules. */
export interface Schedule {
  readonly name: string;
  readonly usual: DayPlan;
  /** The first whose calendar holds the day on which it is switched on counts; without a plan it stays off. */
  readonly special: readonly { readonly calendar: Calendar; readonly plan?: DayPlan }[];
}

/** From `at` on it should be at `level` percent; 0 is off. */
export interface Change {
  readonly at: Millis;
  readonly level: number;
}

export function isInCalendar(calendar: Calendar, day: number): boolean {
  const within = (ranges: readonly (readonly [number, number])[]) =>
    ranges.some(([from, to]) => day >= from && day <= to);
  if (within(calendar.except)) return false;
  if (calendar.weekdays.includes(weekdayOf(day)) || within(calendar.dates)) return true;
  const date = new Date(day * 86_400_000);
  const monthDay = (date.getUTCMonth() + 1) * 100 + date.getUTCDate();
  return calendar.yearly.some(([from, to]) =>
    from <= to ? monthDay >= from && monthDay <= to : monthDay >= from || monthDay <= to,
  );
}

export function needsSun({ usual, special }: Schedule): boolean {
  const plans = [usual, ...special.flatMap(({ plan }) => (plan === undefined ? [] : [plan]))];
  return plans.some(({ on, off, steps }) => [on, off, ...steps.map(({ at }) => at)].some((time) => 'sun' in time));
}

/**
 * The changes around one local day, ascending: those of the periods that begin on the day before, on it and after it.
 * What the next period begins ends the one before.
 */
export function changesAround(schedule: Schedule, day: number, place: Place | undefined, days: LocalDays): Change[] {
  const changes: Change[] = [];
  for (const start of [day - 1, day, day + 1]) {
    const [first, ...rest] = changesOf(schedule, start, place, days);
    if (first === undefined) continue;
    while ((changes.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= first.at) changes.pop();
    changes.push(first, ...rest);
  }
  return changes;
}

/** On, steps and off of the period that begins on this day; empty when it stays off. */
export function changesOf(schedule: Schedule, day: number, place: Place | undefined, days: LocalDays): Change[] {
  const special = schedule.special.find(({ calendar }) => isInCalendar(calendar, day));
  const plan = special === undefined ? schedule.usual : special.plan;
  if (plan === undefined) return [];
  const on = onMoment(plan.on, day, place, days);
  if (on === undefined) return [];
  const after = (time: TimeOfDay) => firstAfter(time, on, day, place, days);
  const off = after(plan.off) ?? days.moment(day + 1, 12 * 60);
  const steps = plan.steps
    .map(({ at, level }) => ({ at: after(at) ?? Number.POSITIVE_INFINITY, level }))
    .filter(({ at }) => at < off)
    .sort((a, b) => a.at - b.at);
  return [{ at: on, level: plan.level }, ...steps, { at: off, level: 0 }];
}

/** Where it never gets dark nothing is switched on at sunset; where it never gets light it is on from noon to noon. */
function onMoment(time: TimeOfDay, day: number, place: Place | undefined, days: LocalDays): Millis | undefined {
  if ('minute' in time) return days.moment(day, time.minute);
  if (place === undefined) return undefined;
  const noon = days.moment(day, 12 * 60);
  const moment = sunEvent(time.sun, noon, place);
  if (typeof moment === 'number') return moment + time.plusMs;
  const isEvening = time.sun === 'sunset' || time.sun === 'dusk';
  if (isEvening) return moment === 'dark' ? noon : undefined;
  return moment === 'light' ? days.moment(day, 0) : undefined;
}

function firstAfter(
  time: TimeOfDay,
  on: Millis,
  day: number,
  place: Place | undefined,
  days: LocalDays,
): Millis | undefined {
  for (let ahead = 0; ahead <= 2; ahead++) {
    let moment: Millis | undefined;
    if ('minute' in time) moment = days.moment(day + ahead, time.minute);
    else if (place !== undefined) {
      const event = sunEvent(time.sun, days.moment(day + ahead, 12 * 60), place);
      if (typeof event === 'number') moment = event + time.plusMs;
      else return undefined;
    }
    if (moment !== undefined && moment > on) return moment;
  }
  return undefined;
}
