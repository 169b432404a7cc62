import { formatTime, type Millis } from '../../contract/time.ts';
import { Fold, worse } from '../across.ts';
import type { Registry } from '../registry.ts';
import { slotLength } from '../store/buckets.ts';
import { type Bucket, type Series, type SeriesQuery, type Store, StoreError } from '../store/store.ts';
import type { Archive, ArchivedPoint, ArchivedValue } from './archive.ts';
import { InfluxError } from './client.ts';

/** What the local store does not keep any more. */
export interface Forgotten {
  /** Readings of all points before this are gone. */
  readonly before: Millis;
  /** Of an asset class: readings before this. */
  readonly ofClass: ReadonlyMap<string, Millis>;
}

interface Parts {
  readonly archive: Archive;
  readonly registry: Pick<Registry, 'point' | 'device'>;
  readonly forgotten: () => Forgotten;
}

type Value = Series['values'][number];

/**
 * The store with a longer memory: what lies before the local retention is asked from InfluxDB, everything else stays as it
 * is. A moment is answered from one of both, never from a mixture.
 */
export function archivedStore(store: Store, { archive, registry, forgotten }: Parts): Store {
  const keptFrom = (point: number): Millis => {
    const { before, ofClass } = forgotten();
    const name = registry.device(registry.point(point)?.device ?? '')?.class;
    return Math.max(before, (name === undefined ? undefined : ofClass.get(name)) ?? 0);
  };
  const named = (point: number): ArchivedPoint | undefined => registry.point(point);

  const readings: Store['readings'] = async (point, range, limit) => {
    const kept = keptFrom(point);
    const name = named(point);
    if (range.from >= kept || name === undefined) return store.readings(point, range, limit);
    const until = Math.min(kept, range.to);
    const old = await asked(until, () => archive.readings(name, { from: range.from, to: until }, limit));
    if (old.length >= limit || until >= range.to) return old;
    return [...old, ...(await store.readings(point, { from: until, to: range.to }, limit - old.length))];
  };

  const buckets: Store['buckets'] = async (point, range, count, maxSilenceMs) => {
    const local = await store.buckets(point, range, count, maxSilenceMs);
    const kept = keptFrom(point);
    const name = named(point);
    if (range.from >= kept || name === undefined) return local;
    const stepMs = slotLength(range, count);
    const until = Math.min(kept, range.to);
    const old = await asked(until, () => archive.buckets(name, { from: range.from, to: until }, stepMs, maxSilenceMs));
    const slots = new Map(old.map((bucket) => [bucket.ts, bucket]));
    for (const bucket of local) {
      if (bucket.ts + stepMs <= until) continue;
      const before = slots.get(bucket.ts);
      slots.set(bucket.ts, before === undefined ? bucket : joinedBuckets(before, bucket));
    }
    return [...slots.values()].sort((a, b) => a.ts - b.ts);
  };

  const query: Store['query'] = async (query) => {
    const { points, from, to, stepMs, across } = query;
    const old = points.filter((point) => keptFrom(point) > from && named(point) !== undefined);
    if (old.length === 0) return store.query(query);
    const { across: _, ...each } = query;
    const byPoint = new Map((await store.query(each)).map(({ point, values }) => [point as number, values]));
    for (const [kept, some] of byKept(old, keptFrom)) {
      const until = Math.min(kept, to);
      const names = new Map(some.map((point) => [point, named(point) as ArchivedPoint]));
      const found = await asked(until, () =>
        archive.series([...names.values()], { from, to: until, stepMs, aggregate: query.aggregate }),
      );
      for (const [point, name] of names) {
        const local = (byPoint.get(point) ?? []).filter(({ ts }) => ts + stepMs > until);
        byPoint.set(point, joinedValues(found.get(name) ?? new Map(), local, query.aggregate));
      }
    }
    const series = points.map((point) => ({ point, values: byPoint.get(point) ?? [] }));
    if (across === undefined) return series;
    const fold = new Fold();
    fold.add(series);
    return [{ values: fold.end(across) }];
  };

  const exportParquet: Store['exportParquet'] = async (points, range, file) => {
    const kept = Math.max(...points.map(keptFrom));
    if (range.from < kept)
      throw new StoreError(
        'query-too-large',
        `what lies before ${formatTime(kept)} is in InfluxDB: export it as CSV, or from then on`,
        { retryable: false },
      );
    return store.exportParquet(points, range, file);
  };

  const own = { readings, buckets, query, exportParquet };
  return new Proxy(store, {
    get(target, key) {
      if (Object.hasOwn(own, key)) return own[key as keyof typeof own];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** An answer that lacks its older half would be a wrong one: without InfluxDB there is none, and a hint. */
async function asked<T>(until: Millis, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof InfluxError)) throw error;
    throw new StoreError(
      'history-away',
      `What lies before ${formatTime(until)} is in InfluxDB only, which does not answer; /api/v1/health says why. From then on the gateway answers itself.`,
      { retryable: true, cause: error },
    );
  }
}

function byKept(points: readonly number[], keptFrom: (point: number) => Millis): Map<Millis, number[]> {
  const groups = new Map<Millis, number[]>();
  for (const point of points) {
    const kept = keptFrom(point);
    const list = groups.get(kept);
    if (list === undefined) groups.set(kept, [point]);
    else list.push(point);
  }
  return groups;
}

function joinedValues(
  old: ReadonlyMap<Millis, ArchivedValue>,
  local: readonly Value[],
  aggregate: SeriesQuery['aggregate'],
): Value[] {
  const steps = new Map<Millis, Value>([...old].map(([ts, value]) => [ts, { ts, ...value }]));
  for (const value of local) {
    const before = steps.get(value.ts);
    steps.set(value.ts, before === undefined ? value : joined(before, value, aggregate));
  }
  return [...steps.values()].sort((a, b) => a.ts - b.ts);
}

/** Both halves of a step, the later one second. */
function joined(a: Value, b: Value, aggregate: SeriesQuery['aggregate']): Value {
  const count = a.count + b.count;
  const values: Readonly<Record<SeriesQuery['aggregate'], () => number>> = {
    min: () => Math.min(a.value, b.value),
    max: () => Math.max(a.value, b.value),
    mean: () => (a.value * a.count + b.value * b.count) / count,
    sum: () => a.value + b.value,
    count: () => a.value + b.value,
    last: () => b.value,
  };
  return { ts: a.ts, value: values[aggregate](), count, worstQuality: worse(a.worstQuality, b.worstQuality) };
}

/** The bucket in which the local history begins. */
function joinedBuckets(old: Bucket, local: Bucket): Bucket {
  if (local.count === 0) return old;
  if (old.count === 0) return local;
  const count = old.count + local.count;
  const both = (key: 'min' | 'max' | 'mean', join: (x: number, y: number) => number) => {
    const [x, y] = [old[key], local[key]];
    if (x === undefined && y === undefined) return {};
    return { [key]: x === undefined || y === undefined ? (x ?? y) : join(x, y) };
  };
  return {
    ts: old.ts,
    count,
    worstQuality: worse(old.worstQuality, local.worstQuality),
    ...both('min', Math.min),
    ...both('max', Math.max),
    ...both('mean', (x, y) => (x * old.count + y * local.count) / count),
  };
}
