import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { int } from './columns.ts';
import { quarterSums } from './quarters.ts';
import { segmentReadings } from './relation.ts';
import { DAY_LEVEL, DAY_MS, LATE, type Segment, segmentFile, writeParquet } from './segments.ts';

/** Days of a hot table that get files of their own; readings of further days wait together for the next tidying. */
export const SEAL_DAYS_MAX = 8;

/** Gives out ids of segments. */
export type NextId = () => number;

interface DayCount {
  readonly day: number;
  readonly readings: number;
  readonly minTs: number;
  readonly maxTs: number;
}

interface Origin {
  readonly dataDir: string;
  readonly nextId: NextId;
  readonly level: number;
  readonly firstCommit: number;
  readonly lastCommit: number;
}

/**
 * Writes the rows of a relation `point, ts, value, quality, reason, commit, place` as segments, one per day;
 * days beyond the {@link SEAL_DAYS_MAX} fullest go into one late segment. Nothing is deleted.
 *
 * @returns the new segments, raw and rollups, durable on disk but in no manifest yet
 */
export async function writeDays(connection: DuckDBConnection, relation: string, origin: Origin): Promise<Segment[]> {
  const days = await countDays(connection, relation);
  const segments: Segment[] = [];
  const late = days.slice(SEAL_DAYS_MAX);
  for (const day of days.slice(0, SEAL_DAYS_MAX)) {
    const where = `ts >= ${int(day.day * DAY_MS)} AND ts < ${int((day.day + 1) * DAY_MS)}`;
    const one = days.length === 1 ? relation : `SELECT * FROM (${relation}) WHERE ${where}`;
    segments.push(...(await writeDay(connection, one, day, origin)));
  }
  if (late.length > 0) {
    const written = days.slice(0, SEAL_DAYS_MAX).map(({ day }) => int(day));
    const rest = `SELECT * FROM (${relation}) WHERE (ts // ${DAY_MS}) NOT IN (${written.join(', ')})`;
    const count: DayCount = {
      day: LATE,
      readings: late.reduce((sum, { readings }) => sum + readings, 0),
      minTs: Math.min(...late.map(({ minTs }) => minTs)),
      maxTs: Math.max(...late.map(({ maxTs }) => maxTs)),
    };
    segments.push(...(await writeDay(connection, rest, count, origin)));
  }
  return segments;
}

/** Fullest first. */
async function countDays(connection: DuckDBConnection, relation: string): Promise<DayCount[]> {
  const rows = await connection.runAndReadAll(
    `SELECT (ts // ${DAY_MS})::INTEGER AS day, count(*)::DOUBLE AS readings, min(ts)::DOUBLE AS "minTs", max(ts)::DOUBLE AS "maxTs"
       FROM (${relation}) GROUP BY 1 ORDER BY 2 DESC, 1`,
  );
  return rows.getRowObjects() as unknown as DayCount[];
}

async function writeDay(
  connection: DuckDBConnection,
  relation: string,
  { day, readings, minTs, maxTs }: DayCount,
  { dataDir, nextId, level, firstCommit, lastCommit }: Origin,
): Promise<Segment[]> {
  const id = nextId();
  const file = segmentFile('readings', day, id);
  const bytes = await writeParquet(
    connection,
    `SELECT point, ts, value, quality, reason FROM (${relation}) ORDER BY point, ts, commit, place`,
    join(dataDir, file),
  );
  const raw: Segment = {
    id,
    kind: 'readings',
    day,
    level,
    file,
    readings,
    bytes,
    minTs,
    maxTs,
    firstCommit,
    lastCommit,
  };
  return [raw, await writeQuarters(connection, raw, dataDir, nextId)];
}

/** Sums of a segment's valued readings per point and quarter of an hour. */
async function writeQuarters(
  connection: DuckDBConnection,
  raw: Segment,
  dataDir: string,
  nextId: NextId,
): Promise<Segment> {
  const id = nextId();
  const file = segmentFile('quarters', raw.day, id);
  const bytes = await writeParquet(
    connection,
    `${quarterSums(segmentReadings(dataDir, raw))} ORDER BY point, ts`,
    join(dataDir, file),
  );
  return { ...raw, id, kind: 'quarters', file, bytes };
}

/**
 * Merges segments of one day into one, sorted anew, of each moment only the last committed value.
 *
 * @param where - which rows stay, undefined = all
 */
export async function mergeDay(
  connection: DuckDBConnection,
  segments: readonly Segment[],
  origin: { readonly dataDir: string; readonly nextId: NextId; readonly level: number; readonly where?: string },
): Promise<Segment[]> {
  const { dataDir, nextId, level, where } = origin;
  const day = segments[0]?.day ?? LATE;
  const relation = segments.map((segment) => segmentReadings(dataDir, segment)).join(' UNION ALL ');
  const id = nextId();
  const file = segmentFile('readings', day, id);
  const bytes = await writeParquet(
    connection,
    `SELECT point, ts, value, quality, reason FROM (${relation}) ${where === undefined ? '' : `WHERE ${where}`}
       QUALIFY coalesce(lead(ts) OVER (PARTITION BY point ORDER BY ts, commit, place), -1) <> ts ORDER BY point, ts`,
    join(dataDir, file),
  );
  const merged: Segment = {
    id,
    kind: 'readings',
    day,
    level: Math.min(level, DAY_LEVEL),
    file,
    bytes,
    readings: 0,
    minTs: 0,
    maxTs: 0,
    firstCommit: Math.min(...segments.map(({ firstCommit }) => firstCommit)),
    lastCommit: Math.max(...segments.map(({ lastCommit }) => lastCommit)),
  };
  const counts = await connection.runAndReadAll(
    `SELECT count(*)::DOUBLE, coalesce(min(ts), 0)::DOUBLE, coalesce(max(ts), 0)::DOUBLE FROM (${segmentReadings(dataDir, merged)})`,
  );
  const [readings, minTs, maxTs] = counts.getRows()[0] as [number, number, number];
  const raw = { ...merged, readings, minTs, maxTs };
  return [raw, await writeQuarters(connection, raw, dataDir, nextId)];
}
