import { interpolate } from './demand.ts';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from './plant.ts';
import { type Random, Wander } from './random.ts';
import { TECHNICS_FAULTS, TECHNICS_PLACES, TunnelTechnics } from './tunnel-technics.ts';

/** The tube: one bore, two-way traffic, three measuring sections from west to east. */
const LENGTH_M = 960;
const SECTIONS = 3;
const SECTION_PLACES = ['section-1', 'section-2', 'section-3'] as const;
const FAN_PLACES = ['fan-1', 'fan-2', 'fan-3', 'fan-4'] as const;
export const TUNNEL_PLACES: readonly string[] = [...SECTION_PLACES, 'wind', 'fans', ...FAN_PLACES, ...TECHNICS_PLACES];
const AREA_M2 = 62;
/** Vehicles an hour, both directions. */
const TRAFFIC = [
  90, 60, 45, 45, 70, 160, 420, 880, 960, 780, 700, 720, 700, 680, 700, 760, 860, 1020, 940, 680, 480, 340, 230, 140,
];
/** Emissions per vehicle and kilometre at tunnel speed (mixed fleet): CO and NO2 in m3, smoke as extinction area m2. */
const CO_M3_PER_KM = 0.004;
const NO2_M3_PER_KM = 0.0001;
const SMOKE_M2_PER_KM = 0.7;
/** Longitudinal air speed that traffic drags along at 1000 vehicles an hour, and what one jet fan adds, m/s. */
const PISTON_M_PER_S = 1.6;
const FAN_M_PER_S = 0.8;
const FANS = 4;
/** The air column and the fan rotors follow with these lags. */
const AIR_LAG_S = 40;
const FAN_LAG_S = 12;
/** Fan stages: on above, off below (CO ppm; visibility 1/m counts the same way). */
const STAGE_ON_PPM = [40, 60, 80, 90] as const;
const STAGE_OFF_SHARE = 0.6;
/** A plume under the intake reaches the sensor with this lag. */
const PLUME_LAG_S = 6;
const BACKGROUND_CO_PPM = 0.6;
const BACKGROUND_NO2_PPM = 0.02;
const BACKGROUND_K = 0.0004;
const FAN_RATED_A = 56;

interface Air {
  co: number;
  no2: number;
  /** Extinction coefficient, 1/m. */
  visibility: number;
  celsius: number;
  plume: number;
}

/**
 * A road tunnel with longitudinal ventilation. CO and NO2 in ppm, visibility as extinction in 1/m, wind m/s positive to the east,
 * temperature Cel, fan currents A.
 *
 * Each section is a box of air: dC/dt = emission / volume - wind * (C - C upwind) / length of the section.
 */
export class Tunnel implements Plant {
  readonly name = 'tunnel';
  readonly faults: readonly FaultKind[] = [
    { name: 'co-rise', what: 'a lorry idles below the intake: CO climbs to this', unit: '[ppm]', usual: 180 },
    { name: 'congestion', what: 'traffic stands still: emissions times this, no piston effect', unit: '1', usual: 4 },
    { name: 'fans-failed', what: 'this many of the four fans do not start', unit: '1', usual: 4 },
    { name: 'fire', what: 'a fire of this heat release burns in the section', unit: 'MW', usual: 5 },
    ...TECHNICS_FAULTS,
  ];
  private readonly board = new FaultBoard();
  private readonly technics = new TunnelTechnics();
  private readonly sections: Air[];
  private readonly flutter: Wander;
  private wind = 1;
  private fansRunning = 0;
  private stage = 0;
  private vehiclesPerH = 0;

  constructor(random: Random) {
    this.flutter = new Wander(random.fork('tunnel/flutter'), 30);
    this.sections = Array.from({ length: SECTIONS }, () => ({
      co: 6,
      no2: 0.08,
      visibility: 0.001,
      celsius: 20,
      plume: 0,
    }));
  }

  places(): readonly string[] {
    return TUNNEL_PLACES;
  }

  /** What the tunnel's uninterruptible supply hangs on. The fans have a supply of their own. */
  feedFrom(hasSupply: () => boolean): void {
    this.technics.feedFrom(hasSupply);
  }

  step(seconds: number, surroundings: Surroundings): void {
    this.technics.step(seconds, surroundings);
    const jam = this.board.get('congestion', 'section-2');
    this.vehiclesPerH = interpolate(TRAFFIC, surroundings.hour) * (surroundings.holiday ? 1.15 : 1);
    this.control(seconds);
    const piston = jam === undefined ? (PISTON_M_PER_S * this.vehiclesPerH) / 1000 : 0.1;
    const wanted = 0.4 + piston + FAN_M_PER_S * this.fansRunning + 0.05 * this.flutter.step(seconds);
    this.wind += (wanted - this.wind) * (1 - Math.exp(-seconds / AIR_LAG_S));
    // Boxes are stable while air crosses less than one of them per step.
    const parts = Math.max(1, Math.ceil((seconds * Math.abs(this.wind) * SECTIONS) / LENGTH_M / 0.5));
    for (let part = 0; part < parts; part++) this.stepAir(seconds / parts, surroundings.airCel, jam ?? 1);
    this.sections.forEach((air, index) => {
      const target = this.board.get('co-rise', `section-${index + 1}`) ?? 0;
      air.plume += (target - air.plume) * (1 - Math.exp(-seconds / PLUME_LAG_S));
    });
  }

  sense(place: string): Quantities | undefined {
    if (place === 'wind')
      return { windSpeed: this.wind, windDirection: 90, temperature: this.sections[1]?.celsius ?? 20 };
    if (place === 'fans') return { current: this.fansRunning * FAN_RATED_A, running: this.fansRunning };
    if (place.startsWith('fan-')) return this.fan(Number(place.slice('fan-'.length)));
    const air = this.sections[Number(place.slice('section-'.length)) - 1];
    if (air === undefined) return this.technics.sense(place);
    return {
      co: Math.max(air.co, air.plume),
      no2: air.no2,
      visibility: air.visibility,
      temperature: air.celsius,
      traffic: this.vehiclesPerH,
    };
  }

  /** Power of the running fans, kW: a load of the substation. */
  powerKW(): number {
    return 30 * this.fansRunning + 18;
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    const inSection = place.startsWith('section-');
    if (!TUNNEL_PLACES.includes(place)) return false;
    if (fault === 'congestion') this.board.set(fault, 'section-2', value);
    else if (fault === 'fans-failed') this.board.set(fault, 'fans', value);
    else if ((fault === 'co-rise' || fault === 'fire') && inSection) this.board.set(fault, place, value);
    else return this.technics.setFault(fault, place, value);
    return true;
  }

  /** One of the four fans: they start in order, and the last ones fail first. */
  private fan(number: number): Quantities | undefined {
    if (!(number >= 1 && number <= FANS)) return undefined;
    const failed = number > FANS - (this.board.get('fans-failed', 'fans') ?? 0);
    const command = this.stage >= number ? 1 : 0;
    const speed = failed ? 0 : Math.min(1, Math.max(0, this.fansRunning - number + 1));
    const running = speed > 0.5 ? 1 : 0;
    return {
      command,
      running,
      speed,
      current: speed > 0.02 ? FAN_RATED_A * (0.3 + 0.62 * speed) : 0,
      frequency: 50 * speed,
      power: 30 * speed ** 3,
      fault: failed ? 1 : 0,
    };
  }

  /** Fans follow the worst air in stages and start and stop slowly. */
  private control(seconds: number): void {
    const worst = Math.max(...this.sections.map((air) => Math.max(air.co, (air.visibility / 0.007) * 70)));
    while (this.stage < FANS && worst > (STAGE_ON_PPM[this.stage] as number)) this.stage++;
    while (this.stage > 0 && worst < (STAGE_ON_PPM[this.stage - 1] as number) * STAGE_OFF_SHARE) this.stage--;
    const able = FANS - Math.min(FANS, this.board.get('fans-failed', 'fans') ?? 0);
    const wanted = Math.min(this.stage, able);
    this.fansRunning += (wanted - this.fansRunning) * (1 - Math.exp(-seconds / FAN_LAG_S));
  }

  private stepAir(seconds: number, airCel: number, jam: number): void {
    const sectionM = LENGTH_M / SECTIONS;
    const volume = AREA_M2 * sectionM;
    const kmPerS = ((this.vehiclesPerH * jam) / 3600) * (sectionM / 1000);
    const change = (Math.abs(this.wind) * seconds) / sectionM;
    const outside: Air = {
      co: BACKGROUND_CO_PPM,
      no2: BACKGROUND_NO2_PPM,
      visibility: BACKGROUND_K,
      celsius: airCel,
      plume: 0,
    };
    const upwind = (index: number) => this.sections[this.wind >= 0 ? index - 1 : index + 1] ?? outside;
    const order = this.wind >= 0 ? [2, 1, 0] : [0, 1, 2];
    for (const index of order) {
      const air = this.sections[index] as Air;
      const from = upwind(index);
      const fireMW = this.board.get('fire', `section-${index + 1}`) ?? 0;
      air.co += ((kmPerS * CO_M3_PER_KM + fireMW * 0.004) / volume) * 1e6 * seconds + (from.co - air.co) * change;
      air.no2 += ((kmPerS * NO2_M3_PER_KM) / volume) * 1e6 * seconds + (from.no2 - air.no2) * change;
      air.visibility +=
        ((kmPerS * SMOKE_M2_PER_KM + fireMW * 60) / volume) * seconds + (from.visibility - air.visibility) * change;
      // Air holds 1.2 kg/m3 * 1.005 kJ/(kg K); two thirds of a fire's heat go into it. Traffic warms by some 2 K.
      const heat = (fireMW * 667 + 8 * jam) / (1.206 * volume);
      air.celsius += heat * seconds + (from.celsius - air.celsius) * change;
    }
  }
}
