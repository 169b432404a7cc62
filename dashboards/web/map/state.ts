import { computed, signal } from '@preact/signals';
import { api } from '../api.ts';
import { standingOf } from '../quality.ts';
import { alarmIndex, believed, devices, leakZones, model, now } from '../state.ts';
import { type MapData, NO_MAP_DATA, zonesOf } from './data.ts';
import { type PlacedAsset, SYSTEMS, type System, systemOf } from './marks.ts';

/** What the map knows beside devices: background, metered areas, assets. */
const data = signal<MapData>(NO_MAP_DATA);
/** Layers that are switched off; until the page is loaded anew. */
export const hiddenSystems = signal<ReadonlySet<System>>(new Set());
/** Alarms whose callout somebody closed. */
export const calloutsClosed = signal<ReadonlySet<string>>(new Set());

export const ground = computed(() => data.value.ground);

/** Asked for once, and again when the connection came back. A map without it still has its devices. */
export async function loadMapData(signal: AbortSignal): Promise<void> {
  const answer = await api.mapData(signal).catch(() => undefined);
  if (answer !== undefined && !signal.aborted) data.value = answer;
}

/** Devices and assets with a place. */
const instruments = computed<ReadonlyMap<string, PlacedAsset>>(() => {
  const placed = new Map<string, PlacedAsset>(data.value.assets.map((asset) => [asset.id, asset]));
  for (const { id, class: assetClass, latitude, longitude } of devices.value.values())
    if (latitude !== undefined && longitude !== undefined)
      placed.set(id, { id, latitude, longitude, system: systemOf(assetClass) });
  return placed;
});

export const zones = computed(() => zonesOf(data.value, instruments.value));

/** Everything with a place; metered areas in their middle. */
export const placedAssets = computed<readonly PlacedAsset[]>(() => [
  ...instruments.value.values(),
  ...zones.value.map(({ zone, middle }): PlacedAsset => ({ id: zone, ...middle, system: 'water', isZone: true })),
]);

/** Whether there is anything to draw a map of. */
export const hasPlaces = computed(() => instruments.value.size > 0);
export const unplaced = computed(() => [...devices.value.keys()].filter((id) => !instruments.value.has(id)).length);

/** Systems of what is placed, in their usual order. */
export const systemsThere = computed(() => {
  const there = new Set([...instruments.value.values()].map(({ system }) => system));
  return SYSTEMS.filter((system) => there.has(system));
});

export const shownAssets = computed(() =>
  hiddenSystems.value.size === 0
    ? placedAssets.value
    : placedAssets.value.filter(({ system }) => !hiddenSystems.value.has(system)),
);

/** The most urgent open alarm of each asset. */
export const worstOfAssets = computed(() => alarmIndex.value.byAsset);

/** Whether an asset has a place, as far as is known: metered areas are asked for with the map. */
export function isOnMap(asset: string): boolean {
  return (
    hasPlaces.value &&
    (placedAssets.value.some(({ id }) => id === asset) || leakZones.value.some(({ zone }) => zone === asset))
  );
}

/** Silence shows within this. */
const SILENT_EVERY_MS = 10_000;
const silentHand = computed(() => Math.floor(now.value / SILENT_EVERY_MS));

/** Devices of which no value can be believed; the same words joined, so that nothing is drawn again while they stay. */
const silentKey = computed(() => {
  silentHand.value;
  const heard = new Set<string>();
  const silent = new Set<string>();
  for (const point of model.peek().points.values()) {
    const standing = standingOf(point, now.peek(), believed.value);
    if (standing === 'bad' || standing === 'stale' || standing === 'none') silent.add(point.device);
    else heard.add(point.device);
  }
  return [...silent].filter((device) => !heard.has(device)).join(' ');
});
export const silentAssets = computed<ReadonlySet<string>>(() => new Set(silentKey.value.split(' ')));
