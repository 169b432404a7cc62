import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GOOD } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { FILES_CHECKED } from '../../gateway/store/history.ts';
import type { RetentionPolicy } from '../../gateway/store/retention.ts';
import { SHARD_POINTS } from '../../gateway/store/segments.ts';
import type { Range } from '../../gateway/store/store.ts';
import { MERGE_SEGMENTS } from '../../gateway/store/tidy-plan.ts';
import { removeFolder } from '../support/folders.ts';
import { latest } from '../support/latest.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const T0 = Date.UTC(2026, 10, 20, 8);
const all: Range = { from: 0, to: T0 + 400 * DAY };

type Row = readonly [point: number, ts: number, value: number];

/** @param at - negative: from the end */
function overwrite(path: string, at: number, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, at < 0 ? statSync(path).size + at : at);
  closeSync(file);
}

describe('sealed history', () => {
  let folder: string;
  let dataDir: string;
  let store: DuckDbStore;
  let commit = 0;
  let now = T0;
  let retention: RetentionPolicy = {};

  const start = () =>
    DuckDbStore.open({ dataDir, newId: () => 'store', now: () => now, ballastBytes: 0, retention: () => retention });
  const put = async (rows: readonly Row[]) => {
    const readings = new ReadingBuffer();
    for (const [point, ts, value] of rows) readings.push(point, ts, value, GOOD, 0);
    await store.commit({ number: ++commit, at: now, inputs: [], readings });
  };
  /** Seals what was put so far. */
  const seal = async () => {
    await store.rotate();
    await store.saveSnapshot(commit, '');
    await store.settle(now);
  };
  const files = () =>
    (existsSync(join(dataDir, 'history'))
      ? readdirSync(join(dataDir, 'history'), { recursive: true, encoding: 'utf8' })
      : []
    )
      .filter((name) => name.endsWith('.parquet'))
      .sort();
  const byPoint = (dir = dataDir) =>
    readdirSync(join(dir, 'rollups'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.by-point'))
      .map((name) => join(dir, 'rollups', name))
      .sort();
  const values = async (point: number, range = all) =>
    (await store.readings(point, range, 1_000_000)).map(({ ts, value }) => [ts - T0, value]);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-history-'));
    dataDir = join(folder, 'data');
    commit = 0;
    now = T0;
    retention = {};
    store = await start();
  });

  afterEach(async () => {
    await store.close();
    removeFolder(folder);
  });

  it('knows the newest of every point: of those that talk, of those silent for minutes, hours or days, and of a moment corrected', async () => {
    const points = Array.from({ length: 1200 }, (_, point) => point);
    const hour = 3_600_000;
    const last = (point: number) => T0 + DAY - [0, 60_000, 2 * hour, DAY][point % 4]!;
    await put(
      points.flatMap((point): Row[] => [
        [point, last(point) - hour, -1],
        [point, last(point), 1],
      ]),
    );
    await seal();
    // Late ones, in another order, and every fifth moment again with another value.
    await put(
      points.map((point): Row => (point % 5 === 0 ? [point, last(point), 2] : [point, last(point) - 60_000, 3])),
    );
    await put(
      points
        .filter((point) => point % 10 === 0)
        .flatMap((point): Row[] => [
          [point, last(point), 4],
          [point, last(point) - 1, 5],
        ]),
    );
    const expected = points.map((point) => [point, last(point), point % 10 === 0 ? 4 : point % 5 === 0 ? 2 : 1]);
    expect(await latest(store, points)).toEqual(expected);
    expect(await latest(store, [20, 1201, 3])).toEqual([expected[20], undefined, expected[3]]);
    await seal();
    expect(await latest(store, points)).toEqual(expected);
  });

  it('answers the same before and after sealing, and after a restart', async () => {
    const rows: Row[] = Array.from({ length: 5000 }, (_, index) => [index % 10, T0 + index * 60_000, index]);
    await put(rows);
    const ask = async () => [
      await store.readings(3, all, 10_000),
      await store.buckets(3, { from: T0, to: T0 + 2 * DAY }, 100, 600_000),
      await store.query({ from: T0, to: T0 + 3 * DAY, stepMs: 3_600_000, points: [1, 2], aggregate: 'mean' }),
      await latest(store, [0, 9, 11]),
      await store.existing([{ point: 3, ts: T0 + 3 * 60_000 }]),
    ];
    const before = await ask();
    await seal();
    expect(files()).toHaveLength(4);
    expect(await ask()).toEqual(before);
    await store.close();
    store = await start();
    expect(await ask()).toEqual(before);
  });

  it('keeps a table that the replay after a crash still needs', async () => {
    await put([[0, T0, 1]]);
    await store.rotate();
    await store.settle(now);
    expect(files()).toHaveLength(1);
    await store.close();
    store = await start();
    const replayed = async () => {
      let rows = 0;
      for await (const { readings } of store.replay(0)) rows += readings.length;
      return rows;
    };
    expect(await values(0)).toEqual([[0, 1]]);
    expect(store.sizes.hotTables).toBe(2);
    expect(await replayed()).toBe(1);
    await store.saveSnapshot(commit, '');
    await store.settle(now);
    expect(store.sizes.hotTables).toBe(1);
    expect(await values(0)).toEqual([[0, 1]]);
  });

  it('lets the last committed value win between sealed files and what came later', async () => {
    await put([
      [0, T0, 1],
      [0, T0 + 1, 1],
    ]);
    await put([[0, T0, 2]]);
    await seal();
    expect(await values(0)).toEqual([
      [0, 2],
      [1, 1],
    ]);
    await put([[0, T0 + 1, 5]]);
    expect(await values(0)).toEqual([
      [0, 2],
      [1, 5],
    ]);
    await seal();
    expect(await values(0)).toEqual([
      [0, 2],
      [1, 5],
    ]);
    now = T0 + 3 * DAY;
    await store.settle(now);
    expect(files()).toHaveLength(1);
    expect(await values(0)).toEqual([
      [0, 2],
      [1, 5],
    ]);
    expect(await store.query({ ...all, points: [0], stepMs: DAY * 1000, aggregate: 'count' })).toMatchObject([
      { values: [{ value: 2 }] },
    ]);
  });

  it('merges the segments of a day step by step, and a closed day into one file another program can read', async () => {
    const rounds = MERGE_SEGMENTS + 2;
    for (let round = 0; round < rounds; round++) {
      await put(
        Array.from({ length: 200 }, (_, index): Row => [index % 20, T0 + round * 10_000 + index, round + index / 1000]),
      );
      await seal();
    }
    expect(files()).toHaveLength(3);
    const before = await values(7);
    expect(before).toHaveLength(rounds * 10);
    now = T0 + 2 * DAY;
    await store.settle(now);
    expect(await values(7)).toEqual(before);
    const [file, ...others] = files();
    expect(others).toEqual([]);
    expect(file).toMatch(/^date=2026-11-20\/readings-\d+\.parquet$/);
    const other = await (await DuckDBInstance.create()).connect();
    const read = await other.runAndReadAll(
      `SELECT count(*)::INTEGER, count(DISTINCT (point, ts))::INTEGER FROM read_parquet('${join(dataDir, 'history', file!)}')`,
    );
    expect(read.getRows()).toEqual([[rounds * 200, rounds * 200]]);
    await store.settle(now);
    expect(files()).toEqual([file]);
  });

  it('brings scattered late readings to their days', async () => {
    await put(Array.from({ length: 30 }, (_, index): Row => [0, T0 - index * DAY, index]));
    await seal();
    expect(await values(0)).toHaveLength(30);
    expect(files().some((name) => name.startsWith('late'))).toBe(false);
    expect(files()).toHaveLength(30);
    await put([
      [0, T0 - 5 * DAY + 1, 77],
      [0, T0 - 5 * DAY, 78],
    ]);
    await seal();
    expect(files()).toHaveLength(30);
    expect(await values(0, { from: T0 - 5 * DAY, to: T0 - 5 * DAY + 2 })).toEqual([
      [-5 * DAY, 78],
      [-5 * DAY + 1, 77],
    ]);
  });

  it('answers whole quarters of an hour from their sums as from the readings themselves', async () => {
    const rows = (from: number, to: number): Row[] =>
      Array.from({ length: to - from }, (_, index) => [
        index % 4,
        T0 + (from + index) * 7000,
        Math.sin(from + index) * 100,
      ]);
    await put(rows(0, 3000));
    await seal();
    await put(rows(3000, 4000));
    await seal();
    await put(rows(4000, 5000));
    const range = { from: T0, to: T0 + 12 * 3_600_000, points: [0, 2, 3] };
    for (const aggregate of ['min', 'max', 'mean', 'sum', 'last', 'count'] as const) {
      const quarters = await store.query({ ...range, stepMs: 1_800_000, aggregate });
      // A range that ends off a quarter is answered from raw readings.
      const raw = await store.query({ ...range, to: range.to + 1, stepMs: 1_800_000, aggregate });
      expect(quarters.map(({ values: list }) => list.length)).toEqual([20, 20, 20]);
      for (const [index, { values: list }] of raw.entries()) {
        for (const [slot, value] of list.entries()) {
          expect(quarters[index]?.values[slot]).toEqual({ ...value, value: expect.closeTo(value.value, 6) });
        }
      }
    }
  });

  it('answers long steps from sums of closed days, and counts a correction once as soon as its day is closed', async () => {
    const hours = 4 * 24;
    const from = Date.UTC(2026, 10, 20);
    const rows = Array.from({ length: hours }, (_, index): Row => [index % 2, from + index * 3_600_000, index]);
    await put(rows);
    await seal();
    await put([[0, from, 1000]]);
    await seal();
    now = from + 6 * DAY;
    await store.settle(now);
    const rollups = readdirSync(join(dataDir, 'rollups'), { recursive: true, encoding: 'utf8' });
    expect(rollups.filter((name) => name.includes('days-'))).toHaveLength(4);
    // Late, not sealed: adds to the day's sums.
    await put([[1, from + 60_000, 5]]);
    for (const aggregate of ['min', 'max', 'mean', 'sum', 'last', 'count'] as const) {
      const query = { from, to: from + 4 * DAY, points: [0, 1], aggregate };
      const days = await store.query({ ...query, stepMs: 2 * DAY });
      // Begins off a quarter: answered from the readings themselves.
      const raw = await store.query({ ...query, from: from - 1, to: query.to - 1, stepMs: 2 * DAY });
      expect(days.map(({ values: list }) => list.map(({ value }) => value))).toEqual(
        raw.map(({ values: list }) => list.map(({ value }) => expect.closeTo(value, 6))),
      );
    }
    expect(await store.query({ from, to: from + DAY, stepMs: DAY, points: [0], aggregate: 'count' })).toMatchObject([
      { values: [{ value: 12 }] },
    ]);
  });

  it('counts a corrected moment once, wherever its values lie, while its day is open', async () => {
    const from = Date.UTC(2026, 10, 20, 8);
    const minutes = (n: number, value: (minute: number) => number): Row[] =>
      Array.from({ length: n }, (_, minute): Row => [minute % 2, from + minute * 60_000, value(minute)]);
    const bad = async (point: number, ts: number) => {
      const readings = new ReadingBuffer();
      readings.push(point, ts, Number.NaN, 2, 2);
      await store.commit({ number: ++commit, at: now, inputs: [], readings });
    };
    const expectRight = async () => {
      for (const aggregate of ['min', 'max', 'mean', 'sum', 'last', 'count'] as const) {
        const query = { from, to: from + 4 * 3_600_000, points: [0, 1], aggregate };
        const sums = await store.query({ ...query, stepMs: 3_600_000 });
        // The same steps by a length that sums don't have.
        const raw = await Promise.all(
          [0, 1, 2, 3].map((hour) =>
            store.query({
              ...query,
              from: from + hour * 3_600_000 - 1,
              to: from + (hour + 1) * 3_600_000,
              stepMs: DAY,
            }),
          ),
        );
        for (const [index, { values: list }] of sums.entries())
          expect(list.map(({ value, count }) => [value, count])).toEqual(
            raw.flatMap(
              (hour) => hour[index]?.values.map(({ value, count }) => [expect.closeTo(value, 6), count]) ?? [],
            ),
          );
      }
    };
    await put(minutes(200, (minute) => minute));
    await seal();
    // Not sealed, in the same table, and a value taken back.
    await put([
      [0, from, 1000],
      [0, from, 2000],
      [1, from + 60_000, -500],
    ]);
    await bad(0, from + 2 * 60_000);
    await put([[0, from + 201 * 60_000, 3]]);
    await expectRight();
    await seal();
    await expectRight();
    // Again, beside new ones, merged with what is there.
    for (let n = 0; n < MERGE_SEGMENTS; n++) {
      await put([
        [0, from + 16 * 60_000, n],
        [1, from + (203 + 2 * n) * 60_000, n],
      ]);
      await seal();
    }
    await expectRight();
    await store.close();
    store = await start();
    await expectRight();
    now = from + 2 * DAY;
    await store.settle(now);
    await expectRight();
    // Late for a closed day, scattered with others.
    await put(Array.from({ length: 12 }, (_, day): Row => [0, from + 4 * 60_000 - day * DAY, 77]));
    await seal();
    await expectRight();
  });

  it('makes buckets over more days than one read takes as over all of them at once', async () => {
    const rows = Array.from({ length: 40 * 12 }, (_, n): Row => [0, T0 + n * 7_200_000 + (n % 5) * 1000, n % 17]);
    await put(rows);
    await put([[0, T0 + 20 * DAY, 99]]);
    const ask = () => store.buckets(0, { from: T0, to: T0 + 40 * DAY }, 77, 7_300_000);
    const before = await ask();
    expect(before.reduce((sum, { count }) => sum + count, 0)).toBe(40 * 12);
    await seal();
    expect(files().length).toBeGreaterThan(32);
    expect(await ask()).toEqual(before);
  });

  it('ends a range of sums in the middle of a quarter', async () => {
    const from = Date.UTC(2026, 10, 20, 8);
    await put(Array.from({ length: 120 }, (_, index): Row => [0, from + index * 60_000, index]));
    await seal();
    const to = from + 3_600_000 + 5 * 60_000;
    expect(await store.query({ from, to, stepMs: 3_600_000, points: [0], aggregate: 'count' })).toMatchObject([
      {
        values: [
          { ts: from, value: 60 },
          { ts: from + 3_600_000, value: 5 },
        ],
      },
    ]);
  });

  it('makes sums anew from the readings when a file of them is damaged, and answers rightly meanwhile', async () => {
    await put(Array.from({ length: 100 }, (_, index): Row => [0, T0 + index * 60_000, index]));
    await seal();
    const ask = () => store.query({ from: T0, to: T0 + 7_200_000, stepMs: 900_000, points: [0], aggregate: 'sum' });
    const before = await ask();
    const [sums] = readdirSync(join(dataDir, 'rollups'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.parquet'),
    );
    await store.close();
    truncateSync(join(dataDir, 'rollups', sums!), 50);
    store = await start();
    expect(store.problems).toEqual([expect.stringContaining('quarters')]);
    expect(await ask()).toEqual(before);
    await store.settle(now);
    expect(store.problems).toEqual([]);
    expect(await ask()).toEqual(before);
  });

  it('answers from the file of sums when its copy by point is damaged, and makes the copy anew', async () => {
    const points = Array.from({ length: 40 }, (_, point) => point * 3);
    for (const hour of [0, 1]) {
      await put(
        points.flatMap((point) =>
          [5, 25, 50].map((minute): Row => [point, T0 + hour * HOUR + minute * 60_000, point + minute / 7]),
        ),
      );
      await seal();
    }
    const ask = () => store.query({ from: T0, to: T0 + 2 * HOUR, stepMs: 900_000, points, aggregate: 'mean' });
    const before = await ask();
    expect(before.flatMap(({ values }) => values)).toHaveLength(40 * 6);
    for (const damage of [
      (path: string) => rmSync(path),
      (path: string) => truncateSync(path, 60),
      // Of the same size: the index is zeros, then a block is another.
      (path: string) => overwrite(path, -100, Buffer.alloc(100)),
      (path: string) => overwrite(path, 30, Buffer.from('wrong')),
    ]) {
      const copies = byPoint();
      expect(copies).toHaveLength(2);
      const whole = copies.map((copy) => readFileSync(copy));
      for (const copy of copies) damage(copy);
      expect(await ask()).toEqual(before);
      expect(store.problems).toEqual([]);
      await store.settle(now);
      expect(byPoint().map((copy) => readFileSync(copy))).toEqual(whole);
      expect(await ask()).toEqual(before);
    }
  });

  it('gives the sums of an older program their copies by point, and removes copies with their files', async () => {
    for (let hour = 0; hour < 3; hour++) {
      await put([
        [0, T0 + hour * HOUR, 1 + hour],
        [9, T0 + hour * HOUR + 1, 7],
      ]);
      await seal();
    }
    const ask = () => store.query({ from: T0, to: T0 + 4 * HOUR, stepMs: HOUR, points: [0, 9], aggregate: 'max' });
    const before = await ask();
    await store.close();
    const instance = await DuckDBInstance.create(join(dataDir, 'hanfeng.duckdb'));
    const connection = await instance.connect();
    await connection.run('ALTER TABLE segments DROP COLUMN by_point_bytes');
    await connection.run(`UPDATE meta SET value = '9' WHERE key = 'schema'`);
    connection.closeSync();
    instance.closeSync();
    store = await start();
    // None of them is known: they are what a crash left behind.
    expect(byPoint()).toEqual([]);
    expect(await ask()).toEqual(before);
    await store.settle(now);
    expect(byPoint()).toHaveLength(3);
    expect(await ask()).toEqual(before);
    now = T0 + 3 * DAY;
    await store.settle(now);
    expect(byPoint()).toHaveLength(1);
    expect(await ask()).toEqual(before);
    const copy = join(dataDir, 'tmp', 'backup-1');
    await store.backup(copy);
    expect(byPoint(copy)).toHaveLength(1);
  });

  it('keeps files of neighbouring points apart from others, and looks only into those', async () => {
    await put([
      [0, T0, 1],
      [SHARD_POINTS, T0, 2],
    ]);
    await seal();
    const [, high] = files();
    expect(files()).toHaveLength(2);
    await store.close();
    // Whoever asks for the other point never opens this file.
    truncateSync(join(dataDir, 'history', high!), 100);
    store = await start();
    expect(await values(0)).toEqual([[0, 1]]);
    expect(await values(SHARD_POINTS)).toEqual([]);
  });

  it('gives a page of a long past without reading all of it', async () => {
    const days = 18;
    for (let day = 0; day < days; day++) await put([[0, T0 - day * DAY, day]]);
    await seal();
    expect((await store.readings(0, all, 3)).map(({ value }) => value)).toEqual([17, 16, 15]);
    expect(await values(0)).toHaveLength(days);
  });

  it('forgets days by age, points of a shorter life before them, and the oldest days over a budget', async () => {
    await put(
      Array.from(
        { length: 8 },
        (_, day) =>
          [
            [0, T0 - day * DAY, day],
            [1, T0 - day * DAY, day],
          ] as Row[],
      ).flat(),
    );
    await seal();
    retention = { maxAgeMs: 5 * DAY, shorter: [{ name: 'lamps', maxAgeMs: 2 * DAY, points: [1] }] };
    await store.settle(now);
    const daysOf = async (point: number) => (await values(point)).map(([ts]) => -ts! / DAY).reverse();
    expect(await daysOf(0)).toEqual([-0, 1, 2, 3, 4, 5].map((day) => day || -0));
    expect(await daysOf(1)).toEqual([-0, 1, 2]);
    const before = files();
    await store.settle(now);
    expect(files()).toEqual(before);
    retention = { maxBytes: 1 };
    await store.settle(now);
    expect(await daysOf(0)).toEqual([-0]);
  });

  it('exports readings under their names, sealed or not, each moment once', async () => {
    const point = { id: 0, device: "d'1", measurement: 'flow', maxSilenceMs: 1000, reportingDelayMs: 0 };
    await put([
      [0, T0, 1],
      [1, T0, 5],
    ]);
    await seal();
    const readings = new ReadingBuffer();
    readings.push(0, T0, 2, GOOD, 0);
    readings.push(0, T0 + 1000, Number.NaN, 2, 2);
    await store.commit({ number: ++commit, at: now, inputs: [], readings, points: [point] });
    const file = join(dataDir, 'tmp', 'export.parquet');
    await store.exportParquet([0], all, file);
    const other = await (await DuckDBInstance.create()).connect();
    const rows = await other.runAndReadAll(
      `SELECT epoch_ms(timestamp)::DOUBLE, * EXCLUDE timestamp FROM read_parquet('${file}')`,
    );
    expect(rows.getRows()).toEqual([
      [T0, "d'1/flow", 2, 'good', null],
      [T0 + 1000, "d'1/flow", null, 'bad', 'timeout'],
    ]);
    await expect(store.exportParquet([0], all, join(folder, 'outside.parquet'))).rejects.toThrow(/not below/);
  });

  it('copies itself while it runs; the copy opens as another folder with everything in it', async () => {
    await put([[0, T0, 1]]);
    await seal();
    await put([[0, T0 + 1, 2]]);
    const id = store.id;
    const copy = join(dataDir, 'tmp', 'backup-1');
    await store.backup(copy);
    await put([[0, T0 + 2, 3]]);
    const restored = await DuckDbStore.open({ dataDir: copy, newId: () => 'copy', now: () => now, ballastBytes: 0 });
    expect(restored.id).not.toBe(id);
    expect((await restored.recover()).lastCommit).toBe(2);
    expect((await restored.readings(0, all, 10)).map(({ value }) => value)).toEqual([1, 2]);
    await restored.close();
    expect(await values(0)).toHaveLength(3);
  });

  it('removes what a crash left behind, and nothing that is not ours', async () => {
    await put([[0, T0, 1]]);
    await seal();
    const day = join(dataDir, 'history', 'date=2026-11-20');
    for (const name of [
      'readings-999.parquet',
      'readings-998.parquet.tmp',
      'quarters-9.by-point',
      'quarters-8.by-point.tmp',
      'notes.parquet',
    ])
      writeFileSync(join(day, name), 'x');
    await store.close();
    store = await start();
    expect(readdirSync(day).sort()).toEqual([
      'notes.parquet',
      files()
        .find((name) => name.includes('readings'))!
        .split('/')[1],
    ]);
    expect(await values(0)).toEqual([[0, 1]]);
  });

  it('names and sets aside a torn file at the start, and serves the rest', async () => {
    await put([
      [0, T0, 1],
      [0, T0 + DAY, 2],
    ]);
    await seal();
    const [first] = files();
    await store.close();
    truncateSync(join(dataDir, 'history', first!), 100);
    store = await start();
    expect(store.problems).toEqual([expect.stringContaining('is quarantined: 100 bytes')]);
    expect(await values(0)).toEqual([[DAY, 2]]);
    expect(readdirSync(join(dataDir, 'quarantine'))).toHaveLength(1);
    await store.close();
    store = await start();
    expect(store.problems).toHaveLength(1);
  });

  it('starts without a look at all of thousands of files, and names a torn one soon after', async () => {
    await put([
      [0, T0, 1],
      [0, T0 + DAY, 2],
    ]);
    await seal();
    const [first] = files();
    await store.close();
    truncateSync(join(dataDir, 'history', first!), 100);
    // A year or so of days that were closed, each with a file that stands for the others.
    const instance = await DuckDBInstance.create(join(dataDir, 'hanfeng.duckdb'));
    const connection = await instance.connect();
    const [summed] = (
      await connection.runAndReadAll(`SELECT file, bytes FROM segments WHERE kind = 'quarters'`)
    ).getRows();
    await connection.run(
      `INSERT INTO segments SELECT 1000 + i, 'days', 10000 + i, 9, 'rollups/date=2020-01-01/days-' || (1000 + i) || '.parquet',
         1, ${summed?.[1]}, 0, 0, 10, 10, 'live', 0, 0, 0 FROM range(${FILES_CHECKED + 40}) days(i)`,
    );
    connection.closeSync();
    instance.closeSync();
    mkdirSync(join(dataDir, 'rollups', 'date=2020-01-01'), { recursive: true });
    for (let id = 1000; id < 1000 + FILES_CHECKED + 40; id++)
      linkSync(join(dataDir, summed?.[0] as string), join(dataDir, 'rollups', 'date=2020-01-01', `days-${id}.parquet`));
    store = await start();
    expect(store.problems).toEqual([]);
    await store.settle(now);
    expect(store.problems).toEqual([expect.stringContaining('is quarantined: 100 bytes')]);
    expect(await values(0)).toEqual([[DAY, 2]]);
  });

  it('names and sets aside a file that turns out corrupted while it is read', async () => {
    await put(Array.from({ length: 5000 }, (_, index): Row => [0, T0 + index, Math.sin(index)]));
    await put([[0, T0 + DAY, 2]]);
    await seal();
    const torn = files().find((name) => name.includes('2026-11-20'))!;
    const handle = await open(join(dataDir, 'history', torn), 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 600, 0x5a), 0, size - 600, 4);
    await handle.close();
    expect(await values(0)).toEqual([[DAY, 2]]);
    expect(store.problems).toHaveLength(1);
    expect(store.problems[0]).toContain(torn);
  });
});
