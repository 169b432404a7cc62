import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
let cookie: string;
const MINUTE = 60_000;
const T0 = NOON - 60 * MINUTE;

beforeEach(async () => {
  door = await testDoor();
  const { gateway } = door;
  gateway.addDevice({ id: 'fm-12' }, { measurement: 'flow' }, { measurement: 'total' });
  gateway.addDevice({ id: 'fm-99' }, { measurement: 'flow' }, { measurement: 'total' });
  for (let n = 0; n < 60; n++) {
    gateway.reading(0, T0 + n * MINUTE, n);
    gateway.reading(2, T0 + n * MINUTE, 10 * n);
  }
  cookie = await door.signIn('ada');
  await door.post('/api/v1/assets', { id: 'district', class: 'dma' }, cookie);
  await door.post('/api/v1/assets', { id: 'inlet-7', class: 'flow-meter', parent: 'district' }, cookie);
});
afterEach(() => door.app.close());

const bind = (body: unknown, as = cookie) => door.post('/api/v1/assets/inlet-7/bindings', body, as);
/** fm-12 for half an hour, then fm-99, which counts in tenths. */
async function replaced(): Promise<void> {
  await bind({ measurement: 'flow', point: 'fm-12/flow', from: T0 });
  await bind({ measurement: 'flow', point: 'fm-99/flow', from: T0 + 30 * MINUTE, scale: 0.1, note: 'flooded' });
}

describe('assets', () => {
  it('form a tree, are listed, changed and audited', async () => {
    const { body } = await door.get('/api/v1/assets', cookie);
    expect(body.assets).toMatchObject([
      { id: 'district', children: ['inlet-7'], points: [] },
      { id: 'inlet-7', parent: 'district', attributes: {} },
    ]);
    const put = await door.app.inject({
      method: 'PUT',
      url: '/api/v1/assets/inlet-7',
      headers: { cookie },
      payload: { class: 'flow-meter', location: 'Binhu East', parent: 'district' },
    });
    expect(put.json()).toMatchObject({ id: 'inlet-7', location: 'Binhu East' });
    expect(door.gateway.audited.map(({ what }) => what)).toEqual(['sign-in', 'add-asset', 'add-asset', 'change-asset']);
    expect((await door.get('/api/v1/assets/none', cookie)).body.code).toBe('asset-unknown');
    expect((await door.post('/api/v1/assets', { id: 'inlet-7' }, cookie)).body.code).toBe('asset-taken');
    expect((await door.post('/api/v1/assets', { id: 'fm-12' }, cookie)).body.code).toBe('asset-taken');
    expect((await door.post('/api/v1/assets', { id: 'x', parent: 'nowhere' }, cookie)).body.code).toBe('asset-invalid');
  });

  it('list their bindings page by page, by measurement and time', async () => {
    await bind({ measurement: 'total', point: 'fm-12/total', from: T0 });
    await replaced();
    const seen: string[] = [];
    let next = '';
    do {
      const { body } = await door.get(`/api/v1/assets/inlet-7/bindings?limit=1${next}`, cookie);
      seen.push(...body.bindings.map(({ point }: { point: string }) => point));
      next = body.cursor === undefined ? '' : `&cursor=${body.cursor}`;
    } while (next !== '');
    expect(seen).toEqual(['fm-12/flow', 'fm-99/flow', 'fm-12/total']);
    expect((await door.get('/api/v1/assets/inlet-7/bindings?cursor=x', cookie)).status).toBe(400);
  });

  it('are declared by administrators, bound by operators, seen by all', async () => {
    const olga = await door.signIn('olga');
    const vera = await door.signIn('vera');
    expect((await door.post('/api/v1/assets', { id: 'x' }, olga)).status).toBe(403);
    expect((await bind({ measurement: 'flow', point: 'fm-12/flow' }, vera)).status).toBe(403);
    expect((await bind({ measurement: 'flow', point: 'fm-12/flow' }, olga)).status).toBe(200);
    expect((await door.get('/api/v1/assets/inlet-7/bindings', vera)).body.bindings).toMatchObject([
      { point: 'fm-12/flow', from: '2026-11-23T12:00:00.000Z', who: 'olga' },
    ]);
  });

  it('a replaced meter keeps its history: raw, buckets, steps and export run over both', async () => {
    await replaced();
    expect(door.gateway.renewed).toEqual(['fm-12', 'fm-12', 'fm-99']);
    const expected = Array.from({ length: 60 }, (_, n) => n);
    const raw = await door.get(`/api/v1/points/inlet-7/flow/readings?from=${T0}&to=${NOON}`, cookie);
    expect(raw.body.readings.map(({ value }: { value: number }) => value)).toEqual(expected);
    const first = await door.get(`/api/v1/points/inlet-7/flow/readings?from=${T0}&to=${NOON}&limit=40`, cookie);
    const rest = await door.get(
      `/api/v1/points/inlet-7/flow/readings?from=${T0}&to=${NOON}&limit=40&cursor=${first.body.cursor}`,
      cookie,
    );
    expect([...first.body.readings, ...rest.body.readings]).toEqual(raw.body.readings);
    const { body } = await door.get(`/api/v1/points/inlet-7/flow/readings?from=${T0}&to=${NOON}&buckets=4`, cookie);
    expect(body.buckets.map(({ min, max }: { min: number; max: number }) => [min, max])).toEqual([
      [0, 14],
      [15, 29],
      [30, 44],
      [45, 59],
    ]);
    const query = await door.post(
      '/api/v1/query',
      { points: ['inlet-7/flow'], from: T0, to: NOON, step: '1m' },
      cookie,
    );
    expect(query.body.series).toHaveLength(1);
    expect(query.body.series[0].point).toBe('inlet-7/flow');
    expect(query.body.series[0].values.map(({ value }: { value: number }) => value)).toEqual(expected);
    const csv = await door.get(`/api/v1/export?points=inlet-7/flow&from=${T0}&to=${NOON}`, cookie);
    expect(String(csv.body).trim().split('\n')).toHaveLength(61);
    const asset = await door.get('/api/v1/assets/inlet-7', cookie);
    expect(asset.body.points).toMatchObject([{ id: 'inlet-7/flow', boundTo: 'fm-99/flow', last: { value: 59 } }]);
  });

  it('a point of an asset is seen under its name, in its units and with what measures it now', async () => {
    const view = async (id: string) => (await door.get(`/api/v1/points/${id}`, cookie)).body;
    const { body: list } = await door.get('/api/v1/points', cookie);
    expect(await view('fm-12/flow')).toEqual(list.points[0]);
    expect((await view('inlet-7/flow')).code).toBe('point-unknown');
    await replaced();
    const device = await view('fm-99/flow');
    expect(device.last.value).toBe(590);
    expect(await view('inlet-7/flow')).toEqual({
      ...device,
      id: 'inlet-7/flow',
      device: 'inlet-7',
      class: 'flow-meter',
      boundTo: 'fm-99/flow',
      last: { ...device.last, value: 59 },
    });
  });

  it('a point of an asset that nothing measures any more has no value, and one whose device never came is not known', async () => {
    await replaced();
    await bind({ measurement: 'flow', point: null, from: NOON });
    const { body } = await door.get('/api/v1/points/inlet-7/flow', cookie);
    expect(body).toMatchObject({ id: 'inlet-7/flow', class: 'flow-meter' });
    expect(body).not.toHaveProperty('last');
    expect(body).not.toHaveProperty('boundTo');
    await bind({ measurement: 'total', point: 'fm-100/total', from: T0 });
    expect((await door.get('/api/v1/points/inlet-7/total', cookie)).body.code).toBe('point-unknown');
  });

  it('outside of its bindings an asset point has no values, and the device keeps its own', async () => {
    await bind({ measurement: 'flow', point: 'fm-12/flow', from: T0 + 10 * MINUTE });
    await bind({ measurement: 'flow', point: null, from: T0 + 20 * MINUTE });
    const raw = await door.get(`/api/v1/points/inlet-7/flow/readings?from=${T0}&to=${NOON}`, cookie);
    expect(raw.body.readings).toHaveLength(10);
    const device = await door.get(`/api/v1/points/fm-12/flow/readings?from=${T0}&to=${NOON}`, cookie);
    expect(device.body.readings).toHaveLength(60);
    expect((await door.get('/api/v1/points/inlet-7/pressure/readings', cookie)).body.code).toBe('point-unknown');
  });

  it('refuses what would rewrite history or mean two things', async () => {
    await replaced();
    const codes = async (body: unknown) => (await bind(body)).body.code;
    expect(await codes({ measurement: 'flow', point: 'fm-12/flow', from: T0 })).toBe('binding-not-possible');
    expect(await codes({ measurement: 'other', point: 'fm-99/flow' })).toBe('binding-not-possible');
    expect(await codes({ measurement: 'flow', point: 'fm-12/flow', from: NOON + 3_600_000 })).toBe(
      'binding-not-possible',
    );
    for (const body of [
      { measurement: 'flow' },
      { measurement: 'flow', point: 'x' },
      { point: 'a/b' },
      { measurement: 'flow', point: 'a/b', scale: 0 },
    ])
      expect(await codes(body)).toBe('input-invalid');
    const across = { points: ['inlet-7/flow'], from: T0, to: NOON, step: '1m', across: 'sum' };
    expect((await door.post('/api/v1/query', across, cookie)).body.code).toBe('input-invalid');
    const parquet = await door.get(`/api/v1/export?points=inlet-7/flow&from=${T0}&format=parquet`, cookie);
    expect(parquet.body.code).toBe('input-invalid');
  });
});
