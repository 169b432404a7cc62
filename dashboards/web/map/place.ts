/** Degrees, WGS-84. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** `[longitude, latitude]`, as GeoJSON has it. */
export type Position = readonly [longitude: number, latitude: number];

/** Metres of one degree of latitude. */
export const METRES_PER_DEGREE = 111_320;
/** CSS pixels of the whole earth at zoom 0, as MapLibre counts zooms. */
const WORLD_PX = 512;
const EQUATOR_M = 40_075_017;

/** Where a place is on the flat map of the earth at a zoom (Web Mercator), CSS pixels: moving the map changes nothing of it. */
export function worldPx({ latitude, longitude }: Place, zoom: number): { readonly x: number; readonly y: number } {
  const size = WORLD_PX * 2 ** zoom;
  const north = Math.asinh(Math.tan((latitude * Math.PI) / 180)) / Math.PI;
  return { x: ((longitude + 180) / 360) * size, y: ((1 - north) / 2) * size };
}

export function metresPerPixel(latitude: number, zoom: number): number {
  return (EQUATOR_M * Math.cos((latitude * Math.PI) / 180)) / (WORLD_PX * 2 ** zoom);
}

/** West, south, east, north of places, degrees; undefined for none. */
export function boundsOf(places: readonly Place[]): readonly [number, number, number, number] | undefined {
  if (places.length === 0) return undefined;
  let [west, south, east, north] = [180, 90, -180, -90];
  for (const { latitude, longitude } of places) {
    west = Math.min(west, longitude);
    east = Math.max(east, longitude);
    south = Math.min(south, latitude);
    north = Math.max(north, latitude);
  }
  return [west, south, east, north];
}

/** Points of the circle drawn around each place before the hull is taken. */
const CIRCLE_POINTS = 12;

/**
 * The area that places span, convex, with so much room around them.
 *
 * @param roomM - metres kept free around each place; a single place gives a circle
 * @returns a closed ring, counter-clockwise; empty for no place
 * @see A. M. Andrew, "Another efficient algorithm for convex hulls in two dimensions", 1979
 */
export function hullOf(places: readonly Place[], roomM: number): readonly Position[] {
  const points = places
    .flatMap(({ latitude, longitude }) =>
      Array.from({ length: CIRCLE_POINTS }, (_, step): Position => {
        const angle = (step / CIRCLE_POINTS) * 2 * Math.PI;
        const north = (Math.sin(angle) * roomM) / METRES_PER_DEGREE;
        const east = (Math.cos(angle) * roomM) / (METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180));
        return [longitude + east, latitude + north];
      }),
    )
    .sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  const half = (sorted: readonly Position[]) => {
    const chain: Position[] = [];
    for (const point of sorted) {
      while (chain.length >= 2 && turn(chain.at(-2) as Position, chain.at(-1) as Position, point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  const ring = [...half(points), ...half([...points].reverse())];
  return ring.length === 0 ? [] : [...ring, ring[0] as Position];
}

/** Positive when the way from a over b to c turns left. */
const turn = (a: Position, b: Position, c: Position) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

/** The middle of a closed ring's area; of its corners where it has none. */
export function middleOf(ring: readonly Position[]): Place {
  const [first = [0, 0]] = ring;
  let [twice, x, y] = [0, 0, 0];
  for (let at = 0; at + 1 < ring.length; at += 1) {
    // Counted from the first corner: degrees are large, areas in them small.
    const [x1, y1] = from(first, ring[at] as Position);
    const [x2, y2] = from(first, ring[at + 1] as Position);
    const cross = x1 * y2 - x2 * y1;
    twice += cross;
    x += (x1 + x2) * cross;
    y += (y1 + y2) * cross;
  }
  if (Math.abs(twice) < 1e-18) {
    const mean = (axis: 0 | 1) => ring.reduce((sum, corner) => sum + corner[axis], 0) / Math.max(1, ring.length);
    return { longitude: mean(0), latitude: mean(1) };
  }
  return { longitude: first[0] + x / (3 * twice), latitude: first[1] + y / (3 * twice) };
}

const from = (origin: Position, [x, y]: Position): Position => [x - origin[0], y - origin[1]];
