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
  /** Minutes between samples; 15 unless said. */
  readonly minutes?: 1 | 5 | 15;
  /** A works that runs two shifts on working days: m3/h while it runs, and weeks of the year it is closed. */
  readonly works?: { readonly flow: number; readonly closed: readonly number[] };
  /** Supply interruptions a year, of 2 to 8 hours; roof tanks fill afterwards. */
  readonly interruptions?: number;
  /** Fires a year, at any hour: m3/h for one to three hours. */
  readonly fires?: { readonly count: number; readonly flow: number };
  /** Days on which a boundary valve stands open for some hours, with so much flow into the neighbour, m3/h. */
  readonly boundary?: { readonly count: number; readonly flow: number };
  /** Days on which the inlet meter stands still for some hours. */
  readonly stuck?: number;
  /** Losses of communication of 6 to 60 hours a year. */
  readonly gaps?: number;
  /** Pressure loggers: noise in m, resolution in m, and how much the head of the supply wanders, m. */
  readonly loggers?: {
    readonly count: number;
    readonly noise: number;
    readonly resolution: number;
    readonly head: number;
  };
  /** A tank that a pump fills and the place empties; the inlet is the pump then. */
  readonly tank?: { readonly areaM2: number; readonly resolution: number; readonly pumpFlow: number };
  /** Size of leaks, as parts of the mean flow; 0.05 to 0.17 unless said. */
  readonly leakParts?: readonly [number, number];
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

/** Five minutes, a works on shifts, interruptions, boundary valves. */
export const WORKS_TOWN: Place = {
  ...TOWN,
  name: 'works-town',
  meanFlow: 400,
  night: 0.35,
  roughness: 0.025,
  irrigation: 0,
  flushings: 8,
  flushingFlow: 90,
  minutes: 5,
  works: { flow: 70, closed: [29, 30, 31, 51] },
  interruptions: 2,
  boundary: { count: 3, flow: 30 },
  loggers: { count: 6, noise: 0.05, resolution: 0.01, head: 0.4 },
};

/** One-minute samples of a quarter, fires, a meter that stands still at times. */
export const QUARTER: Place = {
  ...TOWN,
  name: 'quarter',
  meanFlow: 42,
  night: 0.25,
  roughness: 0.05,
  irrigation: 2.5,
  flushings: 5,
  flushingFlow: 30,
  minutes: 1,
  fires: { count: 1, flow: 60 },
  stuck: 3,
  gaps: 3,
  loggers: { count: 3, noise: 0.08, resolution: 0.1, head: 0.3 },
};

/** A pump, a tank with a level of one centimetre, no flow meter behind it. */
export const TANK_TOWN: Place = {
  ...TOWN,
  name: 'tank-town',
  meanFlow: 28,
  roughness: 0.06,
  irrigation: 2,
  flushings: 3,
  flushingFlow: 25,
  minutes: 5,
  tank: { areaM2: 120, resolution: 0.01, pumpFlow: 75 },
  loggers: { count: 2, noise: 0.06, resolution: 0.01, head: 0.1 },
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
  /** Metres, one list a logger, a value a sample. */
  readonly pressures: (number | null)[][];
  /** Metres. */
  readonly level: (number | null)[];
  /** Milliseconds between samples. */
  readonly stepMs: number;
  /** What happened that is no leak, for people who look into an alarm. */
  readonly events: MadeEvent[];
}

export interface MadeEvent {
  readonly name: 'flushing' | 'fire' | 'interruption' | 'boundary' | 'stuck' | 'gap';
  readonly from: Millis;
  readonly to: Millis;
}

export const STEP_MS = 900_000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

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

/** A year of a place: inflow, and where it has them loggers and a tank. */
export function makeYear(place: Place, seed: number, leakCount: number): MadeYear {
  const random = seeded(seed);
  const gauss = gaussOf(random);
  // What a place may have besides is drawn apart, so that the flow of a seed stays what it was.
  const other = seeded(seed ^ 0x5eed);
  const otherGauss = gaussOf(other);
  const from = Date.UTC(2023, 0, 1);
  const perQuarter = 15 / (place.minutes ?? 15);
  const stepMs = STEP_MS / perQuarter;
  const perDay = 96 * perQuarter;
  const count = 365 * perDay;
  const leaks = makeLeaks(place, random, leakCount, from);
  const events = [...makeFlushings(place, random, from), ...makeEvents(place, other, from)];
  const shift = [0, 1, 2, 3].map(() => 0.6 * gauss());
  let weather = 0;
  const memory = Math.exp(-0.25 / perQuarter / place.weatherHours);
  let drift = 0;
  const flow: (number | null)[] = [];
  const slot: number[] = [];
  const level: (number | null)[] = [];
  const loggers = makeLoggers(place, other, leaks.length);
  const pressures: (number | null)[][] = loggers.map(() => []);
  const pump = new FilledTank(place);
  let isIrrigating = false;
  let head = 0;
  let missingRoof = 0;
  let lastMeasured = 0;
  const roughness = place.roughness * Math.sqrt(perQuarter);
  for (let index = 0; index < count; index++) {
    const at = from + index * stepMs;
    const day = Math.floor(index / perDay);
    const local = at + (place.zoneHours + (place.summerTime && day >= 84 && day < 301 ? 1 : 0)) * HOUR_MS;
    const weekday = (new Date(local).getUTCDay() + 6) % 7;
    const quarter = Math.floor((local % DAY_MS) / STEP_MS);
    slot.push(weekday * 96 + quarter);
    const localDay = Math.floor((local - from) / DAY_MS);
    const kind = place.holidays.includes(localDay) ? 6 : weekday;
    if (local % DAY_MS === 0) isIrrigating = localDay > 125 && localDay < 270 && random() < 0.55;
    const year = 2 * Math.PI * (localDay / 365);
    const hour = (local % DAY_MS) / HOUR_MS;
    let shape = dayShape(hour, kind, place.night, 0.25 * (shift[0]! + shift[1]! * Math.sin(year)));
    const festival = place.festival;
    if (festival !== undefined && localDay >= festival.day && localDay < festival.day + festival.days)
      shape = dayShape(hour, 6, place.night * festival.night, 0.5) * festival.demand;
    weather = memory * weather + Math.sqrt(1 - memory * memory) * gauss() * place.weather;
    drift += gauss() * (place.meterDrift / Math.sqrt(count));
    let demand =
      place.meanFlow *
      shape *
      (1 - place.season * Math.cos(year)) *
      Math.exp(weather) *
      Math.max(0.05, 1 + (roughness * gauss()) / Math.sqrt(Math.max(0.3, shape)));
    if (isIrrigating && quarter >= 80 && quarter < 90) demand += place.irrigation * (0.8 + 0.4 * random());
    if (
      place.works !== undefined &&
      kind < 5 &&
      !place.works.closed.includes(Math.floor(localDay / 7)) &&
      hour >= 6 &&
      hour < 22
    )
      demand += place.works.flow * (0.9 + 0.1 * otherGauss());
    const now = events.filter((event) => at >= event.from && at < event.to);
    for (const { name } of now) demand += drawOf(place, name);
    for (const leak of leaks) demand += leakFlow(leak, at);
    if (now.some(({ name }) => name === 'interruption')) {
      missingRoof = Math.min(4 * place.meanFlow, missingRoof + (demand * stepMs) / HOUR_MS);
      demand *= 0.03;
    } else if (missingRoof > 0) {
      const filled = Math.min(missingRoof, (0.8 * place.meanFlow * stepMs) / HOUR_MS);
      missingRoof -= filled;
      demand += (filled * HOUR_MS) / stepMs;
    }
    const headMemory = Math.exp(-0.25 / perQuarter / 6);
    head = headMemory * head + Math.sqrt(1 - headMemory * headMemory) * otherGauss() * (place.loggers?.head ?? 0);
    const supplied = pump.step(demand, stepMs);
    const passed = supplied * (1 + drift + place.meterNoise * Math.sqrt(perQuarter) * gauss());
    const isStuck = now.some(({ name }) => name === 'stuck');
    const isLost = now.some(({ name }) => name === 'gap');
    if (!isStuck) lastMeasured = Math.round(passed / place.resolution) * place.resolution;
    flow.push(random() < place.missing || isLost ? null : lastMeasured);
    level.push(isLost ? null : pump.level);
    loggers.forEach((logger, by) => {
      const load = (demand / place.meanFlow) ** 1.852;
      const nearby = leaks.reduce((sum, leak, of) => sum + logger.near[of]! * (leakFlow(leak, at) / place.meanFlow), 0);
      const metres = logger.rest + head - logger.loss * load - nearby + place.loggers!.noise * otherGauss();
      const step = place.loggers!.resolution;
      pressures[by]!.push(isLost || other() < place.missing ? null : Math.round(metres / step) * step);
    });
  }
  return { from, flow, slot, leaks, pressures, level, stepMs, events };
}

const gaussOf = (random: () => number) => () =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Filled between two levels by a pump of its own will; without a tank everything comes through the inlet. */
class FilledTank {
  private readonly tank: Place['tank'];
  private volume: number;
  private isOn = false;

  constructor({ tank }: Place) {
    this.tank = tank;
    this.volume = tank === undefined ? 0 : 2.5 * tank.areaM2;
  }

  /** @returns what the inlet carries, m3/h */
  step(demand: number, stepMs: number): number {
    const { tank } = this;
    if (tank === undefined) return demand;
    if (this.volume < 1.5 * tank.areaM2) this.isOn = true;
    if (this.volume > 3.2 * tank.areaM2) this.isOn = false;
    const pumped = this.isOn ? tank.pumpFlow : 0;
    this.volume = Math.max(0, this.volume + ((pumped - demand) * stepMs) / HOUR_MS);
    return pumped;
  }

  get level(): number | null {
    const { tank } = this;
    return tank === undefined ? null : Math.round(this.volume / tank.areaM2 / tank.resolution) * tank.resolution;
  }
}

function makeLoggers(place: Place, random: () => number, leaks: number) {
  return Array.from({ length: place.loggers?.count ?? 0 }, () => ({
    rest: 35 + 20 * random(),
    /** Metres lost on the way at the mean flow. */
    loss: 0.5 + 2.5 * random(),
    /** Metres that a leak as large as the mean flow takes here besides: much near it, little far from it. */
    near: Array.from({ length: leaks }, () => (random() < 0.3 ? 4 + 12 * random() : 2 * random())),
  }));
}

function makeFlushings(place: Place, random: () => number, from: Millis): MadeEvent[] {
  return Array.from({ length: place.flushings }, () => {
    const day = Math.floor(random() * 365);
    const start = from + day * DAY_MS + (8 + 6 * random() - place.zoneHours) * HOUR_MS;
    return { name: 'flushing', from: start, to: start + (0.5 + 1.5 * random()) * HOUR_MS };
  });
}

function makeEvents(place: Place, random: () => number, from: Millis): MadeEvent[] {
  const events: MadeEvent[] = [];
  const add = (name: MadeEvent['name'], count: number, least: number, most: number) => {
    for (let index = 0; index < count; index++) {
      // Not while the place is learned.
      const start = from + (16 + 345 * random()) * DAY_MS;
      events.push({ name, from: start, to: start + (least + (most - least) * random()) * HOUR_MS });
    }
  };
  add('interruption', place.interruptions ?? 0, 2, 8);
  add('fire', place.fires?.count ?? 0, 1, 3);
  add('boundary', place.boundary?.count ?? 0, 3, 20);
  add('stuck', place.stuck ?? 0, 5, 40);
  add('gap', place.gaps ?? 0, 6, 60);
  return events;
}

function drawOf(place: Place, name: MadeEvent['name']): number {
  if (name === 'flushing') return place.flushingFlow;
  if (name === 'fire') return place.fires?.flow ?? 0;
  return name === 'boundary' ? (place.boundary?.flow ?? 0) : 0;
}

export function leakFlow(leak: MadeLeak, at: Millis): number {
  if (at < leak.start || at >= leak.end) return 0;
  if (leak.type === 'abrupt' || at >= leak.peak) return leak.size;
  return leak.size * ((at - leak.start) / (leak.peak - leak.start)) ** 2;
}

function makeLeaks(place: Place, random: () => number, count: number, from: Millis): MadeLeak[] {
  const leaks: MadeLeak[] = [];
  const [least, most] = place.leakParts ?? [0.05, 0.17];
  for (let index = 0; index < count; index++) {
    const type = random() < 0.5 ? 'abrupt' : 'incipient';
    const start = from + (25 + ((index + random()) * 320) / count) * DAY_MS;
    const peak = type === 'abrupt' ? start : start + (10 + 50 * random()) * DAY_MS;
    const end = Math.min(from + 365 * DAY_MS, peak + (8 + 25 * random()) * DAY_MS);
    leaks.push({ type, start, peak, end, size: place.meanFlow * (least + (most - least) * random()) });
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
