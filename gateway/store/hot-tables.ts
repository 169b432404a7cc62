import type { DuckDBConnection } from '@duckdb/node-api';
import type { Millis } from '../../contract/time.ts';
import type { Readings } from '../domain/readings.ts';
import { int } from './columns.ts';
import { Recent } from './recent.ts';

/**
 * Rows of a hot table before the next one is begun: 3 s of full load. A start reads the log of one table and of what came
 * while it was folded: 0.3 us a row.
 */
export const SEAL_READINGS = 1_000_000;
/** Age of a hot table before the next one is begun. */
export const SEAL_AFTER_MS = 3_600_000;
/**
 * Tables that are sealed together, so that each need not be as long: a seal sums every point and writes a file per shard
 * however few readings there are.
 */
export const SEAL_TABLES = 4;
/** A full table waits so long for the next one; at full load that takes seconds. */
export const SEAL_WAIT_MS = 60_000;

/** A table of readings in arrival order. */
export interface HotTable {
  readonly n: number;
  readonly name: string;
  readonly firstCommit: number;
  /** Its readings are in sealed files; kept only until no start replays them any more. */
  readonly sealed: boolean;
  /** Since when nobody writes it any more; absent: from before this start, or still written. */
  readonly fullAt?: Millis;
}

/** Tables that nobody writes any more, one after another. */
export interface Sealable {
  readonly tables: readonly HotTable[];
  /** Of the last of them. */
  readonly lastCommit: number;
  /** No moment of a point stands there twice. */
  readonly isOnce: boolean;
}

/** The tables that readings are committed to, one after another. */
export class HotTables {
  /** Oldest first; the last one is written. */
  list: readonly HotTable[] = [];
  /** Rows of the last one. */
  readings = 0;
  /** Rows of the newest of them in memory. */
  readonly recent = new Recent();
  private since: Millis;
  private readonly sealReadings: number;
  private readonly now: () => Millis;

  constructor(now: () => Millis, sealReadings = SEAL_READINGS) {
    this.now = now;
    this.since = now();
    this.sealReadings = sealReadings;
  }

  async load(connection: DuckDBConnection): Promise<void> {
    const tables = await connection.runAndReadAll(
      `SELECT n, 'hot_' || n AS name, first_commit::DOUBLE AS "firstCommit", sealed::BOOLEAN AS sealed FROM hot_tables ORDER BY n`,
    );
    this.list = tables.getRowObjects() as unknown as HotTable[];
    const rows = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${this.written}`);
    this.readings = rows.getRows()[0]?.[0] as number;
    let until = 0;
    for (const { name, sealed } of this.list) {
      if (sealed) continue;
      const newest = await connection.runAndReadAll(`SELECT coalesce(max(ts), 0)::DOUBLE FROM ${name}`);
      until = Math.max(until, newest.getRows()[0]?.[0] as number);
    }
    this.recent.start(until);
    if (this.readings === 0) this.recent.begin(this.written);
  }

  /** Rows of a commit are in the last table. */
  took(readings: Readings): void {
    this.readings += readings.length;
    this.recent.take(this.written, readings);
  }

  /** Rows are in the last table that came with a commit whose answer was lost: perhaps not in memory, or not all of them. */
  tookPerhaps(readings: Readings): void {
    this.took(readings);
    this.recent.clear();
  }

  /** Those that hold readings which are nowhere else. */
  get filled(): readonly HotTable[] {
    return this.list.filter(({ name, sealed }) => !sealed && (name !== this.written || this.readings > 0));
  }

  /** Name of the table that the next commit goes to. */
  get written(): string {
    return this.list.at(-1)?.name as string;
  }

  /**
   * The oldest tables that are not sealed and that nobody writes any more.
   *
   * @param evenFew - also those that would wait for others
   */
  sealable(evenFew = false): Sealable | undefined {
    const first = this.list.findIndex(({ sealed }) => !sealed);
    const tables = first < 0 ? [] : this.list.slice(first, -1).slice(0, SEAL_TABLES);
    const next = this.list[first + tables.length];
    if (tables.length === 0 || next === undefined) return undefined;
    const isWaiting = ({ fullAt }: HotTable) => fullAt !== undefined && this.now() - fullAt < SEAL_WAIT_MS;
    if (tables.length < SEAL_TABLES && tables.every(isWaiting) && !evenFew) return undefined;
    const isOnce = tables.every(({ name }) => this.recent.isAscending(name));
    return { tables, lastCommit: next.firstCommit - 1, isOnce };
  }

  /** The oldest table, when it is sealed and a snapshot covers all of it: a start replays from there on. */
  droppable(snapshotCommit: number): HotTable | undefined {
    const [table, next] = this.list;
    const isCovered = next !== undefined && next.firstCommit - 1 <= snapshotCommit;
    return table?.sealed === true && isCovered ? table : undefined;
  }

  /** Full tables that no snapshot covers yet. */
  waiting(snapshotCommit: number): number {
    return this.list.slice(1).filter(({ firstCommit }) => firstCommit - 1 > snapshotCommit).length;
  }

  sealed(tables: readonly HotTable[]): void {
    const names = new Set(tables.map(({ name }) => name));
    this.list = this.list.map((each) => (names.has(each.name) ? { ...each, sealed: true } : each));
    for (const name of names) this.recent.drop(name);
  }

  /** The oldest table is gone. */
  dropOldest(): void {
    this.list = this.list.slice(1);
  }

  /** @returns whether a new table was begun */
  async rotateIfDue(connection: DuckDBConnection, nextCommit: number): Promise<boolean> {
    const isFull = this.readings >= this.sealReadings;
    const isOld = this.readings > 0 && this.now() - this.since >= SEAL_AFTER_MS;
    if (!isFull && !isOld) return false;
    await this.rotate(connection, nextCommit);
    return true;
  }

  /** Begins a new table, unless the last one is empty. */
  async rotate(connection: DuckDBConnection, firstCommit: number): Promise<void> {
    if (this.readings === 0) return;
    const n = (this.list.at(-1)?.n ?? 0) + 1;
    const table: HotTable = { n, name: `hot_${n}`, firstCommit, sealed: false };
    await connection.run('BEGIN');
    try {
      await connection.run(`CREATE TABLE ${table.name} AS SELECT * FROM ${this.written} LIMIT 0`);
      await connection.run(`INSERT INTO hot_tables VALUES (${n}, ${int(firstCommit)}, 0)`);
      await connection.run('COMMIT');
    } catch (error) {
      await connection.run('ROLLBACK').catch(() => {});
      throw error;
    }
    const fullAt = this.now();
    this.list = [...this.list.map((each) => (each.name === this.written ? { ...each, fullAt } : each)), table];
    this.recent.begin(table.name);
    this.readings = 0;
    this.since = this.now();
  }
}
