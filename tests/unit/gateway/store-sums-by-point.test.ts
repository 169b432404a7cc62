import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Segment } from '../../../gateway/store/segments.ts';
import { ByPointReader, writeByPoint } from '../../../gateway/store/sums-by-point.ts';
import { removeFolder } from '../../support/folders.ts';

const QUARTER = 900_000;
const T0 = 1_795_860_000_000;
/** Thick and thin places: neighbours, one of nine, and a lonely one far away. */
const POINTS = [
  ...Array.from({ length: 3000 }, (_, index) => 10 + index),
  ...Array.from({ length: 2000 }, (_, index) => 4000 + index * 9),
  60_000,
];
const SOON = () => performance.now() + 60_000;

describe('sums by point', () => {
  let folder: string;
  let connection: DuckDBConnection;
  let segment: Segment;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-by-point-'));
    mkdirSync(join(folder, 'rollups'));
    connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    const file = join('rollups', 'quarters-7.parquet');
    // Every point has as many quarters as the last digit of its number says, and one.
    await connection.run(
      `COPY (SELECT point::INTEGER AS point, ${T0} + quarter * ${QUARTER} AS ts, point / 4 AS min, point / 4 + quarter AS max,
           (point / 4) * 3 + quarter AS sum, 3::BIGINT AS readings, point / 4 AS last, ${T0} + quarter * ${QUARTER} + 5 AS last_ts,
           0::UTINYINT AS worst
         FROM unnest([${POINTS.join(', ')}]) AS points(point), range(point % 10 + 1) AS quarters(quarter) ORDER BY point, ts)
       TO '${join(folder, file)}' (FORMAT parquet)`,
    );
    const readings = POINTS.reduce((sum, point) => sum + (point % 10) + 1, 0);
    segment = {
      id: 7,
      kind: 'quarters',
      day: 20_785,
      level: 0,
      file,
      readings,
      bytes: 1,
      byPointBytes: 0,
      minPoint: 10,
      maxPoint: 60_000,
      minTs: T0,
      maxTs: T0 + 10 * QUARTER,
      firstCommit: 1,
      lastCommit: 1,
    };
    segment = { ...segment, byPointBytes: await writeByPoint(connection, folder, segment) };
  });

  afterAll(() => {
    connection.closeSync();
    removeFolder(folder);
  });

  const read = async (points: readonly number[], endsBy = SOON()) => {
    const found: (readonly [point: number, rows: number, sum: number])[] = [];
    await new ByPointReader(endsBy).read(folder, segment, points, (index, rows) => {
      const sum = rows.sum.subarray(0, rows.length).reduce((all, each) => all + each, 0);
      found.push([points[index] as number, rows.length, sum]);
    });
    return found;
  };
  const wanted = (points: readonly number[]) => {
    const known = new Set(POINTS);
    return points
      .filter((point) => known.has(point))
      .map((point) => {
        const rows = (point % 10) + 1;
        return [point, rows, (point / 4) * 3 * rows + (rows * (rows - 1)) / 2];
      });
  };

  it('finds every point asked for, neighbours and those all over the place, and none that has no sums', async () => {
    const asked: readonly (readonly number[])[] = [
      POINTS,
      Array.from({ length: 70_000 }, (_, point) => point),
      [10],
      [60_000],
      [0, 9, 11, 3009, 3010, 4009, 21_991, 59_999, 60_000, 60_001],
      Array.from({ length: 700 }, (_, index) => index * 97),
      [],
      [9],
      [60_001],
    ];
    for (const points of asked) expect(await read(points)).toEqual(wanted(points));
  });

  it('gives up when the time for the question is over', async () => {
    await expect(read(POINTS, performance.now() - 1)).rejects.toThrow('took too long');
  });
});
