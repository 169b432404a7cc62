import type { Millis } from '../../../contract/time.ts';

export const MINUTE_MS = 60_000;
/** A burst is told when each of so many minutes in a row shows it. */
const MINUTES = 10;
/**
 * Less than this may be a hydrant: a fire or a flushing looks like a burst as long as it runs. Two hydrants of 15 L/s
 * (fire flow of one by GB 50974) draw 108 m3/h; what is less is left to the rules that see how long it lasts.
 */
const HYDRANTS_M3_PER_H = 108;
/** Large mains are flushed with more; half of all usual use threatens the supply whatever it is. */
const USE_PART = 0.5;
/** Beyond the largest draw that passed by itself here, a fire or a tank that fills, by this factor. */
const PASSED_FACTOR = 1.5;
const HIGHEST_FACTOR = 1.2;
/** Part of what was highest that is remembered from one day to the next: half of it for two months. */
const KEPT_A_MINUTE = 0.99 ** (1 / 1440);
/** Of a burst that is shut off less than this part still flows. It is looked for by the minute for a shift; then bins tell. */
const OPEN_PART = 0.4;
const SHIFT_MS = 8 * 3_600_000;

export interface BurstState {
  /** Net inflow of the last minutes, oldest first, m3/h. */
  minutes: number[];
  /** Highest mean of ten minutes, and the highest excess that passed by itself, m3/h. */
  highest: number;
  highestExcess: number;
  /** Minutes in a row beyond all that, their sum of excesses, and when they began. */
  run: number;
  runExcess: number;
  since: Millis;
  /** When the last burst was told, how large it was, m3/h (0: none is watched), and minutes in a row without it. */
  toldAt: Millis;
  toldSize: number;
  over: number;
}

export interface Burst {
  /** 1: it began, -1: it is shut off, and what it was is remembered as what passes here. */
  readonly sign: 1 | -1;
  readonly since: Millis;
  readonly at: Millis;
  /** m3/h. */
  readonly size: number;
  /** One deviation of it, m3/h. */
  readonly error: number;
  /** In times of what it had to exceed. */
  readonly score: number;
}

export interface BurstMinute {
  /** End of the minute. */
  readonly at: Millis;
  /** Net inflow, m3/h; undefined: a meter was not heard. */
  readonly flow: number | undefined;
  /** What the zone should take, m3/h; undefined while it learns. */
  readonly expected: number | undefined;
  /** Usual use, m3/h. */
  readonly meanFlow: number;
  /** Pipes fill after an interruption, or there is none to judge: it is watched only. */
  readonly isHeld: boolean;
}

export const newBurstState = (): BurstState => ({
  minutes: [],
  highest: 0,
  highestExcess: 0,
  run: 0,
  runExcess: 0,
  since: 0,
  toldAt: 0,
  toldSize: 0,
  over: 0,
});

/**
 * A burst too large to be anything else, from minute data: ten minutes in a row beyond everything the zone has ever drawn.
 * One wild value, such as a totalizer's step after a gap, is one minute; a missing minute begins anew.
 */
export class BurstWatch {
  state: BurstState = newBurstState();

  step(minute: BurstMinute): Burst | undefined {
    const { state } = this;
    const { at, flow, expected } = minute;
    if (flow === undefined) {
      // Nobody knows whether it went on: neither told nor remembered.
      state.minutes = [];
      state.run = 0;
      state.runExcess = 0;
      state.over = 0;
      return undefined;
    }
    state.highest *= KEPT_A_MINUTE;
    state.highestExcess *= KEPT_A_MINUTE;
    state.minutes.push(flow);
    if (state.minutes.length > MINUTES) state.minutes.shift();
    const excess = expected === undefined ? undefined : flow - expected;
    if (excess !== undefined && state.toldSize > 0) {
      const end = this.endOf(at, excess);
      if (end !== undefined) return end;
    }
    const least = leastOf(state, minute.meanFlow);
    if (excess === undefined || minute.isHeld || excess <= least || flow <= HIGHEST_FACTOR * state.highest) {
      this.endRun();
      this.learn(excess);
      return undefined;
    }
    if (state.run === 0) state.since = at - MINUTE_MS;
    state.run++;
    state.runExcess += excess;
    // A meter that stands still shows no water.
    if (state.run < MINUTES || state.minutes.every((value) => value === flow)) return undefined;
    const size = state.runExcess / state.run;
    const error = deviation(state.minutes) / Math.sqrt(MINUTES);
    const burst: Burst = { sign: 1, since: state.since, at, size, error, score: size / least };
    state.run = 0;
    state.runExcess = 0;
    state.minutes = [];
    state.toldAt = at;
    state.toldSize = size;
    state.over = 0;
    return burst;
  }

  /** Bins saw the leak end that was told then. */
  ended(toldAt: Millis): void {
    if (toldAt === this.state.toldAt) this.state.toldSize = 0;
  }

  /** @param excess - above what is expected with the burst, m3/h */
  private endOf(at: Millis, excess: number): Burst | undefined {
    const { state } = this;
    const { toldAt, toldSize } = state;
    if (at - toldAt > SHIFT_MS) state.toldSize = 0;
    state.over = excess < (OPEN_PART - 1) * toldSize ? state.over + 1 : 0;
    if (state.over < MINUTES) return undefined;
    state.highestExcess = Math.max(state.highestExcess, toldSize);
    state.toldSize = 0;
    state.minutes = [];
    return { sign: -1, since: at - MINUTES * MINUTE_MS, at, size: toldSize, error: 0, score: 1 };
  }

  /** What ended by itself within minutes is what passes here. */
  private endRun(): void {
    const { state } = this;
    if (state.run > 1) state.highestExcess = Math.max(state.highestExcess, state.runExcess / state.run);
    state.run = 0;
    state.runExcess = 0;
  }

  /** The highest ten minutes, and by how much all of them exceeded what was expected. */
  private learn(excess: number | undefined): void {
    const { state } = this;
    if (state.minutes.length < MINUTES) return;
    const mean = state.minutes.reduce((sum, value) => sum + value, 0) / MINUTES;
    const lowest = Math.min(...state.minutes);
    state.highest = Math.max(state.highest, mean);
    if (excess !== undefined)
      state.highestExcess = Math.max(state.highestExcess, lowest - (state.minutes.at(-1)! - excess));
  }
}

const leastOf = ({ highestExcess }: BurstState, meanFlow: number): number =>
  Math.max(HYDRANTS_M3_PER_H, USE_PART * meanFlow, PASSED_FACTOR * highestExcess);

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1));
}
