import { getPosition } from 'suncalc';
import { describe, expect, it } from 'vitest';
import { parseGatewayConfig } from '../../../../gateway/config.ts';
import { Almanac } from '../../../../gateway/domain/schedule/almanac.ts';
import { localDays, weekdayOf } from '../../../../gateway/domain/schedule/local-days.ts';
import { isInCalendar, type Schedule } from '../../../../gateway/domain/schedule/schedule.ts';
import { elevationIn, elevationTable, sunEvent } from '../../../../gateway/domain/schedule/sun.ts';
import { gateOf } from '../../../../gateway/domain/schedule/when.ts';
import { timetableOf } from '../../../../gateway/schedule-config.ts';

const KAIZHOU = { latitude: 31.16, longitude: 108.39 };
const TROMSO = { latitude: 69.65, longitude: 18.96 };
const MINUTE = 60_000;
const day = (text: string) => Date.parse(`${text}T00:00:00Z`) / 86_400_000;
const at = (text: string) => Date.parse(text);

function timetable(yaml: string) {
  const { value, mistakes } = parseGatewayConfig(yaml, 'gateway.yaml');
  if (value === undefined) throw new Error(JSON.stringify(mistakes));
  return timetableOf(value.calendars, value.schedules, 'gateway.yaml');
}
const scheduleOf = (yaml: string, name = 'street'): Schedule =>
  timetable(yaml).timetable.schedules.get(name) as Schedule;

const STREET = `
calendars:
  spring-festival: { dates: [2026-02-16..2026-02-22] }
  weekend: { weekdays: [sat, sun], except: [2026-10-10] }
  labour-day: { yearly: [05-01] }
  turn-of-the-year: { yearly: ["12-24..01-02"] }
  festivals: { of: [spring-festival, labour-day] }
schedules:
  street:
    on: sunset + 10m
    off: sunrise - 10m
    steps: [{ at: "23:00", level: 60 }, { at: "05:00", level: 100 }]
    days:
      - { calendar: festivals, steps: [] }
`;

describe('a time zone', () => {
  it('knows days and moments of Shanghai', () => {
    const shanghai = localDays('Asia/Shanghai');
    expect(shanghai.dayOf(at('2026-11-22T16:00:00Z'))).toBe(day('2026-11-23'));
    expect(shanghai.dayOf(at('2026-11-22T15:59:59Z'))).toBe(day('2026-11-22'));
    expect(shanghai.moment(day('2026-11-23'), 0)).toBe(at('2026-11-22T16:00:00Z'));
    expect(shanghai.minuteOf(at('2026-11-22T16:30:00Z'))).toBe(30);
    expect(weekdayOf(day('2026-11-23'))).toBe(1);
    expect(weekdayOf(day('2026-11-22'))).toBe(7);
  });

  it('moves a time that the clocks skip on, and takes the first of one that comes twice', () => {
    const berlin = localDays('Europe/Berlin');
    expect(berlin.moment(day('2026-03-29'), 2 * 60 + 30)).toBe(at('2026-03-29T01:30:00Z'));
    expect(berlin.moment(day('2026-03-29'), 3 * 60 + 30)).toBe(at('2026-03-29T01:30:00Z'));
    expect(berlin.moment(day('2026-10-25'), 2 * 60 + 30)).toBe(at('2026-10-25T00:30:00Z'));
    expect(berlin.moment(day('2026-10-25'), 4 * 60)).toBe(at('2026-10-25T03:00:00Z'));
    const howe = localDays('Australia/Lord_Howe');
    expect(howe.moment(day('2026-04-05'), 12 * 60)).toBe(at('2026-04-05T01:30:00Z'));
  });

  it('has every moment of a year in the day it belongs to', () => {
    for (const zone of ['Asia/Shanghai', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu']) {
      const days = localDays(zone);
      for (let number = day('2026-01-01'); number < day('2027-01-01'); number += 3) {
        expect(days.dayOf(days.moment(number, 0)), `${zone} ${number}`).toBe(number);
        expect(days.dayOf(days.moment(number, 0) - 1), `${zone} ${number}`).toBe(number - 1);
      }
    }
  });
});

describe('the sun by day and place', () => {
  it('never rises over Tromso in December and never sets in June', () => {
    expect(sunEvent('sunset', at('2026-12-21T11:00:00Z'), TROMSO)).toBe('dark');
    expect(sunEvent('sunset', at('2026-06-21T10:00:00Z'), TROMSO)).toBe('light');
    expect(sunEvent('dusk', at('2026-06-21T12:00:00Z'), { latitude: 62.2, longitude: 17.9 })).toBe('light');
  });

  it('stands in its table as it stands in the sky, within two hundredths of a degree', () => {
    const table = elevationTable(day('2026-11-23'), KAIZHOU);
    for (let minute = 0; minute < 1440; minute += 7) {
      const moment = at('2026-11-23T00:00:00Z') + minute * MINUTE;
      const { altitude } = getPosition(new Date(moment), KAIZHOU.latitude, KAIZHOU.longitude);
      // Refraction bends the curve at the horizon.
      expect(Math.abs(elevationIn(table, moment) - altitude)).toBeLessThan(Math.abs(altitude) < 2 ? 0.05 : 0.02);
    }
  });
});

describe('calendars', () => {
  const { timetable: made, mistakes } = timetable(STREET);
  const isIn = (name: string, date: string) => isInCalendar(made.calendars.get(name) as never, day(date));

  it('hold weekdays, dates, days of every year and each other, and leave out what is excepted', () => {
    expect(mistakes).toEqual([]);
    expect(isIn('weekend', '2026-10-11')).toBe(true);
    expect(isIn('weekend', '2026-10-10')).toBe(false);
    expect(isIn('spring-festival', '2026-02-22')).toBe(true);
    expect(isIn('spring-festival', '2026-02-23')).toBe(false);
    expect(isIn('labour-day', '2031-05-01')).toBe(true);
    expect(isIn('turn-of-the-year', '2027-01-01')).toBe(true);
    expect(isIn('turn-of-the-year', '2026-12-23')).toBe(false);
    expect(isIn('festivals', '2026-02-17') && isIn('festivals', '2026-05-01')).toBe(true);
  });

  it('that do not exist, go round in circles or name no days are mistakes, all in one report', () => {
    const wrong = timetable(`
calendars: { a: { of: [b] }, b: { of: [a] } }
schedules: { s: { on: sunset, off: sunrise, days: [{ calendar: nowhere, stays: off }] } }`);
    expect(wrong.mistakes.map(({ path }) => path)).toEqual(['calendars.b.of[0]', 'schedules.s.days[0].calendar']);
    const { mistakes: shapes } = parseGatewayConfig(
      `
calendars: { a: { dates: ["2026-02-30", "2026-02-10..2026-02-01"], yearly: ["13-01"] } }
schedules: { s: { on: sundown, off: "25:00", steps: [{ at: "23:00", level: 101 }] } }`,
      'gateway.yaml',
    );
    expect(shapes.map(({ path }) => path).sort()).toEqual([
      'calendars.a.dates[0]',
      'calendars.a.dates[1]',
      'calendars.a.yearly[0]',
      'schedules.s.off',
      'schedules.s.on',
      'schedules.s.steps[0].level',
    ]);
  });
});

describe('a lamp schedule', () => {
  const almanac = new Almanac(localDays('Asia/Shanghai'));
  const street = scheduleOf(STREET);
  const level = (text: string) => almanac.level(at(text), street, KAIZHOU).is;
  const switching = [
    // Sunset + 10 min and sunrise - 10 min from the vectors, local time.
    ['2026-03-20', '18:57.4', '2026-03-20', '06:51.8'],
    ['2026-06-21', '19:53.0', '2026-06-21', '05:42.5'],
    ['2026-09-23', '18:43.3', '2026-09-23', '06:34.3'],
    ['2026-12-22', '17:48.4', '2026-12-22', '07:41.1'],
  ] as const;
  const local = (date: string, time: string) =>
    at(`${date}T00:00:00+08:00`) + (Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) * MINUTE;

  for (const [evening, sunset, morning, sunrise] of switching) {
    it(`switches on ${evening} within two minutes of the sun`, () => {
      const on = local(evening, sunset) + 10 * MINUTE;
      expect(almanac.level(on - 2 * MINUTE, street, KAIZHOU).is).toBe(0);
      expect(almanac.level(on + 2 * MINUTE, street, KAIZHOU).is).toBe(100);
      const off = local(morning, sunrise) - 10 * MINUTE;
      expect(almanac.level(off - 2 * MINUTE, street, KAIZHOU).is).toBe(100);
      expect(almanac.level(off + 2 * MINUTE, street, KAIZHOU).is).toBe(0);
    });
  }

  it('dims by the time of night, and not in the nights of a festival', () => {
    expect(level('2026-11-23T22:59:00+08:00')).toBe(100);
    expect(level('2026-11-23T23:01:00+08:00')).toBe(60);
    expect(level('2026-11-24T04:59:00+08:00')).toBe(60);
    expect(level('2026-11-24T05:01:00+08:00')).toBe(100);
    expect(level('2026-11-24T12:00:00+08:00')).toBe(0);
    expect(level('2026-02-17T23:01:00+08:00')).toBe(100);
    // The night belongs to the day on which it begins: the morning after the festival is still one of it.
    expect(level('2026-02-23T04:00:00+08:00')).toBe(100);
    expect(level('2026-02-23T23:30:00+08:00')).toBe(60);
  });

  it('says how long the answer holds', () => {
    expect(almanac.level(at('2026-11-23T22:00:00+08:00'), street, KAIZHOU).until).toBe(at('2026-11-23T23:00:00+08:00'));
  });

  it('goes by the clock on the wall through the nights in which it changes', () => {
    const berlin = new Almanac(localDays('Europe/Berlin'));
    const clock = scheduleOf(
      'schedules: { street: { on: "20:00", off: "06:00", steps: [{ at: "02:30", level: 50 }] } }',
    );
    const is = (text: string) => berlin.level(at(text), clock, undefined).is;
    expect([is('2026-03-29T01:29:00Z'), is('2026-03-29T01:31:00Z')]).toEqual([100, 50]);
    expect([is('2026-03-29T03:59:00Z'), is('2026-03-29T04:01:00Z')]).toEqual([50, 0]);
    expect([is('2026-10-25T00:29:00Z'), is('2026-10-25T00:31:00Z')]).toEqual([100, 50]);
    expect([is('2026-10-25T04:59:00Z'), is('2026-10-25T05:01:00Z')]).toEqual([50, 0]);
    const lit = (from: string, to: string) => berlin.levelTime(at(from), at(to), clock, undefined).lit / 3_600_000;
    expect(lit('2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z')).toBe(9);
    expect(lit('2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z')).toBe(11);
  });

  it('lies within one day where it is written so', () => {
    const shop = scheduleOf('schedules: { street: { on: "08:00", off: "18:00", level: 70 } }');
    const is = (text: string) => almanac.level(at(text), shop, undefined).is;
    expect([is('2026-11-23T07:59:00+08:00'), is('2026-11-23T12:00:00+08:00'), is('2026-11-23T18:01:00+08:00')]).toEqual(
      [0, 70, 0],
    );
  });

  it('is on through the polar night and off through the polar day', () => {
    const oslo = new Almanac(localDays('Europe/Oslo'));
    const sun = scheduleOf('schedules: { street: { on: sunset, off: sunrise } }');
    const lit = (from: string) => oslo.levelTime(at(from), at(from) + 48 * 3_600_000, sun, TROMSO).lit / 3_600_000;
    expect(lit('2026-12-20T00:00:00Z')).toBeCloseTo(48);
    expect(lit('2026-06-20T00:00:00Z')).toBe(0);
    expect(lit('2026-03-20T00:00:00Z')).toBeGreaterThan(20);
    expect(lit('2026-03-20T00:00:00Z')).toBeLessThan(26);
  });

  it('stays off on days that say so', () => {
    const lazy = scheduleOf(`
calendars: { weekend: { weekdays: [sat, sun] } }
schedules: { street: { on: "18:00", off: "06:00", days: [{ calendar: weekend, stays: off }] } }`);
    expect(almanac.level(at('2026-11-20T20:00:00+08:00'), lazy, undefined).is).toBe(100);
    expect(almanac.level(at('2026-11-21T05:00:00+08:00'), lazy, undefined).is).toBe(100);
    expect(almanac.level(at('2026-11-21T20:00:00+08:00'), lazy, undefined).is).toBe(0);
  });
});

describe('when', () => {
  const almanac = new Almanac(localDays('Asia/Shanghai'));

  it('takes all of it: dark, and between two times over midnight', () => {
    const gate = gateOf(
      [
        { type: 'sun', degrees: -6, above: false, place: KAIZHOU },
        { type: 'between', from: 22 * 60, to: 5 * 60 },
      ],
      almanac,
    );
    expect(gate(at('2026-11-23T21:59:00+08:00')).is).toBe(false);
    expect(gate(at('2026-11-23T22:00:00+08:00'))).toEqual(
      expect.objectContaining({ is: true, until: at('2026-11-24T05:00:00+08:00') }),
    );
    expect(gate(at('2026-11-24T05:00:00+08:00')).is).toBe(false);
    expect(gate(at('2026-11-23T23:00:00+08:00')).is).toBe(true);
  });

  it('knows until when the sun stays above an elevation', () => {
    const { is, until } = almanac.isSunAbove(at('2026-11-23T12:00:00+08:00'), 6, KAIZHOU);
    expect(is).toBe(true);
    expect(almanac.elevation(until, KAIZHOU)).toBeGreaterThan(6);
    expect(almanac.elevation(until + 5 * MINUTE, KAIZHOU)).toBeLessThan(6);
  });
});
