import type { Residual } from './residual.ts';

/** A place on the ground, WGS-84 degrees. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

export interface PatternPlace extends Place {
  /** m around the place; from the distances between the sensors, so no better than they are dense. */
  readonly radiusM: number;
  /** Sensors it rests on, most fallen first. */
  readonly sensors: readonly string[];
}

const EARTH_M = 6_371_000;
/** A drop counts from so many deviations on. */
const CLEAR_SIGMAS = 3;
/** The steepest part of the cone of depression shows where it is. */
const NEAREST = 3;
/** One alone may drift. */
const FALLEN_MIN = 2;
const SCALE_MIN_M = 0.02;
/** In the hill town of the simulator the leak was within the sensors' own distances in 6 of 10 cases, with this in 9. */
const RADIUS_MARGIN = 1.5;

/** Distance over the ground, m (haversine). */
export function groundDistanceM(a: Place, b: Place): number {
  const rad = Math.PI / 180;
  const half =
    Math.sin(((b.latitude - a.latitude) * rad) / 2) ** 2 +
    Math.cos(a.latitude * rad) * Math.cos(b.latitude * rad) * Math.sin(((b.longitude - a.longitude) * rad) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(half)));
}

/**
 * How far each sensor fell more than all of them did, and how much that scatters: what the whole zone has in common (use,
 * the pressure that feeds it) says nothing of a place and scatters most.
 */
function ownOf({ mean, covariance }: Residual): { readonly drop: number; readonly sigma: number }[] {
  const count = mean.length;
  const meanOf = (row: readonly number[]) => row.reduce((sum, value) => sum + value, 0) / count;
  const common = meanOf(mean);
  const rows = covariance.map(meanOf);
  const all = meanOf(rows);
  return mean.map((value, at) => ({
    drop: common - value,
    sigma: Math.sqrt(Math.max(0, covariance[at]![at]! - 2 * rows[at]! + all)),
  }));
}

/**
 * About where a leak is without a model: the middle of the sensors that fell most, weighted by how far.
 *
 * @param places - by sensor of the residual's task; undefined where nobody said
 * @returns undefined when fewer than two placed sensors fell clearly more than the others
 */
export function placeByPattern(
  residual: Residual,
  points: readonly string[],
  places: readonly (Place | undefined)[],
): PatternPlace | undefined {
  const own = ownOf(residual);
  const fallen = residual.used
    .flatMap((index, at) => {
      const place = places[index];
      const { drop, sigma } = own[at]!;
      const isClear = residual.mean[at]! < 0 && drop > CLEAR_SIGMAS * Math.max(SCALE_MIN_M, sigma);
      return place !== undefined && isClear ? [{ point: points[index]!, place, drop }] : [];
    })
    .sort((a, b) => b.drop - a.drop)
    .slice(0, NEAREST);
  if (fallen.length < FALLEN_MIN) return undefined;
  const total = fallen.reduce((sum, { drop }) => sum + drop * drop, 0);
  const mean = (of: (place: Place) => number) =>
    fallen.reduce((sum, { place, drop }) => sum + of(place) * drop * drop, 0) / total;
  const middle = { latitude: mean(({ latitude }) => latitude), longitude: mean(({ longitude }) => longitude) };
  const known = places.filter((place) => place !== undefined);
  const spacing = known
    .map((one) => Math.min(...known.filter((other) => other !== one).map((other) => groundDistanceM(one, other))))
    .sort((a, b) => a - b);
  const radiusM =
    RADIUS_MARGIN *
    Math.max(...fallen.map(({ place }) => groundDistanceM(middle, place)), spacing[spacing.length >> 1] ?? 0);
  return { ...middle, radiusM, sensors: fallen.map(({ point }) => point) };
}
