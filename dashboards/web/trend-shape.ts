import type { Millis } from '../../contract/time.ts';
import type { LiveReading } from './model.ts';
import type { Bucket } from './wire.ts';

/** A trend as the chart draws it: columns of one length, times ascending in seconds. Null draws nothing. */
export interface TrendColumns {
  readonly timesS: readonly number[];
  readonly good: readonly (number | null)[];
  /** Drawn dashed; joined to its good neighbours. */
  readonly uncertain: readonly (number | null)[];
  /** The last good value held over slots without readings; drawn dotted. */
  readonly held: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  /** Samples of bad quality that still carry a value: crosses. */
  readonly bad: readonly (number | null)[];
}

/** What a trend is laid out in; times in milliseconds. */
export interface TrendFrame {
  readonly from: Millis;
  readonly to: Millis;
  /** Right end of the data: the end of the range or the gateway's now, whichever is earlier. */
  readonly until: Millis;
  /** The range ends now: silence at its end is a stale value and no gap. */
  readonly live: boolean;
  /** Width of a slot. */
  readonly stepMs: number;
  /** How often a reading is expected, 0 = unknown; silence of two such intervals is no gap. */
  readonly everyMs: number;
}

/** A stretch of time with one meaning, in milliseconds. */
export interface Stretch {
  readonly from: Millis;
  readonly to: Millis;
  readonly kind: 'uncertain' | 'bad' | 'stale' | 'no-data';
}

export interface TrendShape {
  readonly columns: TrendColumns;
  /** Oldest first, never overlapping: hatches behind the line and the quality strip above the axis. */
  readonly stretches: readonly Stretch[];
  /** Where the newest real value stands; undefined when there is none. */
  readonly last?: { readonly ts: Millis; readonly value: number };
}

/**
 * Turns server-side buckets into what is drawn: gaps stay gaps, quality decides the line.
 *
 * @param all - oldest first; slots without data are absent
 */
export function shapeTrend(all: readonly Bucket[], frame: TrendFrame): TrendShape {
  const { stepMs, everyMs, until } = frame;
  const quietMs = Math.max(stepMs / 2, everyMs * 2);
  const buckets = withoutBriefHolds(all, stepMs, quietMs);
  const slots = withGaps(buckets, stepMs, quietMs);
  const at = (index: number) => slots[index];
  // The newest slot is still filling: its middle may lie ahead of now.
  const middle = (bucket: Bucket) => Math.max(bucket.ts, Math.min(bucket.ts + stepMs / 2, until));
  const drawn = (bucket: Bucket | undefined): bucket is Bucket & { mean: number } =>
    bucket?.mean !== undefined && !bucket.held && bucket.worstQuality !== 'bad';
  const pick = (take: (bucket: Bucket, index: number) => number | undefined) =>
    slots.map((slot, index) => ('count' in slot ? (take(slot, index) ?? null) : null));
  const neighbour = (index: number): Bucket | undefined => {
    const slot = at(index);
    return slot !== undefined && 'count' in slot ? slot : undefined;
  };

  const columns: TrendColumns = {
    timesS: slots.map((slot) => ('count' in slot ? middle(slot) : slot.gapAt) / 1000),
    good: pick((bucket) => (drawn(bucket) && bucket.worstQuality === 'good' ? bucket.mean : undefined)),
    uncertain: pick((bucket, index) => {
      if (!drawn(bucket)) return undefined;
      const beside = [bucket, neighbour(index - 1), neighbour(index + 1)];
      return beside.some((one) => drawn(one) && one.worstQuality === 'uncertain') ? bucket.mean : undefined;
    }),
    held: pick((bucket, index) => {
      if (bucket.mean === undefined) return undefined;
      if (bucket.held) return bucket.mean;
      return neighbour(index + 1)?.held === true || neighbour(index - 1)?.held === true ? bucket.mean : undefined;
    }),
    min: pick((bucket) => (drawn(bucket) ? bucket.min : undefined)),
    max: pick((bucket) => (drawn(bucket) ? bucket.max : undefined)),
    bad: pick((bucket) => (!bucket.held && bucket.worstQuality === 'bad' ? bucket.mean : undefined)),
  };
  const newest = buckets.findLast((bucket) => bucket.mean !== undefined && !bucket.held);
  return {
    columns,
    stretches: stretchesOf(buckets, quietMs, frame),
    ...(newest?.mean === undefined ? {} : { last: { ts: middle(newest), value: newest.mean } }),
  };
}

type Slot = Bucket | { readonly gapAt: Millis };

/** A value held for less than two expected intervals is a meter at its usual pace, not news that failed to come. */
function withoutBriefHolds(buckets: readonly Bucket[], stepMs: number, quietMs: number): readonly Bucket[] {
  const kept: Bucket[] = [];
  let run: Bucket[] = [];
  const endRun = () => {
    if (run.length * stepMs > quietMs) kept.push(...run);
    run = [];
  };
  for (const bucket of buckets) {
    if (bucket.held) run.push(bucket);
    else {
      endRun();
      kept.push(bucket);
    }
  }
  endRun();
  return kept;
}

/** Puts one empty place into every gap, so that no line crosses it. */
function withGaps(buckets: readonly Bucket[], stepMs: number, quietMs: number): Slot[] {
  const slots: Slot[] = [];
  let next: Millis | undefined;
  for (const bucket of buckets) {
    if (next !== undefined && bucket.ts > next + quietMs) slots.push({ gapAt: (next + bucket.ts) / 2 + stepMs / 2 });
    slots.push(bucket);
    next = bucket.ts + stepMs;
  }
  return slots;
}

function stretchesOf(
  buckets: readonly Bucket[],
  quietMs: number,
  { from, until, live, stepMs }: TrendFrame,
): Stretch[] {
  const stretches: Stretch[] = [];
  const add = (start: Millis, end: Millis, kind: Stretch['kind']) => {
    const left = Math.max(start, from);
    const right = Math.min(end, until);
    if (right <= left) return;
    const before = stretches.at(-1);
    if (before !== undefined && before.kind === kind && left <= before.to + 1) {
      stretches[stretches.length - 1] = { ...before, to: right };
    } else stretches.push({ from: left, to: right, kind });
  };
  let next = from;
  for (const bucket of buckets) {
    if (bucket.ts > next + quietMs) add(next, bucket.ts, 'no-data');
    const end = bucket.ts + stepMs;
    if (bucket.held) add(bucket.ts, end, 'stale');
    else if (bucket.worstQuality !== 'good') add(bucket.ts, end, bucket.worstQuality);
    next = Math.max(next, end);
  }
  // The newest slot may still be filling.
  if (until > next + Math.max(stepMs, quietMs)) add(next, until, live && buckets.length > 0 ? 'stale' : 'no-data');
  return stretches;
}

/**
 * Lets a trend that ends now grow with the live feed, so that nobody has to ask again.
 *
 * @param from - what is older falls off at the left
 */
export function extendBuckets(
  buckets: readonly Bucket[],
  reading: LiveReading,
  stepMs: number,
  from: Millis,
): readonly Bucket[] {
  const kept = buckets.filter((bucket) => bucket.ts + stepMs > from);
  const phase = kept.at(-1)?.ts ?? Math.floor(reading.ts / stepMs) * stepMs;
  const ts = phase + Math.floor((reading.ts - phase) / stepMs) * stepMs;
  const index = kept.findLastIndex((bucket) => bucket.ts <= ts);
  const known = kept[index];
  const { value, quality } = reading;
  if (known === undefined || known.ts < ts) {
    const fresh: Bucket = {
      ts,
      count: 1,
      worstQuality: quality,
      held: false,
      ...(value === undefined ? {} : { min: value, max: value, mean: value }),
    };
    return [...kept.slice(0, index + 1), fresh, ...kept.slice(index + 1)];
  }
  const count = known.held ? 0 : known.count;
  const merged: Bucket = {
    ...known,
    held: false,
    count: count + 1,
    worstQuality: count === 0 ? quality : worse(known.worstQuality, quality),
    ...(value === undefined
      ? {}
      : count === 0 || known.mean === undefined
        ? { min: value, max: value, mean: value }
        : {
            min: Math.min(known.min ?? value, value),
            max: Math.max(known.max ?? value, value),
            mean: (known.mean * count + value) / (count + 1),
          }),
  };
  return [...kept.slice(0, index), merged, ...kept.slice(index + 1)];
}

const worse = (one: Bucket['worstQuality'], other: Bucket['worstQuality']) =>
  one === 'bad' || other === 'bad' ? 'bad' : one === 'uncertain' || other === 'uncertain' ? 'uncertain' : 'good';

/** Min, mean, max and last over what is shown: the legend. Undefined when nothing is. */
export function summarize(
  buckets: readonly Bucket[],
): { readonly min: number; readonly mean: number; readonly max: number; readonly last: number } | undefined {
  const shown = buckets.filter((bucket) => bucket.mean !== undefined && !bucket.held && bucket.worstQuality !== 'bad');
  const last = shown.at(-1)?.mean;
  if (last === undefined) return undefined;
  return {
    min: Math.min(...shown.map(({ min, mean }) => min ?? (mean as number))),
    mean: shown.reduce((sum, { mean }) => sum + (mean as number), 0) / shown.length,
    max: Math.max(...shown.map(({ max, mean }) => max ?? (mean as number))),
    last,
  };
}

/** The vertical axis spans at least this part of the value itself. */
const LEAST_SPAN_PART = 0.1;

/**
 * Lowest and highest value on the vertical axis: the data, the normal band, and limits that are near enough not to
 * flatten the line.
 */
export function verticalSpan(
  { min, max, good, uncertain, held, bad }: TrendColumns,
  normal: readonly [number, number] | undefined,
  limits: readonly number[],
): [number, number] {
  let low = normal?.[0] ?? Number.POSITIVE_INFINITY;
  let high = normal?.[1] ?? Number.NEGATIVE_INFINITY;
  for (const column of [min, max, good, uncertain, held, bad])
    for (const value of column) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  const negative = low < 0;
  if (low > high) [low, high] = limits.length > 0 ? [Math.min(...limits), Math.max(...limits)] : [0, 1];
  // A quiet signal must look quiet: its noise does not fill the chart.
  const least = (Math.max(Math.abs(low), Math.abs(high)) * LEAST_SPAN_PART || 1) - (high - low);
  if (least > 0) {
    low -= least / 2;
    high += least / 2;
  }
  const span = high - low;
  for (const limit of limits) {
    if (limit > high && limit <= high + span) high = limit;
    if (limit < low && limit >= low - span) low = limit;
  }
  const room = (high - low) * 0.1;
  // A quantity that is never negative does not get a negative axis.
  return [!negative && low - room < 0 ? 0 : low - room, high + room];
}
