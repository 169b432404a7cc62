/** Quarter-hour means of four days, so that a drop is told against the same time of the three days before. */
const DAYS = 4;
const PER_DAY = 96;
const SIZE = DAYS * PER_DAY;
/** Loggers are not better than this, m: smaller changes say nothing. */
const SCALE_MIN_M = 0.02;

export interface PressureDrop {
  readonly point: string;
  /** m, positive when the pressure fell. */
  readonly drop: number;
  /** The drop in deviations of this sensor from day to day. */
  readonly sigmas: number;
}

export interface PressureState {
  /** By sensor, newest at `head - 1`; null where unknown. */
  rings: (number | null)[][];
  head: number;
}

/** Remembers the pressures of a zone, to tell where they fell when its flow rose. */
export class PressureField {
  readonly points: readonly string[];
  state: PressureState;

  constructor(points: readonly string[]) {
    this.points = points;
    this.state = { rings: points.map(() => new Array<number | null>(SIZE).fill(null)), head: 0 };
  }

  step(values: readonly (number | undefined)[]): void {
    const { state } = this;
    values.forEach((value, index) => {
      state.rings[index]![state.head] = value ?? null;
    });
    state.head = (state.head + 1) % SIZE;
  }

  /** Sensors by how far they fell over the last `bins` quarters, most first. */
  drops(bins: number): PressureDrop[] {
    const span = Math.max(2, Math.min(PER_DAY, bins));
    return this.points
      .flatMap((point, index) => {
        const now = this.mean(index, 0, span);
        const before = [1, 2, 3].flatMap((day) => this.mean(index, day * PER_DAY, span) ?? []);
        if (now === undefined || before.length < 2) return [];
        const usual = before.reduce((sum, value) => sum + value, 0) / before.length;
        const scale = Math.max(SCALE_MIN_M, (Math.max(...before) - Math.min(...before)) / 1.7);
        return [{ point, drop: usual - now, sigmas: (usual - now) / scale }];
      })
      .sort((a, b) => b.sigmas - a.sigmas);
  }

  private mean(index: number, ago: number, span: number): number | undefined {
    const ring = this.state.rings[index]!;
    let sum = 0;
    let n = 0;
    for (let by = 1; by <= span; by++) {
      const value = ring[(this.state.head - ago - by + 2 * SIZE) % SIZE];
      if (value === null || value === undefined) continue;
      sum += value;
      n++;
    }
    return n >= span / 2 ? sum / n : undefined;
  }
}
