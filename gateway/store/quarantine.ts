import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Millis } from '../../contract/time.ts';
import { int, literal } from './columns.ts';
import type { Database } from './database.ts';
import { byPointFile, fileProblem, type Segment } from './segments.ts';

/** A file that can't be served; moved aside, its name kept. */
export interface Quarantined extends Pick<Segment, 'kind' | 'day' | 'file'> {
  readonly problem: string;
  readonly minTs: Millis;
  readonly maxTs: Millis;
}

/** Runs a step on the writing connection, between commits. */
export type WriteStep = <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;

/** Files that had to be taken out of service, and what of the sums is to be made anew for it. */
export class Quarantine {
  private readonly database: Database;
  private readonly write: WriteStep;
  private files: readonly Quarantined[] = [];
  private readonly days = new Set<number>();

  constructor(database: Database, write: WriteStep) {
    this.database = database;
    this.write = write;
  }

  get list(): readonly Quarantined[] {
    return this.files;
  }

  /** Days of which a file of sums was set aside. */
  get unsummed(): ReadonlySet<number> {
    return this.days;
  }

  async load(connection: DuckDBConnection): Promise<void> {
    const rows = await connection.runAndReadAll(
      `SELECT file, state AS problem, min_ts::DOUBLE AS "minTs", max_ts::DOUBLE AS "maxTs", kind, day FROM segments WHERE state <> 'live'`,
    );
    this.files = rows.getRowObjects() as unknown as Quarantined[];
    for (const { kind, day } of this.files) if (kind !== 'readings') this.days.add(day);
  }

  /** @param onKnown - the manifest says so now: nobody may ask the file any more */
  async take(segment: Segment, problem: string, onKnown: () => void): Promise<void> {
    const { dataDir } = this.database;
    await this.write((connection) =>
      connection.run(`UPDATE segments SET state = $1 WHERE id = ${int(segment.id)}`, [
        problem.slice(0, 200) || 'damaged',
      ]),
    );
    onKnown();
    const { kind, day, file, minTs, maxTs } = segment;
    this.files = [...this.files, { kind, day, file, problem, minTs, maxTs }];
    if (kind !== 'readings') this.days.add(day);
    await mkdir(join(dataDir, 'quarantine'), { recursive: true, mode: 0o750 });
    await rename(join(dataDir, file), join(dataDir, 'quarantine', basename(file))).catch(() => {});
    if (segment.byPointBytes > 0) await rm(join(dataDir, byPointFile(segment)), { force: true });
  }

  /** Sums of a day are whole again: a damaged file of them is of no interest any more. */
  async summed(day: number): Promise<void> {
    if (!this.days.has(day)) return;
    await this.write((connection) =>
      connection.run(`DELETE FROM segments WHERE state <> 'live' AND kind <> 'readings' AND day = ${int(day)}`),
    );
    this.days.delete(day);
    this.files = this.files.filter((each) => each.kind === 'readings' || each.day !== day);
  }

  /** What is wrong with a file, looked at from outside. */
  faultOf({ file, bytes }: Segment): Promise<string | undefined> {
    return fileProblem(join(this.database.dataDir, file), bytes);
  }

  /** The same, and every page of it is read. */
  async faultInside(segment: Segment): Promise<string | undefined> {
    const outside = await this.faultOf(segment);
    if (outside !== undefined) return outside;
    const path = literal(join(this.database.dataDir, segment.file));
    try {
      await this.database.background((worker) =>
        worker.run(`SELECT bit_xor(hash(page)) FROM read_parquet(${path}) AS page`),
      );
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
