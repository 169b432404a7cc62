import type { DuckDBConnection } from '@duckdb/node-api';
import { int } from './columns.ts';

/** Characters of one part: a few milliseconds to bind and to write, and each waits for a commit at full load. */
const PART_CHARACTERS = 2 * 1024 * 1024;

interface Turns {
  /** Runs a piece of work when the writer is free. */
  readonly write: (work: (connection: DuckDBConnection) => Promise<void>) => Promise<void>;
  /** Resolves when deletes would not have to wait inside the database, and commits behind them. */
  readonly ready: () => Promise<void>;
}

/**
 * Saves the judge's state as of a commit, part by part, each in its turn among the commits; valid once the last step has
 * named it. A crash before leaves the snapshot that was.
 *
 * @param state - pieces of one text, made while the loop turns between them
 */
export async function saveSnapshot(commit: number, state: Iterable<string>, { write, ready }: Turns): Promise<void> {
  let part = 0;
  let text = '';
  const flush = () => {
    const values = [text];
    text = '';
    const sql = `INSERT INTO snapshot_parts VALUES (${int(commit)}, ${int(part++)}, $1)`;
    return write(async (connection) => {
      await connection.run(sql, values);
    });
  };
  // What an earlier attempt left.
  await ready();
  await write(async (connection) => {
    await connection.run('DELETE FROM snapshot_parts WHERE commit NOT IN (SELECT commit FROM snapshots)');
  });
  for (const piece of state) {
    text += piece;
    if (text.length >= PART_CHARACTERS) await flush();
    else await new Promise((resolve) => setImmediate(resolve));
  }
  if (text !== '') await flush();
  await ready();
  await write((connection) => nameSnapshot(connection, commit));
}

/** From here on this snapshot counts; what only older ones needed goes. */
async function nameSnapshot(connection: DuckDBConnection, commit: number): Promise<void> {
  await connection.run('BEGIN');
  try {
    await connection.run('DELETE FROM snapshots');
    await connection.run(`INSERT INTO snapshots VALUES (${int(commit)}, '')`);
    await connection.run(`DELETE FROM snapshot_parts WHERE commit <> ${int(commit)}`);
    // The last one stays: its number is where the next start goes on.
    await connection.run(
      `DELETE FROM commits WHERE number <= ${int(commit)} AND number < (SELECT max(number) FROM commits)`,
    );
    await connection.run(
      `INSERT INTO marks SELECT key, arg_max(record, commit) FROM mark_log WHERE commit <= ${int(commit)} GROUP BY key
         ON CONFLICT (key) DO UPDATE SET record = excluded.record`,
    );
    await connection.run(`DELETE FROM mark_log WHERE commit <= ${int(commit)}`);
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** The newest complete snapshot. */
export async function loadSnapshot(
  connection: DuckDBConnection,
): Promise<{ readonly commit: number; readonly state: string } | undefined> {
  const rows = (
    await connection.runAndReadAll('SELECT commit::DOUBLE, state FROM snapshots ORDER BY commit DESC LIMIT 1')
  ).getRows();
  const newest = rows[0] as [commit: number, state: string] | undefined;
  if (newest === undefined) return undefined;
  const [commit, state] = newest;
  // Written by an earlier version, in one text.
  if (state !== '') return { commit, state };
  const parts = await connection.runAndReadAll(
    `SELECT state FROM snapshot_parts WHERE commit = ${int(commit)} ORDER BY part`,
  );
  return {
    commit,
    state: parts
      .getRows()
      .map(([text]) => text as string)
      .join(''),
  };
}
