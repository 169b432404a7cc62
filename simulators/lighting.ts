import { LAMP_FEEDER_FAULTS, LampFeeder } from './lamp-feeder.ts';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from './plant.ts';
import { type Random, Wander } from './random.ts';

/** One lighting cabinet: three phases of LED lamps in a row along the road. */
export interface CabinetOptions {
  readonly name: string;
  readonly lampsPerPhase: number;
  readonly lampW: number;
  /** Burns day and night: an underpass or a tunnel approach. */
  readonly always: boolean;
  /** Years in service: old drivers draw a little more, old lamps fail more often. */
  readonly years: number;
}

/** Cabinets of the demo district. */
export const CABINETS: readonly CabinetOptions[] = [
  { name: 'cabinet-1', lampsPerPhase: 24, lampW: 120, always: true, years: 3 },
  { name: 'cabinet-2', lampsPerPhase: 36, lampW: 150, always: false, years: 1 },
  { name: 'cabinet-3', lampsPerPhase: 30, lampW: 100, always: false, years: 7 },
];

export const PHASES = ['A', 'B', 'C'] as const;
export type Phase = (typeof PHASES)[number];

/** Lamps go on below this sun elevation and off above it (about a quarter of an hour after sunset at this latitude). */
const ON_BELOW_DEG = -3;
/** Dimmed from 23:00 to 05:30. */
const DIM_LEVEL = 0.6;
/** Driver losses that dimming does not reduce, share of rated power. */
const DRIVER_SHARE = 0.06;
/** Heat costs light and power: share per kelvin above 25 Cel. */
const TEMPERATURE_SHARE_PER_K = -0.0012;
const AGEING_SHARE_PER_YEAR = 0.006;
const POWER_FACTOR = 0.95;
/** Cable and controllers draw this through a closed contactor without lamps, A. */
const IDLE_A = 0.05;
/** Natural leakage of a dry cabinet, mA, and what each mm/h of rain adds while it lasts. */
const LEAKAGE_DRY_MA = 35;
const LEAKAGE_RAIN_MA_PER_MM = 1.6;
const LEAKAGE_MEMORY_S = 900;
const NOMINAL_V = 226;
/** The cabinet whose phase B feeds the poles with controllers. */
const LAMPS_HANG_ON = 'cabinet-2';
/** Resistance of a feeder seen from the cabinet's far end, Ohm: enough for a few volts at full load. */
const FEEDER_OHM = 0.12;

interface Cabinet extends CabinetOptions {
  readonly grid: Readonly<Record<Phase, Wander>>;
  leakageMA: number;
  now: Quantities;
}

/** Dim level the schedule asks for, 0..1. */
export function scheduledLevel(
  options: Pick<CabinetOptions, 'always'>,
  { sunElevationDeg, hour }: Surroundings,
): number {
  if (!options.always && sunElevationDeg > ON_BELOW_DEG) return 0;
  return hour >= 23 || hour < 5.5 ? DIM_LEVEL : 1;
}

/** Power one LED lamp draws, W: light in proportion to the level, drivers a share of their own. */
export function lampPowerW(lampW: number, level: number, airCel: number, years: number): number {
  if (level <= 0) return 0;
  const warmth = 1 + TEMPERATURE_SHARE_PER_K * (airCel - 25);
  const age = 1 + AGEING_SHARE_PER_YEAR * years;
  return lampW * warmth * age * (DRIVER_SHARE + (1 - DRIVER_SHARE) * level);
}

/** Street lighting: cabinets on an astronomical schedule. Voltages V, currents A, power kW, leakage mA, level 0..1. */
export class Lighting implements Plant {
  readonly name = 'lighting';
  readonly faults: readonly FaultKind[] = [
    {
      name: 'circuit-lost',
      what: 'a phase loses its lamps (1 = A, 2 = B, 3 = C): fuse or terminal',
      unit: '1',
      usual: 2,
    },
    {
      name: 'cable-cut',
      what: 'the cable of phase B is cut after this lamp: everything downstream is dark',
      unit: '1',
      usual: 8,
    },
    { name: 'lamps-out', what: 'this many lamps of phase A have failed', unit: '1', usual: 3 },
    { name: 'contactor-stuck-open', what: 'the contactor does not close', unit: '1', usual: 1 },
    { name: 'contactor-welded', what: 'the contactor does not open: the lamps burn by day', unit: '1', usual: 1 },
    { name: 'leakage', what: 'insulation damage adds this residual current', unit: 'mA', usual: 400 },
    {
      name: 'toroid-open',
      what: 'the current transformer of the residual-current monitor is disconnected',
      unit: '1',
      usual: 1,
    },
    { name: 'door', what: 'the cabinet door is open', unit: '1', usual: 1 },
    { name: 'phase-lost', what: 'the supply loses a phase (1 = A, 2 = B, 3 = C)', unit: '1', usual: 3 },
    { name: 'undervoltage', what: 'the supply falls to this', unit: 'V', usual: 190 },
    ...LAMP_FEEDER_FAULTS,
  ];
  private readonly lamps = new LampFeeder();
  private lampsKW = 0;
  private hasSupply: () => boolean = () => true;
  private readonly board = new FaultBoard();
  private readonly cabinets: ReadonlyMap<string, Cabinet>;

  constructor(random: Random, cabinets: readonly CabinetOptions[] = CABINETS) {
    this.cabinets = new Map(
      cabinets.map((options) => {
        const wander = (phase: Phase) => new Wander(random.fork(`lighting/${options.name}/${phase}`), 600);
        const grid = { A: wander('A'), B: wander('B'), C: wander('C') };
        return [options.name, { ...options, grid, leakageMA: LEAKAGE_DRY_MA, now: {} }];
      }),
    );
  }

  places(): readonly string[] {
    return [...this.cabinets.keys(), ...this.lamps.places()];
  }

  /** What all cabinets hang on. */
  feedFrom(hasSupply: () => boolean): void {
    this.hasSupply = hasSupply;
  }

  step(seconds: number, surroundings: Surroundings): void {
    for (const cabinet of this.cabinets.values()) cabinet.now = this.stepCabinet(cabinet, seconds, surroundings);
    const supplyV = this.cabinets.get(LAMPS_HANG_ON)?.now.voltageB ?? NOMINAL_V;
    this.lampsKW = this.lamps.step(seconds, surroundings, supplyV, (higherDeg) =>
      scheduledLevel({ always: false }, { ...surroundings, sunElevationDeg: surroundings.sunElevationDeg + higherDeg }),
    );
  }

  sense(place: string): Quantities | undefined {
    return this.cabinets.get(place)?.now ?? this.lamps.sense(place);
  }

  /** Power all cabinets draw, kW: a load of the substation. */
  powerKW(): number {
    return [...this.cabinets.values()].reduce((sum, { now }) => sum + (now.power ?? 0), this.lampsKW);
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    if (this.lamps.has(place)) return this.lamps.setFault(fault, place, value);
    if (LAMP_FEEDER_FAULTS.some(({ name }) => name === fault)) return false;
    if (!this.cabinets.has(place) || !this.faults.some(({ name }) => name === fault)) return false;
    this.board.set(fault, place, value);
    return true;
  }

  private stepCabinet(cabinet: Cabinet, seconds: number, surroundings: Surroundings): Quantities {
    const { name, lampsPerPhase, lampW, years } = cabinet;
    const fault = (kind: string) => this.board.get(kind, name);
    const wanted = scheduledLevel(cabinet, surroundings);
    const closed =
      fault('contactor-welded') !== undefined || (wanted > 0 && fault('contactor-stuck-open') === undefined);
    const level = closed ? wanted || 1 : 0;
    const quantities: Record<string, number> = {};
    let power = 0;
    PHASES.forEach((phase, index) => {
      const supply = fault('undervoltage') ?? NOMINAL_V + 1.5 * cabinet.grid[phase].step(seconds);
      const voltage = !this.hasSupply() ? 0 : fault('phase-lost') === index + 1 ? 2 : supply;
      const lit = this.lampsLit(name, phase, index, lampsPerPhase);
      const feeder = voltage > 100 && closed ? lit * lampPowerW(lampW, level, surroundings.airCel, years) : 0;
      const current = closed && voltage > 100 ? IDLE_A + feeder / (voltage * POWER_FACTOR) : 0;
      quantities[`voltage${phase}`] = Math.max(0, voltage - current * FEEDER_OHM);
      quantities[`current${phase}`] = current;
      quantities[`power${phase}`] = feeder / 1000;
      power += feeder / 1000;
    });
    const leak = LEAKAGE_DRY_MA + LEAKAGE_RAIN_MA_PER_MM * surroundings.rainMmPerH + (fault('leakage') ?? 0);
    cabinet.leakageMA +=
      (leak - cabinet.leakageMA) * (1 - Math.exp(-seconds / (fault('leakage') === undefined ? LEAKAGE_MEMORY_S : 5)));
    const door = fault('door') === undefined ? 0 : 1;
    const contactor = closed ? 1 : 0;
    return {
      ...quantities,
      power,
      level,
      leakage: fault('toroid-open') === undefined ? cabinet.leakageMA : 0,
      toroidOpen: fault('toroid-open') === undefined ? 0 : 1,
      contactor,
      door,
      in0: contactor,
      in1: door,
    };
  }

  /** Lamps of a phase that still have power and work. */
  private lampsLit(name: string, phase: Phase, index: number, lamps: number): number {
    if (this.board.get('circuit-lost', name) === index + 1) return 0;
    const cut = phase === 'B' ? this.board.get('cable-cut', name) : undefined;
    const out = phase === 'A' ? (this.board.get('lamps-out', name) ?? 0) : 0;
    return Math.max(0, Math.min(lamps, cut ?? lamps) - out);
  }
}
