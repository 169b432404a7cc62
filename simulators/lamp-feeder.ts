import { FaultBoard, type FaultKind, type Quantities, type Surroundings } from './plant.ts';

/** A feeder whose lamps have a controller each: the cable has power day and night, the controllers switch. */
export interface LampFeederOptions {
  readonly name: string;
  /** In the order of the poles along the road. */
  readonly lamps: number;
  readonly lampW: number;
  readonly years: number;
}

/** Feeder 21 of cabinet 2: forty poles along the lake promenade. */
export const LAMP_FEEDER: LampFeederOptions = { name: 'feeder-21', lamps: 40, lampW: 100, years: 2 };

export const LAMP_FEEDER_FAULTS: readonly FaultKind[] = [
  {
    name: 'feeder-lost',
    what: 'the breaker of the lamp feeder is open: every pole without power',
    unit: '1',
    usual: 1,
  },
  { name: 'feeder-cut', what: 'the cable of the lamp feeder is cut after this pole', unit: '1', usual: 15 },
  { name: 'lamp-failed', what: 'this lamp does not light; its controller goes on', unit: '1', usual: 1 },
  { name: 'lamp-stuck-on', what: 'the relay of this lamp is welded: it burns by day', unit: '1', usual: 1 },
];

/** Controllers switch one after the other, so that the cable does not see all of them at once: sun between first and last, deg. */
const STAGGER_DEG = 3;
const CONTROLLER_W = 1.2;
const POWER_FACTOR = 0.96;
/** Resistance from pole to pole, Ohm. */
const SPAN_OHM = 0.004;
/** A driver at full level is warmer than the air by this, and gets there in this time. */
const DRIVER_RISE_K = 28;
const DRIVER_LAG_S = 900;

/** Voltages V, currents A, powers W (lamp) and kW (feeder), level %, temperature Cel. */
export class LampFeeder {
  private readonly options: LampFeederOptions;
  private readonly board = new FaultBoard();
  private readonly temperatures: (number | undefined)[];
  private readonly senses = new Map<string, Quantities>();

  constructor(options: LampFeederOptions = LAMP_FEEDER) {
    this.options = options;
    this.temperatures = Array.from({ length: options.lamps }, () => undefined);
  }

  places(): readonly string[] {
    const { name, lamps } = this.options;
    return [name, ...Array.from({ length: lamps }, (_, index) => `${name}/lamp-${index + 1}`)];
  }

  /**
   * @param supplyV - at the cabinet
   * @param levelAt - what the schedule asks of a lamp whose sensor sees the sun this much higher, 0..1
   * @returns power drawn, kW
   */
  step(seconds: number, { airCel }: Surroundings, supplyV: number, levelAt: (sunHigherDeg: number) => number): number {
    const { name, lamps, lampW, years } = this.options;
    const sourceV = this.board.has('feeder-lost', name) ? 0 : supplyV;
    const reached = Math.min(lamps, this.board.get('feeder-cut', name) ?? lamps);
    let voltage = sourceV;
    let watts = 0;
    const fullA = (lampW * lamps) / 226 / POWER_FACTOR;
    for (let index = 0; index < lamps; index++) {
      const place = `${name}/lamp-${index + 1}`;
      const hasPower = index < reached && sourceV > 100;
      const wanted = this.board.has('lamp-stuck-on', place) ? 1 : levelAt((index / lamps - 0.5) * STAGGER_DEG);
      const level = hasPower ? wanted : 0;
      const works = !this.board.has('lamp-failed', place);
      const power = hasPower ? CONTROLLER_W + (works ? lampW * level * (1 + 0.004 * years) : 0) : 0;
      voltage = Math.max(0, voltage - (hasPower ? SPAN_OHM * fullA * (1 - index / lamps) * level : 0));
      const settled = airCel + DRIVER_RISE_K * (works ? level : 0);
      const before = this.temperatures[index] ?? settled;
      this.temperatures[index] = before + (settled - before) * (1 - Math.exp(-seconds / DRIVER_LAG_S));
      watts += power;
      this.senses.set(place, {
        level: level * 100,
        on: level > 0 ? 1 : 0,
        voltage: hasPower ? voltage : 0,
        current: hasPower ? power / voltage / POWER_FACTOR : 0,
        power,
        powerFactor: POWER_FACTOR,
        temperature: this.temperatures[index] as number,
        // Noticed when it should burn and does not.
        lampFailure: hasPower && level > 0 && !works ? 1 : 0,
        dark: hasPower ? 0 : 1,
      });
    }
    const current = sourceV > 100 ? watts / sourceV / POWER_FACTOR : 0;
    this.senses.set(name, {
      voltage: sourceV,
      current,
      power: watts / 1000,
    });
    return watts / 1000;
  }

  sense(place: string): Quantities | undefined {
    return this.senses.get(place);
  }

  has(place: string): boolean {
    return place === this.options.name || place.startsWith(`${this.options.name}/`);
  }

  /** @returns false when this fault means nothing at this place */
  setFault(fault: string, place: string, value: number | undefined): boolean {
    const ofLamp = fault === 'lamp-failed' || fault === 'lamp-stuck-on';
    if (!LAMP_FEEDER_FAULTS.some(({ name }) => name === fault) || !this.places().includes(place)) return false;
    const atLamp = place !== this.options.name;
    if (ofLamp && !atLamp) return false;
    this.board.set(fault, ofLamp ? place : this.options.name, value);
    return true;
  }
}
