import { type Place, seeded } from './made-network.ts';

/** Seeds of the places that rules were looked at with, and of those that were run once at the end. */
export const RANDOM_SEEDS = { development: [2001, 2010], heldOut: [7101, 7106] } as const;

export type PlaceKind = 'village' | 'town';

/**
 * A place whose size, habits, weather, instruments and crews are drawn by lot, so that no rule can fit one of them.
 *
 * @param kind - a village takes 2 to 12 m3/h, a town 25 to 500
 */
export function randomPlace(kind: PlaceKind, seed: number): Place {
  const random = seeded(seed ^ 0x91ace);
  const between = (least: number, most: number) => least + (most - least) * random();
  const times = (least: number, most: number) => Math.floor(between(least, most + 1));
  const isVillage = kind === 'village';
  const meanFlow = isVillage ? 2 * 6 ** random() : 25 * 20 ** random();
  // Independent taps: the fewer, the rougher.
  const roughness = Math.min(0.35, Math.max(0.02, (0.42 / Math.sqrt(meanFlow)) * between(0.75, 1.35)));
  const isEuropean = random() < 0.5;
  const holidays = Array.from({ length: times(8, 14) }, () => times(0, 364));
  const festival = { day: times(30, 50), days: times(7, 16), demand: between(0.75, 1.1), night: between(0.95, 1.12) };
  const minutes = random() < 0.3 ? 5 : 15;
  const head = { count: times(2, 6), noise: between(0.03, 0.1), resolution: 0.01, head: between(0.1, 0.5) };
  const withFestival = random() < 0.4;
  const withLoggers = random() < 0.4;
  return {
    name: `${kind}-${seed}`,
    meanFlow,
    night: between(0.15, 0.4),
    roughness,
    weather: between(0.02, 0.07),
    weatherHours: between(12, 48),
    season: between(0.03, 0.25),
    irrigation: random() < 0.6 ? meanFlow * (isVillage ? between(0.05, 0.3) : between(0.02, 0.1)) : 0,
    flushings: times(2, 10),
    flushingFlow: isVillage ? meanFlow * between(1.5, 4) : meanFlow * between(0.15, 0.45),
    meterNoise: between(0.004, 0.02),
    meterDrift: between(0, 0.03),
    resolution: meanFlow < 12 ? 0.05 : 0.1,
    zoneHours: isEuropean ? 1 : 8,
    summerTime: isEuropean,
    holidays,
    ...(withFestival ? { festival } : {}),
    missing: between(0, 0.03),
    minutes,
    interruptions: times(0, 2),
    stuck: times(0, 2),
    gaps: times(0, 3),
    ...(withLoggers ? { loggers: head } : {}),
  };
}
