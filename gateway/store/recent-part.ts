import { BAD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { inlineColumns } from './columns.ts';
import { QUARTER_MS } from './quarters.ts';
import { type Sources, segmentsOf } from './relation.ts';
import type { SeriesQuery } from './store.ts';

/** Points of a question that are looked for in memory one by one; of more the database looks through its tables. */
export const RECENT_POINTS_MAX = 4096;
/** Readings in memory that may be stored already, handed to the database as text: some 60 bytes each. */
const LATE_ROWS_MAX = 20_000;
/** Looked at after so many points, so that the loop turns within a few milliseconds. */
const POINTS_A_LOOK = 64;
const TURN_MS = 5;
/** Comes after every file and table. */
const LAST_COMMIT = Number.MAX_SAFE_INTEGER;

/** What the readings in memory add to a question of many points. */
export interface RecentPart {
  /** Rows as {@link quarterSums} has them, one per point and step, of readings that are nowhere else; undefined = none. */
  readonly sums: string | undefined;
  /** Rows as {@link storedReadings} has them, of moments that may be stored already; undefined = none. */
  readonly rows: string | undefined;
  /** Points of these, and beginnings of their quarters, both ascending. */
  readonly points: readonly number[];
  readonly quarters: readonly Millis[];
}

/**
 * Folds what is in memory. Most readings are newer than all others of their point, so they are in no file and add up with
 * whatever is there; the rest are compared with the files by the database.
 *
 * @param outside - where the readings lie that are not in memory
 * @returns undefined when there are too many points or late readings: then the tables are to be asked
 */
export async function recentPartOf(
  { recent }: Pick<Sources, 'recent'>,
  outside: Pick<Sources, 'hotTables' | 'segments'>,
  query: Pick<SeriesQuery, 'points' | 'from' | 'to' | 'stepMs'>,
): Promise<RecentPart | undefined> {
  const points = [...new Set(query.points)];
  if (points.length > RECENT_POINTS_MAX) return undefined;
  const sealed = segmentsOf(outside, 'readings', query, points);
  const mayBeStored = (point: number, ts: Millis) =>
    outside.hotTables.length > 0 ||
    sealed.some((file) => point >= file.minPoint && point <= file.maxPoint && ts >= file.minTs && ts <= file.maxTs);
  const sums = new StepSums(query);
  const late = new LateRows();
  let turnEndsAt = performance.now() + TURN_MS;
  for (const [index, point] of points.entries()) {
    const { ts, value, quality, isLate } = recent.rowsOf(point, query);
    for (let row = 0; row < ts.length; row++) {
      const [at, number, code] = [ts[row] as number, value[row] as number, quality[row] as number];
      if (isLate[row] === 1 && mayBeStored(point, at)) late.add(point, at, number, code);
      else if (code < BAD && !Number.isNaN(number)) sums.add(point, at, number, code);
    }
    if (late.length > LATE_ROWS_MAX) return undefined;
    if (index % POINTS_A_LOOK === POINTS_A_LOOK - 1 && performance.now() >= turnEndsAt) {
      await new Promise((resolve) => setImmediate(resolve));
      turnEndsAt = performance.now() + TURN_MS;
    }
  }
  return { sums: sums.relation(), rows: late.relation(), points: late.points(), quarters: late.quarters() };
}

/** Sums per point and step of valued readings that come point by point in the order of time. */
class StepSums {
  private readonly query: Pick<SeriesQuery, 'from' | 'stepMs'>;
  private readonly point: number[] = [];
  private readonly ts: number[] = [];
  private readonly min: number[] = [];
  private readonly max: number[] = [];
  private readonly sum: number[] = [];
  private readonly readings: number[] = [];
  private readonly last: number[] = [];
  private readonly lastTs: number[] = [];
  private readonly worst: number[] = [];

  constructor(query: Pick<SeriesQuery, 'from' | 'stepMs'>) {
    this.query = query;
  }

  add(point: number, ts: Millis, value: number, quality: number): void {
    const { from, stepMs } = this.query;
    const step = from + Math.floor((ts - from) / stepMs) * stepMs;
    let row = this.point.length - 1;
    if (row < 0 || this.point[row] !== point || this.ts[row] !== step) {
      row = this.point.push(point) - 1;
      this.ts.push(step);
      this.min.push(value);
      this.max.push(value);
      this.sum.push(0);
      this.readings.push(0);
      this.last.push(value);
      this.lastTs.push(ts);
      this.worst.push(quality);
    }
    this.min[row] = Math.min(this.min[row] as number, value);
    this.max[row] = Math.max(this.max[row] as number, value);
    this.sum[row] = (this.sum[row] as number) + value;
    this.readings[row] = (this.readings[row] as number) + 1;
    this.last[row] = value;
    this.lastTs[row] = ts;
    this.worst[row] = Math.max(this.worst[row] as number, quality);
  }

  relation(): string | undefined {
    if (this.point.length === 0) return undefined;
    return inlineColumns({
      point: { type: 'integer', values: this.point },
      ts: { type: 'bigint', values: this.ts },
      min: { type: 'double', values: this.min },
      max: { type: 'double', values: this.max },
      sum: { type: 'double', values: this.sum },
      readings: { type: 'bigint', values: this.readings },
      last: { type: 'double', values: this.last },
      last_ts: { type: 'bigint', values: this.lastTs },
      worst: { type: 'utinyint', values: this.worst },
    });
  }
}

class LateRows {
  private readonly point: number[] = [];
  private readonly ts: number[] = [];
  private readonly value: number[] = [];
  private readonly quality: number[] = [];

  get length(): number {
    return this.point.length;
  }

  add(point: number, ts: Millis, value: number, quality: number): void {
    this.point.push(point);
    this.ts.push(ts);
    this.value.push(value);
    this.quality.push(quality);
  }

  points(): number[] {
    return [...new Set(this.point)].sort((a, b) => a - b);
  }

  quarters(): Millis[] {
    return [...new Set(this.ts.map((ts) => Math.floor(ts / QUARTER_MS) * QUARTER_MS))].sort((a, b) => a - b);
  }

  relation(): string | undefined {
    if (this.point.length === 0) return undefined;
    const columns = inlineColumns({
      point: { type: 'integer', values: this.point },
      ts: { type: 'bigint', values: this.ts },
      // JSON knows no NaN: a value that is none is not good either, and counts as such.
      value: { type: 'double', values: this.value.map((value) => (Number.isNaN(value) ? 0 : value)) },
      quality: {
        type: 'utinyint',
        values: this.value.map((value, row) => (Number.isNaN(value) ? BAD : (this.quality[row] as number))),
      },
    });
    return `SELECT point, ts, value, quality, 0::UTINYINT AS reason, ${LAST_COMMIT}::BIGINT AS commit, 0::BIGINT AS place FROM (${columns})`;
  }
}
