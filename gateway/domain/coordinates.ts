/**
 * Coordinate reference systems a site's lists come in. Inside everything is WGS-84 degrees; conversion happens once,
 * where a list is read.
 */
export const CRS = ['WGS-84', 'CGCS2000', 'GCJ-02', 'BD-09'] as const;
export type Crs = (typeof CRS)[number];

/** Degrees; east and north positive. */
export interface Coordinates {
  readonly latitude: number;
  readonly longitude: number;
}

/** Krasovsky 1940, which GCJ-02 is computed with. */
const AXIS_M = 6_378_245;
const ECCENTRICITY_2 = 0.006_693_421_622_965_943;
const RAD = Math.PI / 180;
const BD_TURN = (Math.PI * 3000) / 180;
/** The inverse of GCJ-02 has no closed form; each turn is some hundred times nearer. */
const TURNS = 5;

/**
 * @returns WGS-84. CGCS2000 differs from it by centimetres and is taken as it is; GCJ-02 is plain outside of China
 * @see "Restrictions on geographic data in China", the published reverse of GCJ-02; Baidu's own shift for BD-09
 */
export function toWgs84(place: Coordinates, crs: Crs): Coordinates {
  switch (crs) {
    case 'WGS-84':
    case 'CGCS2000':
      return { latitude: place.latitude, longitude: place.longitude };
    case 'GCJ-02':
      return fromGcj(place);
    case 'BD-09':
      return fromGcj(gcjOfBd(place));
  }
}

interface Placed {
  readonly latitude?: number | undefined;
  readonly longitude?: number | undefined;
  readonly crs?: Crs | undefined;
  readonly sourceCrs?: Crs | undefined;
}

/**
 * Something with a place as it is kept: in WGS-84, `sourceCrs` telling what it came in; without `crs`, so that it can be
 * written back as it is.
 */
export function inWgs84<T extends Placed>(thing: T, usual: Crs = 'WGS-84'): T {
  const { crs = usual, ...rest } = thing;
  const { latitude, longitude } = thing;
  const isPlain = latitude === undefined || longitude === undefined || crs === 'WGS-84';
  return (isPlain ? rest : { ...rest, ...toWgs84({ latitude, longitude }, crs), sourceCrs: crs }) as T;
}

/** WGS-84 as maps of China show it. */
export function toGcj02(place: Coordinates): Coordinates {
  if (!isShifted(place)) return place;
  const by = shiftAt(place);
  return { latitude: place.latitude + by.latitude, longitude: place.longitude + by.longitude };
}

function fromGcj(shown: Coordinates): Coordinates {
  if (!isShifted(shown)) return { latitude: shown.latitude, longitude: shown.longitude };
  let { latitude, longitude } = shown;
  for (let turn = 0; turn < TURNS; turn++) {
    const by = shiftAt({ latitude, longitude });
    latitude = shown.latitude - by.latitude;
    longitude = shown.longitude - by.longitude;
  }
  return { latitude, longitude };
}

function gcjOfBd({ latitude, longitude }: Coordinates): Coordinates {
  const x = longitude - 0.0065;
  const y = latitude - 0.006;
  const length = Math.hypot(x, y) - 0.000_02 * Math.sin(y * BD_TURN);
  const angle = Math.atan2(y, x) - 0.000_003 * Math.cos(x * BD_TURN);
  return { latitude: length * Math.sin(angle), longitude: length * Math.cos(angle) };
}

/** The rectangle in which maps are shifted. */
const isShifted = ({ latitude, longitude }: Coordinates): boolean =>
  longitude >= 72.004 && longitude <= 137.8347 && latitude >= 0.8293 && latitude <= 55.8271;

function shiftAt({ latitude, longitude }: Coordinates): Coordinates {
  const x = longitude - 105;
  const y = latitude - 35;
  const waves = (value: number, ...parts: readonly (readonly [height: number, length: number])[]) =>
    parts.reduce((sum, [height, length]) => sum + height * Math.sin((value * Math.PI) / length), 0) * (2 / 3);
  const root = Math.sqrt(Math.abs(x));
  const common = waves(x, [20, 1 / 6], [20, 1 / 2]);
  const north =
    -100 +
    2 * x +
    3 * y +
    0.2 * y * y +
    0.1 * x * y +
    0.2 * root +
    common +
    waves(y, [20, 1], [40, 3], [160, 12], [320, 30]);
  const east =
    300 +
    x +
    2 * y +
    0.1 * x * x +
    0.1 * x * y +
    0.1 * root +
    common +
    waves(x, [20, 1], [40, 3], [150, 12], [300, 30]);
  const phi = latitude * RAD;
  const magic = 1 - ECCENTRICITY_2 * Math.sin(phi) ** 2;
  return {
    latitude: north / (((AXIS_M * (1 - ECCENTRICITY_2)) / magic ** 1.5) * RAD),
    longitude: east / ((AXIS_M / Math.sqrt(magic)) * Math.cos(phi) * RAD),
  };
}
