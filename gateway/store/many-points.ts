import { QUALITIES, type Quality } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { int, takeColumns } from './columns.ts';
import { quartersToRead } from './corrections.ts';
import { type Ask, READ_TIMEOUT_MS } from './database.ts';
import { Pace } from './pace.ts';
import { QUARTER_MS } from './quarters.ts';
import { RECENT_POINTS_MAX, type RecentPart, recentPartOf } from './recent-part.ts';
import {
  filesOfSums,
  outsideMemory,
  type Sources,
  segmentsOf,
  storedReadings,
  storedSums,
  type ToRead,
} from './relation.ts';
import { DAY_MS, mayRepeat, type Segment } from './segments.ts';
import { tooLarge } from './series.ts';
import { AcrossSums, SlotSums } from './slot-sums.ts';
import type { Range, Series, SeriesQuery } from './store.ts';
import { ByPointReader } from './sums-by-point.ts';

/** Most values of one query over many points (points x slots). */
export const QUERY_VALUES_MAX = 2_000_000;
/** Most sealed readings, of all points, that a query over many points may have to look through. */
export const QUERY_READINGS_MAX = 2_000_000_000;
/** Values (points x slots) folded at once, 17-25 bytes each; more points are asked for in pieces. */
const CELLS_MAX = 1_000_000;

/** What is to be known of readings, over raw ones and over sums of quarters or days. */
const PARTS: Readonly<Record<SeriesQuery['aggregate'], { readonly raw: string; readonly sums: string }>> = {
  min: { raw: 'min(value)', sums: 'min(min)' },
  max: { raw: 'max(value)', sums: 'max(max)' },
  mean: { raw: 'sum(value)', sums: 'sum(sum)' },
  sum: { raw: 'sum(value)', sums: 'sum(sum)' },
  last: { raw: 'arg_max(value, ts)', sums: 'arg_max(last, last_ts)' },
  count: { raw: '0::DOUBLE', sums: '0::DOUBLE' },
};

/**
 * Plain aggregates of valued readings per slot from `from` on; `mean` counts readings alike.
 * Most of it is done without the database: its few connections are borrowed for a question each, so that others need not
 * wait for a sum over hundreds of points.
 * Steps of whole quarters of an hour that begin on a quarter are answered from sums, everything else from raw readings.
 *
 * @throws StoreError `query-too-large` with a hint, before anything is read
 * @throws ByPointError when a copy of sums turns out damaged: ask again without it
 */
export async function seriesOf(ask: Ask, sources: Sources, query: SeriesQuery): Promise<Series[]> {
  const { points, from, to, stepMs, across } = query;
  if (points.length === 0 || to <= from) return [];
  const slots = Math.ceil((to - from) / stepMs);
  const values = across === undefined ? slots * points.length : slots;
  if (values > QUERY_VALUES_MAX) {
    throw tooLarge(`${values} values`, `use a longer step or fewer points: at most ${QUERY_VALUES_MAX} values`);
  }
  if (!isSummed(sources, query)) mustBeReadable(sources, query);
  const ascending = [...new Set(points)].sort((a, b) => a - b);
  const one = across === undefined ? undefined : new AcrossSums(across, slots);
  const series = new Map<number, Series['values'][number][]>();
  const toValue = (slot: number, value: number, count: number, worst: number) => ({
    ts: from + slot * stepMs,
    value,
    count,
    worstQuality: QUALITIES[worst] as Quality,
  });
  const pace = new Pace();
  const pointsAtOnce = Math.max(1, Math.floor(CELLS_MAX / slots));
  for (let at = 0; at < ascending.length; at += pointsAtOnce) {
    const piece = { ...query, points: ascending.slice(at, at + pointsAtOnce) };
    const sums = new SlotSums(piece.points, piece);
    await fill(sums, ask, sources, piece);
    for (const [index, point] of piece.points.entries()) {
      await pace.breathe();
      if (one !== undefined) {
        sums.each(index, (slot, value, count, worst) => one.add(slot, value, count, worst));
        continue;
      }
      const list: Series['values'][number][] = [];
      sums.each(index, (...slot) => list.push(toValue(...slot)));
      series.set(point, list);
    }
  }
  if (one === undefined) return points.map((point) => ({ point, values: series.get(point) ?? [] }));
  const list: Series['values'][number][] = [];
  one.each((...slot) => list.push(toValue(...slot)));
  return [{ values: list }];
}

/** Adds what is stored of a question's points, wherever it lies. */
async function fill(sums: SlotSums, ask: Ask, sources: Sources, query: SeriesQuery): Promise<void> {
  const outside = outsideMemory(sources);
  const recent = await recentPartOf(sources, outside, query, sums);
  const rest = recent === undefined ? sources : outside;
  const sql = isSummed(rest, query)
    ? await fillFromSums(sums, ask, rest, query, recent)
    : slotsOfReadings(rest, query, recent);
  if (sql === undefined) return;
  const indexOf = new Map(query.points.map((point, index) => [point, index]));
  await ask((connection) =>
    takeColumns(
      connection,
      sql,
      ['integer', 'integer', 'double', 'double', 'utinyint', 'bigint'],
      ([point, slot, part, readings, worst, lastTs], rows) => {
        for (let row = 0; row < rows; row++) {
          const [at, index] = [slot?.[row] as number, indexOf.get(point?.[row] as number)];
          if (index === undefined || at < 0 || at >= sums.slots) continue;
          sums.addPart(
            index,
            at,
            part?.[row] as number,
            readings?.[row] as number,
            worst?.[row] as number,
            lastTs?.[row] as number,
          );
        }
      },
    ),
  );
}

function isSummed(sources: Sources, query: SeriesQuery): boolean {
  return query.from % QUARTER_MS === 0 && query.stepMs % QUARTER_MS === 0 && !isMissingSums(sources, query);
}

function isMissingSums({ unsummed }: Sources, { from, to }: Range): boolean {
  return [...unsummed].some((day) => day * DAY_MS < to && (day + 1) * DAY_MS > from);
}

/**
 * Adds what copies of sums by point hold.
 *
 * @returns a question for the rest; undefined = there is none
 */
async function fillFromSums(
  sums: SlotSums,
  ask: Ask,
  sources: Sources,
  query: SeriesQuery,
  recent: RecentPart | undefined,
): Promise<string | undefined> {
  const { from, stepMs, aggregate } = query;
  const quarters = await quartersToRead(ask, sources, query);
  const late = recent?.rows === undefined ? undefined : recent;
  const toRead: ToRead = { quarters, late };
  const files = filesOfSums(sources, query, toRead);
  // Of thousands of points the database unpacks files faster than they are read one by one.
  const isByPoint = ({ byPointBytes }: Segment) => byPointBytes > 0 && query.points.length <= RECENT_POINTS_MAX;
  const reader = new ByPointReader(performance.now() + READ_TIMEOUT_MS);
  const isLeftOut = leftOutOf(toRead, query.points);
  for (const segment of files.quarters.filter(isByPoint))
    await reader.read(sources.dataDir, segment, query.points, (index, rows) =>
      sums.addSums(index, rows, isLeftOut?.(index)),
    );
  const rest = { ...files, quarters: files.quarters.filter((segment) => !isByPoint(segment)) };
  const stored = storedSums(sources, query, toRead, rest, recent?.rows);
  if (stored === undefined) return undefined;
  // Rows of a day that the range begins in lie before it; a division towards zero would put them into its first slot.
  const slotsBefore = Math.ceil(DAY_MS / stepMs);
  return `
    SELECT point, ((ts - ${int(from - slotsBefore * stepMs)}) // ${int(stepMs)})::INTEGER - ${slotsBefore} AS slot, ${PARTS[aggregate].sums},
      sum(readings)::DOUBLE, max(worst), max(last_ts)
    FROM (${stored}) GROUP BY point, slot`;
}

/** Which quarters of a point are read from the readings; undefined = of no point any. */
function leftOutOf(
  { quarters, late }: ToRead,
  points: readonly number[],
): ((index: number) => ((ts: Millis) => boolean) | undefined) | undefined {
  if (quarters.length === 0 && late === undefined) return undefined;
  const ofAll = new Set(quarters);
  const ofLate = new Set([...quarters, ...(late?.quarters ?? [])]);
  const latePoints = new Set(late?.points ?? []);
  const isOfAll = (ts: Millis) => ofAll.has(ts);
  const isOfLate = (ts: Millis) => ofLate.has(ts);
  return (index) => (latePoints.has(points[index] as number) ? isOfLate : isOfAll);
}

function slotsOfReadings(sources: Sources, query: SeriesQuery, recent: RecentPart | undefined): string {
  const { points, from, to, stepMs, aggregate } = query;
  const inDatabase = `SELECT point, ts, value, quality, commit, place FROM (${storedReadings(sources, query, points)})
    WHERE point IN (${points.map(int).join(', ')}) AND ts >= ${int(from)} AND ts < ${int(to)}`;
  const stored =
    recent?.rows === undefined
      ? inDatabase
      : `${inDatabase} UNION ALL SELECT point, ts, value, quality, commit, place FROM (${recent.rows})`;
  const once =
    recent?.rows !== undefined || mayBeStoredTwice(sources, query, points)
      ? `SELECT point, ts, newest.value AS value, newest.quality AS quality FROM (
         SELECT point, ts, arg_max({'value': value, 'quality': quality}, {'commit': commit, 'place': place}) AS newest
         FROM (${stored}) GROUP BY point, ts)`
      : stored;
  return `
    SELECT point, ((ts - ${int(from)}) // ${int(stepMs)})::INTEGER AS slot, ${PARTS[aggregate].raw}, count(*)::DOUBLE, max(quality), max(ts)
    FROM (${once}) WHERE quality < 2 AND NOT isnan(value) GROUP BY point, slot`;
}

/** Whether a moment of a point can be in two places: then the last committed must be found, at five times the cost. */
function mayBeStoredTwice(sources: Sources, range: Range, points: readonly number[]): boolean {
  if (sources.hotTables.length > 0) return true;
  const segments = segmentsOf(sources, 'readings', range, points).sort((a, b) => a.minTs - b.minTs);
  return segments.some((segment, index) => {
    if (mayRepeat(segment)) return true;
    return segments
      .slice(index + 1)
      .some(
        ({ minTs, minPoint, maxPoint }) =>
          minTs <= segment.maxTs && minPoint <= segment.maxPoint && maxPoint >= segment.minPoint,
      );
  });
}

/** @throws StoreError `query-too-large` */
function mustBeReadable(sources: Sources, query: SeriesQuery): void {
  const rows = readingsInRange(sources, query, query.points);
  if (rows > QUERY_READINGS_MAX)
    throw tooLarge(
      `${rows} readings to look through`,
      'ask for a shorter range, or for a step of whole quarters of an hour from a whole quarter on: these are summed already',
    );
}

/** Sealed readings of a range in the files that hold some of the points, by the share of each file that it covers. */
function readingsInRange(sources: Sources, { from, to }: Range, points: readonly number[]): number {
  let rows = 0;
  for (const { readings, minTs, maxTs } of segmentsOf(sources, 'readings', { from, to }, points))
    rows += (readings * (Math.min(to, maxTs + 1) - Math.max(from, minTs))) / (maxTs + 1 - minTs);
  return Math.round(rows);
}
