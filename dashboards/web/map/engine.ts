import {
  type GeoJSONSource,
  LngLatBounds,
  Map as MapLibre,
  type MapMouseEvent,
  type PointLike,
  setWorkerUrl,
} from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import { PRIORITIES } from '../alarms.ts';
import type { Box } from '../plan.ts';
import type { QuietPoint } from './marks.ts';
import { metresPerPixel, type Place, type Position } from './place.ts';
import { hatchName, layersOf, type Palette, styleOf } from './style.ts';

/** A file of ours: the security policy takes no worker made of a text. */
setWorkerUrl(new URL(workerUrl, location.href).href);

export interface ZoneShape {
  readonly ring: readonly Position[];
  readonly priority?: number;
}

/** What lies under the pointer. */
export type Under =
  | { readonly kind: 'asset'; readonly ids: readonly string[] }
  | { readonly kind: 'cluster'; readonly count: number };

export interface MapEvents {
  /** The camera moved or the map has another size. */
  moved(): void;
  /** It stands still: what depends on the zoom may be made anew. */
  settled(): void;
  /** The pointer is over something, or over nothing. */
  over(under: Under | undefined, at: { readonly x: number; readonly y: number }): void;
  chosen(asset: string): void;
}

export interface MapWords {
  readonly title: string;
  readonly scroll: string;
  readonly scrollMac: string;
  readonly fingers: string;
}

/** Circles that names keep off. */
const OCCUPIED_MAX = 300;
/** Assets named when the pointer is over several dots at once. */
const NAMED_MAX = 6;
/** Kept free at the edges for names and what lies over the map, CSS pixels: a part of the map's own size. */
const FIT_TOP = 0.09;
const FIT_BOTTOM = 0.14;
const FIT_SIDE = 0.05;
const FIT_ZOOM_MAX = 16;
const ZOOM_MAX = 19;
const NEAR_ZOOM = 15.5;

/**
 * The map itself. Everything in it is the page's own: no tile, glyph or image comes from anywhere.
 *
 * @throws GPUInitializationError when the browser has no WebGL 2
 */
export class DistrictMapEngine {
  private readonly map: MapLibre;
  private readonly ready: Promise<void>;
  private palette: Palette;
  private closed = false;

  constructor(
    container: HTMLElement,
    options: {
      readonly bounds: readonly [number, number, number, number];
      readonly palette: Palette;
      readonly words: MapWords;
      readonly events: MapEvents;
      readonly still: boolean;
      readonly pixelRatio: number;
    },
  ) {
    const { bounds, palette, words, events } = options;
    this.palette = palette;
    this.map = new MapLibre({
      container,
      style: styleOf(palette),
      bounds: [...bounds],
      fitBoundsOptions: fitOf(container),
      maxZoom: ZOOM_MAX,
      renderWorldCopies: false,
      attributionControl: false,
      // North is up on every plan of the site.
      dragRotate: false,
      touchPitch: false,
      pitchWithRotate: false,
      maxPitch: 0,
      // The wheel and one finger scroll the page that the map is a part of.
      cooperativeGestures: true,
      fadeDuration: 0,
      reduceMotion: options.still,
      pixelRatio: options.pixelRatio,
      validateStyle: false,
      locale: {
        'Map.Title': words.title,
        'CooperativeGesturesHandler.WindowsHelpText': words.scroll,
        'CooperativeGesturesHandler.MacHelpText': words.scrollMac,
        'CooperativeGesturesHandler.MobileHelpText': words.fingers,
      },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.drawHatches();
    this.ready = new Promise((resolve) => this.map.once('load', () => resolve()));
    this.map.on('move', events.moved);
    this.map.on('resize', events.moved);
    // After everything is drawn: names keep off what is there.
    this.map.on('idle', events.settled);
    this.map.on('mousemove', (event) => events.over(this.under(event), event.point));
    this.map.on('mouseout', (event) => events.over(undefined, event.point));
    this.map.on('click', (event) => void this.press(event, events));
  }

  /** Dots and counted circles of everything that is quiet. */
  setAssets(features: readonly QuietPoint[]): void {
    this.setData('assets', features);
  }

  setZones(zones: readonly ZoneShape[]): void {
    this.setData(
      'zones',
      zones.map(({ ring, priority }) => ({
        type: 'Feature',
        properties: priority === undefined ? {} : { priority },
        geometry: { type: 'Polygon', coordinates: [ring] },
      })),
    );
  }

  /** Features of the background, GeoJSON with a `kind` each. */
  setGround(features: readonly unknown[]): void {
    this.setData('ground', features);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.whenReady(() => {
      for (const { id, paint } of layersOf(palette))
        for (const [property, value] of Object.entries(paint ?? {}))
          this.map.setPaintProperty(id, property as never, value as never);
      this.drawHatches();
    });
  }

  get zoom(): number {
    return this.map.getZoom();
  }

  get metresPerPixel(): number {
    return metresPerPixel(this.map.getCenter().lat, this.zoom);
  }

  project({ longitude, latitude }: Place): { readonly x: number; readonly y: number } {
    return this.map.project([longitude, latitude]);
  }

  /** Where circles with a count are: names keep off them. */
  occupied(): readonly Box[] {
    if (this.closed || this.map.getLayer('cluster') === undefined) return [];
    return this.map
      .queryRenderedFeatures({ layers: ['cluster'] })
      .slice(0, OCCUPIED_MAX)
      .flatMap(({ geometry }) => {
        if (geometry.type !== 'Point') return [];
        const [longitude, latitude] = geometry.coordinates as [number, number];
        const { x, y } = this.project({ longitude, latitude });
        return [{ left: x - 14, right: x + 14, top: y - 14, bottom: y + 14 }];
      });
  }

  zoomBy(steps: number): void {
    this.map.zoomTo(Math.round(this.zoom + steps));
  }

  fit([west, south, east, north]: readonly [number, number, number, number]): void {
    this.map.fitBounds(new LngLatBounds([west, south], [east, north]), fitOf(this.map.getContainer()));
  }

  goTo({ longitude, latitude }: Place): void {
    this.map.easeTo({ center: [longitude, latitude], zoom: Math.max(this.zoom, NEAR_ZOOM) });
  }

  close(): void {
    this.closed = true;
    this.map.remove();
  }

  private whenReady(then: () => void): void {
    void this.ready.then(() => {
      if (!this.closed) then();
    });
  }

  private setData(source: string, features: readonly unknown[]): void {
    this.whenReady(() =>
      (this.map.getSource(source) as GeoJSONSource).setData({
        type: 'FeatureCollection',
        features: [...features] as never[],
      }),
    );
  }

  private features(at: PointLike) {
    const [x, y] = Array.isArray(at) ? at : [at.x, at.y];
    // A dot of seven pixels is hard to hit.
    return this.map.queryRenderedFeatures(
      [
        [x - 4, y - 4],
        [x + 4, y + 4],
      ],
      { layers: ['cluster', 'asset'] },
    );
  }

  private under({ point }: MapMouseEvent): Under | undefined {
    if (this.map.isMoving() || !this.map.loaded()) return undefined;
    const features = this.features(point);
    const cluster = features.find(({ layer }) => layer.id === 'cluster');
    if (cluster !== undefined) return { kind: 'cluster', count: Number(cluster.properties.point_count) };
    if (features.length === 0) return undefined;
    const ids = [...new Set(features.map(({ properties }) => String(properties.id)))];
    return { kind: 'asset', ids: ids.slice(0, NAMED_MAX) };
  }

  private async press({ point }: MapMouseEvent, events: MapEvents): Promise<void> {
    const [first] = this.features(point);
    if (first === undefined || first.geometry.type !== 'Point') return;
    if (first.layer.id === 'asset') return events.chosen(String(first.properties.id));
    const zoom = await (this.map.getSource('assets') as GeoJSONSource).getClusterExpansionZoom(
      Number(first.properties.cluster_id),
    );
    if (!this.closed) this.map.easeTo({ center: first.geometry.coordinates as [number, number], zoom: zoom + 0.2 });
  }

  /** Diagonal lines in the colour of each priority: a mark that needs no colour to be seen. */
  private drawHatches(): void {
    for (const priority of PRIORITIES) {
      const image = hatch(this.palette[`x${priority}`]);
      const name = hatchName(priority);
      if (this.map.hasImage(name)) this.map.updateImage(name, image);
      else this.map.addImage(name, image, { pixelRatio: 2 });
    }
  }
}

function fitOf({ clientWidth, clientHeight }: HTMLElement) {
  const side = clientWidth * FIT_SIDE;
  const padding = { top: clientHeight * FIT_TOP, bottom: clientHeight * FIT_BOTTOM, left: side, right: side };
  return { padding, maxZoom: FIT_ZOOM_MAX };
}

const HATCH_PX = 20;

function hatch(colour: string): ImageData {
  const canvas = document.createElement('canvas');
  canvas.width = HATCH_PX;
  canvas.height = HATCH_PX;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.strokeStyle = colour;
  context.globalAlpha = 0.75;
  context.lineWidth = 2;
  // Three lines, so that the pattern meets itself at its edges.
  for (const shift of [-HATCH_PX, 0, HATCH_PX]) {
    context.moveTo(shift - 2, HATCH_PX + 2);
    context.lineTo(shift + HATCH_PX + 2, -2);
  }
  context.stroke();
  return context.getImageData(0, 0, HATCH_PX, HATCH_PX);
}
