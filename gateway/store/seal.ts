import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { int } from './columns.ts';
import { quarterSums, sumsOfSums } from './quarters.ts';
import { files, filesReadings, segmentReadings } from './relation.ts';
import {
  byShard,
  DAY_LEVEL,
  DAY_MS,
  FRESH,
  LASTING,
  LATE,
  MERGED_ONCE,
  mayRepeat,
  type Segment,
  SHARD_POINTS,
  SUMS,
  segmentFile,
  shardOf,
  writeParquet,
} from './segments.ts';
import { isWorthByPoint, writeByPoint } from './sums-by-point.ts';

/** Days of a hot table that get files of their own; readings of further days wait together for the next tidying. */
export const SEAL_DAYS_MAX = 8;
/**
 * Rows sorted at once, some 150 MB while they are, and of one file: a question of one point looks at each row group of the
 * files that its point is in.
 */
export const PIECE_READINGS = 4_000_000;
/** Rows of sums up to which all points share a file. */
const SHARED_SUMS_MAX = 8_000_000;
/** The time within a day takes 27 bits; below them stands what decides between rows of one moment. */
const RANK_BITS = 36;

/** Gives out ids of segments. */
export type NextId = () => number;

/** Lends the connection for one piece of work: between the pieces of a long merge a full table may be sealed. */
export type Lend = <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;

interface Origin {
  readonly dataDir: string;
  readonly nextId: NextId;
  readonly level: number;
  readonly firstCommit: number;
  readonly lastCommit: number;
}

/** Rows `point, ts, value, quality, reason, commit, place`, the place growing with the commit. */
export interface Rows {
  readonly relation: string;
  /** No moment of a point stands there twice: nobody has to look, or to decide between rows. */
  readonly isOnce: boolean;
}

/** What a file will hold: points and days are those of the rows that are looked through, not more. */
interface Part {
  readonly day: number;
  readonly minPoint: number;
  readonly maxPoint: number;
  readonly readings: number;
}

/**
 * Writes rows as segments, one per day and shard of points; days beyond the {@link SEAL_DAYS_MAX} fullest go into one late
 * segment. Nothing is deleted.
 *
 * @returns the new segments, raw and rollups, durable on disk but in no manifest yet
 */
export async function writeDays(
  connection: DuckDBConnection,
  { relation, isOnce }: Rows,
  origin: Origin,
): Promise<Segment[]> {
  const parts = await countParts(connection, relation);
  const days = fullestFirst(parts);
  const segments: Segment[] = [];
  for (const day of days.slice(0, SEAL_DAYS_MAX)) {
    const ofDay =
      days.length === 1
        ? relation
        : `SELECT * FROM (${relation}) WHERE ts >= ${int(day * DAY_MS)} AND ts < ${int((day + 1) * DAY_MS)}`;
    const raw: Segment[] = [];
    for (const part of parts.filter((each) => each.day === day))
      raw.push(...(await writePart(connection, ofDay, part, isOnce ? 'none' : 'place', origin)));
    segments.push(...raw, ...(await writeQuarters(connection, raw, day, { ...origin, level: 0 })));
  }
  const late = days.slice(SEAL_DAYS_MAX);
  if (late.length > 0) {
    const written = days.slice(0, SEAL_DAYS_MAX).map(int);
    const rest = `SELECT * FROM (${relation}) WHERE (ts // ${DAY_MS}) NOT IN (${written.join(', ')})`;
    const raw = await writeFile(
      connection,
      `SELECT point, ts, value, quality, reason FROM (${rest}) ORDER BY point, ts, place`,
      { kind: 'readings', day: LATE, ...origin },
    );
    segments.push(raw, ...(await writeQuarters(connection, [raw], LATE, { ...origin, level: 0 })));
  }
  return segments;
}

/** Rows per day and shard, shards ascending. */
async function countParts(connection: DuckDBConnection, relation: string): Promise<Part[]> {
  const rows = await connection.runAndReadAll(
    `SELECT (ts // ${DAY_MS})::INTEGER AS day, min(point)::INTEGER AS "minPoint", max(point)::INTEGER AS "maxPoint", count(*)::DOUBLE AS readings
       FROM (${relation}) GROUP BY day, point // ${SHARD_POINTS} ORDER BY 2`,
  );
  return rows.getRowObjects() as unknown as Part[];
}

function fullestFirst(parts: readonly Part[]): number[] {
  const byDay = new Map<number, number>();
  for (const { day, readings } of parts) byDay.set(day, (byDay.get(day) ?? 0) + readings);
  return [...byDay].sort(([a, n], [b, m]) => m - n || a - b).map(([day]) => day);
}

/**
 * Merges segments of one day into one per shard, or several of at most {@link PIECE_READINGS} one point after another;
 * of each moment only the last committed value stays.
 *
 * @param where - which rows stay, undefined = all
 */
export async function mergeReadings(
  lend: Lend,
  segments: readonly Segment[],
  { dataDir, nextId, level, where }: Pick<Origin, 'dataDir' | 'nextId' | 'level'> & { readonly where?: string },
): Promise<Segment[]> {
  const day = segments[0]?.day ?? LATE;
  const origin = { dataDir, nextId, level: Math.min(level, DAY_LEVEL), ...commitsOf(segments) };
  const relation = `SELECT * FROM (${filesReadings(dataDir, segments)}) ${where === undefined ? '' : `WHERE ${where}`}`;
  const isExact = !segments.some(mayRepeat);
  const shard = { minPoint: Math.min(...segments.map(({ minPoint }) => minPoint)), maxPoint: maxPointOf(segments) };
  const isOneShard = shardOf(shard) !== undefined;
  const parts = isOneShard
    ? [{ day, ...shard, readings: segments.reduce((sum, { readings }) => sum + readings, 0) }]
    : await lend((connection) => countParts(connection, relation));
  const written: Segment[] = [];
  for (const part of parts)
    for (const piece of await lend((connection) => piecesOf(connection, relation, part))) {
      const touched = segments.filter(
        ({ minPoint, maxPoint }) => minPoint <= piece.maxPoint && maxPoint >= piece.minPoint,
      );
      const from = `SELECT * FROM (${filesReadings(dataDir, touched)}) ${where === undefined ? '' : `WHERE ${where}`}`;
      const rank = isExact ? 'commit' : undefined;
      written.push(...(await lend((connection) => writePart(connection, from, piece, rank, origin))));
    }
  return written;
}

/** Ranges of points that hold some {@link PIECE_READINGS} each; more where a single point has more. */
async function piecesOf(connection: DuckDBConnection, relation: string, part: Part): Promise<Part[]> {
  if (part.readings <= PIECE_READINGS) return [part];
  const rows = await connection.runAndReadAll(
    `SELECT min(point)::INTEGER AS "minPoint", max(point)::INTEGER AS "maxPoint", sum(n)::DOUBLE AS readings FROM (
       SELECT point, n, (sum(n) OVER (ORDER BY point ROWS UNBOUNDED PRECEDING) - 1) // ${PIECE_READINGS} AS piece FROM (
         SELECT point, count(*) AS n FROM (${relation})
         WHERE point BETWEEN ${int(part.minPoint)} AND ${int(part.maxPoint)} GROUP BY point))
     GROUP BY piece ORDER BY 1`,
  );
  return (rows.getRowObjects() as unknown as Omit<Part, 'day'>[]).map((piece) => ({ day: part.day, ...piece }));
}

/**
 * One file of readings, sorted by point and time, each moment once.
 *
 * @param rank - what decides between rows of one moment, below 2^36; `none`: there are no two; undefined = `commit, place`,
 *   which sorts at a third of the speed
 */
async function writePart(
  connection: DuckDBConnection,
  relation: string,
  { day, minPoint, maxPoint }: Part,
  rank: 'place' | 'commit' | 'none' | undefined,
  origin: Origin,
): Promise<Segment[]> {
  const order =
    rank === undefined
      ? 'ts, commit, place'
      : rank === 'none'
        ? 'ts'
        : `((ts - ${int(day * DAY_MS)}) << ${RANK_BITS}) | ${rank}`;
  const segment = await writeFile(
    connection,
    `SELECT point, ts, value, quality, reason FROM (${relation}) WHERE point BETWEEN ${int(minPoint)} AND ${int(maxPoint)}
       ORDER BY point, ${order}`,
    { kind: 'readings', day, ...origin },
  );
  const repeats = rank === 'none' ? 0 : await repeatsOf(connection, origin.dataDir, segment);
  if (segment.readings > 0 && repeats === 0) return [segment];
  // Rarely: a value was corrected. Looking first and writing twice costs less than a window over every row.
  const once = `SELECT point, ts, value, quality, reason FROM (${segmentReadings(origin.dataDir, segment)})
    QUALIFY coalesce(lead(ts) OVER (PARTITION BY point ORDER BY ts, place), -1) <> ts ORDER BY point, ts`;
  const again = segment.readings === 0 ? [] : [await writeFile(connection, once, { kind: 'readings', day, ...origin })];
  await rm(join(origin.dataDir, segment.file), { force: true });
  return again;
}

/** How many rows of a sorted file have the moment of the one before them. */
async function repeatsOf(connection: DuckDBConnection, dataDir: string, segment: Segment): Promise<number> {
  const counted = await connection.runAndReadAll(
    `SELECT count(*) FILTER (point = before AND ts = earlier)::DOUBLE FROM
       (SELECT point, ts, lag(point) OVER () AS before, lag(ts) OVER () AS earlier FROM ${files(dataDir, [segment])})`,
  );
  return counted.getRows()[0]?.[0] as number;
}

/** Writes a query's rows as a file that is in no manifest yet. */
async function writeFile(
  connection: DuckDBConnection,
  sql: string,
  { dataDir, nextId, kind, day, level, firstCommit, lastCommit }: Origin & Pick<Segment, 'kind' | 'day'>,
): Promise<Segment> {
  const id = nextId();
  const file = segmentFile(kind, day, id);
  const shape = level === 0 ? FRESH : kind !== 'readings' ? SUMS : level === 1 ? MERGED_ONCE : LASTING;
  const { rows, bytes, range } = await writeParquet(connection, sql, join(dataDir, file), shape);
  const [[minPoint, maxPoint], [minTs, maxTs]] = [range('point'), range('ts')];
  const what = { readings: rows, minPoint, maxPoint, minTs, maxTs };
  return { id, kind, day, level, file, bytes, byPointBytes: 0, firstCommit, lastCommit, ...what };
}

/** Sums of valued readings per point and quarter of an hour; of all points in one file. */
async function writeQuarters(
  connection: DuckDBConnection,
  raw: readonly Segment[],
  day: number,
  origin: Origin,
): Promise<Segment[]> {
  if (raw.length === 0) return [];
  const relation = `SELECT * FROM (${filesReadings(origin.dataDir, raw)})`;
  const sums = await writeFile(connection, `${quarterSums(relation)} ORDER BY point, ts`, {
    kind: 'quarters',
    day,
    ...origin,
  });
  // Times of the readings, not of the quarters' beginnings: a range that ends in a quarter's middle must find it.
  return [await withByPoint(connection, origin.dataDir, { ...sums, ...timesOf(raw) })];
}

/** A file of sums with the copy that finds a point's rows at once, when it is worth one. */
async function withByPoint(connection: DuckDBConnection, dataDir: string, sums: Segment): Promise<Segment> {
  if (!isWorthByPoint(sums)) return sums;
  return { ...sums, byPointBytes: await writeByPoint(connection, dataDir, sums) };
}

/** Merges sums of one day: several rows of one quarter become one. */
export async function mergeQuarters(
  lend: Lend,
  segments: readonly Segment[],
  { dataDir, nextId, level }: Pick<Origin, 'dataDir' | 'nextId' | 'level'>,
): Promise<Segment[]> {
  const origin = { dataDir, nextId, level, ...commitsOf(segments) };
  const day = segments[0]?.day ?? LATE;
  const relation = `SELECT * FROM ${files(dataDir, segments)}`;
  const rows = segments.reduce((sum, { readings }) => sum + readings, 0);
  const parts =
    rows <= SHARED_SUMS_MAX
      ? [{ minPoint: Math.min(...segments.map(({ minPoint }) => minPoint)), maxPoint: maxPointOf(segments) }]
      : await lend((connection) => countParts(connection, relation));
  const written: Segment[] = [];
  for (const { minPoint, maxPoint } of parts) {
    const part = `${relation} WHERE point BETWEEN ${int(minPoint)} AND ${int(maxPoint)}`;
    const sql = `${sumsOfSums(part, 1)} ORDER BY point, ts`;
    const sums = await lend((connection) => writeFile(connection, sql, { kind: 'quarters', day, ...origin }));
    const whole = { ...sums, ...timesOf(segments) };
    written.push(await lend((connection) => withByPoint(connection, dataDir, whole)));
  }
  return written;
}

/**
 * Sums of a whole day anew from its readings: of quarters per shard, and of the day for all points.
 *
 * @param raw - all files of the day
 * @param kept - sums of quarters of other shards that stay
 */
export async function sumDay(
  lend: Lend,
  raw: readonly Segment[],
  kept: readonly Segment[],
  { dataDir, nextId, level }: Pick<Origin, 'dataDir' | 'nextId' | 'level'>,
): Promise<Segment[]> {
  const day = raw[0]?.day ?? LATE;
  const written: Segment[] = [];
  for (const part of byShard(raw)) {
    const origin = { dataDir, nextId, level, ...commitsOf(part) };
    written.push(...(await lend((connection) => writeQuarters(connection, part, day, origin))));
  }
  if (level < DAY_LEVEL || written.length === 0) return written;
  const quarters = [...kept, ...written];
  const relation = `SELECT * FROM ${files(dataDir, quarters)}`;
  const origin = { dataDir, nextId, level, ...commitsOf(quarters) };
  const days = await lend((connection) =>
    writeFile(connection, `${sumsOfSums(relation, DAY_MS)} ORDER BY point`, { kind: 'days', day, ...origin }),
  );
  return [...written, { ...days, minTs: day * DAY_MS, maxTs: (day + 1) * DAY_MS - 1 }];
}

function commitsOf(segments: readonly Segment[]): Pick<Segment, 'firstCommit' | 'lastCommit'> {
  return {
    firstCommit: Math.min(...segments.map(({ firstCommit }) => firstCommit)),
    lastCommit: Math.max(...segments.map(({ lastCommit }) => lastCommit)),
  };
}

function maxPointOf(segments: readonly Segment[]): number {
  return Math.max(...segments.map(({ maxPoint }) => maxPoint));
}

function timesOf(segments: readonly Segment[]): Pick<Segment, 'minTs' | 'maxTs'> {
  return {
    minTs: Math.min(...segments.map(({ minTs }) => minTs)),
    maxTs: Math.max(...segments.map(({ maxTs }) => maxTs)),
  };
}
