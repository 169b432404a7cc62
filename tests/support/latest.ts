import type { Store } from '../../gateway/store/store.ts';

/** Newest readings of points as the store tells them: `[point, ts, value]`, undefined = none. */
export async function latest(store: Pick<Store, 'latest'>, points: readonly number[]) {
  const found = new Map<number, readonly [point: number, ts: number, value: number]>();
  await store.latest(points, (point, ts, value) => found.set(point, [point, ts, value]));
  return points.map((point) => found.get(point));
}
