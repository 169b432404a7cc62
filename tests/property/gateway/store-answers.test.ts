import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BAD, QUALITIES, type QualityCode } from '../../../contract/reading.ts';
import { ReadingBuffer } from '../../../gateway/domain/readings.ts';
import { fillBuckets, SlotBuilder, slotLength } from '../../../gateway/store/buckets.ts';
import { DuckDbStore } from '../../../gateway/store/duckdb.ts';
import type { SeriesQuery } from '../../../gateway/store/store.ts';
import { removeFolder } from '../../support/folders.ts';
import { latest } from '../../support/latest.ts';

/** More of them on demand: each asks two or three hundred questions. */
const RUNS = Number(process.env.HANFENG_PROPERTY_RUNS ?? 5);
const MINUTE = 60_000;
const T0 = Date.UTC(2026, 10, 20, 22);
/** Over midnight, so that a sealed table becomes files of two days. */
const MINUTES = 240;
const RANGE = { from: T0, to: T0 + MINUTES * MINUTE };
const POINTS = [0, 1, 2, 20_000];
const SILENCE_MS = 5 * MINUTE;

let folder: string;
let dataDir = '';
let folders = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanfeng-answers-'));
});
afterAll(() => removeFolder(folder));

interface Row {
  readonly point: number;
  readonly ts: number;
  readonly value: number;
  readonly quality: QualityCode;
}

/** What the store should know: of each moment of a point what was committed last. */
class Model {
  private readonly byPoint = new Map<number, Map<number, Row>>();

  put(row: Row): void {
    const rows = this.byPoint.get(row.point) ?? new Map<number, Row>();
    this.byPoint.set(row.point, rows.set(row.ts, row));
  }

  rows(point: number): Row[] {
    return [...(this.byPoint.get(point)?.values() ?? [])].sort((a, b) => a.ts - b.ts);
  }

  series({ points, from, to, stepMs, aggregate }: SeriesQuery) {
    return points.map((point) => {
      const steps = new Map<number, Row[]>();
      for (const row of this.rows(point)) {
        if (row.ts < from || row.ts >= to || row.quality >= BAD || Number.isNaN(row.value)) continue;
        const ts = from + Math.floor((row.ts - from) / stepMs) * stepMs;
        steps.set(ts, [...(steps.get(ts) ?? []), row]);
      }
      return [...steps].map(([ts, rows]) => ({
        ts,
        value: fold(
          aggregate,
          rows.map(({ value }) => value),
        ),
        count: rows.length,
        worstQuality: QUALITIES[Math.max(...rows.map(({ quality }) => quality))],
      }));
    });
  }
}

function fold(aggregate: SeriesQuery['aggregate'], values: readonly number[]): number {
  const sum = values.reduce((all, value) => all + value, 0);
  return {
    min: Math.min(...values),
    max: Math.max(...values),
    sum,
    mean: sum / values.length,
    last: values.at(-1) as number,
    count: values.length,
  }[aggregate];
}

const row: fc.Arbitrary<Row> = fc.record({
  point: fc.constantFrom(...POINTS),
  ts: fc.nat(MINUTES - 1).map((minute) => T0 + minute * MINUTE),
  // Whole numbers: sums are exact in whatever order they are made.
  value: fc.oneof({ arbitrary: fc.integer({ min: -1000, max: 1000 }), weight: 9 }, fc.constant(Number.NaN)),
  quality: fc.constantFrom<QualityCode>(0, 0, 0, 1, 2),
});
/** As a source gives them: ascending from a moment on, all points in turn. */
const run: fc.Arbitrary<Row[]> = fc.tuple(fc.nat(MINUTES - 1), fc.integer({ min: 1, max: 80 })).map(([first, count]) =>
  Array.from({ length: Math.min(count, MINUTES - first) }, (_, index) => ({
    point: POINTS[index % POINTS.length] as number,
    ts: T0 + (first + index) * MINUTE,
    value: first * 10 + index,
    quality: 0,
  })),
);
type Action =
  | { readonly do: 'put'; readonly rows: readonly Row[] }
  | { readonly do: 'rotate' | 'seal' | 'restart' | 'ask' };
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.array(row, { minLength: 1, maxLength: 30 }).map((rows): Action => ({ do: 'put', rows })) },
  { weight: 3, arbitrary: run.map((rows): Action => ({ do: 'put', rows })) },
  { weight: 4, arbitrary: fc.constantFrom<Action>({ do: 'rotate' }, { do: 'seal' }, { do: 'restart' }, { do: 'ask' }) },
);

it(
  'answers from memory, tables and files together what was committed last at each moment',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 9 }), async (actions) => {
        dataDir = join(folder, String(folders++));
        const now = T0 + 3_600_000;
        const open = () => DuckDbStore.open({ dataDir, newId: () => 'store', now: () => now, ballastBytes: 0 });
        let store = await open();
        const model = new Model();
        let commit = 0;
        try {
          for (const each of [...actions, { do: 'ask' } as const]) {
            switch (each.do) {
              case 'put': {
                const readings = new ReadingBuffer();
                for (const { point, ts, value, quality } of each.rows) readings.push(point, ts, value, quality, 0);
                await store.commit({ number: ++commit, at: now, inputs: [], readings });
                for (const one of each.rows) model.put(one);
                break;
              }
              case 'rotate':
                await store.rotate();
                break;
              case 'seal':
                await store.rotate();
                await store.saveSnapshot(commit, '');
                await store.settle(now);
                break;
              case 'restart':
                await store.close();
                store = await open();
                break;
              case 'ask':
                await compare(store, model);
            }
          }
        } finally {
          await store.close();
          removeFolder(dataDir);
        }
      }),
      { numRuns: RUNS },
    );
  },
  RUNS * 30_000,
);

async function compare(store: DuckDbStore, model: Model): Promise<void> {
  const queries: SeriesQuery[] = (['min', 'max', 'mean', 'sum', 'last', 'count'] as const).flatMap((aggregate) => [
    // From sums, from sums with a piece of a quarter at the end, from the readings.
    { ...RANGE, points: POINTS, aggregate, stepMs: 30 * MINUTE },
    { ...RANGE, to: RANGE.to - 67 * MINUTE, points: POINTS, aggregate, stepMs: 15 * MINUTE },
    { ...RANGE, from: RANGE.from + MINUTE, points: POINTS, aggregate, stepMs: 7 * MINUTE },
  ]);
  for (const query of queries) {
    const series = await store.query(query);
    expect(series.map(({ values }) => values)).toEqual(model.series(query));
  }
  for (const across of ['sum', 'mean', 'max'] as const) {
    const query: SeriesQuery = { ...RANGE, points: POINTS, aggregate: 'max', stepMs: 15 * MINUTE };
    const bySlot = new Map<number, number[]>();
    for (const { ts, value } of model.series(query).flat()) bySlot.set(ts, [...(bySlot.get(ts) ?? []), value]);
    const wanted = [...bySlot].map(([ts, values]) => [ts, fold(across, values)]).sort(([a], [b]) => a! - b!);
    const [one] = await store.query({ ...query, across });
    expect(one?.values.map(({ ts, value }) => [ts, value])).toEqual(wanted);
  }
  for (const point of POINTS) {
    const rows = model.rows(point);
    const readings = rows.map(({ ts, value, quality }) => ({
      ts,
      ...(Number.isNaN(value) ? {} : { value }),
      quality: QUALITIES[quality],
    }));
    expect(await store.readings(point, RANGE, 1000)).toEqual(readings);
    expect(await store.readings(point, RANGE, 7)).toEqual(readings.slice(0, 7));
    const narrow = { from: T0 + 20 * MINUTE, to: T0 + 110 * MINUTE };
    const stepMs = slotLength(narrow, 13);
    const slots = new SlotBuilder(narrow, stepMs, SILENCE_MS);
    for (const { ts, value, quality } of rows)
      if (ts >= narrow.from - SILENCE_MS && ts < narrow.to) slots.add(ts, value, quality);
    expect(await store.buckets(point, narrow, 13, SILENCE_MS)).toEqual(
      fillBuckets(slots.end(), narrow, stepMs, SILENCE_MS),
    );
    const moments = Array.from({ length: 20 }, (_, index) => ({ point, ts: T0 + index * 11 * MINUTE }));
    expect(await store.existing(moments)).toEqual(
      moments.map(({ ts }) => readings.find((reading) => reading.ts === ts)),
    );
  }
  const newest = POINTS.map((point) => model.rows(point).at(-1));
  expect(await latest(store, POINTS)).toEqual(newest.map((one) => one && [one.point, one.ts, one.value]));
}
