import type { DuckDBConnection } from '@duckdb/node-api';
import type { Millis } from '../../contract/time.ts';
import { int } from './columns.ts';
import type { Ask } from './database.ts';
import { QUARTER_MS } from './quarters.ts';
import { filesReadings, type Sources, segmentsOf } from './relation.ts';
import { LATE, type Segment } from './segments.ts';
import type { SeriesQuery } from './store.ts';

/** Quarters named by one look: a day has 96, so this is more than a week in which every quarter was corrected. */
const QUARTERS_MAX = 1000;
/** Quarters of late readings not sealed yet that a question answers from the readings; beyond, a correction may count twice until it is sealed. */
const HOT_QUARTERS_MAX = 96;

/** Beginnings of the quarters in which new files hold moments that older ones hold too. */
export async function correctedBy(
  connection: DuckDBConnection,
  dataDir: string,
  written: readonly Segment[],
  older: readonly Segment[],
): Promise<Millis[]> {
  const found = new Set<Millis>();
  for (const segment of written) {
    if (segment.kind !== 'readings' || segment.day === LATE) continue;
    const touched = older.filter(
      ({ kind, day, minTs, maxTs, minPoint, maxPoint }) =>
        kind === 'readings' &&
        day === segment.day &&
        minTs <= segment.maxTs &&
        maxTs >= segment.minTs &&
        minPoint <= segment.maxPoint &&
        maxPoint >= segment.minPoint,
    );
    if (touched.length === 0) continue;
    // Usually some seconds in which two tables met.
    const from = Math.max(segment.minTs, Math.min(...touched.map(({ minTs }) => minTs)));
    const to = Math.min(segment.maxTs, Math.max(...touched.map(({ maxTs }) => maxTs)));
    const between = `ts BETWEEN ${int(from)} AND ${int(to)}`;
    const rows = await connection.runAndReadAll(
      `SELECT DISTINCT ((late.ts // ${QUARTER_MS}) * ${QUARTER_MS})::DOUBLE FROM
         (SELECT point, ts FROM (${filesReadings(dataDir, [segment])}) WHERE ${between}) AS late
         SEMI JOIN (SELECT point, ts FROM (${filesReadings(dataDir, touched)}) WHERE ${between}) AS early
         ON late.point = early.point AND late.ts = early.ts
       LIMIT ${QUARTERS_MAX}`,
    );
    for (const [ts] of rows.getRows()) found.add(ts as Millis);
  }
  return [...found];
}

/**
 * Quarters of a question that sums would count wrongly, ascending: corrected ones, those of which readings came late and are
 * not sealed yet, and the piece of a quarter at its end.
 */
export async function quartersToRead(
  ask: Ask,
  sources: Sources,
  { points, from, to }: Pick<SeriesQuery, 'points' | 'from' | 'to'>,
): Promise<readonly Millis[]> {
  const quarters = new Set([...sources.corrected].filter((ts) => ts >= from && ts < to));
  const wholeTo = Math.floor(to / QUARTER_MS) * QUARTER_MS;
  if (wholeTo < to) quarters.add(wholeTo);
  const sealedTo = Math.max(0, ...segmentsOf(sources, 'readings', { from, to }, points).map(({ maxTs }) => maxTs));
  if (sealedTo > 0 && sources.hotTables.length > 0) {
    const late = sources.hotTables.map(
      (table) =>
        `SELECT (ts // ${QUARTER_MS}) * ${QUARTER_MS} AS quarter FROM ${table}
           WHERE ts >= ${int(from)} AND ts < ${int(Math.min(to, sealedTo + 1))} AND point IN (${points.map(int).join(', ')})`,
    );
    const sql = `SELECT DISTINCT quarter::DOUBLE FROM (${late.join(' UNION ALL ')}) LIMIT ${HOT_QUARTERS_MAX + 1}`;
    const rows = await ask((connection) => connection.runAndReadAll(sql));
    if (rows.currentRowCount <= HOT_QUARTERS_MAX) for (const [ts] of rows.getRows()) quarters.add(ts as Millis);
  }
  return [...quarters].sort((a, b) => a - b);
}
