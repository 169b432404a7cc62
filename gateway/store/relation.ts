import { join } from 'node:path';
import { int } from './columns.ts';
import { quarterSums } from './quarters.ts';
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

/**
 * Sums per point and quarter of an hour of a range that begins and ends on quarters: ready-made ones of sealed segments,
 * and those of the hot tables made on the way. Columns as {@link quarterSums}; one quarter may stand in several rows.
 * A moment corrected after it was sealed counts with both values until its day is merged.
 */
export function storedQuarters({ dataDir, hotTables, segments }: Sources, { from, to }: Range, points: string): string {
  const where = `point IN (${points}) AND ts >= ${int(from)} AND ts < ${int(to)}`;
  const parts = segments
    .filter(({ kind, minTs, maxTs }) => kind === 'quarters' && minTs < to && maxTs >= from)
    .map(
      ({ file }) =>
        `SELECT point, ts, min, max, sum, readings, last, last_ts, worst FROM read_parquet('${quote(join(dataDir, file))}') WHERE ${where}`,
    );
  for (const table of hotTables)
    parts.push(quarterSums(`SELECT point, ts, value, quality FROM ${table} WHERE ${where}`));
  return parts.join(' UNION ALL ');
}
