import type { Millis } from '../../../contract/time.ts';
import { DAY_MS, type LocalDays } from './local-days.ts';
import { type Calendar, type Change, changesAround, isInCalendar, type Schedule } from './schedule.ts';
import { type ElevationTable, elevationIn, elevationTable, type Place } from './sun.ts';

/** Places this near to each other share their sun: 0.05 degrees of longitude are 12 s. */
const SPOT_DEGREES = 0.05;
/** Tables kept: places of a district, today and yesterday; late data looks at older days. */
const TABLES_MAX = 2000;
/** How far the next time the sun crosses an elevation is looked for. */
const AHEAD_MAX_MS = DAY_MS;
const SEARCH_STEP_MS = 5 * 60_000;

/** Something that is so from a moment on, until it may be otherwise. */
export interface Spell<T> {
  readonly is: T;
  readonly until: Millis;
}

/**
 * What the calendar, the sun and the schedules say at a moment: looked up in tables that are computed once per day and
 * place, not per reading. Only remembers what it has computed; the same questions have the same answers.
 */
export class Almanac {
  readonly days: LocalDays;
  private readonly elevations = new Map<string, ElevationTable>();
  private readonly periods = new WeakMap<Schedule, Map<string, readonly Change[]>>();

  constructor(days: LocalDays) {
    this.days = days;
  }

  /** Degrees above the horizon; below 0 the sun is under it. */
  elevation(at: Millis, place: Place): number {
    const spot = spotOf(place);
    const day = Math.floor(at / DAY_MS);
    const key = `${day} ${spot.latitude} ${spot.longitude}`;
    let table = this.elevations.get(key);
    if (table === undefined) {
      table = elevationTable(day, spot);
      if (this.elevations.size >= TABLES_MAX) this.elevations.clear();
      this.elevations.set(key, table);
    }
    return elevationIn(table, at);
  }

  /** Is the sun above this elevation, and until when does that stay so? */
  isSunAbove(at: Millis, degrees: number, place: Place): Spell<boolean> {
    const is = this.elevation(at, place) > degrees;
    let until = at;
    while (until < at + AHEAD_MAX_MS && this.elevation(until + SEARCH_STEP_MS, place) > degrees === is)
      until += SEARCH_STEP_MS;
    return { is, until: Math.max(until, at + 1) };
  }

  /** Percent at which it should be on; 0 is off. `since` is the last change; -Infinity when it is out of sight. */
  level(at: Millis, schedule: Schedule, place: Place | undefined): Spell<number> & { readonly since: Millis } {
    const changes = this.changes(schedule, this.days.dayOf(at), place);
    let level = 0;
    let since = Number.NEGATIVE_INFINITY;
    for (const change of changes) {
      if (change.at > at) return { is: level, since, until: change.at };
      level = change.level;
      since = change.at;
    }
    return { is: level, since, until: at + DAY_MS / 24 };
  }

  /** Is it on at all, since when, and until when? -Infinity and +Infinity stand for more than a day. */
  lit(at: Millis, schedule: Schedule, place: Place | undefined): Spell<boolean> & { readonly since: Millis } {
    let is = false;
    let since = Number.NEGATIVE_INFINITY;
    for (const change of this.changes(schedule, this.days.dayOf(at), place)) {
      if (change.level > 0 === is) continue;
      if (change.at > at) return { is, since, until: change.at };
      is = change.level > 0;
      since = change.at;
    }
    return { is, since, until: Number.POSITIVE_INFINITY };
  }

  /** Percent of full level times milliseconds, over a stretch of time. */
  levelTime(from: Millis, to: Millis, schedule: Schedule, place: Place | undefined): { lit: Millis; full: Millis } {
    let lit = 0;
    let full = 0;
    for (let at = from; at < to; ) {
      const { is, until } = this.level(at, schedule, place);
      const end = Math.min(until, to);
      if (is > 0) lit += end - at;
      full += ((end - at) * is) / 100;
      at = end;
    }
    return { lit, full };
  }

  isIn(calendar: Calendar, at: Millis): Spell<boolean> {
    const day = this.days.dayOf(at);
    return { is: isInCalendar(calendar, day), until: this.days.moment(day + 1, 0) };
  }

  /** Between two times of day; over midnight when `to` is the earlier. */
  isBetween(at: Millis, from: number, to: number): Spell<boolean> {
    const minute = this.days.minuteOf(at);
    const is = from <= to ? minute >= from && minute < to : minute >= from || minute < to;
    const day = this.days.dayOf(at);
    const ends = [from, to, from + 1440, to + 1440].map((end) => this.days.moment(day, end)).filter((end) => end > at);
    return { is, until: Math.min(...ends) };
  }

  /** Nights go from noon to noon and bear the day on which they begin. */
  nightOf(at: Millis): number {
    return this.days.dayOf(at - DAY_MS / 2);
  }

  private changes(schedule: Schedule, day: number, place: Place | undefined): readonly Change[] {
    const spot = place === undefined ? undefined : spotOf(place);
    const key = spot === undefined ? `${day}` : `${day} ${spot.latitude} ${spot.longitude}`;
    let known = this.periods.get(schedule);
    if (known === undefined) {
      known = new Map();
      this.periods.set(schedule, known);
    }
    let changes = known.get(key);
    if (changes === undefined) {
      changes = changesAround(schedule, day, spot, this.days);
      if (known.size >= TABLES_MAX) known.clear();
      known.set(key, changes);
    }
    return changes;
  }
}

function spotOf({ latitude, longitude }: Place): Place {
  const round = (degrees: number) => Math.round(degrees / SPOT_DEGREES) * SPOT_DEGREES;
  return { latitude: round(latitude), longitude: round(longitude) };
}
