import { interpolate } from '../demand.ts';
import { Random } from '../random.ts';

/** How one kind of measurement behaves over a day: its middle, how much the day moves it, its noise, its step. */
interface Kind {
  readonly measurement: string;
  readonly base: number;
  readonly daily: number;
  readonly noise: number;
  readonly step: number;
}

/** The mix of a city's devices; ten measurements stand for one device. */
const KINDS: readonly Kind[] = [
  { measurement: 'flow', base: 46, daily: 0.8, noise: 0.02, step: 0.01 },
  { measurement: 'pressure', base: 410, daily: -0.08, noise: 0.002, step: 0.1 },
  { measurement: 'voltageA', base: 226, daily: -0.01, noise: 0.002, step: 0.1 },
  { measurement: 'voltageB', base: 226, daily: -0.01, noise: 0.002, step: 0.1 },
  { measurement: 'voltageC', base: 226, daily: -0.01, noise: 0.002, step: 0.1 },
  { measurement: 'currentA', base: 84, daily: 0.7, noise: 0.03, step: 0.01 },
  { measurement: 'power', base: 52, daily: 0.7, noise: 0.03, step: 0.001 },
  { measurement: 'temperature', base: 44, daily: 0.2, noise: 0.002, step: 0.1 },
  { measurement: 'co', base: 7, daily: 0.8, noise: 0.05, step: 0.1 },
  { measurement: 'humidity', base: 62, daily: -0.15, noise: 0.004, step: 1 },
];
/** Shape of a day around 0, by hour. */
const DAY = [
  -0.6, -0.7, -0.7, -0.7, -0.6, -0.4, 0.1, 0.6, 0.6, 0.2, 0.1, 0.2, 0.3, 0.1, 0, -0.1, 0, 0.2, 0.5, 0.6, 0.5, 0.2, -0.1,
  -0.3,
];
export const POINTS_PER_DEVICE = KINDS.length;

/**
 * Realistic values of many points without a model behind each: the same seed gives the same series.
 * Noise has a memory, so that neighbours in time resemble each other as they do in the field.
 */
export class ManySeries {
  private readonly random: Random;
  private readonly scale: Float32Array;
  private readonly wander: Float32Array;

  constructor(points: number, seed: number) {
    this.random = new Random(seed);
    this.scale = Float32Array.from({ length: Math.ceil(points / POINTS_PER_DEVICE) * POINTS_PER_DEVICE }, () =>
      Math.exp(0.35 * this.random.normal()),
    );
    this.wander = new Float32Array(this.scale.length);
  }

  /** Measurement of a point within its device. */
  static measurement(point: number): string {
    return (KINDS[point % POINTS_PER_DEVICE] as Kind).measurement;
  }

  /** @param hour - of the day, 0..24 */
  value(point: number, hour: number): number {
    const kind = KINDS[point % POINTS_PER_DEVICE] as Kind;
    // Three uniform numbers are near enough to a normal one here, and quicker.
    const shock = this.random.next() + this.random.next() + this.random.next() - 1.5;
    const wander = 0.9 * (this.wander[point] as number) + shock;
    this.wander[point] = wander;
    const middle = kind.base * (this.scale[point] as number);
    const value = middle * (1 + kind.daily * interpolate(DAY, hour) + kind.noise * wander);
    return Math.round(value / kind.step) * kind.step;
  }
}
