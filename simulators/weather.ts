import { getPosition } from 'suncalc';
import type { Millis } from '../contract/time.ts';
import { localClock } from './calendar.ts';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from './plant.ts';
import { type Random, Wander } from './random.ts';

/** Rain events a day, and how long one lasts on average: a wet subtropical year of some 1,200 mm. */
const EVENTS_PER_DAY = 0.35;
const EVENT_MEAN_S = 3 * 3600;
const EVENT_MEAN_MM_PER_H = 3;

/**
 * Weather of a lake town at 31 degrees north: season, hour, clouds, seeded rain. A plant, because a weather station looks at it
 * and a scenario can make it pour.
 */
export class Weather implements Plant {
  readonly name = 'weather';
  readonly faults: readonly FaultKind[] = [
    { name: 'rain', what: 'it rains this hard', unit: 'mm/h', usual: 40 },
    { name: 'heat', what: 'the air is this much warmer than the season says', unit: 'K', usual: 12 },
    { name: 'holiday', what: 'the day is a public holiday', unit: '1', usual: 1 },
  ];
  private readonly board = new FaultBoard();
  private readonly clock: ReturnType<typeof localClock>;
  private readonly latitude: number;
  private readonly longitude: number;
  private readonly random: Random;
  private readonly warmth: Wander;
  private readonly clouds: Wander;
  private readonly gusts: Wander;
  private rainMmPerH = 0;
  private now: Surroundings;

  constructor(options: {
    readonly timezone: string;
    readonly latitude: number;
    readonly longitude: number;
    readonly at: Millis;
    readonly random: Random;
  }) {
    this.clock = localClock(options.timezone);
    this.latitude = options.latitude;
    this.longitude = options.longitude;
    this.random = options.random.fork('weather');
    this.warmth = new Wander(this.random.fork('warmth'), 2 * 86_400);
    this.clouds = new Wander(this.random.fork('clouds'), 6 * 3600);
    this.gusts = new Wander(this.random.fork('gusts'), 120);
    this.now = this.look(options.at);
  }

  places(): readonly string[] {
    return ['station'];
  }

  /** Moves the weather to a moment. */
  move(at: Millis, seconds: number): Surroundings {
    this.warmth.step(seconds);
    this.clouds.step(seconds);
    this.gusts.step(seconds);
    const change = this.random.next();
    if (this.rainMmPerH === 0 && change < (EVENTS_PER_DAY * seconds) / 86_400)
      this.rainMmPerH = Math.max(0.2, -EVENT_MEAN_MM_PER_H * Math.log(1 - this.random.next()));
    else if (this.rainMmPerH > 0 && change < seconds / EVENT_MEAN_S) this.rainMmPerH = 0;
    this.now = this.look(at);
    return this.now;
  }

  surroundings(): Surroundings {
    return this.now;
  }

  /** Moved by the district's clock through {@link move}. */
  step(): void {}

  sense(): Quantities {
    const { airCel, humidity, windMPerS, windDirectionDeg, rainMmPerH, illuminanceLx } = this.now;
    return {
      temperature: airCel,
      humidity,
      windSpeed: windMPerS,
      windDirection: windDirectionDeg,
      rain: rainMmPerH,
      illuminance: illuminanceLx,
    };
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    if (place !== 'station' || !this.faults.some(({ name }) => name === fault)) return false;
    this.board.set(fault, place, value);
    return true;
  }

  private look(at: Millis): Surroundings {
    const local = this.clock(at);
    const rainMmPerH = this.board.get('rain', 'station') ?? this.rainMmPerH;
    const sunElevationDeg = getPosition(new Date(at), this.latitude, this.longitude).altitude;
    const cover = rainMmPerH > 0 ? 0.9 : Math.min(0.9, Math.max(0, 0.45 + 0.3 * this.clouds.value));
    // Yearly mean 17 Cel, warmest in late July; warmest hour 15.
    const season = 17 + 10.5 * Math.cos((2 * Math.PI * (local.dayOfYear - 205)) / 365);
    const hour = (4 - 3 * cover) * Math.cos((2 * Math.PI * (local.hour - 15)) / 24);
    const airCel = season + hour + 2 * this.warmth.value + (this.board.get('heat', 'station') ?? 0);
    return {
      at,
      hour: local.hour,
      weekday: local.weekday,
      dayOfYear: local.dayOfYear,
      holiday: local.weekday === 0 || this.board.has('holiday', 'station') || local.monthDay === '01-01',
      airCel,
      humidity: rainMmPerH > 0 ? 96 : Math.min(98, Math.max(30, 78 - 2.2 * hour + 6 * this.clouds.value)),
      rainMmPerH,
      windMPerS: Math.max(0, 1.6 + 0.8 * this.gusts.value),
      windDirectionDeg: (360 + 60 + 40 * this.clouds.value) % 360,
      sunElevationDeg,
      // Clear-sky horizontal illuminance, 120 klx under a zenith sun, thinned by clouds; civil twilight below the horizon.
      illuminanceLx:
        sunElevationDeg > 0
          ? Math.max(400, 120_000 * Math.sin((sunElevationDeg * Math.PI) / 180) * (1 - 0.75 * cover))
          : Math.max(0.2, 400 * Math.exp(sunElevationDeg)),
    };
  }
}
