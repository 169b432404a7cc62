import type { FaultKind, Plant, Quantities } from './plant.ts';
import type { Random } from './random.ts';
import { RegisterMemory } from './registers/memory.ts';
import type { InstrumentModel, QuantityOf, RegisterModel } from './registers/model.ts';

/** Faults of the instrument itself, whatever it measures. */
export const INSTRUMENT_FAULTS: readonly FaultKind[] = [
  { name: 'stuck', what: 'the registers keep their last values', unit: '1', usual: 1 },
  { name: 'reversed', what: 'mounted the wrong way round: flow and velocity change sign', unit: '1', usual: 1 },
  { name: 'drift', what: 'every measured value is off by this much of itself', unit: '%', usual: 10 },
  {
    name: 'sensor-open',
    what: 'the sensor wire is broken: no value, the device says so its own way',
    unit: '1',
    usual: 1,
  },
];

/**
 * One instrument: looks at a place of a plant, adds its own error and resolution, counts its totals and fills the registers
 * of its real model. Registers are written when somebody reads them, not before.
 */
export class Instrument {
  readonly id: string;
  readonly model: InstrumentModel | RegisterModel;
  readonly place: string;
  readonly memory = new RegisterMemory();
  /** 0..1, its own: spreads what instruments do at fixed intervals. */
  readonly phase: number;
  private readonly plant: Plant;
  private readonly spot: string;
  private readonly random: Random;
  private readonly totals: Record<string, number> = {};
  private readonly faults = new Map<string, number>();
  private measured: Quantities = {};
  private isWritten = false;

  constructor(options: {
    readonly id: string;
    readonly model: InstrumentModel | RegisterModel;
    readonly plant: Plant;
    readonly spot: string;
    readonly random: Random;
  }) {
    this.id = options.id;
    this.model = options.model;
    this.plant = options.plant;
    this.spot = options.spot;
    this.place = `${options.plant.name}/${options.spot}`;
    this.random = options.random;
    this.phase = options.random.fork('phase').next();
    for (const counter of options.model.counters) {
      this.totals[counter.into] = Math.round(this.random.between(counter.startMax / 2, counter.startMax));
      if (counter.reverse !== undefined) this.totals[counter.reverse] = 0;
    }
    const reserved = 'reserved' in options.model ? options.model.reserved : undefined;
    for (const { table, from, to } of reserved ?? [])
      for (let address = from; address <= to; address++) this.memory.uint16(table, address, 0);
  }

  /** Samples the place and moves the counters on by `seconds`. */
  step(seconds: number): void {
    const sensed = this.plant.sense(this.spot) ?? {};
    const measured: Record<string, number> = {};
    const drift = 1 + (this.faults.get('drift') ?? 0) / 100;
    const direction = this.faults.has('reversed') ? -1 : 1;
    for (const [quantity, value] of Object.entries(sensed)) {
      const noise = 1 + (this.model.noise[quantity] ?? 0) * this.random.normal();
      const sign = quantity === 'flow' || quantity === 'velocity' ? direction : 1;
      measured[quantity] = value * noise * drift * sign;
    }
    if (this.faults.has('sensor-open')) this.breakSensor(measured);
    for (const { of, into, reverse, perSecond } of this.model.counters) {
      const amount = (measured[of] ?? 0) * perSecond * seconds;
      if (amount >= 0) this.totals[into] = (this.totals[into] ?? 0) + amount;
      else if (reverse !== undefined) this.totals[reverse] = (this.totals[reverse] ?? 0) - amount;
    }
    this.measured = measured;
    this.isWritten = false;
  }

  /** One quantity as the instrument has it now. */
  readonly of: QuantityOf = (quantity) => this.totals[quantity] ?? this.measured[quantity] ?? 0;

  /** It hangs on the supply it measures, and that is gone. */
  isDark(): boolean {
    return this.measured.dark === 1;
  }

  /** What its counters show now, by quantity. */
  counted(): Quantities {
    return { ...this.totals };
  }

  /** How fast its counters grow now, by quantity; what does not grow is absent. */
  counting(): Quantities {
    const pace: Record<string, number> = {};
    for (const { of, into, reverse, perSecond } of this.model.counters) {
      const amount = (this.measured[of] ?? 0) * perSecond;
      if (amount > 0) pace[into] = (pace[into] ?? 0) + amount;
      else if (amount < 0 && reverse !== undefined) pace[reverse] = (pace[reverse] ?? 0) - amount;
    }
    return pace;
  }

  /** Sets counters, as when a meter is exchanged. */
  setCounters(totals: Quantities): void {
    Object.assign(this.totals, totals);
    this.isWritten = false;
  }

  /** What the instrument shows now. */
  values(): Quantities {
    return { ...this.measured, ...this.totals };
  }

  /** Brings the registers up to date; called before each read. */
  refresh(): void {
    if (this.isWritten || this.faults.has('stuck') || !('encode' in this.model)) return;
    this.isWritten = true;
    this.model.encode(this.memory, this.of);
  }

  /** @returns false when this is no fault of an instrument */
  setFault(fault: string, value: number | undefined): boolean {
    if (!INSTRUMENT_FAULTS.some(({ name }) => name === fault)) return false;
    if (fault === 'stuck' && value !== undefined) this.refresh();
    if (value === undefined) this.faults.delete(fault);
    else this.faults.set(fault, value);
    return true;
  }

  activeFaults(): ReadonlyMap<string, number> {
    return this.faults;
  }

  /** Temperatures read "open"; a flow meter without signal shows 0 with its error bit and quality 0; others read NaN or 0. */
  private breakSensor(measured: Record<string, number>): void {
    for (const quantity of Object.keys(measured))
      measured[quantity] = quantity.startsWith('temperature') ? Number.NaN : 0;
    measured.errorCode = 1;
    measured.fault = 1;
  }
}
