import type { DuckDBConnection } from '@duckdb/node-api';
import { QUALITIES, type Quality, type QualityCode, REASONS, type Reason } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { fillBuckets, SlotBuilder, slotLength } from './buckets.ts';
import { int, streamColumns, takeColumns } from './columns.ts';
import type { PointRows } from './recent.ts';
import { outsideMemory, type Sources, segmentsOf, storedReadings } from './relation.ts';
import { mayRepeat } from './segments.ts';
import { type Bucket, type Range, type StoredReading, StoreError, type TellReading } from './store.ts';

/** Most buckets of one answer: more than a screen has pixels. */
export const BUCKETS_MAX = 20_000;
/** Readings folded into slots before others get their turn: some 5 ms. */
const ROWS_A_TURN = 100_000;
/** Most raw readings of one answer. */
export const READINGS_LIMIT_MAX = 1_000_000;

/** Of each moment of one point the row committed last; cheaper than a window per (point, ts). */
const LAST_OF_MOMENT = `QUALIFY coalesce(lead(ts) OVER (ORDER BY ts, commit, place), -1) <> ts`;
/** The same over few rows of many points. */
const LAST_COMMITTED = `QUALIFY row_number() OVER (PARTITION BY point, ts ORDER BY commit DESC, place DESC) = 1`;

/** Oldest first, at most `limit`. */
export async function readingsOf(
  connection: DuckDBConnection,
  sources: Sources,
  point: number,
  range: Range,
  limit: number,
): Promise<StoredReading[]> {
  const { from, to } = range;
  const rowsMax = Math.min(limit, READINGS_LIMIT_MAX);
  const recent = sources.recent.rowsOf(point, range);
  const outside = outsideMemory(sources);
  const readings: StoredReading[] = [];
  const take = (next: StoredReading) => {
    if (readings.at(-1)?.ts === next.ts) readings.pop();
    if (readings.length < rowsMax) readings.push(next);
  };
  let inMemory = 0;
  const takeMemoryBefore = (until: Millis) => {
    for (; inMemory < recent.ts.length && (recent.ts[inMemory] as number) < until; inMemory++)
      take(recentReading(recent, inMemory));
  };
  if (holdsAny(outside, range, [point]))
    await takeColumns(
      connection,
      `SELECT ts, value, quality, reason FROM (${storedReadings(outside, range, [point])})
         WHERE point = ${int(point)} AND ts >= ${int(from)} AND ts < ${int(to)}
         ${LAST_OF_MOMENT} ORDER BY ts LIMIT ${int(rowsMax)}`,
      ['bigint', 'double', 'utinyint', 'utinyint'],
      ([ts, value, quality, reason], rows) => {
        for (let row = 0; row < rows; row++) {
          const at = ts?.[row] as number;
          takeMemoryBefore(at);
          take(storedReading(at, value?.[row] as number, quality?.[row] as number, reason?.[row] as number));
        }
      },
    );
  takeMemoryBefore(Number.POSITIVE_INFINITY);
  return readings;
}

function recentReading({ ts, value, quality, reason }: PointRows, row: number): StoredReading {
  return storedReading(ts[row] as number, value[row] as number, quality[row] as number, reason[row] as number);
}

/** Whether there is anything to ask the database for. */
export function holdsAny(outside: Sources, range: Range, points: readonly number[]): boolean {
  return outside.hotTables.length > 0 || segmentsOf(outside, 'readings', range, points).length > 0;
}

function storedReading(ts: Millis, value: number, quality: number, reason: number): StoredReading {
  return {
    ts,
    ...(Number.isNaN(value) ? {} : { value }),
    quality: QUALITIES[quality] as Quality,
    ...(reason === 0 ? {} : { reason: REASONS[reason] as Reason }),
  };
}

/** Some readings of one point in the order of time, and where the next ones begin. */
export interface Piece {
  readonly ts: readonly Millis[];
  /** NaN = none. */
  readonly value: readonly number[];
  readonly quality: readonly number[];
  readonly to: Millis;
}

/**
 * Equal slots over a range, of readings that come piece by piece: a long range of a fast point is more than one read may take.
 *
 * @param readPiece - the readings from a moment on
 * @see fillBuckets for what a bucket means
 */
export async function bucketsOf(
  range: Range,
  count: number,
  maxSilenceMs: number,
  readPiece: (from: Millis) => Promise<Piece>,
): Promise<Bucket[]> {
  if (range.to <= range.from) return [];
  if (count > BUCKETS_MAX) throw tooLarge(`${count} buckets`, `ask for at most ${BUCKETS_MAX}`);
  const stepMs = slotLength(range, count);
  const slots = new SlotBuilder(range, stepMs, maxSilenceMs);
  for (let from = Math.floor(range.from - maxSilenceMs); from < range.to; ) {
    const { ts, value, quality, to } = await readPiece(from);
    for (let row = 0; row < ts.length; row++) {
      slots.add(ts[row] as number, value[row] as number, quality[row] as number);
      if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    from = to;
  }
  return fillBuckets(slots.end(), range, stepMs, maxSilenceMs);
}

/** Readings of one point in the order of time; of several of one moment the one committed last comes last. */
export async function pieceOf(
  connection: DuckDBConnection,
  sources: Sources,
  point: number,
  range: Range,
): Promise<Piece> {
  const { to } = range;
  const recent = sources.recent.rowsOf(point, range);
  const outside = outsideMemory(sources);
  const stored = { ts: [] as number[], value: [] as number[], quality: [] as number[] };
  if (holdsAny(outside, range, [point])) {
    // Files stand in the order of their commits, and each is sorted: usually that is the order of time already, and to have
    // it made costs as much as three files.
    const isInOrder =
      comesInOrder(outside, range, point) && (await take(connection, outside, point, range, '', stored));
    if (!isInOrder) {
      for (const column of Object.values(stored)) column.length = 0;
      await take(connection, outside, point, range, 'ORDER BY ts, commit, place', stored);
    }
  }
  if (recent.ts.length === 0) return { ...stored, to };
  return { ...merged(stored, recent), to };
}

/** Whether rows of one moment come in the order of their commits by themselves: from files of which none repeats a moment. */
function comesInOrder(outside: Sources, range: Range, point: number): boolean {
  return outside.hotTables.length === 0 && !segmentsOf(outside, 'readings', range, [point]).some(mayRepeat);
}

type Rows = Pick<Piece, 'ts' | 'value' | 'quality'>;

/** @returns whether the rows came in the order of time */
async function take(
  connection: DuckDBConnection,
  outside: Sources,
  point: number,
  { from, to }: Range,
  order: string,
  into: { readonly [Column in keyof Rows]: number[] },
): Promise<boolean> {
  let isInOrder = true;
  let before = Number.NEGATIVE_INFINITY;
  await takeColumns(
    connection,
    `SELECT ts, value, quality FROM (${storedReadings(outside, { from, to }, [point])})
       WHERE point = ${int(point)} AND ts >= ${int(from)} AND ts < ${int(to)} ${order}`,
    ['bigint', 'double', 'utinyint'],
    ([ts, value, quality], rows) => {
      for (let row = 0; row < rows; row++) {
        const at = ts?.[row] as number;
        if (at < before) isInOrder = false;
        before = at;
        into.ts.push(at);
        into.value.push(value?.[row] as number);
        into.quality.push(quality?.[row] as number);
      }
    },
  );
  return isInOrder;
}

/** Both in the order of time; of one moment what is in memory was committed later. */
function merged(stored: Rows, recent: Rows): Rows {
  const all = { ts: [] as number[], value: [] as number[], quality: [] as number[] };
  const add = (rows: Rows, row: number) => {
    all.ts.push(rows.ts[row] as number);
    all.value.push(rows.value[row] as number);
    all.quality.push(rows.quality[row] as number);
  };
  let next = 0;
  for (const [row, ts] of stored.ts.entries()) {
    while (next < recent.ts.length && (recent.ts[next] as number) < ts) add(recent, next++);
    add(stored, row);
  }
  while (next < recent.ts.length) add(recent, next++);
  return all;
}

/**
 * Newest of each point by source time, of the readings not older than `since`.
 *
 * @param points - undefined = all
 */
export async function newestOf(
  connection: DuckDBConnection,
  relation: string,
  points: readonly number[] | undefined,
  since: Millis,
  tell: TellReading,
): Promise<void> {
  if (points?.length === 0) return;
  const named = points === undefined ? '' : `AND point IN (${points.map(int).join(', ')})`;
  await tellReadings(
    connection,
    `SELECT point, newest.ts, newest.value, newest.quality, newest.reason FROM (
       SELECT point, arg_max({'ts': ts, 'value': value, 'quality': quality, 'reason': reason},
         {'ts': ts, 'commit': commit, 'place': place}) AS newest
       FROM (${relation}) WHERE ts >= ${int(since)} ${named} GROUP BY point)`,
    tell,
  );
}

/**
 * All readings of a hot table that are not older than `since`, in the order of their commits: to look at each of four
 * million costs a quarter of what it costs the database to find the newest of each of 329,000 points.
 */
export function newerOf(connection: DuckDBConnection, table: string, since: Millis, tell: TellReading): Promise<void> {
  return tellReadings(
    connection,
    `SELECT point, ts, value, quality, reason FROM ${table} WHERE ts >= ${int(since)}`,
    tell,
  );
}

async function tellReadings(connection: DuckDBConnection, sql: string, tell: TellReading): Promise<void> {
  await streamColumns(
    connection,
    sql,
    ['integer', 'bigint', 'double', 'utinyint', 'utinyint'],
    ([point, ts, value, quality, reason], rows) => {
      for (let row = 0; row < rows; row++)
        tell(
          point?.[row] as number,
          ts?.[row] as number,
          value?.[row] as number,
          quality?.[row] as QualityCode,
          reason?.[row] as number,
        );
    },
  );
}

/** Newest source time in a relation, 0 when it is empty. */
export async function newestTime(connection: DuckDBConnection, relation: string): Promise<Millis> {
  const rows = await connection.runAndReadAll(`SELECT coalesce(max(ts), 0)::DOUBLE FROM (${relation})`);
  return rows.getRows()[0]?.[0] as number;
}

/** What is stored at exactly these moments; key `<point>@<ts>`. */
export async function existingOf(
  connection: DuckDBConnection,
  sources: Sources,
  wanted: readonly { readonly point: number; readonly ts: Millis }[],
): Promise<Map<string, StoredReading>> {
  const found = inMemoryOf(sources, wanted);
  const pairs = wanted.filter(({ point, ts }) => !found.has(`${point}@${ts}`));
  if (pairs.length === 0) return found;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { ts } of pairs) {
    from = Math.min(from, ts);
    to = Math.max(to, ts);
  }
  const points = [...new Set(pairs.map(({ point }) => point))];
  const range = { from, to: to + 1 };
  const outside = outsideMemory(sources);
  if (!holdsAny(outside, range, points)) return found;
  const values = pairs.map(({ point, ts }) => `(${int(point)}, ${int(ts)})`).join(', ');
  await takeColumns(
    connection,
    `SELECT point, ts, value, quality, reason FROM (${storedReadings(outside, range, points)})
       WHERE ts BETWEEN ${int(from)} AND ${int(to)} AND point IN (${points.map(int).join(', ')})
         AND (point, ts) IN (VALUES ${values})
       ${LAST_COMMITTED}`,
    ['integer', 'bigint', 'double', 'utinyint', 'utinyint'],
    ([point, ts, value, quality, reason], rows) => {
      for (let row = 0; row < rows; row++)
        found.set(
          `${point?.[row]}@${ts?.[row]}`,
          storedReading(ts?.[row] as number, value?.[row] as number, quality?.[row] as number, reason?.[row] as number),
        );
    },
  );
  return found;
}

/** Of these moments what is in memory, which was committed after everything else. */
function inMemoryOf(
  { recent }: Sources,
  pairs: readonly { readonly point: number; readonly ts: Millis }[],
): Map<string, StoredReading> {
  const found = new Map<string, StoredReading>();
  const byPoint = new Map<number, Set<Millis>>();
  for (const { point, ts } of pairs) byPoint.set(point, (byPoint.get(point) ?? new Set()).add(ts));
  for (const [point, moments] of byPoint) {
    const rows = recent.rowsOf(point, { from: Math.min(...moments), to: Math.max(...moments) + 1 });
    for (const [row, ts] of rows.ts.entries())
      if (moments.has(ts)) found.set(`${point}@${ts}`, recentReading(rows, row));
  }
  return found;
}

export function tooLarge(what: string, hint: string): StoreError {
  return new StoreError('query-too-large', `${what} in one answer; ${hint}`, { retryable: false });
}
