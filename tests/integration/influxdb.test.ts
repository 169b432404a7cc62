import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BAD, GOOD, type QualityCode, reasonCode, UNCERTAIN } from '../../contract/reading.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { Archive } from '../../gateway/influxdb/archive.ts';
import { archivedStore } from '../../gateway/influxdb/archived-store.ts';
import { InfluxClient } from '../../gateway/influxdb/client.ts';
import { seriesKey } from '../../gateway/influxdb/lines.ts';
import { Outlet, type OutletOptions } from '../../gateway/influxdb/outlet.ts';
import { PositionFile } from '../../gateway/influxdb/position.ts';
import { openOutgoing } from '../../gateway/notify/outgoing.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import type { RetentionPolicy } from '../../gateway/store/retention.ts';
import type { DeadLetter, Store } from '../../gateway/store/store.ts';
import { removeFolder } from '../support/folders.ts';
import { Influxd } from '../support/influxd.ts';
import { describeWithPeers } from '../support/peers.ts';
import { until } from '../support/ports.ts';

const T0 = Date.UTC(2026, 10, 20, 8);
type Row = readonly [point: number, ts: number, value: number, quality?: QualityCode, reason?: string];

describeWithPeers(['influxd'], 'a copy in InfluxDB', () => {
  let folder: string;
  let influxd: Influxd;
  let store: DuckDbStore;
  let position: PositionFile;
  let outlet: Outlet | undefined;
  let letters: DeadLetter[];
  let commit: number;
  let retention: RetentionPolicy;
  let now: number;

  const dataDir = () => join(folder, 'data');
  const open = async (target = 'influx') => {
    position = new PositionFile(dataDir(), target);
    store = await DuckDbStore.open({
      dataDir: dataDir(),
      newId: () => 'store',
      ballastBytes: 0,
      retention: () => retention,
      now: () => now,
      copiedUpTo: () => position.record.position.commit,
    });
    position.inStore(store.id);
  };
  const outgoing = openOutgoing({ allowHosts: ['127.0.0.1'], connectTimeoutMs: 5000 });
  const clientOf = (login: { username?: string; password?: string } = {}) =>
    new InfluxClient({
      url: influxd.url,
      database: 'hanfeng',
      gzip: false,
      ...login,
      dispatcher: outgoing.dispatcher,
      checkUrl: (url) => outgoing.check(url),
    });
  const copy = (more: Partial<OutletOptions> = {}) => {
    const feed = store.copyFeed;
    if (feed === undefined) throw new Error('no feed');
    outlet = new Outlet({
      target: 'influx',
      client: clientOf(),
      feed,
      position,
      keyOf: (point) =>
        Buffer.from(seriesKey({ device: `fm-${point}`, measurement: 'flow', class: 'flow-meter', site: 'binhu' })),
      bytesMax: 1e12,
      deadLetter: async (letter) => void letters.push(letter),
      now: Date.now,
      newId: () => `letter-${letters.length}`,
      log: pino({ level: 'silent' }),
      ...more,
    });
    return outlet;
  };
  const put = async (rows: readonly Row[]) => {
    const readings = new ReadingBuffer();
    for (const [point, ts, value, quality = GOOD, reason = ''] of rows)
      readings.push(point, ts, value, quality, reasonCode(reason));
    await store.commit({ number: ++commit, at: T0, inputs: [], readings });
  };
  /** Sealed, and its table gone. */
  const seal = async (at = T0) => {
    now = at;
    await store.rotate();
    await store.saveSnapshot(commit, '');
    await store.settle(now);
  };
  const spooled = () => readdirSync(join(dataDir(), 'influxdb', 'spool'));
  const copied = () =>
    until('everything is copied', () => {
      const status = outlet?.status;
      return status?.state === 'ok' && status.commitsWaiting === 0 && status.bytesWaiting === 0;
    });
  const flow = async () =>
    (await influxd.rows('SELECT value, quality, reason, "empty" FROM flow GROUP BY device')).map((row) => [
      row.device,
      (row.time as number) - T0,
      row.value,
      row.quality,
      row.reason,
      row.empty,
    ]);
  const count = async () => (await influxd.rows('SELECT count(quality) FROM flow'))[0]?.count;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-influxdb-'));
    letters = [];
    commit = 0;
    retention = {};
    now = T0;
    influxd = await Influxd.start(join(folder, 'influxd'));
    await open();
  });
  afterEach(async () => {
    await outlet?.stop();
    outlet = undefined;
    await store.close();
    await influxd.goAway();
    await removeFolder(folder);
  });

  it('makes the database and holds every reading with its tags, quality and reason', async () => {
    await put([
      [1, T0, 1.5],
      [1, T0 + 1, 2, UNCERTAIN, 'clock'],
      [2, T0, 3, BAD, 'out-of-range'],
      [2, T0 + 1, Number.NaN, BAD, 'timeout'],
    ]);
    copy();
    await copied();
    expect(await flow()).toEqual([
      ['fm-1', 0, 1.5, 'good', '', null],
      ['fm-1', 1, 2, 'uncertain', 'clock', null],
      ['fm-2', 0, 3, 'bad', 'out-of-range', false],
      ['fm-2', 1, null, 'bad', 'timeout', true],
    ]);
    expect(await influxd.rows('SHOW SERIES')).toMatchObject([
      { key: 'flow,class=flow-meter,device=fm-1,site=binhu' },
      { key: 'flow,class=flow-meter,device=fm-2,site=binhu' },
    ]);
  });

  it('takes late readings and corrections, also one that takes the value away', async () => {
    copy();
    await put([
      [1, T0 + 1000, 1],
      [1, T0 + 2000, 2],
      [1, T0 + 3000, Number.NaN, BAD, 'timeout'],
    ]);
    await copied();
    await put([[1, T0 + 1000, 10]]);
    await put([[1, T0 - 3_600_000, 0.5]]);
    await put([
      [1, T0 + 2000, Number.NaN, BAD, 'sensor-fault'],
      [1, T0 + 3000, 30],
    ]);
    await copied();
    expect(await flow()).toEqual([
      ['fm-1', -3_600_000, 0.5, 'good', '', null],
      ['fm-1', 1000, 10, 'good', '', null],
      // The old value stays a field of it; `empty` says that it is void.
      ['fm-1', 2000, 2, 'bad', 'sensor-fault', true],
      ['fm-1', 3000, 30, 'good', '', true],
    ]);
  });

  it('loses nothing in an outage that outlasts the tables, nor when the gateway is restarted in it', async () => {
    copy();
    await put([[1, T0, 0]]);
    await copied();
    await influxd.goAway();
    for (let n = 1; n <= 5; n++) {
      await put([
        [1, T0 + n, n],
        [2, T0 + n, n],
      ]);
      await seal();
    }
    await until('the outage is seen', () => outlet?.status.state === 'away');
    expect(outlet?.status.problem).toContain(`${influxd.url} does not answer`);
    expect(spooled()).toEqual([
      'commits-2-2-2.parquet',
      'commits-3-3-2.parquet',
      'commits-4-4-2.parquet',
      'commits-5-5-2.parquet',
      'commits-6-6-2.parquet',
    ]);
    await put([[1, T0 + 6, 6]]);
    await outlet?.stop();
    await store.close();
    await open();
    expect(position.isNew).toBe(false);
    await influxd.comeBack();
    copy();
    await copied();
    expect(await count()).toBe(12);
    expect(spooled()).toEqual([]);
    expect(outlet?.status).toMatchObject({ lost: 0, rejected: 0 });
  });

  it('gives up the oldest beyond its room, counts it to the last reading, and goes on', async () => {
    copy();
    await put([[1, T0, 0]]);
    await copied();
    await influxd.goAway();
    await outlet?.stop();
    for (let n = 1; n <= 3; n++) {
      await put(Array.from({ length: 100 * n }, (_, row): Row => [n, T0 + row, row]));
      await seal();
    }
    const files = spooled().length;
    expect(files).toBe(3);
    const bytes = store.copyFeed?.waiting.bytes ?? 0;
    copy({ bytesMax: bytes - 1 });
    await until('the oldest is given up', () => spooled().length < files);
    await influxd.comeBack();
    await copied();
    expect(outlet?.status.lost).toBe(100);
    expect(await count()).toBe(1 + 200 + 300);
    // The local store has them all the same.
    expect(await store.readings(1, { from: T0, to: T0 + 1000 }, 1000)).toHaveLength(100);
  });

  it('says what is wrong when the login is refused, and goes on when it is mended', async () => {
    await influxd.goAway();
    influxd = await Influxd.start(join(folder, 'guarded'), { auth: true });
    await influxd.rows(`CREATE USER hf WITH PASSWORD 'secret' WITH ALL PRIVILEGES`);
    await influxd.rows('CREATE DATABASE hanfeng', 'hf:secret');
    await put([[1, T0, 1]]);
    copy({ client: clientOf({ username: 'hf', password: 'wrong' }) });
    await until('the refusal is seen', () => outlet?.status.state === 'refused');
    expect(outlet?.status.problem).toMatch(
      /answers 401: authorization failed; check user and password under history.influxdb$/,
    );
    await outlet?.stop();
    copy({ client: clientOf({ username: 'hf', password: 'secret' }) });
    await copied();
    expect(await influxd.rows('SELECT value FROM flow', 'hf:secret')).toMatchObject([{ value: 1 }]);
  });

  it('buries what InfluxDB does not take and writes the rest', async () => {
    await influxd.rows('CREATE DATABASE hanfeng');
    await fetch(`${influxd.url}/write?db=hanfeng&precision=ms`, {
      method: 'POST',
      body: `flow,class=flow-meter,device=fm-7,site=binhu quality=1i ${T0}`,
    });
    const rows = Array.from({ length: 1000 }, (_, row): Row => [row % 10, T0 + row, row]);
    // InfluxDB 1 has one type of a field in a shard, so all of these conflict; those of the next week do not.
    const week = 7 * 86_400_000;
    await put([...rows.slice(0, 3), ...rows.map(([point, ts, value]): Row => [point, ts + week, value])]);
    copy();
    await copied();
    expect(letters.map(({ door, reason }) => [door, reason])).toEqual(
      Array.from({ length: 3 }, () => ['influxdb', 'influxdb-type-conflict']),
    );
    expect(letters[0]?.payload).toMatch(/^flow,class=flow-meter,device=fm-\d,site=binhu value=/);
    expect(outlet?.status).toMatchObject({ rejected: 3, written: 1000, state: 'ok' });
    expect((await influxd.rows('SELECT count(value) FROM flow'))[0]?.count).toBe(1000);
  });

  it('brings what was sealed before it was switched on, and begins anew for another target', async () => {
    await put(Array.from({ length: 500 }, (_, row): Row => [row % 5, T0 + row, row]));
    await seal();
    await put([[0, T0, 99]]);
    copy();
    await copied();
    expect(await count()).toBe(500);
    await outlet?.stop();
    await influxd.rows('DROP DATABASE hanfeng');
    await store.close();
    await open('another');
    expect(position.isNew).toBe(true);
    copy();
    await copied();
    expect(await count()).toBe(500);
    expect(await influxd.rows(`SELECT value FROM flow WHERE device = 'fm-0' AND time = ${T0}ms`)).toMatchObject([
      { value: 99 },
    ]);
  });

  const withOlder = (): Store =>
    archivedStore(store, {
      archive: new Archive(clientOf()),
      registry: {
        point: (id) => ({ id, device: `fm-${id}`, measurement: 'flow', maxSilenceMs: 600_000, reportingDelayMs: 0 }),
        device: (id) => ({ id, class: id === 'fm-2' ? 'lamp' : 'flow-meter', origin: 'declared', attributes: {} }),
      },
      forgotten: () => ({ before: store.forgotten.before, ofClass: store.forgotten.byName }),
    });
  const DAY = 86_400_000;
  /** Values that any sum of two halves is exact for. */
  const days = (n: number): Row[] =>
    Array.from({ length: n * 96 * 2 }, (_, row): Row => {
      const ts = T0 + Math.floor(row / 2) * 900_000;
      if (row % 50 === 7) return [1 + (row % 2), ts, Number.NaN, BAD, 'timeout'];
      return [1 + (row % 2), ts, row % 64, row % 30 === 3 ? UNCERTAIN : GOOD, row % 30 === 3 ? 'clock' : ''];
    });

  it('answers what retention has taken away, as the store did before', async () => {
    copy();
    await put(days(6));
    await copied();
    const end = T0 + 6 * DAY;
    const ask = async (from: Store) => [
      await from.readings(1, { from: T0, to: end }, 10_000),
      await from.readings(2, { from: T0 + 1, to: T0 + 2 * DAY }, 10),
      await from.buckets(1, { from: T0, to: end }, 36, 600_000),
      await from.buckets(2, { from: T0, to: T0 + DAY }, 24, 3_600_000),
      ...(await Promise.all(
        (['min', 'max', 'mean', 'sum', 'last', 'count'] as const).map((aggregate) =>
          from.query({ points: [1, 2], from: T0, to: end, stepMs: 5 * 3_600_000, aggregate }),
        ),
      )),
      await from.query({ points: [1, 2], from: T0, to: end, stepMs: 3_600_000, aggregate: 'max', across: 'sum' }),
    ];
    const before = await ask(store);
    retention = { maxAgeMs: 3 * DAY, shorter: [{ name: 'lamp', maxAgeMs: 2 * DAY, points: [2] }] };
    await seal(end + DAY);
    expect(store.forgotten.before).toBeGreaterThan(T0);
    expect(store.forgotten.byName.get('lamp')).toBeGreaterThan(store.forgotten.before);
    expect(await store.readings(1, { from: T0, to: T0 + DAY }, 10)).toEqual([]);
    expect(await ask(withOlder())).toEqual(before);
    // Also after a restart.
    await outlet?.stop();
    await store.close();
    await open();
    expect(await ask(withOlder())).toEqual(before);
  });

  it('answers with a hint rather than with half an answer while InfluxDB is away', async () => {
    copy();
    await put(days(4));
    await copied();
    const end = T0 + 4 * DAY;
    retention = { maxAgeMs: 2 * DAY };
    await seal(end);
    await influxd.goAway();
    const older = withOlder();
    await expect(older.readings(1, { from: T0, to: end }, 10)).rejects.toMatchObject({
      code: 'history-away',
      message: expect.stringMatching(/^What lies before 2026-11-22T00:00:00.000Z is in InfluxDB only/),
    });
    const kept = { from: store.forgotten.before, to: end };
    expect((await older.readings(1, kept, 1000)).length).toBeGreaterThan(100);
    await expect(older.exportParquet([1], { from: T0, to: end }, join(dataDir(), 'out.parquet'))).rejects.toMatchObject(
      {
        code: 'query-too-large',
      },
    );
  });
});
