import { isObject, maybe, numberOf, rowsOf, textOf, wordsOf } from '../json.ts';
import { type PlacedAsset, systemOf } from './marks.ts';
import { hullOf, middleOf, type Place, type Position } from './place.ts';

/** Names in both languages, as far as there are any. */
export interface MapNames {
  readonly name?: string;
  readonly nameZh?: string;
}

/** A line, an area or a point of the background. */
export interface GroundFeature extends MapNames {
  readonly kind: string;
  /** Metered area whose outline this is. */
  readonly zone?: string;
  readonly type: string;
  readonly coordinates: readonly unknown[];
}

/** What the gateway knows of the map beside devices. */
export interface MapData {
  readonly ground: readonly GroundFeature[];
  /** Metered areas and the devices that measure them. */
  readonly zones: readonly ({ readonly zone: string; readonly devices: readonly string[] } & MapNames)[];
  /** Assets with a place of their own. */
  readonly assets: readonly PlacedAsset[];
}

export const NO_MAP_DATA: MapData = { ground: [], zones: [], assets: [] };

/** The gateway's answer, checked; what does not fit is left out. Never throws. */
export function readMapData(answer: unknown): MapData {
  if (!isObject(answer)) return NO_MAP_DATA;
  const ground = isObject(answer.ground) ? rowsOf(answer.ground.features) : [];
  return {
    ground: ground.flatMap(({ properties, geometry }) => {
      if (!isObject(properties) || !isObject(geometry) || !Array.isArray(geometry.coordinates)) return [];
      const kind = textOf(properties.kind);
      const type = textOf(geometry.type);
      return kind === undefined || type === undefined
        ? []
        : [
            {
              kind,
              type,
              coordinates: geometry.coordinates,
              ...maybe('zone', textOf(properties.zone)),
              ...namesOf(properties),
            },
          ];
    }),
    zones: rowsOf(answer.zones).flatMap((row) => {
      const zone = textOf(row.zone);
      return zone === undefined ? [] : [{ zone, devices: wordsOf(row.devices), ...namesOf(row) }];
    }),
    assets: rowsOf(answer.assets).flatMap((row) => {
      const [id, latitude, longitude] = [textOf(row.id), numberOf(row.latitude), numberOf(row.longitude)];
      return id === undefined || latitude === undefined || longitude === undefined
        ? []
        : [{ id, latitude, longitude, system: systemOf(textOf(row.class) ?? '') }];
    }),
  };
}

const namesOf = (row: Readonly<Record<string, unknown>>): MapNames => ({
  ...maybe('name', textOf(row.name)),
  ...maybe('nameZh', textOf(row.nameZh)),
});

/** Features for the map's `ground` source; outlines of metered areas are drawn as zones instead. */
export function groundFeatures(ground: readonly GroundFeature[]): readonly unknown[] {
  return ground.flatMap(({ kind, zone, type, coordinates }) =>
    zone === undefined ? [{ type: 'Feature', properties: { kind }, geometry: { type, coordinates } }] : [],
  );
}

/** A metered area as it is drawn. */
export interface MapZone extends MapNames {
  readonly zone: string;
  /** Closed. */
  readonly ring: readonly Position[];
  readonly middle: Place;
}

/** Kept free around the instruments of an area nobody has drawn, m: its pipes reach further than they. */
const HULL_ROOM_M = 120;

/** Metered areas with an outline: the one in the background file, else the hull of what measures them. */
export function zonesOf({ ground, zones }: MapData, placed: ReadonlyMap<string, Place>): readonly MapZone[] {
  return zones.flatMap(({ zone, devices, name, nameZh }) => {
    const drawn = ground.find((feature) => feature.zone === zone && feature.type === 'Polygon');
    const places = [...new Set(devices)].flatMap((device) => placed.get(device) ?? []);
    const ring = drawn === undefined ? hullOf(places, HULL_ROOM_M) : (drawn.coordinates[0] as readonly Position[]);
    return ring.length < 4
      ? []
      : [{ zone, ring, middle: middleOf(ring), ...maybe('name', name), ...maybe('nameZh', nameZh) }];
  });
}

/** Parts of a line at which its name may stand, best first. */
const NAME_AT = [0.5, 0.4, 0.6, 0.45, 0.55, 0.35, 0.65, 0.3, 0.7, 0.2, 0.8];

/** Where the name of a background feature may stand, best first: an area's middle, a few corners of a line. */
export function namePlaces({ type, coordinates }: GroundFeature): readonly Place[] {
  const at = ([longitude, latitude]: Position): Place => ({ latitude, longitude });
  switch (type) {
    case 'Point':
      return [at(coordinates as unknown as Position)];
    case 'Polygon':
      return [middleOf(coordinates[0] as readonly Position[])];
    case 'LineString': {
      const line = coordinates as readonly Position[];
      return NAME_AT.flatMap((part) => {
        const corner = line[Math.round(part * (line.length - 1))];
        return corner === undefined ? [] : [at(corner)];
      });
    }
    default:
      return [];
  }
}
