import type { Millis } from '../../contract/time.ts';
import { HISTORY_DAYS, QUARTER_MS } from '../domain/leakage/locate/locate.ts';
import { pointScale } from '../domain/leakage/point-scale.ts';
import type { PointInfo } from '../domain/plant.ts';
import type { Store } from '../store/store.ts';
import type { QuarterHistory } from './leak-places.ts';

const KEPT_QUARTERS = (HISTORY_DAYS + 15) * 96;

const empty = (from: Millis, to: Millis) =>
  new Float64Array(Math.max(0, Math.round((to - from) / QUARTER_MS))).fill(Number.NaN);

/** What is known of a point: its dense id and its unit. */
type KnownPoint = Pick<PointInfo, 'id' | 'unit'>;

/** Means out of the gateway's store, in m3/h and m. @param of - undefined where the point never came up */
export function storeHistory(
  store: Pick<Store, 'query'>,
  of: (point: string) => KnownPoint | undefined,
): QuarterHistory {
  return {
    async quarters(points, from, to) {
      const known = new Map<number, { readonly point: string; readonly scale: number }>();
      for (const point of points) {
        const info = of(point);
        if (info !== undefined) known.set(info.id, { point, scale: pointScale(info.unit) });
      }
      const found = Object.fromEntries([...known.values()].map(({ point }) => [point, empty(from, to)]));
      if (known.size === 0) return found;
      const series = await store.query({
        points: [...known.keys()],
        from,
        to,
        stepMs: QUARTER_MS,
        aggregate: 'mean',
      });
      for (const { point, values } of series) {
        const wanted = known.get(point ?? -1);
        const column = wanted === undefined ? undefined : found[wanted.point];
        if (wanted === undefined || column === undefined) continue;
        for (const { ts, value } of values) column[Math.floor((ts - from) / QUARTER_MS)] = value * wanted.scale;
      }
      return found;
    },
  };
}

interface Ring {
  readonly sum: Float64Array;
  readonly n: Uint16Array;
  readonly scale: number;
  newest: number;
}

/** Means of what was told lately, by dense id of the point, in m3/h and m; for a replay, which has no store. */
export class RecentHistory implements QuarterHistory {
  private readonly rings = new Map<number, Ring>();
  private readonly idOf: (point: string) => number | undefined;

  constructor(idOf: (point: string) => number | undefined) {
    this.idOf = idOf;
  }

  /** From now on the readings of this point are kept. */
  want({ id, unit }: KnownPoint): void {
    if (this.rings.has(id)) return;
    const sum = new Float64Array(KEPT_QUARTERS);
    const scale = pointScale(unit);
    this.rings.set(id, { sum, n: new Uint16Array(KEPT_QUARTERS), scale, newest: Number.NEGATIVE_INFINITY });
  }

  take(id: number, ts: Millis, value: number): void {
    const ring = this.rings.get(id);
    if (ring === undefined || !Number.isFinite(value)) return;
    const quarter = Math.floor(ts / QUARTER_MS);
    if (quarter > ring.newest) {
      const first = Math.max(ring.newest + 1, quarter - KEPT_QUARTERS + 1);
      for (let at = first; at <= quarter; at++) {
        ring.sum[at % KEPT_QUARTERS] = 0;
        ring.n[at % KEPT_QUARTERS] = 0;
      }
      ring.newest = quarter;
    } else if (quarter <= ring.newest - KEPT_QUARTERS) return;
    ring.sum[quarter % KEPT_QUARTERS]! += value * ring.scale;
    ring.n[quarter % KEPT_QUARTERS]!++;
  }

  /** What is known now: a later call does not change an answer. */
  quarters(points: readonly string[], from: Millis, to: Millis): Promise<Record<string, Float64Array>> {
    const found: Record<string, Float64Array> = {};
    for (const point of points) {
      const ring = this.rings.get(this.idOf(point) ?? -1);
      if (ring === undefined) continue;
      const column = empty(from, to);
      const first = Math.round(from / QUARTER_MS);
      for (let at = 0; at < column.length; at++) {
        const quarter = first + at;
        if (quarter > ring.newest || quarter <= ring.newest - KEPT_QUARTERS) continue;
        const place = quarter % KEPT_QUARTERS;
        if (ring.n[place]! > 0) column[at] = ring.sum[place]! / ring.n[place]!;
      }
      found[point] = column;
    }
    return Promise.resolve(found);
  }
}
