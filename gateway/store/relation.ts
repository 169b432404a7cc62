import { join } from 'node:path';
import { int } from './columns.ts';
import { quote, type Segment } from './segments.ts';
import type { Range } from './store.ts';

/** Where readings lie right now; a query names one state of it. */
export interface Sources {
  readonly dataDir: string;
  /** Oldest first. */
  readonly hotTables: readonly string[];
  readonly segments: readonly Segment[];
}

/**
 * The stored readings of a range as one relation with the columns `point, ts, value, quality, reason, commit, place`;
 * of two rows of one (point, ts) the one with the higher (commit, place) counts.
 */
export function storedReadings({ dataDir, hotTables, segments }: Sources, { from, to }: Range): string {
  const parts = segments
    .filter(({ kind, minTs, maxTs }) => kind === 'readings' && minTs < to && maxTs >= from)
    .map((segment) => segmentReadings(dataDir, segment));
  for (const table of hotTables)
    parts.push(`SELECT point, ts, value, quality, reason, commit, rowid AS place FROM ${table}`);
  return parts.join(' UNION ALL ');
}

/** Rows of a segment lie in the order (point, ts, commit), so that their place decides between those of one moment. */
export function segmentReadings(dataDir: string, { file, lastCommit }: Segment): string {
  return `SELECT point, ts, value, quality, reason, ${int(lastCommit)}::BIGINT AS commit, file_row_number AS place
    FROM read_parquet('${quote(join(dataDir, file))}', file_row_number = true)`;
}
