import type { Binding } from '../assets.ts';
import type { PointInfo } from '../domain/plant.ts';
import type { Bucket, Range, Series, SeriesQuery, StoredReading } from '../store/store.ts';
import { findPoint, type PointFilter, pointFilter } from './points.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { walk } from './walk.ts';

/** Where the values of a point come from, one part of time after the other. */
export interface Part extends Range {
  readonly point: PointInfo;
  readonly scale: number;
  readonly offset: number;
}

/** A point as it can be asked for: of a device, or of an asset whose instruments changed over time. */
export interface Measured {
  /** Ascending, never overlapping; times outside of them have no values. */
  readonly parts: readonly Part[];
  /** The longest silence over which a value is held. */
  readonly maxSilenceMs: number;
}

const ALWAYS: Range = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** @param owner - device or asset. @throws Problem point-unknown */
export function measured(door: Pick<Door, 'registry' | 'assets'>, owner: string, measurement: string): Measured {
  const bindings = door.assets.of(owner, measurement);
  if (bindings.length === 0) {
    const point = findPoint(door, owner, measurement);
    return always(point);
  }
  const parts = bindings.flatMap((binding) => partOf(door, binding));
  const maxSilenceMs = Math.max(...parts.map(({ point }) => point.maxSilenceMs));
  if (parts.length > 0) return { parts, maxSilenceMs };
  throw new Problem('point-unknown', `${owner}/${measurement} is bound, but its device never sent a reading.`);
}

function always(point: PointInfo): Measured {
  return { parts: [{ ...ALWAYS, point, scale: 1, offset: 0 }], maxSilenceMs: point.maxSilenceMs };
}

function partOf({ registry }: Pick<Door, 'registry'>, binding: Binding): Part[] {
  const id = registry.pointId(binding.device, binding.source);
  const point = id === undefined ? undefined : registry.point(id);
  const { from, to = Number.POSITIVE_INFINITY, scale, offset } = binding;
  return point === undefined ? [] : [{ point, from, to, scale, offset }];
}

/** The parts of a range, each with its share of it. */
export function within({ parts }: Measured, { from, to }: Range): readonly Part[] {
  return parts
    .map((part) => ({ ...part, from: Math.max(from, part.from), to: Math.min(to, part.to) }))
    .filter((part) => part.from < part.to);
}

/** Oldest first, at most `limit`, over all parts. */
export async function readingsOf(
  { store }: Pick<Door, 'store'>,
  measured: Measured,
  range: Range,
  limit: number,
): Promise<readonly StoredReading[]> {
  const readings: StoredReading[] = [];
  for (const part of within(measured, range)) {
    const page = await store.readings(part.point.id, part, limit - readings.length);
    readings.push(...page.map((reading) => converted(reading, part)));
    if (readings.length >= limit) break;
  }
  return readings;
}

/** Equal slots over the range; a slot in which the instrument changed holds both. */
export async function bucketsOf(
  { store }: Pick<Door, 'store'>,
  measured: Measured,
  range: Range,
  count: number,
): Promise<readonly Bucket[]> {
  const slotMs = (range.to - range.from) / count;
  const slots = new Map<number, Bucket>();
  for (const part of within(measured, range)) {
    // Always the grid of the whole range; what lies outside of the part is another instrument's.
    for (const bucket of await store.buckets(part.point.id, range, count, measured.maxSilenceMs)) {
      if (bucket.ts + slotMs <= part.from || bucket.ts >= part.to) continue;
      const before = slots.get(bucket.ts);
      const own = scaled(bucket, part);
      slots.set(bucket.ts, before === undefined ? own : joined(before, own));
    }
  }
  return [...slots.values()].sort((a, b) => a.ts - b.ts);
}

/** A value of the device as a value of the asset. */
export function converted<T extends { readonly value?: number }>(
  reading: T,
  { scale, offset }: Pick<Part, 'scale' | 'offset'>,
): T {
  return reading.value === undefined ? reading : { ...reading, value: scale * reading.value + offset };
}

function scaled(bucket: Bucket, { scale, offset }: Part): Bucket {
  const of = (value: number) => scale * value + offset;
  const { min, max, mean } = bucket;
  const [low, high] = scale < 0 ? [max, min] : [min, max];
  return {
    ...bucket,
    ...(low === undefined ? {} : { min: of(low) }),
    ...(high === undefined ? {} : { max: of(high) }),
    ...(mean === undefined ? {} : { mean: of(mean) }),
  };
}

const WORSE = { good: 0, uncertain: 1, bad: 2 } as const;

/** Two instruments in one slot: the means weigh by their readings. */
function joined(a: Bucket, b: Bucket): Bucket {
  if (a.held === true || a.count === 0) return b;
  if (b.held === true || b.count === 0) return a;
  const count = a.count + b.count;
  const both = <K extends 'min' | 'max' | 'mean'>(key: K, join: (x: number, y: number) => number) => {
    const [x, y] = [a[key], b[key]];
    if (x === undefined || y === undefined) return x === undefined && y === undefined ? {} : { [key]: x ?? y };
    return { [key]: join(x, y) };
  };
  return {
    ts: a.ts,
    count,
    worstQuality: WORSE[a.worstQuality] >= WORSE[b.worstQuality] ? a.worstQuality : b.worstQuality,
    ...both('min', Math.min),
    ...both('max', Math.max),
    ...both('mean', (x, y) => (x * a.count + y * b.count) / count),
  };
}

/** Points of one question or export. */
export const POINTS_SELECTED_MAX = 5000;

/** Points by id, or by what they have in common. */
export type PointSelector =
  | readonly string[]
  | (Omit<PointFilter, 'q'> & { readonly points?: readonly string[] | undefined });

/** A selected point: its id as it was asked for, and where its values come from. */
export interface Selected extends Measured {
  readonly id: string;
}

/** What a selector means, in its order; only ids name points of assets. @throws Problem for unknown ids, and for too many */
export async function selectPoints(
  door: Pick<Door, 'registry' | 'assets'>,
  selector: PointSelector | undefined,
): Promise<readonly Selected[]> {
  if (selector === undefined)
    throw new Problem('input-invalid', 'Say which points.', {
      errors: [{ path: 'points', found: 'nothing', allowed: 'a list of ids, or {class, site, device, measurement}' }],
    });
  const { registry } = door;
  const ids = 'length' in selector ? selector : selector.points;
  if (ids !== undefined) {
    return [...new Set(ids)].map((id) => {
      const slash = id.indexOf('/');
      return { id, ...measured(door, id.slice(0, slash), id.slice(slash + 1)) };
    });
  }
  const matches = pointFilter(selector as PointFilter);
  const found: Selected[] = [];
  await walk(registry.points(), (point) => {
    if (!matches(point, registry.device(point.device))) return true;
    found.push({ id: `${point.device}/${point.measurement}`, ...always(point) });
    return found.length <= POINTS_SELECTED_MAX;
  });
  if (found.length <= POINTS_SELECTED_MAX) return found;
  throw new Problem('query-too-large', `More than ${POINTS_SELECTED_MAX} points: narrow the selector.`);
}

/** The one device point that gives the values over the whole range as they are; undefined when there is more to it. */
export function plainPoint(measured: Measured, range: Range): PointInfo | undefined {
  const [part, ...more] = within(measured, range);
  if (part === undefined || more.length > 0 || part.scale !== 1 || part.offset !== 0) return undefined;
  return part.from <= range.from && part.to >= range.to ? part.point : undefined;
}

/** Steps over all parts; a step belongs to the instrument that was there at its beginning. */
export async function seriesOf(
  { store }: Pick<Door, 'store'>,
  measured: Measured,
  query: Omit<SeriesQuery, 'points' | 'across'>,
): Promise<Series['values']> {
  const all: Series['values'][number][] = [];
  for (const part of within(measured, query)) {
    const [series] = await store.query({
      ...query,
      points: [part.point.id],
      aggregate: aggregateOf(query.aggregate, part),
    });
    for (const entry of series?.values ?? []) {
      if (entry.ts < part.from || entry.ts >= part.to) continue;
      all.push({ ...entry, value: aggregated(entry, query.aggregate, part) });
    }
  }
  return all;
}

/** A negative scale turns the order round. */
function aggregateOf(aggregate: SeriesQuery['aggregate'], { scale }: Part): SeriesQuery['aggregate'] {
  if (scale > 0 || (aggregate !== 'min' && aggregate !== 'max')) return aggregate;
  return aggregate === 'min' ? 'max' : 'min';
}

function aggregated(
  { value, count }: { readonly value: number; readonly count: number },
  aggregate: SeriesQuery['aggregate'],
  { scale, offset }: Part,
): number {
  if (aggregate === 'count') return value;
  return aggregate === 'sum' ? scale * value + offset * count : scale * value + offset;
}
