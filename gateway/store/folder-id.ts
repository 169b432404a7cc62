import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * The id of this data folder. It is kept with the identity of the file it stands in: in a copy (a restored backup)
 * the file is another one, so the copy gets an id of its own.
 */
export async function folderId(connection: DuckDBConnection, file: string, newId: () => string): Promise<string> {
  const { ino, birthtimeMs } = await stat(file);
  const identity = `${ino}:${Math.round(birthtimeMs)}`;
  const rows = (await connection.runAndReadAll(`SELECT key, value FROM meta WHERE key IN ('id', 'file')`)).getRows();
  const meta = new Map(rows as [string, string][]);
  const known = meta.get('id');
  if (known !== undefined && meta.get('file') === identity) return known;
  const id = newId();
  await connection.run(`INSERT OR REPLACE INTO meta VALUES ('id', $1), ('file', $2)`, [id, identity]);
  return id;
}
