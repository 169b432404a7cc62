import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { type Checked, checkedAgainst, type Mistake } from '../contract/mistakes.ts';
import { idSchema } from '../contract/reading.ts';
import { type Crs, toWgs84 } from './domain/coordinates.ts';

/** The whole file is in every answer about the map, and every browser holds it. */
export const GROUND_BYTES_MAX = 2_000_000;
const FEATURES_MAX = 5_000;
/** Corners of one line or ring. */
const CORNERS_MAX = 20_000;
/** A list of the same mistake a thousand times helps nobody. */
const MISTAKES_MAX = 20;

/** What a feature of the background is; each is drawn in its own way. */
export const GROUND_KINDS = [
  'water',
  'river',
  'green',
  'road',
  'street',
  'border',
  'main',
  'tunnel',
  'place',
  'zone',
] as const;

const positionWords = '[longitude, latitude] in degrees';
/** A third number, height above the sea, is allowed and left out. */
const positionSchema = z
  .tuple([z.number().min(-180).max(180), z.number().min(-90).max(90)], { error: positionWords })
  .rest(z.number());
const lineSchema = z.array(positionSchema).min(2).max(CORNERS_MAX);
const ringSchema = z
  .array(positionSchema)
  .min(4)
  .max(CORNERS_MAX)
  .refine((ring) => String(ring[0]) === String(ring.at(-1)), { error: 'a closed ring: its last corner is its first' });

const GEOMETRY_WORDS = 'Point, LineString, MultiLineString, Polygon or MultiPolygon';
const geometrySchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('Point'), coordinates: positionSchema }),
    z.strictObject({ type: z.literal('LineString'), coordinates: lineSchema }),
    z.strictObject({ type: z.literal('MultiLineString'), coordinates: z.array(lineSchema).min(1) }),
    z.strictObject({ type: z.literal('Polygon'), coordinates: z.array(ringSchema).min(1) }),
    z.strictObject({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(ringSchema).min(1)).min(1) }),
  ],
  { error: GEOMETRY_WORDS },
);

/** Which geometries a kind can be drawn of. */
const GEOMETRIES_OF: Readonly<Record<(typeof GROUND_KINDS)[number], RegExp>> = {
  water: /Polygon/,
  green: /Polygon/,
  zone: /^Polygon$/,
  river: /LineString/,
  road: /LineString/,
  street: /LineString/,
  border: /LineString/,
  main: /LineString/,
  tunnel: /LineString/,
  place: /^Point$/,
};

const featureSchema = z
  .object({
    type: z.literal('Feature'),
    properties: z.strictObject({
      kind: z.enum(GROUND_KINDS),
      name: z.string().min(1).max(100).optional(),
      nameZh: z.string().min(1).max(100).optional(),
      zone: idSchema.optional().meta({ description: 'kind zone: id of the metered area that is outlined' }),
    }),
    geometry: geometrySchema,
  })
  .refine(({ properties: { kind }, geometry: { type } }) => GEOMETRIES_OF[kind].test(type), {
    error:
      'water, green: Polygon or MultiPolygon; zone: Polygon; place: Point; all others: LineString or MultiLineString',
    path: ['geometry', 'type'],
  })
  .refine(({ properties: { kind, zone } }) => (kind === 'zone') === (zone !== undefined), {
    error: 'the id of a zone of leakage: where kind is zone, and nowhere else',
    path: ['properties', 'zone'],
  });

export const groundSchema = z.object({
  type: z.literal('FeatureCollection'),
  features: z.array(featureSchema).max(FEATURES_MAX),
});
/** Background of the district map: GeoJSON, WGS-84. */
export type Ground = z.output<typeof groundSchema>;

/**
 * Reads a background file.
 *
 * @param zones - ids of the metered areas that may be outlined
 */
export function readGround(file: string, options: { readonly crs: Crs; readonly zones: readonly string[] }) {
  const unreadable = (found: string, allowed: string): Checked<Ground> => ({
    mistakes: [{ file, path: '', found, allowed }],
  });
  try {
    const { size } = statSync(file);
    if (size > GROUND_BYTES_MAX) return unreadable(`${size} bytes`, `at most ${GROUND_BYTES_MAX} bytes`);
    return parseGround(readFileSync(file, 'utf8'), { file, ...options });
  } catch (error) {
    return unreadable((error as Error).message, 'a readable GeoJSON file');
  }
}

/** GeoJSON text to what is drawn, in WGS-84, or what is wrong with it: at most the first twenty mistakes. */
export function parseGround(
  text: string,
  { file, crs, zones }: { readonly file: string; readonly crs: Crs; readonly zones: readonly string[] },
): Checked<Ground> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { mistakes: [{ file, path: '', found: (error as Error).message, allowed: 'GeoJSON' }] };
  }
  const { value, mistakes } = checkedAgainst(groundSchema, file, input);
  if (value === undefined) return { mistakes: mistakes.slice(0, MISTAKES_MAX) };
  const unknown = value.features.flatMap(({ properties: { zone } }, index): Mistake[] =>
    zone === undefined || zones.includes(zone)
      ? []
      : [
          {
            file,
            path: `features[${index}].properties.zone`,
            found: zone,
            allowed: zones.length === 0 ? 'no zone: leakage has none' : zones.slice(0, MISTAKES_MAX).join(', '),
          },
        ],
  );
  if (unknown.length > 0) return { mistakes: unknown.slice(0, MISTAKES_MAX) };
  return {
    value: {
      ...value,
      features: value.features.map((feature) => ({
        ...feature,
        geometry: {
          ...feature.geometry,
          coordinates: converted(feature.geometry.coordinates, crs),
        } as typeof feature.geometry,
      })),
    },
    mistakes: [],
  };
}

type Nested = readonly number[] | readonly Nested[];

/** Every position of nested lists, in WGS-84 and without its height. */
function converted(coordinates: Nested, crs: Crs): Nested {
  const [longitude, latitude] = coordinates;
  if (typeof longitude !== 'number' || typeof latitude !== 'number')
    return (coordinates as readonly Nested[]).map((inner) => converted(inner, crs));
  const place = toWgs84({ longitude, latitude }, crs);
  return [rounded(place.longitude), rounded(place.latitude)];
}

/** A tenth of a metre. */
const rounded = (degrees: number) => Number(degrees.toFixed(6));
