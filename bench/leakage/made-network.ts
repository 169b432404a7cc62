import type { Millis } from '../../contract/time.ts';

/** A place that is not L-Town: what its people, its meters and its crews do to the inflow. */
export interface Place {
  readonly name: string;
  /** Mean demand without leaks, m3/h. */
  readonly meanFlow: number;
  /** Part of the demand that goes on at night. */
  readonly night: number;
  /** Independent noise of a quarter of an hour, as a part of the demand; a village of few taps is rough. */
  readonly roughness: number;
  /** Slow noise (weather): deviation as a part, and its memory in hours. */
  readonly weather: number;
  readonly weatherHours: number;
  readonly season: number;
  /** Irrigation from May to September, m3/h while it runs, on the evenings it runs. */
  readonly irrigation: number;
  /** Flushing of hydrants: times a year, m3/h. */
  readonly flushings: number;
  readonly flushingFlow: number;
  readonly meterNoise: number;
  /** Slow wander of the inlet meter, part of the flow over a year. */
  readonly meterDrift: number;
  readonly resolution: number;
  /** Hours the local clock is ahead of UTC, and whether it changes in summer. */
  readonly zoneHours: number;
  readonly summerTime: boolean;
  /** Days of year on which people behave as on Sunday. */
  readonly holidays: readonly number[];
  /** A fortnight with many people away or at home: first day, days, factor of demand, factor of night use. */
  readonly festival?: { readonly day: number; readonly days: number; readonly demand: number; readonly night: number };
  /** Part of the samples that are missing. */
  readonly missing: number;
}

export const TOWN: Place = {
  name: 'town',
  meanFlow: 95,
  night: 0.3,
  roughness: 0.035,
  weather: 0.03,
  weatherHours: 20,
  season: 0.12,
  irrigation: 6,
  flushings: 10,
  flushingFlow: 35,
  meterNoise: 0.01,
  meterDrift: 0.01,
  resolution: 0.01,
  zoneHours: 1,
  summerTime: true,
  holidays: [0, 95, 98, 120, 139, 149, 226, 275, 304, 358, 359, 360],
  missing: 0.01,
};

export const CHINESE_TOWN: Place = {
  ...TOWN,
  name: 'chinese-town',
  meanFlow: 240,
  night: 0.38,
  summerTime: false,
  zoneHours: 8,
  irrigation: 12,
  flushings: 6,
  flushingFlow: 60,
  holidays: [0, 94, 95, 120, 121, 122, 172, 273, 274, 275, 276, 277, 278, 279],
  festival: { day: 38, days: 14, demand: 0.82, night: 1.15 },
  meterDrift: 0.015,
};

export const VILLAGE: Place = {
  ...TOWN,
  name: 'village',
  meanFlow: 5.5,
  night: 0.2,
  roughness: 0.22,
  weather: 0.06,
  weatherHours: 30,
  season: 0.2,
  irrigation: 1.2,
  flushings: 4,
  flushingFlow: 20,
  resolution: 0.05,
  missing: 0.03,
};

export interface MadeLeak {
  readonly start: Millis;
  readonly peak: Millis;
  readonly end: Millis;
  readonly size: number;
  readonly type: 'abrupt' | 'incipient';
}

export interface MadeYear {
  readonly from: Millis;
  /** One value a quarter of an hour; null where the sample is missing. */
  readonly flow: (number | null)[];
  /** Local quarter of the week of each. */
  readonly slot: number[];
  readonly leaks: MadeLeak[];
}

export const STEP_MS = 900_000;
const DAY_MS = 86_400_000;

/** A small seeded generator (mulberry32, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A year of net inflow of a place. */
export function makeYear(place: Place, seed: number, leakCount: number): MadeYear {
  const random = seeded(seed);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const from = Date.UTC(2023, 0, 1);
  const count = 365 * 96;
  const leaks = makeLeaks(place, random, leakCount, from);
  const flushings = Array.from({ length: place.flushings }, () => {
    const day = Math.floor(random() * 365);
    return {
      from: from + day * DAY_MS + (8 + 6 * random() - place.zoneHours) * 3_600_000,
      hours: 0.5 + 1.5 * random(),
    };
  });
  const shift = [0, 1, 2, 3].map(() => 0.6 * gauss());
  let weather = 0;
  const memory = Math.exp(-0.25 / place.weatherHours);
  let drift = 0;
  const flow: (number | null)[] = [];
  const slot: number[] = [];
  let isIrrigating = false;
  for (let index = 0; index < count; index++) {
    const at = from + index * STEP_MS;
    const day = Math.floor(index / 96);
    const local = at + (place.zoneHours + (place.summerTime && day >= 84 && day < 301 ? 1 : 0)) * 3_600_000;
    const weekday = (new Date(local).getUTCDay() + 6) % 7;
    const quarter = Math.floor((local % DAY_MS) / STEP_MS);
    slot.push(weekday * 96 + quarter);
    const localDay = Math.floor((local - from) / DAY_MS);
    const kind = place.holidays.includes(localDay) ? 6 : weekday;
    if (quarter === 0) isIrrigating = localDay > 125 && localDay < 270 && random() < 0.55;
    const year = 2 * Math.PI * (localDay / 365);
    let shape = dayShape(quarter / 4, kind, place.night, 0.25 * (shift[0]! + shift[1]! * Math.sin(year)));
    const festival = place.festival;
    if (festival !== undefined && localDay >= festival.day && localDay < festival.day + festival.days)
      shape = dayShape(quarter / 4, 6, place.night * festival.night, 0.5) * festival.demand;
    weather = memory * weather + Math.sqrt(1 - memory * memory) * gauss() * place.weather;
    drift += gauss() * (place.meterDrift / Math.sqrt(count));
    let demand =
      place.meanFlow *
      shape *
      (1 - place.season * Math.cos(year)) *
      Math.exp(weather) *
      Math.max(0.05, 1 + (place.roughness * gauss()) / Math.sqrt(Math.max(0.3, shape)));
    if (isIrrigating && quarter >= 80 && quarter < 90) demand += place.irrigation * (0.8 + 0.4 * random());
    for (const flushing of flushings)
      if (at >= flushing.from && at < flushing.from + flushing.hours * 3_600_000) demand += place.flushingFlow;
    for (const leak of leaks) demand += leakFlow(leak, at);
    const measured = demand * (1 + drift + place.meterNoise * gauss());
    flow.push(random() < place.missing ? null : Math.round(measured / place.resolution) * place.resolution);
  }
  return { from, flow, slot, leaks };
}

export function leakFlow(leak: MadeLeak, at: Millis): number {
  if (at < leak.start || at >= leak.end) return 0;
  if (leak.type === 'abrupt' || at >= leak.peak) return leak.size;
  return leak.size * ((at - leak.start) / (leak.peak - leak.start)) ** 2;
}

function makeLeaks(place: Place, random: () => number, count: number, from: Millis): MadeLeak[] {
  const leaks: MadeLeak[] = [];
  for (let index = 0; index < count; index++) {
    const type = random() < 0.5 ? 'abrupt' : 'incipient';
    const start = from + (25 + ((index + random()) * 320) / count) * DAY_MS;
    const peak = type === 'abrupt' ? start : start + (10 + 50 * random()) * DAY_MS;
    const end = Math.min(from + 365 * DAY_MS, peak + (8 + 25 * random()) * DAY_MS);
    leaks.push({ type, start, peak, end, size: place.meanFlow * (0.05 + 0.12 * random()) });
  }
  return leaks;
}

/** Two humps and a night; Saturday and Sunday rise later. */
function dayShape(hour: number, weekday: number, night: number, lateBy: number): number {
  const free = weekday >= 5;
  const morning = bump(hour, (free ? 10 : 7.3) + lateBy, free ? 2.6 : 1.6) * (free ? 1.15 : 1.25);
  const noon = bump(hour, 12.8, 2.2) * 0.55;
  const evening = bump(hour, 19.3 + 0.5 * lateBy, 2.4) * 1.2;
  const asleep = night * (1 + 0.15 * bump(hour, 23.5, 1.5));
  return asleep + morning + noon + evening + (weekday === 6 ? 0.05 : 0);
}

const bump = (hour: number, center: number, width: number): number => {
  const away = Math.abs(hour - center);
  const apart = Math.min(away, 24 - away) / width;
  return Math.exp(-0.5 * apart * apart);
};
