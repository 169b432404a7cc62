import type { Alarm } from '../../../contract/alarm.ts';
import { compareAlarms, lampOf } from '../alarms.ts';
import { type Place, worldPx } from './place.ts';

/** What a district is made of; each is a layer of the map. */
export const SYSTEMS = ['water', 'lighting', 'tunnels', 'power', 'other'] as const;
export type System = (typeof SYSTEMS)[number];

/** First match counts: the lighting of a tunnel belongs to the tunnel. */
const SYSTEM_OF: readonly (readonly [System, RegExp])[] = [
  ['tunnels', /tunnel|fan/],
  ['lighting', /light|lamp/],
  ['water', /flow|pressure|pump|tank|valve|water|dma|inlet|sump/],
  ['power', /power|sub|transf|residual|sf6|ups|oil-gas/],
];

export function systemOf(assetClass: string): System {
  return SYSTEM_OF.find(([, pattern]) => pattern.test(assetClass))?.[0] ?? 'other';
}

/** Something with a place: a device, an asset, or a metered area in its middle. */
export interface PlacedAsset extends Place {
  readonly id: string;
  readonly system: System;
  readonly isZone?: true;
}

/** Marks that lie nearer together than this are one, CSS pixels. */
const MARK_PX = 28;
/** Elements of the page, so that ten thousand alarms move as smoothly as ten. */
export const MARKS_MAX = 60;

/** What is drawn as a glyph over the map: the most urgent alarm of a place, and how many other abnormal assets lie under it. */
export interface Mark extends Place {
  /** Asset of the alarm. */
  readonly id: string;
  readonly alarm: Alarm;
  /** Other abnormal assets that the glyph stands for. */
  readonly others: number;
}

/**
 * Glyphs of all abnormal assets at a zoom: the more urgent one takes in what lies too near to be told apart.
 *
 * @param worst - most urgent open alarm of each asset
 * @returns at most MARKS_MAX, the most urgent first; nothing is left out, more is taken together
 */
export function marksOf(
  assets: readonly PlacedAsset[],
  worst: ReadonlyMap<string, Alarm>,
  zoom: number,
): readonly Mark[] {
  const abnormal = assets
    .flatMap((asset) => {
      const alarm = worst.get(asset.id);
      return alarm === undefined ? [] : [{ asset, alarm, ...worldPx(asset, zoom) }];
    })
    .sort((one, other) => compareAlarms(one.alarm, other.alarm));
  for (let apart = MARK_PX; ; apart *= 1.5) {
    const marks = takenTogether(abnormal, apart);
    if (marks.length <= MARKS_MAX) return marks;
  }
}

interface Abnormal {
  readonly asset: PlacedAsset;
  readonly alarm: Alarm;
  readonly x: number;
  readonly y: number;
}

function takenTogether(abnormal: readonly Abnormal[], apart: number): readonly Mark[] {
  const marks: { readonly one: Abnormal; others: number }[] = [];
  const cells = new Map<string, (typeof marks)[number][]>();
  for (const one of abnormal) {
    const [column, row] = [Math.floor(one.x / apart), Math.floor(one.y / apart)];
    let near: (typeof marks)[number] | undefined;
    for (let dx = -1; dx <= 1; dx += 1)
      for (let dy = -1; dy <= 1; dy += 1)
        near ??= cells
          .get(`${column + dx} ${row + dy}`)
          ?.find(({ one: { x, y } }) => Math.hypot(x - one.x, y - one.y) < apart);
    if (near !== undefined) {
      near.others += 1;
      continue;
    }
    const mark = { one, others: 0 };
    marks.push(mark);
    const key = `${column} ${row}`;
    cells.set(key, [...(cells.get(key) ?? []), mark]);
  }
  return marks.map(({ one: { asset, alarm }, others }) => ({
    id: asset.id,
    latitude: asset.latitude,
    longitude: asset.longitude,
    alarm,
    others,
  }));
}

export interface QuietPoint {
  readonly type: 'Feature';
  readonly properties: { readonly id: string; readonly silent: 0 | 1 };
  readonly geometry: { readonly type: 'Point'; readonly coordinates: readonly [number, number] };
}

/** Points of the map that are not abnormal: dots, and circles with a count where they lie close. Zones are no dots. */
export function quietPoints(
  assets: readonly PlacedAsset[],
  worst: ReadonlyMap<string, Alarm>,
  silent: ReadonlySet<string>,
): readonly QuietPoint[] {
  return assets.flatMap(({ id, latitude, longitude, isZone }) =>
    isZone === true || worst.has(id)
      ? []
      : [
          {
            type: 'Feature',
            properties: { id, silent: silent.has(id) ? 1 : 0 },
            geometry: { type: 'Point', coordinates: [longitude, latitude] },
          },
        ],
  );
}

/** The alarm that the callout tells: the most urgent new one that has a place. */
export function calledOut(marks: readonly Mark[]): Mark | undefined {
  return marks.find(({ alarm }) => lampOf(alarm) === 'unacknowledged');
}
