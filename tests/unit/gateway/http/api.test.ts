import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDesk } from '../../../../gateway/desk.ts';
import { StoreError } from '../../../../gateway/store/store.ts';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';
import { openCatalog } from '../../../support/ingest-rig.ts';

let door: TestDoor;
let cookie: string;
const MINUTE = 60_000;

beforeEach(async () => {
  door = await testDoor();
  const { gateway } = door;
  gateway.addDevice(
    { id: 'fm-12', name: 'Binhu East inlet', class: 'flow-meter', site: 'binhu', edge: 'cabinet-1', line: 'tcp-1' },
    { measurement: 'flow', unit: 'm3/h', label: 'Flow', normal: [84, 112], everyMs: 1000 },
    { measurement: 'pressure', unit: 'kPa' },
  );
  gateway.addDevice({ id: 'tx-01', class: 'transformer', site: 'substation' }, { measurement: 'temperatureA' });
  gateway.edges.set('cabinet-1', {
    id: 'cabinet-1',
    online: true,
    changedAt: NOON - 3_600_000,
    lastHeardAt: NOON,
    state: JSON.stringify({ online: true, version: '1.0', lines: [{ id: 'tcp-1', timeouts: 3 }] }),
  });
  for (let n = 10; n >= 1; n--) gateway.reading(0, NOON - n * MINUTE, 100 + n);
  gateway.reading(1, NOON - MINUTE, undefined, 'bad');
  cookie = await door.signIn('olga');
});
afterEach(() => door.app.close());

describe('points', () => {
  it('come with unit, band and newest value, its age and quality', async () => {
    const { body } = await door.get('/api/v1/points?device=fm-12', cookie);
    expect(body.points).toHaveLength(2);
    expect(body.points[0]).toMatchObject({
      id: 'fm-12/flow',
      class: 'flow-meter',
      site: 'binhu',
      unitLabel: 'm³/h',
      normal: [84, 112],
      last: { ts: '2026-11-23T11:59:00.000Z', value: 101, quality: 'good', ageMs: MINUTE, stale: false },
    });
    expect(body.points[1].last).not.toHaveProperty('value');
  });

  it('have a past from the beginning with from=0, and say every mistake of a question in words', async () => {
    const past = '/api/v1/points/fm-12/flow/readings';
    expect((await door.get(`${past}?from=0&to=9999999999999`, cookie)).body.readings).toHaveLength(10);
    expect((await door.get(`${past}?from=1970-01-01T00:00:00Z&limit=3`, cookie)).body.readings).toHaveLength(3);
    // Seconds by mistake must not mean "from the beginning".
    expect((await door.get(`${past}?from=1763900000`, cookie)).status).toBe(400);
    const { body } = await door.get('/api/v1/alarms?state=bogus,normal&priority=9', cookie);
    expect(body.errors).toMatchObject([
      { path: 'query.state', found: '"bogus,normal"', allowed: expect.stringContaining('unacknowledged') },
      { path: 'query.priority', found: '"9"' },
    ]);
    const query = await door.post('/api/v1/query', {}, cookie);
    expect(query.body.errors).toMatchObject([{ path: 'body.step', found: 'nothing', allowed: expect.any(String) }]);
    expect(JSON.stringify(query.body)).not.toContain('Invalid input');
  });

  it('of a clock that is hours ahead are as old as their receipt, and turn stale', async () => {
    door.gateway.reading(0, NOON + 120 * MINUTE, 7);
    const at = async () => (await door.get('/api/v1/points/fm-12/flow', cookie)).body.last;
    expect(await at()).toMatchObject({ value: 7, ageMs: 0, stale: false });
    door.clock.now += 10 * MINUTE;
    expect(await at()).toMatchObject({ value: 7, ageMs: 10 * MINUTE, stale: true });
  });

  it('turn stale while nothing arrives', async () => {
    door.clock.now += 10 * MINUTE;
    const { body } = await door.get('/api/v1/points/fm-12/flow', cookie);
    expect(body.last.stale).toBe(true);
  });

  it('are filtered and paged without gap or repetition', async () => {
    expect((await door.get('/api/v1/points?class=transformer', cookie)).body.points).toHaveLength(1);
    expect((await door.get('/api/v1/points?q=BINHU', cookie)).body.points).toHaveLength(2);
    expect((await door.get('/api/v1/points?site=nowhere', cookie)).body).toEqual({ points: [] });
    const seen: string[] = [];
    let next = '';
    do {
      const { body } = await door.get(`/api/v1/points?limit=1${next}`, cookie);
      seen.push(...body.points.map((point: { id: string }) => point.id));
      next = body.cursor === undefined ? '' : `&cursor=${body.cursor}`;
    } while (next !== '');
    expect(seen).toEqual(['fm-12/flow', 'fm-12/pressure', 'tx-01/temperatureA']);
  });

  it('show the setpoints of their rules', async () => {
    await door.app.close();
    const rules = [{ kind: 'high', setpoint: 80, priority: 2 } as never, { kind: 'stale', priority: 4 } as never];
    door = await testDoor({ desk: openDesk({ ...openCatalog(), rulesFor: () => rules }, undefined) });
    door.gateway.addDevice({ id: 'a' }, { measurement: 'b' });
    const { body } = await door.get('/api/v1/points/a/b', await door.signIn());
    expect(body.limits).toEqual([{ kind: 'high', setpoint: 80, priority: 2 }]);
  });

  it('an unknown query parameter is an error that names the known ones', async () => {
    const { status, body } = await door.get('/api/v1/points?dvice=fm-12', cookie);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      {
        path: 'query.dvice',
        found: 'an unknown key',
        allowed: 'device, class, site, q, limit, cursor (did you mean device?)',
      },
    ]);
  });

  it('limit and cursor are checked', async () => {
    for (const query of [
      'limit=0',
      'limit=10001',
      'limit=1.5',
      'limit=x',
      'cursor=%25',
      'cursor=YWJj',
      'limit=1&limit=2',
    ])
      expect((await door.get(`/api/v1/points?${query}`, cookie)).body.code, query).toBe('input-invalid');
  });
});

describe('devices', () => {
  it('come with points, state, worst quality, open alarms and their line', async () => {
    door.gateway.announce({ alarms: [door.gateway.addAlarm({ id: 'a1', priority: 2 })] });
    const { body } = await door.get('/api/v1/devices', cookie);
    expect(body.devices.map(({ id }: { id: string }) => id)).toEqual(['fm-12', 'tx-01']);
    expect(body.devices[0]).toMatchObject({
      state: 'partly',
      worst: 'bad',
      online: true,
      openAlarms: { 1: 0, 2: 1, 3: 0, 4: 0 },
      lineHealth: { id: 'tcp-1', timeouts: 3 },
    });
    expect(body.devices[1]).toMatchObject({ state: 'unknown', openAlarms: { 2: 0 } });
    expect((await door.get('/api/v1/devices/tx-01', cookie)).body.class).toBe('transformer');
    expect((await door.get('/api/v1/devices/none', cookie)).body.code).toBe('device-unknown');
  });

  it('count alarms that were open before the start, and no longer when they close', async () => {
    door.gateway.addAlarm({ id: 'a1' });
    const { app } = door;
    door = { ...door, ...(await testDoor({ store: door.gateway.store, registry: door.gateway.registry })) };
    await app.close();
    const own = await door.signIn();
    expect((await door.get('/api/v1/devices/fm-12', own)).body.openAlarms[2]).toBe(1);
    door.gateway.announce({ alarms: [{ ...door.gateway.addAlarm({ id: 'a1' }), state: 'normal' }] });
    expect((await door.get('/api/v1/devices/fm-12', own)).body.openAlarms[2]).toBe(0);
  });
});

describe('edges and delivery', () => {
  it('say what was made, stored, missing and dropped', async () => {
    const lane = { edge: 'cabinet-1', duplicateBatches: 1, duplicateReadings: 5, ahead: [], lastAt: NOON };
    door.gateway.marks.push(
      { ...lane, lane: 'l1', mark: 10, made: 1000, stored: 990, rejected: 3, dropped: 7 },
      {
        ...lane,
        lane: 'l2',
        mark: 4,
        made: 100,
        stored: 60,
        rejected: 0,
        dropped: 0,
        lastAt: NOON + 1,
        unsent: { readings: 40, oldestAt: NOON - MINUTE },
      },
    );
    const { body } = await door.get('/api/v1/delivery', cookie);
    expect(body.total).toEqual({ made: 1100, stored: 1050, missing: 40, duplicate: 10, dropped: 7, rejected: 3 });
    expect(body.edges[0]).toMatchObject({
      edge: 'cabinet-1',
      online: true,
      missing: 40,
      unsentReadings: 40,
      oldestUnsent: '2026-11-23T11:59:00.000Z',
    });
    expect(body.edges[0].lanes[0]).toMatchObject({ lane: 'l1', missing: 0, mark: 10 });
    const { body: edge } = await door.get('/api/v1/edges/cabinet-1', cookie);
    expect(edge).toMatchObject({ online: true, version: '1.0', devices: ['fm-12'], lines: [{ id: 'tcp-1' }] });
    expect(edge.lanes).toHaveLength(2);
    expect((await door.get('/api/v1/edges', cookie)).body.edges).toHaveLength(1);
    expect((await door.get('/api/v1/edges/none', cookie)).body.code).toBe('edge-unknown');
  });
});

describe('the past of a point', () => {
  const path = '/api/v1/points/fm-12/flow/readings';

  it('comes raw, oldest first, of the last day without a range', async () => {
    const { body } = await door.get(path, cookie);
    expect(body.readings).toHaveLength(10);
    expect(body.readings[0]).toEqual({ ts: '2026-11-23T11:50:00.000Z', value: 110, quality: 'good' });
    expect(body.cursor).toBeUndefined();
  });

  it('takes ISO and epoch milliseconds, and goes on at the cursor', async () => {
    const from = NOON - 5 * MINUTE;
    const first = await door.get(`${path}?from=${from}&to=2026-11-23T12:00:00Z&limit=3`, cookie);
    expect(first.body.readings).toHaveLength(3);
    expect((await door.get(`${path}?from=${from}&to=${NOON}&limit=5`, cookie)).body).not.toHaveProperty('cursor');
    const rest = await door.get(`${path}?from=${from}&to=${NOON}&limit=3&cursor=${first.body.cursor}`, cookie);
    expect(rest.body.readings.map(({ value }: { value: number }) => value)).toEqual([102, 101]);
  });

  it('comes as buckets', async () => {
    const { body } = await door.get(`${path}?from=${NOON - 10 * MINUTE}&to=${NOON}&buckets=5`, cookie);
    expect(body.buckets).toHaveLength(5);
    expect(body.buckets[0]).toEqual({
      ts: '2026-11-23T11:50:00.000Z',
      min: 109,
      max: 110,
      mean: 109.5,
      count: 2,
      worstQuality: 'good',
    });
  });

  it('a reading without a value says its quality', async () => {
    const { body } = await door.get('/api/v1/points/fm-12/pressure/readings', cookie);
    expect(body.readings).toEqual([{ ts: '2026-11-23T11:59:00.000Z', quality: 'bad' }]);
  });

  it('unknown points and mistaken ranges are errors', async () => {
    expect((await door.get('/api/v1/points/fm-12/flw/readings', cookie)).body.code).toBe('point-unknown');
    for (const query of [
      'from=yesterday',
      `from=${NOON}&to=${NOON - 1}`,
      'buckets=5001',
      'buckets=0',
      'buckets=5&limit=5',
      'limit=10001',
    ])
      expect((await door.get(`${path}?${query}`, cookie)).body.code, query).toBe('input-invalid');
  });

  it('a store that is away or overloaded is a 503 without inner detail', async () => {
    door.gateway.storeFault = new StoreError('store-broken', 'IO error in /secret/hot.db', { retryable: true });
    const broken = await door.get(path, cookie);
    expect(broken.status).toBe(503);
    expect(JSON.stringify(broken.body)).not.toContain('secret');
    door.gateway.storeFault = new StoreError('query-too-large', 'would read 3 G rows', { retryable: false });
    expect((await door.get(path, cookie)).status).toBe(422);
    door.gateway.storeFault = new Error('unforeseen /secret');
    const internal = await door.get(path, cookie);
    expect(internal).toMatchObject({ status: 500, body: { code: 'internal' } });
    expect(JSON.stringify(internal.body)).not.toContain('secret');
  });
});

describe('query', () => {
  const query = (body: unknown) => door.post('/api/v1/query', body, cookie);

  it('takes ids or a selector, under points or selector', async () => {
    const range = { from: NOON - 10 * MINUTE, to: NOON, step: '1m', aggregate: 'mean' };
    const byId = await query({ points: ['fm-12/flow'], ...range });
    expect(byId.body.series).toHaveLength(1);
    expect(byId.body.series[0].point).toBe('fm-12/flow');
    expect(byId.body.series[0].values[0]).toEqual({
      ts: '2026-11-23T11:50:00.000Z',
      value: 110,
      count: 1,
      worstQuality: 'good',
    });
    for (const selector of [{ class: 'flow-meter', measurement: 'flow' }, { points: ['fm-12/flow'] }]) {
      expect((await query({ points: selector, ...range })).body).toEqual(byId.body);
      expect((await query({ selector, ...range })).body).toEqual(byId.body);
    }
    const folded = await query({ points: { class: 'flow-meter' }, ...range, across: 'sum' });
    expect(folded.body.series).toHaveLength(1);
    expect(folded.body.series[0]).not.toHaveProperty('point');
  });

  it('sends a long answer in pieces that make one, and says before it begins what can not be answered', async () => {
    const long = { from: NOON - 18_000_000, to: NOON, step: '1s', aggregate: 'last' };
    const ids = ['fm-12/flow', 'fm-12/pressure'];
    const both = await query({ points: ids, ...long });
    expect(both.status).toBe(200);
    expect(both.headers['content-type']).toContain('application/json');
    const each = await Promise.all(ids.map((id) => query({ points: [id], ...long })));
    expect(both.body.series).toEqual(each.flatMap(({ body }) => body.series));
    expect(both.body.series[0].values.length).toBeGreaterThan(0);
    door.gateway.storeFault = new StoreError('query-too-large', 'would read 3 G rows', { retryable: false });
    expect((await query({ points: ids, ...long })).status).toBe(422);
  });

  it('refuses what would read too much, with a hint', async () => {
    const { status, body } = await query({ points: ['fm-12/flow'], step: 1, from: NOON - 86_400_000, to: NOON });
    expect(status).toBe(422);
    expect(body.detail).toContain('longer step');
  });

  it('names what is wrong', async () => {
    expect((await query({ step: '1m' })).body.errors[0].path).toBe('points');
    expect((await query({ points: ['fm-12/flw'], step: '1m' })).body.code).toBe('point-unknown');
    expect((await query({ points: ['nonsense'], step: '1m' })).body.code).toBe('point-unknown');
    for (const body of [
      { points: [] },
      { points: ['a/b'], step: '-1m' },
      { points: ['a/b'], step: '1m', agregate: 'x' },
    ])
      expect((await query(body)).body.code).toBe('input-invalid');
  });
});

describe('export', () => {
  it('streams CSV of what was asked for, absent values and reasons included', async () => {
    const { status, body, headers } = await door.get('/api/v1/export?points=fm-12/flow,fm-12/pressure', cookie);
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/csv');
    const lines = String(body).trim().split('\n');
    expect(lines).toHaveLength(12);
    expect(lines.slice(0, 2)).toEqual([
      'timestamp,point,value,quality,reason',
      '2026-11-23T11:50:00.000Z,fm-12/flow,110,good,',
    ]);
    expect(lines.at(-1)).toBe('2026-11-23T11:59:00.000Z,fm-12/pressure,,bad,');
    const byClass = await door.get('/api/v1/export?class=flow-meter&measurement=flow', cookie);
    expect(String(byClass.body).trim().split('\n')).toHaveLength(11);
  });

  it('reads long histories in pages, every row once', async () => {
    for (let n = 0; n < 25_000; n++) door.gateway.stored.get(0)?.push({ ts: NOON + n, value: n, quality: 'good' });
    const { body } = await door.get(`/api/v1/export?points=fm-12/flow&from=${NOON}&to=${NOON + 25_000}`, cookie);
    const values = String(body)
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[2]));
    expect(values).toEqual(Array.from({ length: 25_000 }, (_, n) => n));
  });

  it('asks for points that exist', async () => {
    expect((await door.get('/api/v1/export', cookie)).body.errors[0].path).toBe('points');
    expect((await door.get('/api/v1/export?points=', cookie)).body.errors[0].path).toBe('points');
    expect((await door.get('/api/v1/export?points=fm-12/none', cookie)).body.code).toBe('point-unknown');
    expect((await door.get('/api/v1/export?points=fm-12/flow&format=xlsx', cookie)).body.code).toBe('input-invalid');
  });

  it('ends the transfer when the store fails in the middle, and leaves room for the next', async () => {
    const read = door.gateway.store.readings;
    for (let n = 0; n < 3; n++) {
      Object.assign(door.gateway.store, { readings: async () => Promise.reject(new Error('gone')) });
      await expect(door.get('/api/v1/export?points=fm-12/flow', cookie)).rejects.toThrow();
    }
    Object.assign(door.gateway.store, { readings: read });
    expect((await door.get('/api/v1/export?points=fm-12/flow', cookie)).status).toBe(200);
  });
});

describe('storing readings', () => {
  const send = (body: unknown, headers = {}) => door.post('/api/v1/readings', body, cookie, headers);

  it('answers 204 with counts once they are stored', async () => {
    const { status, headers } = await send({ device: 'fm-12', ts: NOON, values: { flow: 99 } });
    expect(status).toBe(204);
    expect(headers['x-hanfeng-stored']).toBe('1');
    expect(headers['x-hanfeng-rejected']).toBe('0');
    expect((await door.get('/api/v1/points/fm-12/flow', cookie)).body.last.value).toBe(99);
    expect(
      (
        await send([
          { device: 'new-1', values: { level: 1 } },
          { device: 'new-1', values: { level: 2 } },
        ])
      ).status,
    ).toBe(204);
  });

  describe('that are sent packed', () => {
    const put = async (payload: Buffer | string, encoding: string) => {
      const packed = { 'content-type': 'application/json', 'content-encoding': encoding };
      const headers = { cookie, ...packed };
      const response = await door.app.inject({ method: 'POST', url: '/api/v1/readings', headers, payload });
      return { status: response.statusCode, code: response.body === '' ? undefined : response.json().code };
    };
    const reading = JSON.stringify({ device: 'fm-12', ts: NOON, values: { flow: 97 } });

    it('are inflated', async () => {
      expect(await put(gzipSync(reading), 'gzip')).toEqual({ status: 204, code: undefined });
      expect((await door.get('/api/v1/points/fm-12/flow', cookie)).body.last.value).toBe(97);
      expect((await put(reading, 'identity')).status).toBe(204);
    });

    it('are refused when they are broken, grow beyond what a body may hold, or are packed in a way we do not read', async () => {
      expect(await put('no gzip', 'gzip')).toEqual({ status: 400, code: 'request-invalid' });
      expect(await put(gzipSync(reading).subarray(0, 30), 'gzip')).toEqual({ status: 400, code: 'request-invalid' });
      const grown = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
      expect(await put(grown, 'gzip')).toEqual({ status: 413, code: 'body-too-large' });
      expect(await put(reading, 'br')).toEqual({ status: 415, code: 'media-type' });
    });
  });

  it('names what was rejected and stores the rest', async () => {
    const { status, body } = await send([
      { device: 'fm-12', ts: NOON, values: { flow: 98, pressure: 'high' } },
      { device: 'a b', values: {} },
    ]);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'readings-rejected', stored: 1, rejected: 2 });
    expect(body.errors.map(({ reason }: { reason: string }) => reason)).toEqual(['not-a-number', 'bad-id']);
    expect((await door.get('/api/v1/points/fm-12/flow', cookie)).body.last.value).toBe(98);
  });

  it('of a list, what is no reading at all costs itself only', async () => {
    const { status, body } = await send([5, { device: 'fm-12', ts: NOON, values: { flow: 97 } }, { values: {} }, null]);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'readings-rejected', stored: 1, rejected: 3 });
    expect(body.errors.map(({ reason }: { reason: string }) => reason)).toEqual([
      'wrong-shape',
      'bad-id',
      'wrong-shape',
    ]);
    expect((await door.get('/api/v1/points/fm-12/flow', cookie)).body.last.value).toBe(97);
  });

  it('an idempotency key is used once, per person', async () => {
    const reading = { device: 'fm-12', values: { flow: 1 } };
    expect((await send(reading, { 'idempotency-key': 'k1' })).headers['x-hanfeng-stored']).toBe('1');
    expect((await send(reading, { 'idempotency-key': 'k1' })).headers['x-hanfeng-stored']).toBe('0');
    expect((await send(reading, { 'idempotency-key': 'k 1' })).body.code).toBe('input-invalid');
    const other = await door.signIn('ada');
    const again = await door.post('/api/v1/readings', reading, other, { 'idempotency-key': 'k1' });
    expect(again.headers['x-hanfeng-stored']).toBe('1');
  });

  it('garbage never gets further than a 4xx', async () => {
    const raw = async (payload: string, type = 'application/json') =>
      (
        await door.app.inject({
          method: 'POST',
          url: '/api/v1/readings',
          headers: { cookie, 'content-type': type },
          payload,
        })
      ).json().code;
    expect(await raw('{"device": ')).toBe('body-not-json');
    expect(await raw('')).toBe('input-invalid');
    expect(await raw('NaN')).toBe('body-not-json');
    expect(await raw('null')).toBe('input-invalid');
    expect(await raw('[]')).toBe('input-invalid');
    expect(await raw('[1, 2]')).toBe('readings-rejected');
    expect(await raw('{"__proto__": {"x": 1}}')).toBe('body-not-json');
    expect(await raw(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBe('body-too-deep');
    expect(await raw(`{"device":"${'x'.repeat(9_000_000)}"}`)).toBe('body-too-large');
    expect(await raw('device=fm-12', 'application/x-www-form-urlencoded')).toBe('media-type');
    expect(await raw('{"device":"fm-12","values":{"flow":1e999}}')).toBe('readings-rejected');
  });
});

describe('alarms', () => {
  beforeEach(() => {
    const alarms = [
      door.gateway.addAlarm({ id: 'fm-12/flow#high@1', point: 'fm-12/flow', value: 92.4, setpoint: 80 }),
      door.gateway.addAlarm({ id: 'calm', state: 'normal' }),
      door.gateway.addAlarm({ id: 'held', state: 'normal', holds: ['shelved'], priority: 4, raisedAt: NOON - MINUTE }),
    ];
    door.gateway.announce({ alarms });
  });
  const id = encodeURIComponent('fm-12/flow#high@1');

  it('list what is not normal or is held; times are ISO', async () => {
    const { body } = await door.get('/api/v1/alarms', cookie);
    expect(body.alarms.map((alarm: { id: string }) => alarm.id)).toEqual(['fm-12/flow#high@1', 'held']);
    expect(body.alarms[0]).toMatchObject({ since: '2026-11-23T12:00:00.000Z', value: 92.4, setpoint: 80 });
  });

  it('come in pages, with how many there are, also when a page ends among alarms of one moment', async () => {
    const more = Array.from({ length: 7 }, (_, n) => door.gateway.addAlarm({ id: `more-${n}`, asset: 'pump' }));
    door.gateway.announce({ alarms: more });
    const seen: string[] = [];
    let cursor: string | undefined = '';
    do {
      const { body } = await door.get(`/api/v1/alarms?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`, cookie);
      expect(body.total).toBe(9);
      seen.push(...body.alarms.map((alarm: { id: string }) => alarm.id));
      cursor = body.cursor;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(9);
    expect(new Set(seen).size).toBe(9);
  });

  it('that change stay in their place, and those that are over go', async () => {
    const listed = async () => (await door.get('/api/v1/alarms', cookie)).body;
    await listed();
    const held = door.gateway.addAlarm({ id: 'held', state: 'normal', raisedAt: NOON - MINUTE });
    const first = door.gateway.addAlarm({ id: 'fm-12/flow#high@1', state: 'acknowledged' });
    door.gateway.announce({ alarms: [held, first] });
    expect(await listed()).toMatchObject({ total: 1, alarms: [{ id: 'fm-12/flow#high@1', state: 'acknowledged' }] });
  });

  it('are filtered by state, priority, asset and text', async () => {
    const ids = async (query: string) =>
      (await door.get(`/api/v1/alarms?${query}`, cookie)).body.alarms.map((alarm: { id: string }) => alarm.id);
    expect(await ids('state=normal')).toEqual(['calm', 'held']);
    expect(await ids('state=normal,unacknowledged&priority=2')).toEqual(['fm-12/flow#high@1', 'calm']);
    expect(await ids('priority=4')).toEqual(['held']);
    expect(await ids('asset=other')).toEqual([]);
    expect(await ids('state=unacknowledged,acknowledged')).toEqual(['fm-12/flow#high@1']);
    expect(await ids('q=FLOW%20high')).toEqual(['fm-12/flow#high@1', 'held']);
    expect(await ids('q=sump')).toEqual([]);
    expect((await door.get('/api/v1/alarms?q=flow&state=normal', cookie)).status).toBe(400);
    expect((await door.get('/api/v1/alarms?state=ringing', cookie)).body.errors[0].allowed).toContain('unacknowledged');
    for (const list of ['alarms', 'alarms?state=normal', 'alarms/journal', 'alarms/floods']) {
      const ask = (query: string) => door.get(`/api/v1/${list}${list.includes('?') ? '&' : '?'}${query}`, cookie);
      expect((await ask('from=2026-11-23&to=2026-11-22')).body.errors[0].path, list).toBe('query.from');
      expect((await ask('from=1763856000000&to=2026-11-23')).status, list).toBe(200);
    }
  });

  it('one is acknowledged: who, when and why are in the journal', async () => {
    const { status, body } = await door.post(`/api/v1/alarms/${id}/acknowledge`, { comment: 'crew called' }, cookie);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'olga' });
    const one = await door.get(`/api/v1/alarms/${id}`, cookie);
    expect(one.body.journal).toMatchObject([{ event: 'acknowledge', who: 'olga', why: 'crew called' }]);
    const journal = await door.get('/api/v1/alarms/journal', cookie);
    expect(journal.body.journal).toHaveLength(1);
  });

  it('takes an action without a body, and refuses one that makes no sense', async () => {
    const act = (action: string, body?: unknown) => door.post(`/api/v1/alarms/${id}/${action}`, body, cookie);
    expect((await act('acknowledge')).status).toBe(200);
    expect(await act('acknowledge')).toMatchObject({ status: 409, body: { code: 'action-not-possible' } });
    const twice = { for: '2h', until: '2026-11-23T18:00:00Z' };
    for (const body of [undefined, { reason: 'no end' }, { for: '2h', reason: ' ' }, twice])
      expect(await act('shelve', body), JSON.stringify(body)).toMatchObject({ status: 400 });
    expect((await act('shelve', { duration: '2h', reason: 'works' })).body).toMatchObject({
      holds: ['shelved'],
      shelvedUntil: '2026-11-23T14:00:00.000Z',
    });
    expect((await act('suppress')).status).toBe(404);
    expect((await door.post('/api/v1/alarms/none/acknowledge', {}, cookie)).body.code).toBe('alarm-unknown');
    expect((await door.get('/api/v1/alarms/none', cookie)).body.code).toBe('alarm-unknown');
  });
});

it('a site may ask that whoever hides an alarm says why', async () => {
  const strict = await testDoor({ config: { requireReason: true } });
  const operator = await strict.signIn();
  strict.gateway.announce({ alarms: [strict.gateway.addAlarm({ id: 'a1' })] });
  const act = (action: string, body: unknown) => strict.post(`/api/v1/alarms/a1/${action}`, body, operator);
  for (const [action, body] of [
    ['shelve', { for: '2h' }],
    ['out-of-service', {}],
  ] as const)
    expect(await act(action, body), action).toMatchObject({ status: 400, body: { code: 'action-invalid' } });
  expect((await act('out-of-service', { reason: 'sensor taken out' })).status).toBe(200);
  await strict.app.close();
});

describe('line protocol', () => {
  const write = async (payload: string | Buffer, headers: Record<string, string> = {}, query = 'precision=ms') => {
    const response = await door.app.inject({
      method: 'POST',
      url: `/api/v2/write?${query}`,
      headers: { authorization: 'Token token-of-olga', 'content-type': 'text/plain; charset=utf-8', ...headers },
      payload,
    });
    return { status: response.statusCode, body: response.payload === '' ? undefined : response.json() };
  };

  it('is stored, plain or gzip, whatever type the client names', async () => {
    const line = (value: number, at: number) => `water,device=fm-12 flow=${value} ${at}`;
    expect((await write(line(71, NOON + 1))).status).toBe(204);
    expect((await write(gzipSync(line(72, NOON + 2)), { 'content-encoding': 'gzip' })).status).toBe(204);
    expect((await write(line(73, NOON + 3), { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(204);
    expect((await write(`water,device=fm-12 flow=74 ${(NOON + 4) * 1e6}`, {}, 'bucket=b&org=o')).status).toBe(204);
    expect(
      door.gateway.stored
        .get(0)
        ?.slice(-4)
        .map(({ value }) => value),
    ).toEqual([71, 72, 73, 74]);
  });

  it('names each bad line, keeps the good ones, and the bad ones as a dead letter', async () => {
    const { status, body } = await write(`water,device=fm-12 flow=75\nnonsense\nwater,device=fm-12 flow=76\nx y=z=\n`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'readings-rejected', stored: 2, rejected: 2 });
    expect(body.errors.map(({ line }: { line: number }) => line)).toEqual([2, 4]);
    expect(body.message).toContain('partial write');
    expect(door.gateway.letters.at(-1)).toMatchObject({ door: 'line-protocol', payload: 'nonsense\nx y=z=' });
  });

  it('garbage is a 4xx, an empty body is nothing to do', async () => {
    expect((await write('')).status).toBe(204);
    expect((await write(Buffer.from([0x1f, 0x8b, 1, 2, 3]))).status).toBe(400);
    expect((await write('a b=1', {}, 'precision=h')).body.code).toBe('input-invalid');
    expect((await write('x'.repeat(9_000_000))).status).toBe(413);
  });

  it('more lines than one turn holds are all stored, in their order, and counted together', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `w,device=fm-12 n=${index} ${NOON + 100_000 + index}`);
    lines[2500] = 'nonsense';
    const { status, body } = await write(lines.join('\n'));
    expect(status).toBe(400);
    expect(body).toMatchObject({ stored: 4999, rejected: 1 });
    expect(body.errors).toMatchObject([{ line: 2501 }]);
    const values = door.gateway.stored.get(door.gateway.registry.pointId('fm-12', 'n') as number) ?? [];
    expect(values.map(({ value }) => value)).toEqual(lines.map((_, index) => index).filter((index) => index !== 2500));
  });

  it('is taken from collectors of version 1, with the token as password, and what they ask first is answered', async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    const ask = async (method: 'GET' | 'HEAD' | 'POST', url: string, headers = {}, payload?: string) => {
      const response = await door.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
      return { status: response.statusCode, text: response.payload, version: response.headers['x-influxdb-version'] };
    };
    expect(await ask('GET', '/ping')).toMatchObject({ status: 204, version: '1.8.0' });
    expect((await ask('HEAD', '/ping?wait_for_leader=1s')).status).toBe(204);
    expect(JSON.parse((await ask('GET', '/health')).text)).toMatchObject({ status: 'pass' });
    const olga = basic('telegraf:token-of-olga');
    const form = { ...olga, 'content-type': 'application/x-www-form-urlencoded' };
    const made = await ask('POST', '/query', form, `q=${encodeURIComponent('CREATE DATABASE "telegraf"')}`);
    expect(JSON.parse(made.text)).toEqual({ results: [{ statement_id: 0 }] });
    expect((await ask('POST', '/query', form, 'q=DROP+DATABASE+telegraf')).status).toBe(400);
    const point = `water,device=fm-12 flow=81 ${(NOON + 5) * 1e6}`;
    expect((await ask('POST', '/write?db=telegraf', olga, point)).status).toBe(204);
    const seconds = `water,device=fm-12 flow=82 ${NOON / 1000 + 1}`;
    expect((await ask('POST', '/write?db=telegraf&precision=s', olga, seconds)).status).toBe(204);
    expect(
      door.gateway.stored
        .get(0)
        ?.slice(-2)
        .map(({ value }) => value),
    ).toEqual([81, 82]);
    const bad = await ask('POST', '/write?db=telegraf', olga, 'nonsense');
    expect(bad.status).toBe(400);
    expect(JSON.parse(bad.text).error).toContain('partial write');
    // A basic login is for these doors only, and only with a token.
    expect((await ask('GET', '/api/v1/devices', olga)).status).toBe(401);
    expect((await ask('POST', '/write', basic('olga:olga-password'), point)).status).toBe(401);
    expect((await ask('POST', '/write', basic('no-colon'), point)).status).toBe(401);
    expect((await ask('POST', '/write', {}, point)).status).toBe(401);
  });
});

describe('alarm performance', () => {
  it('is judged from the journal, with sources for its targets', async () => {
    door.gateway.addAlarm({ id: 'a1' });
    const line = { alarm: 'a1', at: NOON - MINUTE, recordedAt: NOON - MINUTE, from: 'normal' as const };
    door.gateway.journal.push({ ...line, to: 'unacknowledged', event: 'raise', who: 'system', told: 'raise' });
    await door.post('/api/v1/alarms/a1/acknowledge', undefined, cookie);
    const { status, body } = await door.get('/api/v1/alarms/performance', cookie);
    expect(status).toBe(200);
    expect(body).toMatchObject({ from: '2026-11-16T12:00:00.000Z', operators: [{ who: 'olga' }], raised: 1 });
    expect(body.groups).toMatchObject([{ group: 'all', raised: 1 }]);
    expect(body.targets.length).toBeGreaterThan(8);
  });
});

describe('dead letters and audit', () => {
  it('a letter with readings is given to the door again', async () => {
    const letter = { at: NOON, door: 'mqtt', source: 'fm-99', reason: 'unknown-device', detail: 'fm-99' };
    door.gateway.letters.push(
      { ...letter, id: 'l1', payload: '{"device":"fm-99","values":{"flow":3}}' },
      { ...letter, id: 'l2', reason: 'not-json', payload: '{"device"' },
    );
    const list = await door.get('/api/v1/dead-letters?reason=unknown-device', cookie);
    expect(list.body.deadLetters).toMatchObject([{ id: 'l1', at: '2026-11-23T12:00:00.000Z' }]);
    const replay = (id: string) => door.post(`/api/v1/dead-letters/${id}/replay`, undefined, cookie);
    expect((await replay('l1')).body).toEqual({ stored: 1, duplicate: 0, corrected: 0, rejected: 0 });
    expect((await replay('l1')).body.stored).toBe(0);
    expect((await replay('l2')).body.code).toBe('not-replayable');
    expect((await replay('l3')).body.code).toBe('dead-letter-unknown');
    const audit = await door.get('/api/v1/audit', await door.signIn('ada'));
    expect(audit.body.audit.map(({ what }: { what: string }) => what)).toContain('replay-dead-letter');
  });
});
