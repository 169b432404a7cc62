import type { DuckDBConnection, DuckDBMaterializedResult } from '@duckdb/node-api';
import type { Alarm } from '../../contract/alarm.ts';
import type { DeviceInfo, JudgeInput, PointInfo, SourceInfo } from '../domain/plant.ts';
import { ReadingBuffer, type Readings } from '../domain/readings.ts';
import { int, resultColumns } from './columns.ts';
import type { HotTable } from './hot-tables.ts';
import { hashesOfPoints, hashOfDevices, PAGE_RECORDS, type PlantRecords } from './plant-image.ts';
import { loadSnapshot } from './snapshot.ts';
import type { EdgeRecord, LaneMark, Recovered, Store } from './store.ts';

/**
 * Everything a start needs before the replay. Points are read on a connection of their own, beside the rest: while the
 * texts of some are parsed the database makes the next.
 *
 * @param known - records that are not read again where the database says that they are the same
 */
export async function recover(
  connection: DuckDBConnection,
  other: DuckDBConnection,
  known: PlantRecords,
): Promise<Recovered & { readonly isKnown: boolean }> {
  const [rest, points] = await Promise.all([recoverRest(connection, known), pointRecords(other, known)]);
  return { ...rest, points: points.all, isKnown: points.isKnown && rest.devices === known.devices.records };
}

async function recoverRest(connection: DuckDBConnection, known: PlantRecords): Promise<Omit<Recovered, 'points'>> {
  const isSame = (await hashOfDevices(connection)) === known.devices.hash;
  const devices = isSame
    ? known.devices.records
    : await records<DeviceInfo>(connection, 'SELECT id AS key, record FROM devices');
  const last = (await connection.runAndReadAll(`SELECT coalesce(max(number), 0)::DOUBLE FROM commits`)).getRows();
  const snapshot = await loadSnapshot(connection);
  return {
    lastCommit: last[0]?.[0] as number,
    ...(snapshot === undefined ? {} : { snapshot }),
    devices,
    sources: await records<SourceInfo>(connection, 'SELECT id AS key, record FROM sources'),
    edges: await records<EdgeRecord>(connection, 'SELECT id AS key, record FROM edges'),
    marks: await records<LaneMark>(
      connection,
      `SELECT key, arg_max(record, commit) AS record FROM
         (SELECT key, record, commit FROM mark_log UNION ALL SELECT key, record, -1 FROM marks) GROUP BY key`,
    ),
    openAlarms: await records<Alarm>(connection, 'SELECT (raised_at, id) AS key, record FROM alarms WHERE open'),
  };
}

/**
 * Records by their key. The database puts many into one text: a value of its own, and a text to parse, for each of
 * 329,000 points took 2 s of a start.
 *
 * @param relation - columns `key` and `record`
 */
async function records<T>(connection: DuckDBConnection, relation: string): Promise<T[]> {
  const texts = await connection.stream(
    `SELECT '[' || string_agg(record, ',' ORDER BY n) || ']' FROM
       (SELECT record, row_number() OVER (ORDER BY key) AS n FROM (${relation}))
     GROUP BY n // ${PAGE_RECORDS} ORDER BY min(n)`,
  );
  const all: T[] = [];
  for (;;) {
    const chunk = await texts.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return all;
    for (const text of chunk.getColumnValues(0))
      for (const record of JSON.parse(text as string) as T[]) all.push(record);
  }
}

/** The same for points, whose ids are 0, 1, 2 …: page by page, the next one on its way while one is parsed. */
async function pointRecords(
  connection: DuckDBConnection,
  known: PlantRecords,
): Promise<{ readonly all: readonly PointInfo[]; readonly isKnown: boolean }> {
  const pages = [...(await hashesOfPoints(connection))].map(([number, hash]) => {
    const page = known.points.get(number);
    return { number, records: page?.hash === hash ? page.records : undefined };
  });
  const textOf = async (number: number): Promise<string> => {
    const read = await connection.runAndReadAll(
      `SELECT '[' || string_agg(record, ',' ORDER BY id) || ']' FROM points
       WHERE id >= ${int(number * PAGE_RECORDS)} AND id < ${int((number + 1) * PAGE_RECORDS)}`,
    );
    return read.getRows()[0]?.[0] as string;
  };
  const unknown = pages.filter(({ records }) => records === undefined);
  const all: PointInfo[] = [];
  let asked = 0;
  const askNext = () =>
    asked < unknown.length ? textOf((unknown[asked++] as (typeof pages)[number]).number) : undefined;
  let next = askNext();
  for (const { records } of pages) {
    if (records !== undefined) {
      for (const record of records) all.push(record);
      continue;
    }
    const text = (await next) as string;
    next = askNext();
    for (const record of JSON.parse(text) as PointInfo[]) all.push(record);
  }
  return { all, isKnown: unknown.length === 0 };
}

/** Commits that are read at once: at full load 400,000 readings, 14 MB, and 1 MB of inputs. */
const REPLAY_COMMITS = 16;

interface ReplayPiece {
  readonly commits: readonly (readonly [number: number, at: number, inputs: string])[];
  /** Of each commit that has some, in commit order. */
  readonly readings: Iterator<{ readonly number: number; readonly readings: Readings }>;
}

/**
 * Streams what was committed after a snapshot, in commit order. While one piece is judged the database reads the next, and
 * the first one is asked for at once. Numbers of commits follow each other, so nobody has to look for the next ones: the
 * database would sort the inputs of all for it.
 * The connection must be used for nothing else meanwhile.
 */
export async function* replay(
  connection: DuckDBConnection,
  hotTables: readonly Pick<HotTable, 'name' | 'firstCommit'>[],
  after: number,
): ReturnType<Store['replay']> {
  let first = after + 1;
  const newest = connection.runAndReadAll('SELECT coalesce(max(number), 0)::DOUBLE FROM commits');
  let next: Promise<ReplayPiece> | undefined = readPiece(connection, hotTables, first);
  try {
    const last = (await newest).getRows()[0]?.[0] as number;
    while (next !== undefined) {
      const { commits, readings }: ReplayPiece = await next;
      first += REPLAY_COMMITS;
      next = first <= last ? readPiece(connection, hotTables, first) : undefined;
      let held = readings.next();
      for (const [number, at, inputs] of commits) {
        while (held.done !== true && held.value.number < number) held = readings.next();
        const own = held.done !== true && held.value.number === number ? held.value.readings : new ReadingBuffer(1);
        yield { number, at, inputs: JSON.parse(inputs) as JudgeInput[], readings: own };
      }
    }
  } finally {
    // Who stops early must not find the connection at work.
    await Promise.allSettled([newest, next]);
  }
}

/** All is asked at once, in whatever order the connection answers: the loop may be busy in between. */
async function readPiece(
  connection: DuckDBConnection,
  hotTables: readonly Pick<HotTable, 'name' | 'firstCommit'>[],
  first: number,
): Promise<ReplayPiece> {
  const last = first + REPLAY_COMMITS - 1;
  const touched = hotTables.filter(({ firstCommit }, index) => {
    const endsBefore = hotTables[index + 1]?.firstCommit ?? Number.POSITIVE_INFINITY;
    return firstCommit <= last && endsBefore > first;
  });
  const [found, ...results] = await Promise.all([
    connection.run(
      `SELECT number::DOUBLE, moment::DOUBLE, inputs FROM commits WHERE number BETWEEN ${int(first)} AND ${int(last)}`,
    ),
    ...touched.map(({ name }) =>
      connection.run(
        `SELECT commit, point, ts, value, quality, reason FROM ${name} WHERE commit BETWEEN ${int(first)} AND ${int(last)}`,
      ),
    ),
  ]);
  const commits = (await found.getRows()) as [number: number, at: number, inputs: string][];
  return { commits: commits.sort(([a], [b]) => a - b), readings: readingsByCommit(results) };
}

/** The readings of each commit that has some, in commit order: a table's rows lie in the order they were appended. */
function* readingsByCommit(
  results: readonly DuckDBMaterializedResult[],
): Generator<{ readonly number: number; readonly readings: Readings }> {
  let number = -1;
  let readings = new ReadingBuffer();
  for (const result of results) {
    for (const { rows, columns } of resultColumns(result, [
      'bigint',
      'integer',
      'bigint',
      'double',
      'utinyint',
      'utinyint',
    ])) {
      const [commit, point, tsMs, value, quality, reason] = columns as [
        Float64Array,
        Int32Array,
        Float64Array,
        Float64Array,
        Uint8Array,
        Uint8Array,
      ];
      for (let from = 0; from < rows; ) {
        if (commit[from] !== number) {
          if (readings.length > 0) yield { number, readings };
          readings = new ReadingBuffer(readings.length + 1);
          number = commit[from] as number;
        }
        let to = from + 1;
        while (to < rows && commit[to] === number) to++;
        readings.append({ point, tsMs, value, quality, reason }, from, to);
        from = to;
      }
    }
  }
  if (readings.length > 0) yield { number, readings };
}
