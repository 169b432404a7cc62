import { inverse } from './linear.ts';

/** Quarter-hour means of one point, oldest first; NaN where unknown. All columns of a task start at the same quarter. */
export type Column = Float64Array;

export interface ResidualTask {
  /** Pressures, m. */
  readonly sensors: readonly Column[];
  /** What pressures follow anyway: flows, levels, demand. */
  readonly drivers: readonly Column[];
  /** Quarters to learn from, ascending: before the leak, with the same other leaks open as now. */
  readonly baseline: readonly number[];
  /** Quarters [from, to) since the leak began. */
  readonly from: number;
  readonly to: number;
  /** Quarter of the local day at index 0. */
  readonly startOfDay: number;
}

/** How far pressures are from what the drivers and the time of day say, as means over the window. */
export interface Residual {
  /** Indices into the sensors of the task; the others were silent, stuck or new. */
  readonly used: readonly number[];
  /** m, negative where the pressure fell. */
  readonly mean: readonly number[];
  /** m2, of such means without a leak. */
  readonly covariance: readonly (readonly number[])[];
}

const PER_DAY = 96;
/** Fewer quarters teach nothing of a day. */
const BASELINE_MIN = 1.5 * PER_DAY;
const KNOWN_BASELINE_PART = 0.7;
const KNOWN_WINDOW_PART = 0.5;
/** A profile by the time of day is trusted by half with so many days. */
const PROFILE_HALF_DAYS = 2;
const PROFILE_SMOOTH = 2;
/** Windows a covariance rests on, and the part of their quarters that must be known. */
const WINDOWS_MIN = 12;
const WINDOW_KNOWN_PART = 0.75;
/** Part of a covariance that is believed at least; more with many windows a sensor. */
const COVARIANCE_TRUST_MIN = 0.9;
/** A sensor that moves by less over the window, while it used to move, is stuck. */
const STUCK_M = 1e-6;
const STUCK_QUARTERS = 6;

/**
 * Pressures against drivers (least squares) and time of day, learned on the baseline.
 *
 * @returns undefined when the baseline is too short or no sensor is left
 */
export function residualOf(task: ResidualTask): Residual | undefined {
  const { sensors, drivers, from, to, startOfDay } = task;
  const features = featuresOf(drivers);
  const rows = task.baseline.filter((at) => features.known(at));
  if (rows.length < BASELINE_MIN) return undefined;
  const used: number[] = [];
  const mean: number[] = [];
  const strays: Float64Array[] = [];
  sensors.forEach((column, index) => {
    if (isStuck(column, from, to)) return;
    const own = rows.filter((at) => !Number.isNaN(column[at]!));
    if (own.length < KNOWN_BASELINE_PART * rows.length || own.length < BASELINE_MIN) return;
    const expected = expectationOf(column, own, features, startOfDay);
    if (expected === undefined) return;
    let sum = 0;
    let n = 0;
    for (let at = from; at < to; at++) {
      if (!features.known(at) || Number.isNaN(column[at]!)) continue;
      sum += column[at]! - expected(at);
      n++;
    }
    if (n === 0 || n < KNOWN_WINDOW_PART * (to - from)) return;
    used.push(index);
    mean.push(sum / n);
    strays.push(Float64Array.from(rows, (at) => (Number.isNaN(column[at]!) ? 0 : column[at]! - expected(at))));
  });
  if (used.length === 0) return undefined;
  return { used, mean, covariance: covarianceOf(strays, rows, Math.min(to - from, PER_DAY)) };
}

interface Features {
  readonly count: number;
  at(quarter: number, feature: number): number;
  known(quarter: number): boolean;
}

/** One, each driver, and the first driver to 1.852 (Hazen-Williams), scaled to about one. */
function featuresOf(drivers: readonly Column[]): Features {
  const scales = drivers.map((column) => {
    let sum = 0;
    let n = 0;
    for (const value of column)
      if (!Number.isNaN(value)) {
        sum += Math.abs(value);
        n++;
      }
    return sum > 0 ? sum / n : 1;
  });
  const value = (quarter: number, driver: number) => drivers[driver]![quarter]! / scales[driver]!;
  return {
    count: drivers.length + (drivers.length > 0 ? 2 : 1),
    at: (quarter, feature) => {
      if (feature === 0) return 1;
      if (feature <= drivers.length) return value(quarter, feature - 1);
      const first = value(quarter, 0);
      return Math.sign(first) * Math.abs(first) ** 1.852;
    },
    known: (quarter) => drivers.every((column) => !Number.isNaN(column[quarter]!)),
  };
}

function expectationOf(
  column: Column,
  rows: readonly number[],
  features: Features,
  startOfDay: number,
): ((quarter: number) => number) | undefined {
  const { count } = features;
  const normal = Array.from({ length: count }, () => new Array<number>(count).fill(0));
  const right = new Array<number>(count).fill(0);
  const row = new Array<number>(count).fill(0);
  for (const at of rows) {
    for (let f = 0; f < count; f++) row[f] = features.at(at, f);
    for (let f = 0; f < count; f++) {
      right[f]! += row[f]! * column[at]!;
      for (let g = 0; g < count; g++) normal[f]![g]! += row[f]! * row[g]!;
    }
  }
  // A driver that stood still all the time must not make it singular.
  for (let f = 0; f < count; f++) normal[f]![f]! += 1e-6 * (normal[f]![f]! + 1);
  const inverted = inverse(normal);
  if (inverted === undefined) return undefined;
  const beta = inverted.map((line) => line.reduce((sum, value, f) => sum + value * right[f]!, 0));
  const straight = (at: number) => beta.reduce((sum, value, f) => sum + value * features.at(at, f), 0);
  const profile = profileOf(rows, startOfDay, (at) => column[at]! - straight(at));
  return (at) => straight(at) + profile[(startOfDay + at) % PER_DAY]!;
}

/** What is left by the time of day, smoothed. */
function profileOf(rows: readonly number[], startOfDay: number, left: (at: number) => number): number[] {
  const sum = new Array<number>(PER_DAY).fill(0);
  const n = new Array<number>(PER_DAY).fill(0);
  for (const at of rows) {
    const slot = (startOfDay + at) % PER_DAY;
    sum[slot]! += left(at);
    n[slot]!++;
  }
  return sum.map((_, slot) => {
    let area = 0;
    let weight = 0;
    for (let by = -PROFILE_SMOOTH; by <= PROFILE_SMOOTH; by++) {
      const near = (slot + by + PER_DAY) % PER_DAY;
      area += sum[near]!;
      weight += n[near]!;
    }
    return area / (weight + PROFILE_HALF_DAYS * (2 * PROFILE_SMOOTH + 1));
  });
}

/** Of means over `length` quarters, half overlapping; of single quarters where there are too few. */
function covarianceOf(strays: readonly Float64Array[], rows: readonly number[], length: number): number[][] {
  const size = strays.length;
  const spans = spansOf(rows, length);
  const windows = (spans.length >= WINDOWS_MIN ? spans : rows.map((_, at) => [at, at + 1] as const)).map(([from, to]) =>
    strays.map((stray) => stray.subarray(from, to).reduce((sum, value) => sum + value, 0) / (to - from)),
  );
  const trust = Math.max(COVARIANCE_TRUST_MIN, windows.length / (windows.length + size / 4));
  const sample = strays.map((_, a) =>
    strays.map((_, b) => windows.reduce((all, window) => all + window[a]! * window[b]!, 0) / windows.length),
  );
  // What all have in common (the head at the inlet) is believed; what pairs have in common by chance is shrunk to that.
  const common = meanOffDiagonal(sample);
  return sample.map((row, a) => row.map((value, b) => (a === b ? value : trust * value + (1 - trust) * common)));
}

export function meanOffDiagonal(matrix: readonly (readonly number[])[]): number {
  const size = matrix.length;
  if (size < 2) return 0;
  const sum = matrix.reduce((all, row, a) => all + row.reduce((part, value, b) => part + (a === b ? 0 : value), 0), 0);
  return sum / (size * (size - 1));
}

/** Places of the rows that lie within `length` quarters, where most of these are known. */
function spansOf(rows: readonly number[], length: number): (readonly [from: number, to: number])[] {
  const spans: (readonly [number, number])[] = [];
  let to = 0;
  for (let from = 0; from < rows.length; from += Math.max(1, length >> 1)) {
    while (to < rows.length && rows[to]! < rows[from]! + length) to++;
    if (to - from >= WINDOW_KNOWN_PART * length) spans.push([from, to]);
  }
  return spans;
}

function isStuck(column: Column, from: number, to: number): boolean {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let n = 0;
  // A window of two hours says little: look half a day back.
  for (let at = Math.max(0, Math.min(from, to - 48)); at < to; at++) {
    const value = column[at]!;
    if (Number.isNaN(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
    n++;
  }
  return n >= STUCK_QUARTERS && most - least <= STUCK_M;
}
