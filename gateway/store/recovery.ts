import type { DuckDBConnection } from '@duckdb/node-api';
import type { Alarm } from '../../contract/alarm.ts';
import type { QualityCode } from '../../contract/reading.ts';
import type { DeviceInfo, JudgeInput, PointInfo, SourceInfo } from '../domain/plant.ts';
import { ReadingBuffer } from '../domain/readings.ts';
import { int, streamColumns } from './columns.ts';
import { loadSnapshot } from './snapshot.ts';
import type { EdgeRecord, LaneMark, Recovered, Store } from './store.ts';

/** Everything a start needs before the replay. */
export async function recover(connection: DuckDBConnection): Promise<Recovered> {
  const records = async <T>(sql: string): Promise<T[]> => {
    const rows = (await connection.runAndReadAll(sql)).getRows();
    return rows.map(([record]) => JSON.parse(record as string) as T);
  };
  const last = (await connection.runAndReadAll(`SELECT coalesce(max(number), 0)::DOUBLE FROM commits`)).getRows();
  const snapshot = await loadSnapshot(connection);
  return {
    lastCommit: last[0]?.[0] as number,
    ...(snapshot === undefined ? {} : { snapshot }),
    points: await records<PointInfo>(`SELECT record FROM points ORDER BY id`),
    devices: await records<DeviceInfo>(`SELECT record FROM devices ORDER BY id`),
    sources: await records<SourceInfo>(`SELECT record FROM sources ORDER BY id`),
    edges: await records<EdgeRecord>(`SELECT record FROM edges ORDER BY id`),
    marks: await records<LaneMark>(
      `SELECT arg_max(record, commit) FROM
         (SELECT key, record, commit FROM mark_log UNION ALL SELECT key, record, -1 FROM marks) GROUP BY key ORDER BY key`,
    ),
    openAlarms: await records<Alarm>(`SELECT record FROM alarms WHERE open ORDER BY raised_at, id`),
  };
}

/** Commits whose readings are loaded at once: 30 s of full load are 300 of them, 10 M rows. */
const REPLAY_COMMITS = 16;

/** Streams what was committed after a snapshot, in commit order. */
export async function* replay(
  connection: DuckDBConnection,
  hotTables: readonly string[],
  after: number,
): ReturnType<Store['replay']> {
  let next = after;
  for (;;) {
    const commits = (
      await connection.runAndReadAll(
        `SELECT number::DOUBLE, moment::DOUBLE, inputs FROM commits WHERE number > ${int(next)} ORDER BY number LIMIT ${REPLAY_COMMITS}`,
      )
    ).getRows();
    const last = commits.at(-1)?.[0] as number | undefined;
    if (last === undefined) return;
    const buffers = await readingsOf(connection, hotTables, commits[0]?.[0] as number, last);
    for (const [number, at, inputs] of commits) {
      yield {
        number: number as number,
        at: at as number,
        inputs: JSON.parse(inputs as string) as JudgeInput[],
        readings: buffers.get(number as number) ?? new ReadingBuffer(1),
      };
    }
    next = last;
  }
}

async function readingsOf(
  connection: DuckDBConnection,
  hotTables: readonly string[],
  first: number,
  last: number,
): Promise<Map<number, ReadingBuffer>> {
  const buffers = new Map<number, ReadingBuffer>();
  for (const table of hotTables) {
    await streamColumns(
      connection,
      `SELECT commit, point, ts, value, quality, reason FROM ${table}
         WHERE commit BETWEEN ${int(first)} AND ${int(last)} ORDER BY commit, rowid`,
      ['bigint', 'integer', 'bigint', 'double', 'utinyint', 'utinyint'],
      ([commit, point, ts, value, quality, reason], rows) => {
        for (let row = 0; row < rows; row++) {
          const number = commit?.[row] as number;
          let buffer = buffers.get(number);
          if (buffer === undefined) {
            buffer = new ReadingBuffer();
            buffers.set(number, buffer);
          }
          buffer.push(
            point?.[row] as number,
            ts?.[row] as number,
            value?.[row] as number,
            quality?.[row] as QualityCode,
            reason?.[row] as number,
          );
        }
      },
    );
  }
  return buffers;
}
