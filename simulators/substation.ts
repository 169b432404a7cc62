import { demandShare } from './demand.ts';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from './plant.ts';
import { type Random, Wander } from './random.ts';
import { compensatedKPa, gaugeKPa, SF6_FILL_KPA, type Sf6State, stepSf6 } from './sf6.ts';
import {
  drySettledRise,
  hotSpotCel,
  type OilState,
  ONAN_DISTRIBUTION,
  oilSettled,
  stepDryWinding,
  stepOil,
} from './transformer.ts';

const PHASES = ['A', 'B', 'C'] as const;
/** Outgoing feeders behind the main breaker, and each one's share of the load. */
const FEEDERS: ReadonlyMap<string, number> = new Map([
  ['feeder-1', 0.42],
  ['feeder-2', 0.33],
  ['feeder-3', 0.25],
]);
export const SUBSTATION_PLACES = ['incomer', 'transformer', 'oil-transformer', 'box', 'ring-main', ...FEEDERS.keys()];
/** Cables and filters of a healthy feeder leak this to earth, mA. */
const FEEDER_LEAKAGE_MA = 45;
const RATED_KVA = 630;
const RATED_V = 220;
/** What the houses and shops on this substation draw on average, kW. */
const TOWN_KW = 170;
const POWER_FACTOR = 0.94;
/** Each phase's share of the load: single-phase customers are never spread evenly. */
const SHARES = { A: 0.345, B: 0.328, C: 0.327 } as const;
/** Voltage falls this much from no load to rated load. */
const REGULATION = 0.035;
/** The box is warmer than the air by this at rated load. */
const BOX_RISE_K = 9;
const FAN_ON_CEL = 80;
const FAN_OFF_CEL = 70;
const ALARM_CEL = 130;
const TRIP_CEL = 150;

/** The neighbouring 400 kVA oil-immersed transformer and what hangs on it. */
const OIL_KVA = 400;
const OIL_MEAN_KW = 190;
/** Damp of the box over the air's, and what the warm transformer takes from it. */
const BOX_DRYING = 0.55;

/** Where a fault lives, whichever place it was asked for. */
const HOME: Readonly<Record<string, string>> = {
  'fan-failed': 'transformer',
  door: 'transformer',
  'oil-overload': 'oil-transformer',
  condensation: 'box',
  'sf6-leak': 'ring-main',
};
/** Faults that a feeder has for itself. */
const OF_FEEDERS: ReadonlySet<string> = new Set(['breaker-trip', 'earth-fault']);

/** Loads other plants hang on this substation, kW. */
export interface FedPlants {
  readonly powerKW: () => number;
}

/**
 * A 10/0.4 kV box substation: ring main unit, 630 kVA cast-resin transformer, main breaker and three feeders. Voltages V,
 * currents A, powers kW, kV.A and kvar, temperatures Cel, leakage mA, gas pressure kPa (gauge, compensated to 20 Cel).
 */
export class Substation implements Plant {
  readonly name = 'substation';
  readonly faults: readonly FaultKind[] = [
    { name: 'overload', what: 'the load rises to this share of the rating', unit: '%', usual: 125 },
    {
      name: 'oil-overload',
      what: 'the load of the oil-immersed transformer rises to this share of its rating',
      unit: '%',
      usual: 150,
    },
    { name: 'condensation', what: 'the heater of the box is off; humidity climbs to this', unit: '%', usual: 92 },
    { name: 'fan-failed', what: 'the transformer’s fans do not start', unit: '1', usual: 1 },
    { name: 'door', what: 'the door of the box is open', unit: '1', usual: 1 },
    {
      name: 'breaker-trip',
      what: 'the breaker of this feeder trips, elsewhere the main breaker: no current behind it',
      unit: '1',
      usual: 1,
    },
    { name: 'earth-fault', what: 'a phase of this feeder leaks this to earth', unit: 'mA', usual: 400 },
    {
      name: 'sf6-leak',
      what: 'the ring main unit loses gas at this rate; off: mended and filled again',
      unit: 'kPa/h',
      usual: 2,
    },
    {
      name: 'supply-lost',
      what: 'the 10 kV supply of the box fails: everything behind it is dead',
      unit: '1',
      usual: 1,
    },
    { name: 'overvoltage', what: 'the supply rises to this', unit: 'V', usual: 245 },
  ];
  private readonly board = new FaultBoard();
  private readonly fed: readonly FedPlants[];
  private readonly wanders: Readonly<Record<(typeof PHASES)[number], Wander>>;
  private readonly grid: Wander;
  private readonly frequency: Wander;
  private temperatures: Record<(typeof PHASES)[number], number> | undefined;
  private fanOn = false;
  private meter: Quantities = {};
  private controller: Quantities = {};
  private oil: OilState | undefined;
  private oilLoad = 0;
  private gas: Sf6State | undefined;
  private readonly feeders = new Map<string, Quantities>();
  private box = { temperature: 20, humidity: 55 };

  constructor(random: Random, fed: readonly FedPlants[]) {
    this.fed = fed;
    const wander = (name: string, memoryS: number) => new Wander(random.fork(`substation/${name}`), memoryS);
    this.wanders = { A: wander('A', 400), B: wander('B', 400), C: wander('C', 400) };
    this.grid = wander('grid', 1800);
    this.frequency = wander('frequency', 60);
  }

  places(): readonly string[] {
    return SUBSTATION_PLACES;
  }

  step(seconds: number, surroundings: Surroundings): void {
    const overload = this.board.get('overload', 'incomer');
    const tripped = this.board.has('breaker-trip', 'incomer');
    const dead = this.board.has('supply-lost', 'incomer');
    const connected = [...FEEDERS].filter(([feeder]) => !tripped && !dead && !this.board.has('breaker-trip', feeder));
    const connectedShare = connected.reduce((sum, [, share]) => sum + share, 0);
    const usualKW = TOWN_KW * demandShare(surroundings) + this.fed.reduce((sum, plant) => sum + plant.powerKW(), 0);
    const wantedKW = overload === undefined ? usualKW : (overload / 100) * RATED_KVA * POWER_FACTOR;
    const supply = dead
      ? 0
      : (this.board.get('overvoltage', 'incomer') ?? RATED_V * (1.03 + 0.005 * this.grid.step(seconds)));
    const values: Record<string, number> = {};
    let power = 0;
    let apparent = 0;
    for (const phase of PHASES) {
      const wandering = 1 + 0.03 * this.wanders[phase].step(seconds);
      const phaseKW = connectedShare * wantedKW * SHARES[phase] * wandering;
      const voltage = supply * (1 - (REGULATION * phaseKW * 3) / (RATED_KVA * POWER_FACTOR));
      values[`voltage${phase}`] = voltage;
      values[`current${phase}`] = voltage === 0 ? 0 : (phaseKW * 1000) / (voltage * POWER_FACTOR);
      values[`power${phase}`] = phaseKW;
      power += phaseKW;
      apparent += phaseKW / POWER_FACTOR;
    }
    this.meter = {
      ...values,
      power,
      apparentPower: apparent,
      reactivePower: Math.sqrt(Math.max(0, apparent ** 2 - power ** 2)),
      powerFactor: connectedShare === 0 ? 1 : POWER_FACTOR,
      frequency: 50 + 0.012 * this.frequency.step(seconds),
      thdVoltage: 1.6 + (1.2 * apparent) / RATED_KVA,
      breaker: tripped ? 0 : 1,
    };
    for (const [feeder, share] of FEEDERS) {
      const closed = connected.some(([name]) => name === feeder);
      this.feeders.set(feeder, this.feederNow(feeder, closed ? share / connectedShare : 0, tripped));
    }
    this.stepTransformer(seconds, surroundings.airCel, values);
    this.stepOilTransformer(seconds, surroundings);
    this.stepBox(seconds, surroundings, apparent / RATED_KVA);
    this.gas = stepSf6(this.gas ?? { fillKPa: SF6_FILL_KPA, gasCel: this.box.temperature }, {
      leakKPaPerH: this.board.get('sf6-leak', 'ring-main'),
      ambientCel: this.box.temperature,
      seconds,
    });
  }

  /** Whether what hangs on the busbar has power; as of the last step. */
  isAlive(): boolean {
    return !this.board.has('supply-lost', 'incomer') && !this.board.has('breaker-trip', 'incomer');
  }

  sense(place: string): Quantities | undefined {
    if (place === 'incomer') return this.meter;
    if (place === 'transformer') return this.controller;
    if (place === 'box') return this.box;
    if (FEEDERS.has(place)) return this.feeders.get(place);
    if (place === 'ring-main' && this.gas !== undefined) {
      const pressureActual = gaugeKPa(this.gas);
      const temperature = this.gas.gasCel;
      return { pressure: compensatedKPa(pressureActual, temperature), pressureActual, temperature };
    }
    if (place !== 'oil-transformer' || this.oil === undefined) return undefined;
    const temperature1 = hotSpotCel(this.oil);
    return {
      temperature0: this.oil.topOilCel,
      temperature1,
      temperature2: this.box.temperature - 4,
      load: 100 * this.oilLoad,
    };
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    if (!this.faults.some(({ name }) => name === fault) || this.sense(place) === undefined) return false;
    const atFeeder = FEEDERS.has(place) && OF_FEEDERS.has(fault);
    if (fault === 'earth-fault' && !atFeeder) return false;
    this.board.set(fault, atFeeder ? place : (HOME[fault] ?? 'incomer'), value);
    return true;
  }

  /**
   * A feeder's part of what the incomer carries. Its meter sits on the busbar side of its own breaker, so voltage stays when
   * that one trips; the earth-fault relay looks at the cable behind it.
   *
   * @param part - of the incomer's load, 0 when the feeder is off
   */
  private feederNow(feeder: string, part: number, busDead: boolean): Quantities {
    const now: Record<string, number> = { ...this.meter };
    for (const quantity of Object.keys(now)) {
      if (/^(?:current|power(?!Factor)|apparentPower|reactivePower)/.test(quantity))
        now[quantity] = part * (now[quantity] ?? 0);
      else if (busDead && quantity.startsWith('voltage')) now[quantity] = 0;
    }
    const closed = part > 0;
    return {
      ...now,
      powerFactor: closed ? POWER_FACTOR : 1,
      // The relay commands "closed" all the time: a trip is open without a command.
      in0: this.board.has('breaker-trip', feeder) ? 0 : 1,
      in1: 1,
      leakage: closed ? FEEDER_LEAKAGE_MA + (this.board.get('earth-fault', feeder) ?? 0) : 0,
    };
  }

  /** Oil and winding by IEC 60076-7, annex C. */
  private stepOilTransformer(seconds: number, surroundings: Surroundings): void {
    const asked = this.board.get('oil-overload', 'oil-transformer');
    const usual = (OIL_MEAN_KW * demandShare(surroundings)) / POWER_FACTOR / OIL_KVA;
    this.oilLoad = asked === undefined ? usual : asked / 100;
    const ambientCel = surroundings.airCel + 3;
    const from = this.oil ?? oilSettled(ONAN_DISTRIBUTION, this.oilLoad, ambientCel);
    this.oil = stepOil(ONAN_DISTRIBUTION, from, { loadFactor: this.oilLoad, ambientCel, minutes: seconds / 60 });
  }

  /** Warm air holds more water: the box is drier than the air outside by what its load heats it, unless the heater is off. */
  private stepBox(seconds: number, { airCel, humidity }: Surroundings, loadFactor: number): void {
    const warmer = 4 + BOX_RISE_K * loadFactor;
    const damp = this.board.get('condensation', 'box');
    const target = damp ?? Math.max(15, humidity * BOX_DRYING);
    const share = 1 - Math.exp(-seconds / (damp === undefined ? 1800 : 60));
    this.box = {
      temperature: this.box.temperature + (airCel + warmer - this.box.temperature) * (1 - Math.exp(-seconds / 900)),
      humidity: this.box.humidity + (target - this.box.humidity) * share,
    };
  }

  private stepTransformer(seconds: number, airCel: number, values: Quantities): void {
    const factor = (phase: (typeof PHASES)[number]) =>
      ((values[`current${phase}`] ?? 0) * RATED_V * 3) / (RATED_KVA * 1000);
    const mean = (factor('A') + factor('B') + factor('C')) / 3;
    const ambientCel = airCel + 4 + BOX_RISE_K * mean;
    const settled = (phase: (typeof PHASES)[number]) => ambientCel + drySettledRise(factor(phase), false);
    const temperatures = this.temperatures ?? { A: settled('A'), B: settled('B'), C: settled('C') };
    const hottest = Math.max(temperatures.A, temperatures.B, temperatures.C);
    if (hottest > FAN_ON_CEL) this.fanOn = true;
    else if (hottest < FAN_OFF_CEL) this.fanOn = false;
    const fanFailed = this.board.has('fan-failed', 'transformer');
    const fanOn = this.fanOn && !fanFailed;
    for (const phase of PHASES)
      temperatures[phase] = stepDryWinding(temperatures[phase], {
        loadFactor: factor(phase),
        ambientCel,
        fanOn,
        seconds,
      });
    this.temperatures = temperatures;
    this.controller = {
      temperatureA: temperatures.A,
      temperatureB: temperatures.B,
      temperatureC: temperatures.C,
      temperatureCore: ambientCel + 22 + 10 * mean,
      fan: this.fanOn ? 1 : 0,
      fanFault: this.fanOn && fanFailed ? 1 : 0,
      overTemperature: hottest > ALARM_CEL ? 1 : 0,
      trip: hottest > TRIP_CEL ? 1 : 0,
      door: this.board.has('door', 'transformer') ? 1 : 0,
      ambient: ambientCel,
    };
  }
}
