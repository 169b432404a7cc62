/** `flow = slope * base + offset`: the slope absorbs season and weather, the offset is what a leak adds. */
export interface LineFit {
  readonly slope: number;
  readonly offset: number;
  /** Samples it rests on. */
  readonly n: number;
}

export interface FitColumns {
  readonly flow: readonly number[];
  readonly base: readonly number[];
  readonly sigma: readonly number[];
  /** 0: leave out. */
  readonly weight: readonly number[];
}

/** Residuals beyond so many deviations pull no harder. */
const HUBER_SIGMAS = 2.5;
const PASSES = 3;

/**
 * Robust weighted line through the rows `indices` names.
 *
 * @param slope - fixed when given: then only the offset is fitted
 * @returns undefined with fewer than `least` usable rows
 */
export function fitLine(
  columns: FitColumns,
  indices: Iterable<number>,
  least: number,
  slope?: number,
): LineFit | undefined {
  const rows = [...indices].filter((index) => columns.weight[index]! > 0);
  if (rows.length < least) return undefined;
  let fit: LineFit | undefined;
  for (let pass = 0; pass < PASSES; pass++) {
    let sw = 0;
    let sx = 0;
    let sy = 0;
    let sxx = 0;
    let sxy = 0;
    for (const index of rows) {
      const sigma = columns.sigma[index]!;
      const x = columns.base[index]!;
      const y = columns.flow[index]!;
      let weight = 1 / (sigma * sigma);
      if (fit !== undefined) {
        const away = Math.abs(y - fit.slope * x - fit.offset) / sigma;
        if (away > HUBER_SIGMAS) weight *= HUBER_SIGMAS / away;
      }
      sw += weight;
      sx += weight * x;
      sy += weight * y;
      sxx += weight * x * x;
      sxy += weight * x * y;
    }
    if (slope !== undefined) fit = { slope, offset: (sy - slope * sx) / sw, n: rows.length };
    else {
      const spread = sxx - (sx * sx) / sw;
      if (!(spread > 1e-9 * sxx)) return undefined;
      const found = (sxy - (sx * sy) / sw) / spread;
      fit = { slope: found, offset: (sy - found * sx) / sw, n: rows.length };
    }
  }
  return fit;
}
