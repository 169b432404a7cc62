import type { Millis } from '../contract/time.ts';
import { ASCII_MODELS } from './ascii/models.ts';
import type { SimulationConfig } from './config.ts';
import type { District } from './district.ts';
import { INSTRUMENT_FAULTS, Instrument } from './instrument.ts';
import type { SimulatedLine } from './modbus/line.ts';
import type { FaultKind, Plant, Quantities } from './plant.ts';
import { PUBLISHED_MODELS } from './published/models.ts';
import { Random } from './random.ts';
import { REGISTER_MODELS } from './registers/index.ts';
import type { InstrumentModel } from './registers/model.ts';
import { WIRE_FAULTS } from './wire.ts';

/** A fault as a person switches it. `device` is a device id, a line id for faults on the wire, or a place. */
export interface FaultOrder {
  readonly name: string;
  readonly device: string;
  readonly on: boolean;
  /** In the unit of the fault; its usual value when absent. */
  readonly value?: number;
}

export interface ActiveFault {
  readonly name: string;
  readonly device: string;
  readonly value: number;
  readonly since: Millis;
}

/** Why an order makes no sense, with what would. */
export class FaultError extends Error {
  readonly code: 'device-unknown' | 'fault-unknown' | 'fault-not-here' | 'scenario-unknown';
  constructor(code: FaultError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The district with the instruments that look at it: what serves and what controls it share. */
export class Simulation {
  readonly district: District;
  readonly instruments: ReadonlyMap<string, Instrument>;
  readonly lines = new Map<string, SimulatedLine>();
  private readonly wires = new Map<string, Map<string, number>>();
  private readonly active = new Map<string, ActiveFault>();

  constructor(district: District, config: Pick<SimulationConfig, 'lines' | 'publishers' | 'seed'>) {
    this.district = district;
    const random = new Random(config.seed);
    const instruments = new Map<string, Instrument>();
    const build = (
      model: InstrumentModel | undefined,
      { id, place }: { readonly id: string; readonly place: string },
    ) => {
      const [plant, spot] = this.spotOf(place);
      if (plant?.sense(spot) === undefined || model === undefined) throw new RangeError(`${id}: no place ${place}`);
      const instrument = new Instrument({ id, model, plant, spot, random: random.fork(`instrument/${id}`) });
      instruments.set(id, instrument);
      return instrument;
    };
    for (const line of config.lines) {
      const models = line.transport === 'ascii' ? ASCII_MODELS : REGISTER_MODELS;
      const chance = random.fork(`wire/${line.id}`);
      this.lines.set(line.id, {
        id: line.id,
        units: new Map(line.devices.map((device) => [device.unitId, build(models.get(device.model), device)])),
        faults: this.wire(line.id),
        deviceFaults: new Map(line.devices.map(({ id }) => [id, this.wire(id)])),
        turnaroundMs: line.turnaround,
        chance: () => chance.next(),
      });
    }
    for (const publisher of config.publishers) build(PUBLISHED_MODELS.get(publisher.model), publisher);
    this.instruments = instruments;
    for (const instrument of instruments.values()) instrument.step(0);
  }

  moveTo(at: Millis): void {
    this.district.moveTo(at, (seconds) => {
      for (const instrument of this.instruments.values()) instrument.step(seconds);
    });
  }

  /** @throws FaultError when there is no such device or fault, or they do not go together */
  order({ name, device, on, value }: FaultOrder): ActiveFault {
    const kind = this.kindOf(name);
    const amount = value ?? kind.usual;
    const target = on ? amount : undefined;
    const wired = WIRE_FAULTS.some((fault) => fault.name === name);
    const instrument = this.instruments.get(device);
    if (wired && (instrument !== undefined || this.lines.has(device))) {
      if (on) this.wire(device).set(name, amount);
      else this.wire(device).delete(name);
    } else if (instrument !== undefined) {
      const [plant, spot] = this.spotOf(instrument.place);
      if (!instrument.setFault(name, target) && !plant.setFault(name, spot, target)) throw this.notHere(name, device);
    } else if (device.includes('/') && this.district.plants.has(device.split('/')[0] as string)) {
      const [plant, spot] = this.spotOf(device);
      if (!plant.setFault(name, spot, target)) throw this.notHere(name, device);
    } else throw new FaultError('device-unknown', `no device, line or place called ${device}; ${this.known()}`);
    const fault = { name, device, value: amount, since: this.district.now() };
    if (on) this.active.set(`${name}@${device}`, fault);
    else this.active.delete(`${name}@${device}`);
    return fault;
  }

  activeFaults(): readonly ActiveFault[] {
    return [...this.active.values()];
  }

  /** What each device shows now. */
  values(): Readonly<Record<string, Quantities>> {
    return Object.fromEntries([...this.instruments].map(([id, instrument]) => [id, instrument.values()]));
  }

  /** Faults that can be switched on at a device. */
  faultsOf(device: string): readonly FaultKind[] {
    const instrument = this.instruments.get(device);
    if (instrument === undefined) return this.lines.has(device) ? WIRE_FAULTS : [];
    return [...this.spotOf(instrument.place)[0].faults, ...INSTRUMENT_FAULTS, ...WIRE_FAULTS];
  }

  /** Faults on the wire of a line, or of one device. */
  wire(id: string): Map<string, number> {
    const known = this.wires.get(id);
    if (known !== undefined) return known;
    const faults = new Map<string, number>();
    this.wires.set(id, faults);
    return faults;
  }

  private kindOf(name: string): FaultKind {
    const all = [...this.district.plants.values()].flatMap((plant) => plant.faults);
    const kind = [...WIRE_FAULTS, ...INSTRUMENT_FAULTS, ...all].find((fault) => fault.name === name);
    if (kind !== undefined) return kind;
    const names = [...WIRE_FAULTS, ...INSTRUMENT_FAULTS, ...all].map((fault) => fault.name);
    throw new FaultError('fault-unknown', `no fault called ${name}; there are ${[...new Set(names)].join(', ')}`);
  }

  private spotOf(place: string): [Plant, string] {
    const [name, ...rest] = place.split('/');
    return [this.district.plants.get(name as string) as Plant, rest.join('/')];
  }

  private notHere(name: string, device: string): FaultError {
    return new FaultError('fault-not-here', `${name} cannot happen at ${device}`);
  }

  private known(): string {
    return `there are ${[...this.lines.keys(), ...this.instruments.keys()].join(', ')}`;
  }
}
