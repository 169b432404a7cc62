import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { QUALITIES, REASONS } from '../../contract/reading.ts';
import { int, literal } from './columns.ts';
import { type Sources, storedReadings } from './relation.ts';
import { filesOf, type Segment, writeParquet } from './segments.ts';
import type { Range } from './store.ts';

/** A point to export, and its name in the file. */
export interface NamedPoint {
  readonly id: number;
  /** `<device>/<measurement>` */
  readonly name: string;
}

/**
 * Writes readings of points as a Parquet file with the columns `timestamp` (UTC), `point`, `value`, `quality`, `reason`,
 * sorted by point and time, of each moment the last committed value.
 *
 * What is not sealed yet is copied out first, so that the long part reads files only and holds no transaction of the database.
 */
export async function exportParquet(
  connection: DuckDBConnection,
  sources: Sources,
  points: readonly NamedPoint[],
  range: Range,
  file: string,
): Promise<void> {
  const ids = points.map(({ id }) => int(id)).join(', ') || '-1';
  const within = `point IN (${ids}) AND ts >= ${int(range.from)} AND ts < ${int(range.to)}`;
  const recent = `${file}.recent`;
  const hot = storedReadings({ ...sources, segments: [] }, range);
  // What is not sealed yet is later than any file.
  const later = `SELECT * REPLACE (commit + ${sources.segments.length} AS commit) FROM (${hot}) WHERE ${within}`;
  await writeParquet(connection, later, recent);
  const sealed = storedReadings(
    { ...sources, hotTables: [] },
    range,
    points.map(({ id }) => id),
  );
  const relation = `${sealed} UNION ALL SELECT * FROM read_parquet(${literal(recent)})`;
  const names = points.map(({ id, name }) => `(${int(id)}, ${literal(name)})`).join(', ') || `(-1, '')`;
  try {
    await writeParquet(
      connection,
      `SELECT epoch_ms(ts) AS timestamp, names.name AS point, CASE WHEN isnan(value) THEN NULL ELSE value END AS value,
         ${words(QUALITIES)}[quality + 1] AS quality, nullif(${words(REASONS)}[reason + 1], '') AS reason
       FROM (SELECT point, ts, value, quality, reason FROM (${relation}) WHERE ${within}
             QUALIFY row_number() OVER (PARTITION BY point, ts ORDER BY commit DESC, place DESC) = 1)
         JOIN (VALUES ${names}) AS names(id, name) ON names.id = point
       ORDER BY names.name, ts`,
      file,
    );
  } finally {
    await rm(recent, { force: true });
  }
}

function words(list: readonly string[]): string {
  return `[${list.map(literal).join(', ')}]`;
}

/**
 * A consistent copy of the store that {@link DuckDbStore.open} can open: the database as of one moment, sealed files linked
 * (or copied, on another disk). The copy takes an id of its own when it is opened.
 *
 * @param folder - below the data folder; must not exist
 */
export async function backupTo(
  connection: DuckDBConnection,
  { dataDir, segments }: { readonly dataDir: string; readonly segments: readonly Segment[] },
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const name = (await connection.runAndReadAll('SELECT current_database()')).getRows()[0]?.[0] as string;
  await connection.run(`ATTACH ${literal(join(folder, 'hanfeng.duckdb'))} AS backup`);
  try {
    await connection.run(`COPY FROM DATABASE "${name}" TO backup`);
  } finally {
    await connection.run('DETACH backup');
  }
  for (const file of segments.flatMap(filesOf)) {
    const target = join(folder, file);
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    await link(join(dataDir, file), target).catch(() => copyFile(join(dataDir, file), target));
  }
}
