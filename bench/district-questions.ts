import { encodeCursor } from '../gateway/http/inputs.ts';
import { pointRoutes } from '../gateway/http/points.ts';
import type { Door } from '../gateway/http/ports.ts';
import type { PlantRegistry } from '../gateway/registry.ts';
import type { DuckDbStore } from '../gateway/store/duckdb.ts';
import type { SeriesQuery } from '../gateway/store/store.ts';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const MANY_POINTS = 500;
/** Milliseconds between two questions of a kind: a few dozen people with their screens, and enough for a p99 in three minutes. */
const EVERY_MS = { onePoint: 200, manyPoints: 2000, latest: 250 };

/** Milliseconds that questions took, by kind, in the order they were asked. */
export type Answers = Record<string, number[]>;

/**
 * Asks the questions of a screen, each kind at its own pace whatever earlier ones take, until told to stop: one point's
 * day, 500 points summed (side by side, and all over the district), the newest of 1,000.
 *
 * @param answers - grows while questions are answered
 * @returns stops asking
 */
export function askAway(
  { store, registry }: { readonly store: DuckDbStore; readonly registry: PlantRegistry },
  answers: Answers,
): () => void {
  const some = (below: number) => Math.floor(Math.random() * below);
  const aDay = () => {
    const to = Math.floor(Date.now() / QUARTER_MS) * QUARTER_MS + QUARTER_MS;
    return { from: to - DAY_MS, to };
  };
  const summed = (points: readonly number[]): SeriesQuery => ({
    ...aDay(),
    stepMs: QUARTER_MS,
    points,
    aggregate: 'mean',
    across: 'sum',
  });
  const newest = newestOf1000(registry);
  const kinds: readonly (readonly [kind: string, everyMs: number, ask: () => Promise<unknown>])[] = [
    [
      '1 point, 24 h, 300 buckets',
      EVERY_MS.onePoint,
      () => store.buckets(some(registry.pointCount), aDay(), 300, 300_000),
    ],
    [
      '500 points side by side summed per 15 min, 24 h',
      EVERY_MS.manyPoints,
      () => {
        const first = some(registry.pointCount - MANY_POINTS);
        return store.query(summed(Array.from({ length: MANY_POINTS }, (_, index) => first + index)));
      },
    ],
    [
      '500 scattered points summed per 15 min, 24 h',
      EVERY_MS.manyPoints,
      () => store.query(summed(Array.from({ length: MANY_POINTS }, () => some(registry.pointCount)))),
    ],
    ['latest of 1,000', EVERY_MS.latest, () => newest(some(Math.max(1, registry.pointCount - 1000)))],
  ];
  const timers = kinds.map(([kind, everyMs, ask]) =>
    setInterval(async () => {
      if (registry.pointCount < 1000) return;
      const asked = performance.now();
      try {
        await ask();
      } catch (error) {
        console.error(kind, (error as Error).message);
      }
      answers[kind] ??= [];
      answers[kind].push(performance.now() - asked);
    }, everyMs),
  );
  return () => timers.forEach(clearInterval);
}

/** What `GET /api/v1/points` does for a page of 1,000, its text included; login and socket left out. */
function newestOf1000(registry: PlantRegistry): (after: number) => Promise<string> {
  const door: Pick<Door, 'registry' | 'now' | 'rulesOf'> = { registry, now: Date.now, rulesOf: () => [] };
  const list = pointRoutes(door as Door).find(({ path }) => path === '/api/v1/points');
  return async (after) => {
    const call = { query: { limit: 1000, cursor: encodeCursor(after) } };
    return JSON.stringify(await list?.handle(call as never));
  };
}
