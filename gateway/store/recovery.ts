import type { DuckDBConnection } from '@duckdb/node-api';
import type { Alarm } from '../../contract/alarm.ts';
import type { DeviceInfo, JudgeInput, PointInfo, SourceInfo } from '../domain/plant.ts';
import { ReadingBuffer, type Readings } from '../domain/readings.ts';
import { columnsOf, int } from './columns.ts';
import { loadSnapshot } from './snapshot.ts';
import type { EdgeRecord, LaneMark, Recovered, Store } from './store.ts';

/** Everything a start needs before the replay. */
export async function recover(connection: DuckDBConnection): Promise<Recovered> {
  const last = (await connection.runAndReadAll(`SELECT coalesce(max(number), 0)::DOUBLE FROM commits`)).getRows();
  const snapshot = await loadSnapshot(connection);
  return {
    lastCommit: last[0]?.[0] as number,
    ...(snapshot === undefined ? {} : { snapshot }),
    points: await records<PointInfo>(connection, 'SELECT id AS key, record FROM points', true),
    devices: await records<DeviceInfo>(connection, 'SELECT id AS key, record FROM devices'),
    sources: await records<SourceInfo>(connection, 'SELECT id AS key, record FROM sources', true),
    edges: await records<EdgeRecord>(connection, 'SELECT id AS key, record FROM edges'),
    marks: await records<LaneMark>(
      connection,
      `SELECT key, arg_max(record, commit) AS record FROM
         (SELECT key, record, commit FROM mark_log UNION ALL SELECT key, record, -1 FROM marks) GROUP BY key`,
    ),
    openAlarms: await records<Alarm>(connection, 'SELECT (raised_at, id) AS key, record FROM alarms WHERE open'),
  };
}

/** Records that come as one text: half a megabyte, a few milliseconds to parse. */
const RECORDS_A_TEXT = 4096;

/**
 * Records by their key. The database puts many into one text: a value of its own, and a text to parse, for each of
 * 329,000 points took 2 s of a start.
 *
 * @param relation - columns `key` and `record`
 * @param isDense - keys are 0, 1, 2 …: need not be counted
 */
async function records<T>(connection: DuckDBConnection, relation: string, isDense = false): Promise<T[]> {
  const numbered = isDense
    ? `SELECT record, key AS n FROM (${relation})`
    : `SELECT record, row_number() OVER (ORDER BY key) AS n FROM (${relation})`;
  const texts = await connection.stream(
    `SELECT '[' || string_agg(record, ',' ORDER BY n) || ']' FROM (${numbered})
     GROUP BY n // ${RECORDS_A_TEXT} ORDER BY min(n)`,
  );
  const all: T[] = [];
  for (;;) {
    const chunk = await texts.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return all;
    for (const text of chunk.getColumnValues(0))
      for (const record of JSON.parse(text as string) as T[]) all.push(record);
  }
}

/** Commits whose inputs are read at once, at full load 60 KB each; their readings come one commit after another. */
const REPLAY_COMMITS = 64;

/** Streams what was committed after a snapshot, in commit order. The connection must be used for nothing else meanwhile. */
export async function* replay(
  connection: DuckDBConnection,
  hotTables: readonly string[],
  after: number,
): ReturnType<Store['replay']> {
  for (let next = after; ; ) {
    const commits = (
      await connection.runAndReadAll(
        `SELECT number::DOUBLE, moment::DOUBLE, inputs FROM commits WHERE number > ${int(next)} ORDER BY number LIMIT ${REPLAY_COMMITS}`,
      )
    ).getRows() as [number: number, at: number, inputs: string][];
    const last = commits.at(-1)?.[0];
    if (last === undefined) return;
    const readings = readingsByCommit(connection, hotTables, commits[0]?.[0] as number, last);
    let held = await readings.next();
    for (const [number, at, inputs] of commits) {
      while (held.value !== undefined && held.value.number < number) held = await readings.next();
      const own = held.value?.number === number ? held.value.readings : new ReadingBuffer(1);
      yield { number, at, inputs: JSON.parse(inputs) as JudgeInput[], readings: own };
    }
    next = last;
  }
}

/** The readings of each commit that has some, in commit order: a table's rows lie in the order they were appended. */
async function* readingsByCommit(
  connection: DuckDBConnection,
  hotTables: readonly string[],
  first: number,
  last: number,
): AsyncGenerator<{ readonly number: number; readonly readings: Readings }, undefined> {
  let number = -1;
  let readings = new ReadingBuffer();
  for (const table of hotTables) {
    const chunks = columnsOf(
      connection,
      `SELECT commit, point, ts, value, quality, reason FROM ${table} WHERE commit BETWEEN ${int(first)} AND ${int(last)}`,
      ['bigint', 'integer', 'bigint', 'double', 'utinyint', 'utinyint'],
    );
    for await (const { rows, columns } of chunks) {
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
  return undefined;
}
