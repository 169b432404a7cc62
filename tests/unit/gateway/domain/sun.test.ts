import { getPosition, getTimes } from 'suncalc';
import { describe, expect, it } from 'vitest';
import { siteClock } from '../../../../gateway/domain/site-clock.ts';

const KAIZHOU = [31.16, 108.39] as const;
/** Computed with the NOAA equations for 31.16 N, 108.39 E, UTC+8 (day, sunrise, sunset in minutes of the local day). */
const VECTORS = [
  ['2026-03-20', '06:51.8', '18:57.4'],
  ['2026-06-21', '05:42.5', '19:53.0'],
  ['2026-09-23', '06:34.3', '18:43.3'],
  ['2026-12-22', '07:41.1', '17:48.4'],
] as const;

const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
const localMinutes = (moment: Date | null) => ((moment?.getTime() ?? Number.NaN) / 60_000 + 8 * 60) % 1440;

describe('the sun over Kaizhou', () => {
  for (const [day, sunrise, sunset] of VECTORS) {
    it(`rises and sets on ${day} as the equations say, within a minute and a bit`, () => {
      const times = getTimes(new Date(`${day}T04:00:00Z`), ...KAIZHOU);
      expect(Math.abs(localMinutes(times.sunrise) - minutes(sunrise))).toBeLessThan(1.2);
      expect(Math.abs(localMinutes(times.sunset) - minutes(sunset))).toBeLessThan(1.2);
    });
  }

  it('has its dusk a good half hour after sunset in December', () => {
    const { dusk } = getTimes(new Date('2026-12-22T04:00:00Z'), ...KAIZHOU);
    expect(Math.abs(localMinutes(dusk) - minutes('18:15.1'))).toBeLessThan(1.2);
  });

  it('stands high at noon in June, with east longitude positive', () => {
    expect(getPosition(new Date('2026-06-21T04:48:00Z'), ...KAIZHOU).altitude).toBeGreaterThan(80);
  });
});

describe('the clock of the site', () => {
  it('knows the hour of the local week, also through a change of the clocks', () => {
    const shanghai = siteClock('Asia/Shanghai');
    expect(shanghai.hourOfWeek(Date.UTC(2026, 10, 22, 16, 0))).toBe(0);
    expect(shanghai.hourOfWeek(Date.UTC(2026, 10, 22, 15, 59))).toBe(167);
    const berlin = siteClock('Europe/Berlin');
    expect(berlin.hourOfWeek(Date.UTC(2026, 9, 25, 0, 30))).toBe(6 * 24 + 2);
    expect(berlin.hourOfWeek(Date.UTC(2026, 9, 25, 1, 30))).toBe(6 * 24 + 2);
    expect(siteClock('Asia/Kolkata').hourOfWeek(Date.UTC(2026, 10, 22, 18, 30))).toBe(0);
  });

  it('names the day only when it is another one', () => {
    const clock = siteClock('Asia/Shanghai');
    expect(clock.short(Date.UTC(2026, 10, 22, 19, 12), Date.UTC(2026, 10, 22, 19, 13))).toBe('03:12');
    expect(clock.short(Date.UTC(2026, 10, 22, 15, 12), Date.UTC(2026, 10, 22, 19, 13))).toBe('11-22 23:12');
  });
});
