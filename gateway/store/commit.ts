import type { DuckDBConnection } from '@duckdb/node-api';
import type { Alarm } from '../../contract/alarm.ts';
import type { DeviceInfo, PointInfo } from '../domain/plant.ts';
import { writeAnnunciations } from './annunciations.ts';
import { appendReadings, appendRows, int, type ListColumn, literal, rowsAsText, upsertRows } from './columns.ts';
import type { Commit } from './store.ts';

/** Dead letters kept; the oldest go first. */
export const DEAD_LETTERS_MAX = 10_000;
/** Idempotency keys kept: a client that tries again does so within a day. */
const IDEMPOTENCY_MS = 24 * 3_600_000;

const text = (values: readonly string[]): ListColumn => ({ type: 'text', values });
const integer = (values: readonly number[]): ListColumn => ({ type: 'integer', values });
const flag = (values: readonly boolean[]): ListColumn => ({ type: 'boolean', values: values.map(Number) });
const json = (records: readonly unknown[]): ListColumn => ({ type: 'json', values: records });

/** Two commits of one number can't both be written: a repeat after a lost answer finds the first. */
export async function isCommitted(connection: DuckDBConnection, number: number): Promise<boolean> {
  const found = await connection.runAndReadAll(`SELECT count(*)::INTEGER FROM commits WHERE number = ${int(number)}`);
  return found.getRows()[0]?.[0] === 1;
}

/**
 * Writes one commit in one transaction, readings into `hotTable`; on an error nothing of it stays. Every statement is a
 * turn of the event loop at least, three with parameters, and whoever waits for the commit waits for them: the usual
 * commit has two texts, its beginning and `COMMIT`; the rest is appended.
 */
export async function writeCommit(connection: DuckDBConnection, hotTable: string, commit: Commit): Promise<void> {
  try {
    await connection.run(beginningOf(commit));
    await appendReadings(connection, hotTable, commit.number, commit.readings);
    await writePlant(connection, commit);
    await writeAlarms(connection, commit);
    await writeLogs(connection, commit);
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
}

/**
 * What every commit has, as one text that another thread takes apart: an appender makes and flushes a table of its own on
 * the event loop, two milliseconds for the few rows of these two.
 */
function beginningOf({ number, at, inputs, marks = [] }: Commit): string {
  const begin = `BEGIN; INSERT INTO commits VALUES (${int(number)}, ${int(at)}, ${literal(JSON.stringify(inputs))})`;
  if (marks.length === 0) return begin;
  const rows = rowsAsText([
    integer(marks.map(() => number)),
    text(marks.map(({ edge, lane }) => `${edge}/${lane}`)),
    json(marks),
  ]);
  // Inserted, not updated: an update would wait for a checkpoint, and every commit moves marks.
  return `${begin}; INSERT INTO mark_log ${rows}`;
}

async function writePlant(connection: DuckDBConnection, commit: Commit): Promise<void> {
  const { devices = [], points = [], fresh, sources = [], edges = [] } = commit;
  const deviceColumns = (records: readonly DeviceInfo[]) => [text(records.map(({ id }) => id)), json(records)];
  await appendRows(connection, 'devices', deviceColumns(devices.filter(({ id }) => fresh?.devices.has(id) === true)));
  await upsert(connection, 'devices', 'id', deviceColumns(devices.filter(({ id }) => fresh?.devices.has(id) !== true)));
  const pointColumns = (records: readonly PointInfo[]) => [integer(records.map(({ id }) => id)), json(records)];
  await appendRows(connection, 'points', pointColumns(points.filter(({ id }) => fresh?.points.has(id) === true)));
  await upsert(connection, 'points', 'id', pointColumns(points.filter(({ id }) => fresh?.points.has(id) !== true)));
  await upsert(connection, 'sources', 'id', [integer(sources.map(({ id }) => id)), json(sources)]);
  await upsert(connection, 'edges', 'id', [text(edges.map(({ id }) => id)), json(edges)]);
}

function upsert(
  connection: DuckDBConnection,
  table: string,
  key: string,
  columns: readonly ListColumn[],
): Promise<void> {
  return upsertRows(connection, table, columns, `ON CONFLICT (${key}) DO UPDATE SET record = excluded.record`);
}

/** End of a flood that goes on, as the table has it. */
export const FLOOD_OPEN = 1e15;

/** Whether a start must load this alarm. */
export function isOpen(alarm: Alarm): boolean {
  return alarm.state !== 'normal' || alarm.latched || alarm.holds.length > 0;
}

async function writeAlarms(connection: DuckDBConnection, commit: Commit): Promise<void> {
  const { alarms = [], journal = [], floods = [], notifications = [] } = commit;
  await upsertRows(
    connection,
    'alarms',
    [
      text(alarms.map(({ id }) => id)),
      text(alarms.map(({ kind }) => kind)),
      text(alarms.map(({ asset }) => asset)),
      integer(alarms.map(({ priority }) => priority)),
      text(alarms.map(({ state }) => state)),
      flag(alarms.map(isOpen)),
      integer(alarms.map(({ raisedAt }) => raisedAt)),
      json(alarms),
    ],
    `ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, asset = excluded.asset, priority = excluded.priority,
       state = excluded.state, open = excluded.open, raised_at = excluded.raised_at, record = excluded.record`,
  );
  await appendRows(connection, 'journal', [
    ...numbered(commit.number, journal.length),
    text(journal.map(({ alarm }) => alarm)),
    integer(journal.map(({ at }) => at)),
    json(journal),
  ]);
  await writeAnnunciations(connection, commit.number, journal, alarms);
  await upsertRows(
    connection,
    'floods',
    [
      text(floods.map(({ id }) => id)),
      integer(floods.map(({ from }) => from)),
      integer(floods.map(({ endedAt }) => endedAt ?? FLOOD_OPEN)),
      json(floods.map(({ digest: _, ...flood }) => flood)),
    ],
    'ON CONFLICT (id) DO UPDATE SET began = excluded.began, ended = excluded.ended, record = excluded.record',
  );
  await upsertRows(
    connection,
    'notifications',
    [
      text(notifications.map(({ id }) => id)),
      text(notifications.map(({ alarm }) => alarm)),
      text(notifications.map(({ state }) => state)),
      integer(notifications.map(({ dueAt }) => dueAt)),
      json(notifications),
    ],
    `ON CONFLICT (id) DO UPDATE SET alarm = excluded.alarm, state = excluded.state, due_at = excluded.due_at, record = excluded.record`,
  );
}

async function writeLogs(connection: DuckDBConnection, commit: Commit): Promise<void> {
  const { deadLetters = [], audit = [], idempotencyKeys = [] } = commit;
  if (deadLetters.length > 0) {
    await appendRows(connection, 'dead_letters', [
      ...numbered(commit.number, deadLetters.length),
      text(deadLetters.map(({ id }) => id)),
      text(deadLetters.map(({ reason }) => reason)),
      json(deadLetters),
    ]);
    await connection.run(
      `DELETE FROM dead_letters WHERE (commit, n) IN
         (SELECT (commit, n) FROM dead_letters ORDER BY commit DESC, n DESC OFFSET ${DEAD_LETTERS_MAX})`,
    );
  }
  await appendRows(connection, 'audit', [
    ...numbered(commit.number, audit.length),
    integer(audit.map(({ at }) => at)),
    json(audit),
  ]);
  if (idempotencyKeys.length > 0) {
    await upsertRows(
      connection,
      'idempotency_keys',
      [
        text(idempotencyKeys.map(({ key }) => key)),
        integer(idempotencyKeys.map(() => commit.at)),
        text(idempotencyKeys.map(({ fingerprint }) => fingerprint)),
      ],
      'ON CONFLICT DO NOTHING',
    );
    await connection.run(`DELETE FROM idempotency_keys WHERE moment < ${int(commit.at - IDEMPOTENCY_MS)}`);
  }
}

/** Commit number and place in it: the order of a log's lines. */
function numbered(commit: number, rows: number): ListColumn[] {
  return [integer(Array.from({ length: rows }, () => commit)), integer(Array.from({ length: rows }, (_, n) => n))];
}
