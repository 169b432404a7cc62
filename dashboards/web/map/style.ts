import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import type { Priority } from '../../../contract/alarm.ts';
import { PRIORITIES } from '../alarms.ts';

/** Colours of the page that the map is drawn in: names of tokens.css without their dashes. */
const COLOURS = [
  'land',
  'water',
  'water2',
  'green',
  'road',
  'road2',
  'line2',
  'ctl',
  'panel',
  'ink',
  'ink2',
  't2',
  'x1',
  'x2',
  'x3',
  'x4',
] as const;
export type Palette = Readonly<Record<(typeof COLOURS)[number], string>>;

/** @param read - value of a CSS custom property of the page, such as `--land` */
export function paletteOf(read: (property: string) => string): Palette {
  return Object.fromEntries(COLOURS.map((name) => [name, read(`--${name}`).trim()])) as Palette;
}

export const hatchName = (priority: Priority) => `hatch-${priority}`;

/** Nearer than this quiet assets are one circle with a count, CSS pixels; from the zoom on every one is a dot. */
const CLUSTER_PX = 34;
const CLUSTER_ZOOM_MAX = 16;

const EMPTY = { type: 'FeatureCollection' as const, features: [] };

/** The whole style: our own data and nothing from elsewhere; without `glyphs` the digits are drawn from fonts of the system. */
export function styleOf(palette: Palette): StyleSpecification {
  return {
    version: 8,
    sources: {
      ground: { type: 'geojson', data: EMPTY },
      zones: { type: 'geojson', data: EMPTY },
      assets: {
        type: 'geojson',
        data: EMPTY,
        cluster: true,
        clusterRadius: CLUSTER_PX,
        clusterMaxZoom: CLUSTER_ZOOM_MAX,
      },
    },
    layers: [...layersOf(palette)],
  };
}

/** From the ground up. */
export function layersOf(palette: Palette): readonly LayerSpecification[] {
  return [
    { id: 'land', type: 'background', paint: { 'background-color': palette.land } },
    ...groundLayers(palette),
    ...zoneLayers(palette),
    ...assetLayers(palette),
  ];
}

/** Grows with the zoom by this much: streets of a whole district are hairlines. */
const byZoom = (far: number, near: number) =>
  ['interpolate', ['exponential', 1.6], ['zoom'], 11, far, 17, near] as unknown as number;

function groundLayers(palette: Palette): readonly LayerSpecification[] {
  const line = (kind: string, paint: object, layout: object = {}): LayerSpecification => ({
    id: kind,
    type: 'line',
    source: 'ground',
    filter: ['==', ['get', 'kind'], kind],
    layout: { 'line-join': 'round', 'line-cap': 'round', ...layout },
    paint,
  });
  const area = (kind: string, colour: string): LayerSpecification => ({
    id: kind,
    type: 'fill',
    source: 'ground',
    filter: ['==', ['get', 'kind'], kind],
    paint: { 'fill-color': colour },
  });
  return [
    area('green', palette.green),
    line('street', { 'line-color': palette.road, 'line-width': byZoom(0.7, 7) }),
    line('river', { 'line-color': palette.water, 'line-width': byZoom(8, 90) }),
    area('water', palette.water),
    {
      id: 'shore',
      type: 'line',
      source: 'ground',
      filter: ['==', ['get', 'kind'], 'water'],
      paint: { 'line-color': palette.water2, 'line-width': 1 },
    },
    line('border', { 'line-color': palette.line2, 'line-width': 1, 'line-dasharray': [6, 3, 1, 3] }),
    line('road', { 'line-color': palette.road2, 'line-width': byZoom(1.8, 16) }),
    line('main', { 'line-color': palette.ink2, 'line-width': byZoom(1.2, 3), 'line-opacity': 0.55 }),
    line(
      'tunnel',
      { 'line-color': palette.ink2, 'line-width': byZoom(5, 22), 'line-dasharray': [0.35, 0.35], 'line-opacity': 0.7 },
      { 'line-cap': 'butt' },
    ),
  ];
}

function zoneLayers(palette: Palette): readonly LayerSpecification[] {
  const abnormal = ['has', 'priority'] as const;
  return [
    {
      id: 'zone',
      type: 'line',
      source: 'zones',
      filter: ['!', [...abnormal]],
      paint: { 'line-color': palette.ctl, 'line-width': 1, 'line-dasharray': [4, 3] },
    },
    {
      id: 'zone-hatch',
      type: 'fill',
      source: 'zones',
      filter: [...abnormal],
      paint: { 'fill-pattern': ['concat', 'hatch-', ['to-string', ['get', 'priority']]] },
    },
    {
      id: 'zone-alarm',
      type: 'line',
      source: 'zones',
      filter: [...abnormal],
      paint: {
        'line-color': [
          'match',
          ['get', 'priority'],
          ...PRIORITIES.flatMap((priority) => [priority, palette[`x${priority}`]]),
          palette.ctl,
        ] as unknown as string,
        'line-width': 2,
      },
    },
  ];
}

function assetLayers(palette: Palette): readonly LayerSpecification[] {
  return [
    {
      id: 'cluster',
      type: 'circle',
      source: 'assets',
      filter: ['has', 'point_count'],
      paint: {
        'circle-color': palette.panel,
        'circle-radius': ['step', ['get', 'point_count'], 10.5, 10, 12.5, 100, 15, 1000, 18],
        'circle-stroke-color': palette.ink2,
        'circle-stroke-width': 1.4,
      },
    },
    {
      id: 'cluster-count',
      type: 'symbol',
      source: 'assets',
      filter: ['has', 'point_count'],
      layout: {
        'text-field': ['get', 'point_count_abbreviated'],
        'text-font': ['Segoe UI', 'Roboto', 'Noto Sans', 'sans-serif'],
        'text-size': 11,
        'text-allow-overlap': true,
      },
      paint: { 'text-color': palette.t2 },
    },
    {
      id: 'asset',
      type: 'circle',
      source: 'assets',
      filter: ['!', ['has', 'point_count']],
      paint: {
        // Hollow: nothing of it can be believed now. Quality is never a colour.
        'circle-color': ['case', ['==', ['get', 'silent'], 1], palette.panel, palette.ink2],
        'circle-radius': 3.4,
        'circle-stroke-color': ['case', ['==', ['get', 'silent'], 1], palette.ink2, palette.panel],
        'circle-stroke-width': 1.2,
      },
    },
  ];
}
