import { BAD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { inlineColumns } from './columns.ts';
import { Pace } from './pace.ts';
import { QUARTER_MS } from './quarters.ts';
import { type Sources, segmentsOf } from './relation.ts';
import type { SlotSums } from './slot-sums.ts';
import type { SeriesQuery } from './store.ts';

/** Points of a question that are looked for in memory one by one; of more the database looks through its tables. */
export const RECENT_POINTS_MAX = 4096;
/** Readings in memory that may be stored already, handed to the database as text: some 60 bytes each. */
const LATE_ROWS_MAX = 20_000;
/** Comes after every file and table. */
const LAST_COMMIT = Number.MAX_SAFE_INTEGER;

/** Readings in memory that may be stored already: they count once, wherever they are. */
export interface RecentPart {
  /** Rows as {@link storedReadings} has them, of moments that may be stored already; undefined = none. */
  readonly rows: string | undefined;
  /** Points of these, and beginnings of their quarters, both ascending. */
  readonly points: readonly number[];
  readonly quarters: readonly Millis[];
}

/**
 * Adds what is in memory. Most readings are newer than all others of their point, so they are in no file and add up with
 * whatever is there; the rest are compared with the files by the database.
 *
 * @param outside - where the readings lie that are not in memory
 * @param query - points ascending, each once
 * @param sums - given valued readings that are nowhere else
 * @returns undefined when there are too many points or late readings: then the tables are to be asked, and `sums` is empty
 */
export async function recentPartOf(
  { recent }: Pick<Sources, 'recent'>,
  outside: Pick<Sources, 'hotTables' | 'segments'>,
  query: Pick<SeriesQuery, 'points' | 'from' | 'to'>,
  sums: SlotSums,
): Promise<RecentPart | undefined> {
  const { points } = query;
  if (points.length > RECENT_POINTS_MAX) return undefined;
  const sealed = segmentsOf(outside, 'readings', query, points);
  const mayBeStored = (point: number, ts: Millis) =>
    outside.hotTables.length > 0 ||
    sealed.some((file) => point >= file.minPoint && point <= file.maxPoint && ts >= file.minTs && ts <= file.maxTs);
  const late = new LateRows();
  const pace = new Pace();
  for (const [index, point] of points.entries()) {
    const { ts, value, quality, isLate } = recent.rowsOf(point, query);
    for (let row = 0; row < ts.length; row++) {
      const [at, number, code] = [ts[row] as number, value[row] as number, quality[row] as number];
      if (isLate[row] === 1 && mayBeStored(point, at)) late.add(point, at, number, code);
      else if (code < BAD && !Number.isNaN(number)) sums.addReading(index, at, number, code);
    }
    if (late.length > LATE_ROWS_MAX) {
      sums.clear();
      return undefined;
    }
    await pace.breathe();
  }
  return { rows: late.relation(), points: late.points(), quarters: late.quarters() };
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
