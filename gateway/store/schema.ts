import type { DuckDBConnection } from '@duckdb/node-api';
import { first } from './migrations/0001-first.ts';
import { history } from './migrations/0002-history.ts';
import { snapshotParts } from './migrations/0003-snapshot-parts.ts';
import { markLog } from './migrations/0004-mark-log.ts';
import { shards } from './migrations/0005-shards.ts';
import { floods } from './migrations/0006-floods.ts';
import { annunciations } from './migrations/0007-annunciations.ts';
import { idempotencyFingerprints } from './migrations/0008-idempotency-fingerprints.ts';
import { correctedQuarters } from './migrations/0009-corrected-quarters.ts';
import { sumsByPoint } from './migrations/0010-sums-by-point.ts';
import { StoreError } from './store.ts';

/** Migrations in order; they only go forward, and one that was released is never edited. */
const MIGRATIONS: readonly (readonly string[])[] = [
  first,
  history,
  snapshotParts,
  markLog,
  shards,
  floods,
  annunciations,
  idempotencyFingerprints,
  correctedQuarters,
  sumsByPoint,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings a data file to the schema of this program, each migration in a transaction of its own.
 *
 * @throws StoreError `store-broken` when a newer program wrote the file
 */
export async function migrate(connection: DuckDBConnection): Promise<void> {
  const version = await schemaVersion(connection);
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      'store-broken',
      `the data folder was written by a newer version (schema ${version}, this program knows ${SCHEMA_VERSION})`,
      { retryable: false },
    );
  }
  for (let next = version; next < SCHEMA_VERSION; next++) {
    await connection.run('BEGIN');
    for (const statement of MIGRATIONS[next] as readonly string[]) await connection.run(statement);
    await connection.run(`INSERT OR REPLACE INTO meta VALUES ('schema', '${next + 1}')`);
    await connection.run('COMMIT');
  }
}

async function schemaVersion(connection: DuckDBConnection): Promise<number> {
  const tables = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER FROM duckdb_tables() WHERE table_name = 'meta'`,
  );
  if (tables.getRows()[0]?.[0] === 0) return 0;
  const rows = (await connection.runAndReadAll(`SELECT value FROM meta WHERE key = 'schema'`)).getRows();
  return Number(rows[0]?.[0] ?? 0);
}
