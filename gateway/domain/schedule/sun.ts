import { getPosition, getTimes } from 'suncalc';
import type { Millis } from '../../../contract/time.ts';
import { DAY_MS } from './local-days.ts';

/** Where the sun is looked at, in degrees; east is positive. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Sunrise and sunset: upper edge on the horizon, refraction included (zenith 90.833); dawn and dusk: civil (zenith 96). */
export type SunEvent = 'sunrise' | 'sunset' | 'dawn' | 'dusk';
export const SUN_EVENTS: readonly SunEvent[] = ['sunrise', 'sunset', 'dawn', 'dusk'];

/** Elevation at which an event happens. */
const ELEVATION_AT: Readonly<Record<SunEvent, number>> = { sunrise: -0.833, sunset: -0.833, dawn: -6, dusk: -6 };

/**
 * When it happens on the solar day around `noon`.
 *
 * @returns `light` when the sun stays above that elevation all day, `dark` when it stays below; otherwise UTC
 */
export function sunEvent(event: SunEvent, noon: Millis, place: Place): Millis | 'light' | 'dark' {
  const times = getTimes(new Date(noon), place.latitude, place.longitude);
  const moment = times[event];
  if (moment !== null && Number.isFinite(moment.getTime())) return moment.getTime();
  const { altitude } = getPosition(times.solarNoon, place.latitude, place.longitude);
  return altitude < ELEVATION_AT[event] ? 'dark' : 'light';
}

/** One elevation every five minutes: between them a straight line is within 0.02 degrees where thresholds lie. */
const STEPS = 288;
const STEP_MS = DAY_MS / STEPS;

/** Elevation of the sun over one day (UTC) and place, in degrees. */
export type ElevationTable = Float32Array;

export function elevationTable(day: number, place: Place): ElevationTable {
  const table = new Float32Array(STEPS + 1);
  for (let step = 0; step <= STEPS; step++)
    table[step] = getPosition(new Date(day * DAY_MS + step * STEP_MS), place.latitude, place.longitude).altitude;
  return table;
}

export function elevationIn(table: ElevationTable, at: Millis): number {
  const place = (((at % DAY_MS) + DAY_MS) % DAY_MS) / STEP_MS;
  const step = Math.floor(place);
  const low = table[step]!;
  return low + (place - step) * (table[step + 1]! - low);
}
