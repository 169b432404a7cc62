import type { DuckDBConnection } from '@duckdb/node-api';
import type { Alarm, Flood, JournalEntry } from '../../contract/alarm.ts';
import { int } from './columns.ts';
import { FLOOD_OPEN } from './commit.ts';
import {
  type AlarmFilter,
  type AuditEntry,
  type DeadLetter,
  decodePageKey,
  encodePageKey,
  type Notification,
  type Page,
  type Range,
  type Store,
} from './store.ts';

/** Most items of one page, whatever was asked for. */
export const PAGE_MAX = 10_000;

/** Newest raised first. */
export async function alarmPage(connection: DuckDBConnection, filter: AlarmFilter): Promise<Page<Alarm>> {
  const where = new Where();
  if (filter.states !== undefined) where.oneOf('state', filter.states);
  if (filter.open === true) where.conditions.push('open');
  if (filter.priorities !== undefined) where.numbers('priority', filter.priorities);
  if (filter.asset !== undefined) where.equals('asset', filter.asset);
  if (filter.kind !== undefined) where.equals('kind', filter.kind);
  where.range('raised_at', filter);
  return page(connection, 'alarms', ['raised_at', 'id'], where, filter);
}

/** One record by its id, undefined when there is none. */
export async function recordById<T>(
  connection: DuckDBConnection,
  table: 'alarms' | 'dead_letters',
  id: string,
): Promise<T | undefined> {
  const rows = (await connection.runAndReadAll(`SELECT record FROM ${table} WHERE id = $1`, [id])).getRows();
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0][0] as string) as T);
}

/** Newest recorded first. */
export async function journalPage(
  connection: DuckDBConnection,
  filter: Partial<Range> & { readonly alarm?: string; readonly limit: number; readonly cursor?: string },
): Promise<Page<JournalEntry>> {
  const where = new Where();
  if (filter.alarm !== undefined) where.equals('alarm', filter.alarm);
  where.range('moment', filter);
  return page(connection, 'journal', ['commit', 'n'], where, filter);
}

type FloodFilter = Parameters<Store['floods']>[0];

/** Those that overlap the range, latest begun first. */
export async function floodPage(
  connection: DuckDBConnection,
  { from, to, active, ...paging }: FloodFilter,
): Promise<Page<Flood>> {
  const where = new Where();
  if (active !== undefined) where.conditions.push(`ended ${active ? '=' : '<'} ${int(FLOOD_OPEN)}`);
  if (from !== undefined) where.conditions.push(`ended >= ${int(from)}`);
  if (to !== undefined) where.conditions.push(`began < ${int(to)}`);
  return page(connection, 'floods', ['began', 'id'], where, paging);
}

/** Longest due first. */
export async function dueNotifications(
  connection: DuckDBConnection,
  now: number,
  limit: number,
): Promise<readonly Notification[]> {
  const rows = await connection.runAndReadAll(
    `SELECT record FROM notifications WHERE state = 'due' AND due_at <= ${int(now)} ORDER BY due_at, id LIMIT ${int(limit)}`,
  );
  return rows.getRows().map(([record]) => JSON.parse(record as string) as Notification);
}

/** Latest due first. */
export async function notificationPage(
  connection: DuckDBConnection,
  filter: { readonly alarm?: string; readonly limit: number; readonly cursor?: string },
): Promise<Page<Notification>> {
  const where = new Where();
  if (filter.alarm !== undefined) where.equals('alarm', filter.alarm);
  return page(connection, 'notifications', ['due_at', 'id'], where, filter);
}

/** Newest first. */
export async function deadLetterPage(
  connection: DuckDBConnection,
  filter: { readonly reason?: string; readonly limit: number; readonly cursor?: string },
): Promise<Page<DeadLetter>> {
  const where = new Where();
  if (filter.reason !== undefined) where.equals('reason', filter.reason);
  return page(connection, 'dead_letters', ['commit', 'n'], where, filter);
}

/** Newest first. */
export async function auditPage(
  connection: DuckDBConnection,
  filter: Partial<Range> & { readonly limit: number; readonly cursor?: string },
): Promise<Page<AuditEntry>> {
  const where = new Where();
  where.range('moment', filter);
  return page(connection, 'audit', ['commit', 'n'], where, filter);
}

/** Conditions of a query; texts are always bound, never part of the SQL. */
class Where {
  readonly conditions: string[] = [];
  readonly values: string[] = [];

  equals(column: string, value: string): void {
    this.conditions.push(`${column} = $${this.values.push(value)}`);
  }

  oneOf(column: string, values: readonly string[]): void {
    const places = values.map((value) => `$${this.values.push(value)}`);
    this.conditions.push(places.length === 0 ? 'false' : `${column} IN (${places.join(', ')})`);
  }

  numbers(column: string, values: readonly number[]): void {
    this.conditions.push(values.length === 0 ? 'false' : `${column} IN (${values.map(int).join(', ')})`);
  }

  range(column: string, { from, to }: Partial<Range>): void {
    if (from !== undefined) this.conditions.push(`${column} >= ${int(from)}`);
    if (to !== undefined) this.conditions.push(`${column} < ${int(to)}`);
  }
}

/** One page in descending order of a unique key of two columns; the cursor is the last key given out. */
async function page<T>(
  connection: DuckDBConnection,
  table: string,
  [first, second]: readonly [first: string, second: 'id' | 'n'],
  where: Where,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
): Promise<Page<T>> {
  const rowsMax = Math.max(1, Math.min(Math.floor(limit), PAGE_MAX));
  const after = cursor === undefined ? undefined : decodePageKey(cursor, second === 'id' ? 'string' : 'number');
  if (after !== undefined) {
    const [a, b] = after;
    const place = typeof b === 'number' ? int(b) : `$${where.values.push(b)}`;
    where.conditions.push(`(${first} < ${int(a)} OR (${first} = ${int(a)} AND ${second} < ${place}))`);
  }
  const condition = where.conditions.length === 0 ? '' : `WHERE ${where.conditions.join(' AND ')}`;
  const rows = (
    await connection.runAndReadAll(
      `SELECT record, ${first}::DOUBLE, ${second} FROM ${table} ${condition}
         ORDER BY ${first} DESC, ${second} DESC LIMIT ${rowsMax + 1}`,
      [...where.values],
    )
  ).getRows();
  const items = rows.slice(0, rowsMax).map(([record]) => JSON.parse(record as string) as T);
  const last = rows.length > rowsMax ? rows[rowsMax - 1] : undefined;
  return last === undefined
    ? { items }
    : { items, cursor: encodePageKey([last[1] as number, last[2] as string | number]) };
}
