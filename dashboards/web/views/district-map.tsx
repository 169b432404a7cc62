import { useEffect, useRef, useState } from 'preact/hooks';
import { groundFeatures } from '../map/data.ts';
import type { DistrictMapEngine } from '../map/engine.ts';
import { quietPoints } from '../map/marks.ts';
import { boundsOf } from '../map/place.ts';
import {
  ground,
  hasPlaces,
  hiddenSystems,
  loadMapData,
  placedAssets,
  shownAssets,
  silentAssets,
  systemsThere,
  unplaced,
  worstOfAssets,
  zones,
} from '../map/state.ts';
import { paletteOf } from '../map/style.ts';
import { Panel } from '../parts/panel.tsx';
import { hrefOf } from '../route.ts';
import { text, theme } from '../state.ts';
import { useWhenBack } from './layout.ts';
import { MapOverlay, pointed } from './map-overlay.tsx';

/** The district as it lies: what is abnormal as glyphs, what is quiet as dots and counted circles. Nothing without places. */
export function DistrictMap({ at, still }: { at: string | undefined; still: boolean }) {
  const words = text.value.map;
  useMapData();
  if (!hasPlaces.value) return null;
  const count = placedAssets.value.filter(({ isZone }) => isZone !== true).length;
  const scope = [
    words.assets(count),
    ...(zones.value.length > 0 ? [words.zones(zones.value.length)] : []),
    ...(unplaced.value > 0 ? [words.unplaced(unplaced.value)] : []),
  ].join(' · ');
  return (
    <Panel
      title={words.title}
      scope={scope}
      aside={still ? undefined : <Layers />}
      class="district-map"
      id="district-map"
    >
      <MapField at={at} still={still} />
    </Panel>
  );
}

function useMapData(): void {
  const abort = useRef(new AbortController());
  useEffect(() => {
    void loadMapData(abort.current.signal);
    return () => abort.current.abort();
  }, []);
  useWhenBack(() => void loadMapData(abort.current.signal));
}

/** One button per system that has something on the map. */
function Layers() {
  const words = text.value.map;
  const there = systemsThere.value;
  if (there.length < 2) return null;
  const toggle = (system: (typeof there)[number]) => {
    const next = new Set(hiddenSystems.value);
    if (!next.delete(system)) next.add(system);
    hiddenSystems.value = next;
  };
  return (
    <fieldset class="map-layers" aria-label={words.layers}>
      {there.map((system) => (
        <button
          key={system}
          type="button"
          class="chip"
          aria-pressed={!hiddenSystems.value.has(system)}
          onClick={() => toggle(system)}
        >
          {words.systems[system]}
        </button>
      ))}
    </fieldset>
  );
}

/** What the overlay is drawn for; a new object whenever the map stands still elsewhere. */
export interface Standing {
  readonly zoom: number;
  readonly width: number;
  readonly height: number;
}

function MapField({ at, still }: { at: string | undefined; still: boolean }) {
  const words = text.value.map;
  const place = useRef<HTMLDivElement>(null);
  const [engine, setEngine] = useState<DistrictMapEngine | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [standing, setStanding] = useState<Standing | undefined>(undefined);
  /** The overlay follows the map between two drawings of its own. */
  const follow = useRef<() => void>(() => undefined);
  useEffect(() => {
    let gone = false;
    let opened: DistrictMapEngine | undefined;
    if (!hasWebGl()) setProblem(words.noWebGl);
    else
      import('../map/engine.ts')
        .then(({ DistrictMapEngine }) => {
          const container = place.current;
          const bounds = boundsOf(placedAssets.peek());
          if (gone || container === null || bounds === undefined) return;
          opened = new DistrictMapEngine(container, {
            bounds,
            palette: currentPalette(),
            still: matchMedia('(prefers-reduced-motion: reduce)').matches,
            // On a wall everything is drawn larger: the map in as many pixels as it then has.
            pixelRatio: devicePixelRatio * (container.currentCSSZoom ?? 1),
            words: {
              title: words.move,
              scroll: words.scroll,
              scrollMac: words.scrollMac,
              fingers: words.fingers,
            },
            events: {
              moved: () => follow.current(),
              settled: () =>
                setStanding({
                  zoom: opened?.zoom ?? 0,
                  width: container.clientWidth,
                  height: container.clientHeight,
                }),
              over: (what, { x, y }) => {
                pointed.value = what === undefined ? undefined : { under: what, x, y };
              },
              chosen: (device) => {
                location.hash = hrefOf({ page: 'device', device });
              },
            },
          });
          setEngine(opened);
        })
        .catch(() => {
          if (!gone) setProblem(hasWebGl() ? words.failed : words.noWebGl);
        });
    return () => {
      gone = true;
      pointed.value = undefined;
      opened?.close();
    };
  }, []);
  useDrawing(engine);
  return (
    <div class={`map-field${problem === undefined ? '' : ' without'}`}>
      {problem === undefined ? <div ref={place} class="map-ground" /> : <p class="map-problem">{problem}</p>}
      {engine !== undefined && standing !== undefined && (
        <MapOverlay engine={engine} standing={standing} at={at} still={still} follow={follow} />
      )}
    </div>
  );
}

/** Hands to the map what changed, and only that. */
function useDrawing(engine: DistrictMapEngine | undefined): void {
  const shown = shownAssets.value;
  const worst = worstOfAssets.value;
  const silent = silentAssets.value;
  // Which ones are abnormal, not how: an acknowledged alarm makes no dot again.
  const abnormal = [...worst.keys()].sort().join(' ');
  useEffect(() => engine?.setAssets(quietPoints(shown, worst, silent)), [engine, shown, abnormal, silent]);
  const shapes = zones.value.map(({ zone, ring }) => {
    const alarm = worst.get(zone);
    return alarm === undefined ? { ring } : { ring, priority: alarm.priority };
  });
  const hatched = shapes.map(({ priority = 0 }) => priority).join();
  useEffect(
    () => engine?.setZones(hiddenSystems.value.has('water') ? [] : shapes),
    [engine, zones.value, hatched, hiddenSystems.value],
  );
  const features = ground.value;
  useEffect(() => engine?.setGround(groundFeatures(features)), [engine, features]);
  const { value: shade } = theme;
  useEffect(() => engine?.setPalette(currentPalette()), [engine, shade]);
}

const currentPalette = () => {
  const style = getComputedStyle(document.documentElement);
  return paletteOf((property) => style.getPropertyValue(property));
};

/** Asked before the library is fetched: old control room machines need not load what they can't use. */
function hasWebGl(): boolean {
  const context = document.createElement('canvas').getContext('webgl2');
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}
