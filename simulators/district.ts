import type { Millis } from '../contract/time.ts';
import { Lighting } from './lighting.ts';
import type { Plant } from './plant.ts';
import { DataPlant, readPlantFiles } from './plants/data-plant.ts';
import { Random } from './random.ts';
import { Substation } from './substation.ts';
import { Tunnel } from './tunnel.ts';
import { Water } from './water/water.ts';
import { Weather } from './weather.ts';

/** Longest step of the physics: the fastest lag we model is a few seconds. */
const STEP_MAX_S = 2;
/** Most steps of one move: after a pause of the machine, or at great speed, the steps get longer instead. */
const STEPS_MAX = 2000;

/** Everything that is simulated, moved by one clock. */
export interface District {
  readonly plants: ReadonlyMap<string, Plant>;
  /** Simulated now. */
  now(): Millis;
  /** Moves every plant to `at` in steps of {@link STEP_MAX_S} or a little more; `onStep` is called after each. */
  moveTo(at: Millis, onStep: (seconds: number) => void): void;
}

export interface DistrictOptions {
  /** Folder of package.json: plants described by files are found from here. */
  readonly root: string;
  readonly seed: number;
  readonly start: Millis;
  readonly timezone: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly stepS?: number;
  /** The hydraulics are solved this often, in simulated seconds; the usual when absent. */
  readonly solveS?: number;
  /** Only these plants move, the weather with them; all when absent. */
  readonly plants?: ReadonlySet<string>;
}

export async function buildDistrict(options: DistrictOptions): Promise<District> {
  const random = new Random(options.seed);
  const weather = new Weather({ ...options, at: options.start, random });
  const lighting = new Lighting(random);
  const tunnel = new Tunnel(random);
  const substation = new Substation(random, [lighting, tunnel]);
  lighting.feedFrom(() => substation.isAlive());
  tunnel.feedFrom(() => substation.isAlive());
  const water = await Water.open(random, options.solveS);
  // Order matters: the substation sees what the plants it feeds draw in the same step.
  const inOrder: readonly Plant[] = [
    weather,
    water,
    lighting,
    tunnel,
    substation,
    ...readPlantFiles(options.root).map((file) => new DataPlant(file, random)),
  ];
  const moving = inOrder.filter(({ name }) => options.plants?.has(name) !== false);
  const stepMax = options.stepS ?? STEP_MAX_S;
  let now = options.start;
  const step = (seconds: number) => {
    now += seconds * 1000;
    const surroundings = weather.move(now, seconds);
    for (const plant of moving) plant.step(seconds, surroundings);
  };
  step(1);
  return {
    plants: new Map(inOrder.map((plant) => [plant.name, plant])),
    now: () => now,
    moveTo(at, onStep) {
      const longest = Math.max(stepMax, (at - now) / 1000 / STEPS_MAX);
      while (at - now >= 1) {
        const seconds = Math.min(longest, (at - now) / 1000);
        step(seconds);
        onStep(seconds);
      }
    },
  };
}
