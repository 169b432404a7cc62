/** A place on the earth, WGS-84, with a circle around it where one is known. */
export interface Placed {
  readonly latitude: number;
  readonly longitude: number;
  readonly radiusM?: number;
}

export interface Plan {
  readonly metresPerPixel: number;
  place(at: Placed): { readonly x: number; readonly y: number };
}

const METRES_PER_DEGREE = 111_320;
/** CSS pixels left free at each edge, for labels. */
const MARGIN = 26;
/** So far at least reaches a plan, m: two instruments in one cabinet are no map. */
const SPAN_MIN_M = 100;

/** Fits places into a drawing, north up, one scale for both directions. A few kilometres are flat enough. */
export function planOf(places: readonly Placed[], width: number, height: number): Plan {
  const middleLatitude = places.reduce((sum, { latitude }) => sum + latitude, 0) / Math.max(1, places.length);
  const stretch = Math.cos((middleLatitude * Math.PI) / 180);
  const east = ({ longitude }: Placed) => longitude * METRES_PER_DEGREE * stretch;
  const north = ({ latitude }: Placed) => latitude * METRES_PER_DEGREE;
  const ends = (of: (at: Placed) => number) => {
    const low = Math.min(...places.map((at) => of(at) - (at.radiusM ?? 0)));
    const high = Math.max(...places.map((at) => of(at) + (at.radiusM ?? 0)));
    return { middle: (low + high) / 2, span: Math.max(SPAN_MIN_M, high - low) };
  };
  const x = ends(east);
  const y = ends(north);
  const metresPerPixel = Math.max(x.span / Math.max(1, width - 2 * MARGIN), y.span / Math.max(1, height - 2 * MARGIN));
  return {
    metresPerPixel,
    place: (at) => ({
      x: width / 2 + (east(at) - x.middle) / metresPerPixel,
      y: height / 2 - (north(at) - y.middle) / metresPerPixel,
    }),
  };
}

const ROUND = [1, 2, 5];

/** A round length that takes about 60 pixels. */
export function scaleBarOf(metresPerPixel: number): { readonly metres: number; readonly px: number } {
  const wanted = metresPerPixel * 60;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const metres = (ROUND.findLast((one) => one * power <= wanted) ?? 1) * power;
  return { metres, px: Math.round(metres / metresPerPixel) };
}
