import { afterEach, describe, expect, it } from 'vitest';
import type { ZoneStatus } from '../../../../gateway/domain/leakage/zone-status.ts';
import type { LeakageFigures } from '../../../../gateway/leakage-figures.ts';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
afterEach(() => door.app.close());

const ask = async (leakage?: () => readonly ZoneStatus[]) => {
  door = await testDoor(leakage === undefined ? {} : { leakage });
  return door.get('/api/v1/leakage', await door.signIn('vera'));
};

const NORTH = {
  id: 'north',
  inlets: ['fm-1/flow'],
  outlets: [],
  tanks: [],
  customers: [],
  pressures: ['pt-1/pressure'],
};

describe('GET /api/v1/leakage', () => {
  it('says which points of a zone tell nothing, and that it has no balance without its meters', async () => {
    const figures = { zones: [NORTH] } as unknown as LeakageFigures;
    door = await testDoor({
      figures,
      leakage: () => [{ zone: 'north', state: 'watching', daysLeft: 0, size: 0, lostM3: 0 }],
    });
    const cookie = await door.signIn('vera');
    door.gateway.addDevice({ id: 'pt-1' }, { measurement: 'pressure', maxSilenceMs: 60_000 });
    door.gateway.reading(0, NOON - 1000, 40);
    const ask = async () => (await door.get('/api/v1/leakage', cookie)).body.zones[0];
    expect(await ask()).toMatchObject({
      silent: ['fm-1/flow'],
      reason: 'no balance at present: fm-1/flow tells nothing',
    });
    door.gateway.addDevice({ id: 'fm-1' }, { measurement: 'flow', maxSilenceMs: 60_000 });
    door.gateway.reading(1, NOON - 1000, 12);
    expect(await ask()).not.toHaveProperty('silent');
    door.clock.now = NOON + 3_600_000;
    expect((await ask()).silent).toEqual(['fm-1/flow', 'pt-1/pressure']);
  });

  it('tells of each zone what is done there', async () => {
    const { status, body } = await ask(() => [
      { zone: 'north', name: 'Binhu North', nameZh: '滨湖北', state: 'learning', daysLeft: 3, size: 0, lostM3: 0 },
      {
        zone: 'hill',
        state: 'leak',
        daysLeft: 0,
        at: NOON,
        since: NOON - 3_600_000,
        nightFlow: 12.34567,
        size: 15.00012,
        lostM3: 401.7,
      },
      { zone: 'low', state: 'unmetered', reason: 'no inlet meter', daysLeft: 0, size: 0, lostM3: 0 },
    ]);
    expect(status).toBe(200);
    expect(body.zones).toEqual([
      {
        zone: 'hill',
        state: 'leak',
        daysLeft: 0,
        at: '2026-11-23T12:00:00.000Z',
        since: '2026-11-23T11:00:00.000Z',
        nightFlow: 12.35,
        size: 15,
        lostM3: 402,
      },
      { zone: 'low', state: 'unmetered', reason: 'no inlet meter', daysLeft: 0, size: 0, lostM3: 0 },
      { zone: 'north', name: 'Binhu North', nameZh: '滨湖北', state: 'learning', daysLeft: 3, size: 0, lostM3: 0 },
    ]);
  });

  it('is an empty list where no zones are configured', async () => {
    expect((await ask()).body).toEqual({ zones: [] });
  });
});
