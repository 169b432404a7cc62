import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from '../plant.ts';
import { type Random, Wander } from '../random.ts';

const WANDER_MEMORY_S = 600;
/** A quantity that a fault sets moves there with this lag when it has none of its own that is shorter. */
const FAULT_LAG_S = 10;

const surroundingSchema = z.enum(['airCel', 'humidity', 'rainMmPerH', 'windMPerS', 'illuminanceLx']);

const quantitySchema = z.strictObject({
  /** Where it rests without rain, heat or fault. */
  rest: z.number().default(0),
  /** What each unit of a surrounding adds to where it rests. */
  follows: z.partialRecord(surroundingSchema, z.number()).default({}),
  /** Time constant of the way to where it rests, s. */
  lagS: z.number().positive().default(60),
  /** Standard deviation of its slow noise. */
  wander: z.number().min(0).default(0),
  /** Fills and empties instead: per mm/h of rain and minute, drained per minute unless this fault is on. */
  store: z.strictObject({ perRain: z.number(), drain: z.number().min(0), drainOff: z.string().optional() }).optional(),
  /** Fault whose value it takes while that is on. */
  set: z.string().optional(),
  least: z.number().default(Number.NEGATIVE_INFINITY),
  most: z.number().default(Number.POSITIVE_INFINITY),
});

const plantSchema = z.strictObject({
  plant: z.string().regex(/^[a-z-]+$/),
  faults: z.array(z.strictObject({ name: z.string(), what: z.string(), unit: z.string(), usual: z.number() })),
  places: z.record(z.string(), z.record(z.string(), quantitySchema)),
});

export type PlantFile = z.output<typeof plantSchema>;
type QuantityFile = z.output<typeof quantitySchema>;

/** A plant described by a file: quantities that rest, follow the weather, fill and empty, and are set by faults. */
export class DataPlant implements Plant {
  readonly name: string;
  readonly faults: readonly FaultKind[];
  private readonly file: PlantFile;
  private readonly board = new FaultBoard();
  private readonly values: Readonly<Record<string, Record<string, number>>>;
  private readonly wanders = new Map<string, Wander>();

  constructor(file: PlantFile, random: Random) {
    this.name = file.plant;
    this.faults = file.faults;
    this.file = file;
    this.values = Object.fromEntries(
      Object.entries(file.places).map(([place, quantities]) => [
        place,
        Object.fromEntries(Object.entries(quantities).map(([name, { rest }]) => [name, rest])),
      ]),
    );
    for (const [place, quantities] of Object.entries(file.places))
      for (const name of Object.keys(quantities))
        this.wanders.set(
          `${place}/${name}`,
          new Wander(random.fork(`${file.plant}/${place}/${name}`), WANDER_MEMORY_S),
        );
  }

  places(): readonly string[] {
    return Object.keys(this.file.places);
  }

  step(seconds: number, surroundings: Surroundings): void {
    for (const [place, quantities] of Object.entries(this.file.places)) {
      const values = this.values[place] as Record<string, number>;
      for (const [name, quantity] of Object.entries(quantities)) {
        const noise = quantity.wander * (this.wanders.get(`${place}/${name}`) as Wander).step(seconds);
        const next = this.next(quantity, { place, value: values[name] as number, noise, seconds, surroundings });
        values[name] = Math.min(quantity.most, Math.max(quantity.least, next));
      }
    }
  }

  sense(place: string): Quantities | undefined {
    return this.values[place];
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    const quantities = Object.values(this.file.places[place] ?? {});
    if (!quantities.some(({ set, store }) => set === fault || store?.drainOff === fault)) return false;
    this.board.set(fault, place, value);
    return true;
  }

  private next(
    { rest, follows, lagS, store, set, least }: QuantityFile,
    now: {
      readonly place: string;
      readonly value: number;
      readonly noise: number;
      readonly seconds: number;
      readonly surroundings: Surroundings;
    },
  ): number {
    const towards = (target: number, lag: number) =>
      now.value + (target - now.value) * (1 - Math.exp(-now.seconds / lag));
    const fault = set === undefined ? undefined : this.board.get(set, now.place);
    if (fault !== undefined) return towards(fault, Math.min(lagS, FAULT_LAG_S));
    if (store !== undefined) {
      const drains = store.drainOff === undefined || !this.board.has(store.drainOff, now.place);
      const perMinute = store.perRain * now.surroundings.rainMmPerH - (drains ? store.drain : 0);
      return Math.max(Math.max(0, least), now.value + (perMinute * now.seconds) / 60);
    }
    const added = Object.entries(follows).reduce(
      (sum, [key, gain]) => sum + gain * now.surroundings[key as z.infer<typeof surroundingSchema>],
      0,
    );
    return towards(rest + added + now.noise, lagS);
  }
}

/** The plants described by files of `simulators/plants/`, by file name. */
export function readPlantFiles(root: string): readonly PlantFile[] {
  const folder = join(root, 'simulators', 'plants');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => plantSchema.parse(parse(readFileSync(join(folder, name), 'utf8'))));
}
