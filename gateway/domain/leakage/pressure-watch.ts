/** Quarter-hour means of four days. */
const SIZE = 4 * 96;
/** A fall is looked at over no more than this: later people have changed their ways, too. */
const SPAN_MAX = 16;
const SPAN_LEAST = 2;
const ROWS_LEAST = 120;
/** Loggers are not better than this over an hour, m. */
const SCALE_MIN_M = 0.01;
/** The highest of n deviations grows about so with ln n. */
const LUCK = 0.3;
/** Head losses of turbulent flow (Hazen-Williams). */
const EXPONENT = 1.852;

export interface PressureWatchState {
  /** By sensor, newest at `head - 1`; null where unknown. */
  rings: (number | null)[][];
  /** Net inflow and outflow of the metered zone, m3/h. */
  flow: (number | null)[];
  out: (number | null)[];
  head: number;
}

/** Tells whether pressures fell by more than the flow of the zone explains: a leak draws where no customer does. */
export class PressureWatch {
  state: PressureWatchState;

  constructor(sensors: number) {
    const ring = () => new Array<number | null>(SIZE).fill(null);
    this.state = { rings: Array.from({ length: sensors }, ring), flow: ring(), out: ring(), head: 0 };
  }

  step(pressures: readonly (number | undefined)[], flow: number | undefined, out: number | undefined): void {
    const { state } = this;
    pressures.forEach((value, index) => {
      state.rings[index]![state.head] = value ?? null;
    });
    state.flow[state.head] = flow ?? null;
    state.out[state.head] = out ?? null;
    state.head = (state.head + 1) % SIZE;
  }

  /**
   * How far below its expectation the sensor fell that fell most, over the last `bins` quarters.
   *
   * @returns deviations of means over as many quarters, less what the luckiest of so many sensors shows anyway; undefined
   * when too little is known
   */
  fall(bins: number): number | undefined {
    const known = this.falls(bins).filter((sigmas) => sigmas !== undefined);
    return known.length === 0 ? undefined : Math.max(...known) - LUCK * Math.log(this.state.rings.length);
  }

  /** The same for each sensor, in the order of the sensors, as it is; 0 when it did not fall. */
  falls(bins: number): (number | undefined)[] {
    const span = Math.max(SPAN_LEAST, Math.min(SPAN_MAX, bins));
    const loads = this.regressors();
    return this.state.rings.map((ring) => this.fallOf(ring, loads, span, Math.max(bins, span)));
  }

  /** How far each sensor strays in four days, m. */
  spreads(): number[] {
    return this.state.rings.map((ring) => {
      const known = ring.filter((value) => value !== null);
      const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
      return Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, known.length));
    });
  }

  /** Loads by row, oldest first; undefined where the flow is not known. */
  private regressors(): (readonly [number, number] | undefined)[] {
    const { flow, out, head } = this.state;
    return Array.from({ length: SIZE }, (_, index) => {
      const row = (head + index) % SIZE;
      const net = flow[row];
      if (net === null || net === undefined) return undefined;
      return [Math.max(0, net) ** EXPONENT, Math.max(0, out[row] ?? 0) ** EXPONENT] as const;
    });
  }

  private fallOf(
    ring: readonly (number | null)[],
    loads: readonly (readonly [number, number] | undefined)[],
    span: number,
    bins: number,
  ): number | undefined {
    const { head } = this.state;
    const rows: { x: readonly [number, number]; y: number; isNow: boolean; index: number }[] = [];
    for (let index = 0; index < SIZE; index++) {
      const y = ring[(head + index) % SIZE];
      const x = loads[index];
      if (y === null || y === undefined || x === undefined) continue;
      // What lies between the fit and now may belong to the fall.
      const isNow = index >= SIZE - span;
      if (!isNow && index >= SIZE - bins - 2) continue;
      rows.push({ x, y, isNow, index });
    }
    const past = rows.filter(({ isNow }) => !isNow);
    const now = rows.filter(({ isNow }) => isNow);
    if (past.length < ROWS_LEAST || now.length < span / 2) return undefined;
    const expect = fitPlane(past);
    const residuals = past.map(({ x, y }) => y - expect(x));
    const means: number[] = [];
    let sum = 0;
    residuals.forEach((residual, at) => {
      sum += residual;
      if (at >= span) sum -= residuals[at - span]!;
      if (at >= span - 1) means.push(Math.abs(sum / span));
    });
    means.sort((a, b) => a - b);
    // As of a normal distribution, from its 90th hundredth: heavier tails count.
    const scale = Math.max(SCALE_MIN_M, (means[Math.floor(0.9 * means.length)] ?? 0) / 1.645);
    const mean = now.reduce((all, { x, y }) => all + y - expect(x), 0) / now.length;
    return Math.max(0, -mean / scale);
  }
}

/** Least squares on one or two loads; a load that does not vary takes no part. */
function fitPlane(rows: readonly { readonly x: readonly [number, number]; readonly y: number }[]) {
  const n = rows.length;
  const mean = [0, 0, 0];
  for (const { x, y } of rows) {
    mean[0]! += x[0] / n;
    mean[1]! += x[1] / n;
    mean[2]! += y / n;
  }
  let aa = 0;
  let ab = 0;
  let bb = 0;
  let ay = 0;
  let by = 0;
  for (const { x, y } of rows) {
    const a = x[0] - mean[0]!;
    const b = x[1] - mean[1]!;
    const v = y - mean[2]!;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ay += a * v;
    by += b * v;
  }
  const determinant = aa * bb - ab * ab;
  const isPlane = determinant > 1e-6 * aa * bb && bb > 0;
  const first = isPlane ? (ay * bb - by * ab) / determinant : aa > 0 ? ay / aa : 0;
  const second = isPlane ? (by * aa - ay * ab) / determinant : 0;
  return (x: readonly [number, number]) => mean[2]! + first * (x[0] - mean[0]!) + second * (x[1] - mean[1]!);
}
