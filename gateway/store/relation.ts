import { join } from 'node:path';
import type { Millis } from '../../contract/time.ts';
import { int, literal } from './columns.ts';
import { QUARTER_MS, quarterSums } from './quarters.ts';
import type { RecentView } from './recent.ts';
import type { RecentPart } from './recent-part.ts';
import { DAY_LEVEL, DAY_MS, LATE, mayRepeat, type Segment } from './segments.ts';
import type { Range, SeriesQuery } from './store.ts';

/** Where readings lie right now; a query names one state of it. */
export interface Sources {
  readonly dataDir: string;
  /** Oldest first. */
  readonly hotTables: readonly string[];
  /** The newest of these tables in memory. */
  readonly recent: RecentView;
  /** In the order of their last commits. */
  readonly segments: readonly Segment[];
  /** Days of which sums are missing until they are made anew. */
  readonly unsummed: ReadonlySet<number>;
  /** Beginnings of quarters whose sums count a corrected moment twice. */
  readonly corrected: ReadonlySet<Millis>;
}

/** Where the rows lie that are not in memory. */
export function outsideMemory(sources: Sources): Sources {
  const { hotTables, recent } = sources;
  return { ...sources, hotTables: hotTables.filter((name) => !recent.tables.has(name)) };
}

/**
 * The stored readings of a range as one relation with the columns `point, ts, value, quality, reason, commit, place`;
 * of two rows of one (point, ts) the one with the higher (commit, place) counts.
 *
 * @param points - files that hold none of them are left out; undefined = all
 */
export function storedReadings(sources: Sources, range: Range, points?: readonly number[]): string {
  const { dataDir, hotTables } = sources;
  const segments = segmentsOf(sources, 'readings', range, points);
  const parts = segments.length === 0 ? [] : [filesReadings(dataDir, segments)];
  for (const table of hotTables)
    parts.push(
      `SELECT point, ts, value, quality, reason, commit + ${segments.length} AS commit, rowid AS place FROM ${table}`,
    );
  return parts.length === 0 ? NO_READINGS : parts.join(' UNION ALL ');
}

/** A relation of no rows. */
const NO_READINGS = `SELECT 0::INTEGER AS point, 0::BIGINT AS ts, 0::DOUBLE AS value, 0::UTINYINT AS quality, 0::UTINYINT AS reason,
  0::BIGINT AS commit, 0::BIGINT AS place WHERE false`;

/** Readings of files, in the order of their commits; `commit` is the place of a file in this order. */
export function filesReadings(dataDir: string, segments: readonly Segment[]): string {
  if (segments.some(mayRepeat))
    return segments.map((segment, index) => segmentReadings(dataDir, segment, index)).join(' UNION ALL ');
  // One list of files costs half of what a union of them costs.
  return `SELECT point, ts, value, quality, reason, file_index::BIGINT AS commit, 0::BIGINT AS place FROM ${files(dataDir, segments)}`;
}

/** Rows of a segment lie in the order (point, ts, commit), so that their place decides between those of one moment. */
export function segmentReadings(dataDir: string, { file }: Segment, commit = 0): string {
  return `SELECT point, ts, value, quality, reason, ${int(commit)}::BIGINT AS commit, file_row_number AS place
    FROM read_parquet(${literal(join(dataDir, file))}, file_row_number = true, hive_partitioning = false)`;
}

export function files(dataDir: string, segments: readonly Pick<Segment, 'file'>[]): string {
  const paths = segments.map(({ file }) => literal(join(dataDir, file))).join(', ');
  return `read_parquet([${paths}], hive_partitioning = false)`;
}

/** Files of a kind that may hold readings of a range and of at least one of the points. */
export function segmentsOf(
  { segments }: Pick<Sources, 'segments'>,
  kind: Segment['kind'],
  { from, to }: Range,
  points?: readonly number[],
): Segment[] {
  return segments.filter(
    (segment) =>
      segment.kind === kind &&
      segment.minTs < to &&
      segment.maxTs >= from &&
      (points === undefined || points.some((point) => point >= segment.minPoint && point <= segment.maxPoint)),
  );
}

/** Quarters of which sums would count wrongly and that are summed from their readings, each moment once. */
export interface ToRead {
  /** Beginnings of quarters of all points, ascending; among them the piece of one at the end. */
  readonly quarters: readonly Millis[];
  /** Further ones, of some points: readings in memory may be there already. */
  readonly late?: Pick<RecentPart, 'points' | 'quarters'> | undefined;
}

/** Files of sums of a question: of days where a day lies in one step, of quarters otherwise. */
export function filesOfSums(
  sources: Sources,
  query: Pick<SeriesQuery, 'points' | 'from' | 'to' | 'stepMs'>,
  toRead: ToRead,
): { readonly days: Segment[]; readonly quarters: Segment[] } {
  const { points } = query;
  const read = quartersRead(toRead);
  const isRead = (day: number) => read.some((ts) => Math.floor(ts / DAY_MS) === day);
  const days = segmentsOf(sources, 'days', query, points).filter(({ day }) => isInOneStep(day, query) && !isRead(day));
  const summed = new Set(days.map(({ day }) => day));
  const quarters = segmentsOf(sources, 'quarters', query, points).filter(
    ({ day, level }) => level < DAY_LEVEL || !summed.has(day),
  );
  return { days, quarters };
}

function quartersRead({ quarters, late }: ToRead): Millis[] {
  return [...new Set([...quarters, ...(late?.quarters ?? [])])].sort((a, b) => a - b);
}

/**
 * Sums per point and quarter of an hour, or day where a day lies in one step, of a range that begins on a quarter:
 * ready-made ones of sealed segments, and those of the hot tables and of some quarters made on the way.
 * Columns as {@link quarterSums}; one quarter may stand in several rows, and rows of a touched day may lie outside the
 * range, in other slots than those of it: telling them apart there costs half of what a condition on each row does.
 *
 * @param files - of {@link filesOfSums}, those that the database is to read
 * @param recentRows - readings in memory that may be stored already
 * @returns undefined when there is nothing to ask
 */
export function storedSums(
  sources: Sources,
  query: Pick<SeriesQuery, 'points' | 'from' | 'to' | 'stepMs'>,
  toRead: ToRead,
  { days, quarters }: { readonly days: readonly Segment[]; readonly quarters: readonly Segment[] },
  recentRows?: string,
): string | undefined {
  const { dataDir, hotTables } = sources;
  const { points, from, to } = query;
  const { quarters: read, late } = toRead;
  const named = `point IN (${points.map(int).join(', ')})`;
  const inQuarters = (list: readonly Millis[]) =>
    `(ts // ${QUARTER_MS}) * ${QUARTER_MS} IN (${list.map(int).join(', ')})`;
  const ofRead = [
    ...(read.length === 0 ? [] : [inQuarters(read)]),
    ...(late === undefined ? [] : [`(${inQuarters(late.quarters)} AND point IN (${late.points.map(int).join(', ')}))`]),
  ].join(' OR ');
  const others = ofRead === '' ? '' : `AND NOT (${ofRead})`;
  const sums = (segments: readonly Segment[], where: string) =>
    `SELECT point, ts, min, max, sum, readings, last, last_ts, worst FROM ${files(dataDir, segments)}
       WHERE ${isOneOf(points, segments)} ${where}`;
  const inRange = `AND ts >= ${int(from)} AND ts < ${int(to)}`;
  const isTold = (segment: Segment) => isBySlot(segment, query);
  const [told, asked] = [quarters.filter(isTold), quarters.filter((segment) => !isTold(segment))];
  const raw = (relation: string, where: string) =>
    quarterSums(
      `SELECT point, ts, newest.value AS value, newest.quality AS quality FROM (
         SELECT point, ts, arg_max({'value': value, 'quality': quality}, {'commit': commit, 'place': place}) AS newest
         FROM (${relation}) WHERE ${named} AND ts >= ${int(from)} AND ts < ${int(to)} ${where} GROUP BY point, ts)`,
    );
  const hot = storedReadings({ ...sources, segments: [] }, query);
  const parts = [
    ...(days.length === 0 ? [] : [sums(days, '')]),
    ...(told.length === 0 ? [] : [sums(told, others)]),
    ...(asked.length === 0 ? [] : [sums(asked, `${inRange} ${others}`)]),
    ...(hotTables.length === 0 ? [] : [raw(hot, others)]),
  ];
  const readAtAll = quartersRead(toRead);
  const [first] = readAtAll;
  const last = readAtAll.at(-1);
  if (first !== undefined && last !== undefined) {
    const touched = { from: first, to: last + QUARTER_MS };
    const stored = storedReadings(sources, touched, read.length === 0 ? late?.points : points);
    const relation = recentRows === undefined ? stored : `${stored} UNION ALL ${recentRows}`;
    parts.push(raw(relation, `AND ts >= ${int(touched.from)} AND ts < ${int(touched.to)} AND (${ofRead})`));
  }
  return parts.length === 0 ? undefined : parts.join(' UNION ALL ');
}

/** Points up to which the database compares each row with a list: beyond, looking a row's bit up takes half the time. */
const LISTED_POINTS_MAX = 64;

/**
 * Whether a row of sums is of one of these points. Points that lie all over a district are in every part of every file, so
 * each row is looked at.
 */
function isOneOf(points: readonly number[], segments: readonly Pick<Segment, 'maxPoint'>[]): string {
  if (points.length <= LISTED_POINTS_MAX) return `point IN (${points.map(int).join(', ')})`;
  const last = segments.reduce((most, { maxPoint }) => Math.max(most, maxPoint), 0);
  const bits = new Uint8Array(last + 1).fill(ZERO);
  let [min, max] = [last, 0];
  for (const point of points) {
    if (point > last) continue;
    bits[point] = ZERO + 1;
    min = Math.min(min, point);
    max = Math.max(max, point);
  }
  return `point BETWEEN ${int(min)} AND ${int(max)} AND get_bit('${Buffer.from(bits).toString('latin1')}'::BIT, point) = 1`;
}

/** The digit 0. */
const ZERO = 48;

/** Whether rows of the segment that lie outside of a range are in slots outside of it. */
function isBySlot({ day }: Segment, { from, to, stepMs }: Pick<SeriesQuery, 'from' | 'to' | 'stepMs'>): boolean {
  return day !== LATE && (to - from) % stepMs === 0;
}

function isInOneStep(day: number, { from, to, stepMs }: Pick<SeriesQuery, 'from' | 'to' | 'stepMs'>): boolean {
  const start = day * DAY_MS;
  const end = start + DAY_MS;
  return start >= from && end <= to && Math.floor((start - from) / stepMs) === Math.floor((end - 1 - from) / stepMs);
}
