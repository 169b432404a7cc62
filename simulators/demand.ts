import type { Surroundings } from './plant.ts';

/** Share of the daily mean that people draw in each hour, by kind of day; each row means 1. */
const WORKDAY = [
  0.42, 0.34, 0.3, 0.3, 0.36, 0.58, 1.1, 1.62, 1.55, 1.22, 1.12, 1.16, 1.28, 1.14, 0.98, 0.94, 1.02, 1.22, 1.5, 1.62,
  1.46, 1.2, 0.9, 0.67,
];
const DAY_OFF = [
  0.5, 0.4, 0.33, 0.31, 0.33, 0.42, 0.66, 1.02, 1.42, 1.56, 1.46, 1.34, 1.32, 1.2, 1.08, 1.04, 1.08, 1.2, 1.4, 1.5, 1.4,
  1.22, 1.0, 0.81,
];
/** Swing of the year: most in late July. */
const SEASON_SHARE = 0.12;
/** Each kelvin above this adds a share of demand: gardens, showers, cooling. */
const WARM_FROM_CEL = 24;
const WARM_SHARE_PER_K = 0.012;
const RAIN_SHARE = -0.06;
const HOLIDAY_SHARE = 0.05;

/** How much of their mean the people of a district draw now; 1 over a year. */
export function demandShare({ hour, weekday, dayOfYear, holiday, airCel, rainMmPerH }: Surroundings): number {
  const dayOff = holiday || weekday === 0 || weekday === 6;
  const season = 1 + SEASON_SHARE * Math.cos((2 * Math.PI * (dayOfYear - 205)) / 365);
  const warm = 1 + WARM_SHARE_PER_K * Math.max(0, airCel - WARM_FROM_CEL);
  const rain = rainMmPerH > 0.5 ? 1 + RAIN_SHARE : 1;
  return interpolate(dayOff ? DAY_OFF : WORKDAY, hour) * season * warm * rain * (holiday ? 1 + HOLIDAY_SHARE : 1);
}

/** Value of an hourly row between its full hours. */
export function interpolate(row: readonly number[], hour: number): number {
  const from = Math.floor(hour) % 24;
  const share = hour - Math.floor(hour);
  return (row[from] as number) * (1 - share) + (row[(from + 1) % 24] as number) * share;
}
