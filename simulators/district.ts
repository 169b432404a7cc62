import type { Millis } from '../contract/time.ts';
import { Lighting } from './lighting.ts';
import type { FaultKind, Plant } from './plant.ts';
import { Random } from './random.ts';
import { Substation } from './substation.ts';
import { Tunnel } from './tunnel.ts';
import { Water } from './water/water.ts';
import { Weather } from './weather.ts';

/** Longest step of the physics: the fastest lag we model is a few seconds. */
const STEP_MAX_S = 2;
/** After a pause of the machine the district jumps rather than catching up longer than this. */
const CATCH_UP_MAX_S = 900;

/** Everything that is simulated, moved by one clock. */
export interface District {
  readonly plants: ReadonlyMap<string, Plant>;
  /** Simulated now. */
  now(): Millis;
  /** Moves every plant to `at` in steps of at most {@link STEP_MAX_S}; `onStep` is called after each. */
  moveTo(at: Millis, onStep: (seconds: number) => void): void;
}

export interface DistrictOptions {
  readonly seed: number;
  readonly start: Millis;
  readonly timezone: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly stepS?: number;
}

export async function buildDistrict(options: DistrictOptions): Promise<District> {
  const random = new Random(options.seed);
  const weather = new Weather({ ...options, at: options.start, random });
  const lighting = new Lighting(random);
  const tunnel = new Tunnel(random);
  const water = await Water.open(random);
  // Order matters: the substation sees what the plants it feeds draw in the same step.
  const inOrder: readonly Plant[] = [weather, water, lighting, tunnel, new Substation(random, [lighting, tunnel])];
  const stepMax = options.stepS ?? STEP_MAX_S;
  let now = options.start;
  const step = (seconds: number) => {
    now += seconds * 1000;
    const surroundings = weather.move(now, seconds);
    for (const plant of inOrder) plant.step(seconds, surroundings);
  };
  step(1);
  return {
    plants: new Map(inOrder.map((plant) => [plant.name, plant])),
    now: () => now,
    moveTo(at, onStep) {
      if (at - now > CATCH_UP_MAX_S * 1000) now = at - CATCH_UP_MAX_S * 1000;
      while (at - now >= 1) {
        const seconds = Math.min(stepMax, (at - now) / 1000);
        step(seconds);
        onStep(seconds);
      }
    },
  };
}

/** All faults a plant knows, for the control page. */
export function plantFaults(district: District): ReadonlyMap<string, readonly FaultKind[]> {
  return new Map([...district.plants].map(([name, plant]) => [name, plant.faults]));
}
