import { afterEach, describe, expect, it } from 'vitest';
import type { ZoneStatus } from '../../../../gateway/domain/leakage/zone-status.ts';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
afterEach(() => door.app.close());

const ask = async (leakage?: () => readonly ZoneStatus[]) => {
  door = await testDoor(leakage === undefined ? {} : { leakage });
  return door.get('/api/v1/leakage', await door.signIn('vera'));
};

describe('GET /api/v1/leakage', () => {
  it('tells of each zone what is done there', async () => {
    const { status, body } = await ask(() => [
      { zone: 'north', name: 'Binhu North', state: 'learning', daysLeft: 3, size: 0, lostM3: 0 },
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
      { zone: 'north', name: 'Binhu North', state: 'learning', daysLeft: 3, size: 0, lostM3: 0 },
    ]);
  });

  it('is an empty list where no zones are configured', async () => {
    expect((await ask()).body).toEqual({ zones: [] });
  });
});
