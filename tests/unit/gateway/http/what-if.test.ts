import { afterEach, describe, expect, it } from 'vitest';
import type { LeakageFigures } from '../../../../gateway/leakage-figures.ts';
import { WhatIfError } from '../../../../gateway/what-if/what-if.ts';
import { NOON, type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
afterEach(() => door.app.close());

const HOUR_MS = 3_600_000;
const alarm = {
  zone: 'north',
  kind: 'abrupt' as const,
  raisedAt: NOON,
  since: NOON - HOUR_MS,
  sizeM3PerH: 12,
  location: 'north',
};
const figures = { zones: [{ id: 'north' }] } as unknown as LeakageFigures;

describe('POST /api/v1/leakage/what-if', () => {
  it('answers the alarms of both settings side by side, for the last month unless said', async () => {
    const asked: unknown[] = [];
    const ask = async (question: unknown) => {
      asked.push(question);
      return {
        rows: [{ usual: alarm, changed: { ...alarm, closedAt: NOON + HOUR_MS } }, { changed: alarm }],
        learning: [],
      };
    };
    door = await testDoor({ figures, whatIf: { ask } });
    const cookie = await door.signIn('olga');
    const { status, body } = await door.post('/api/v1/leakage/what-if', { sensitivity: 2, zone: 'north' }, cookie);
    expect(status).toBe(200);
    expect(asked).toEqual([{ zone: 'north', sensitivity: 2, to: NOON, from: NOON - 31 * 24 * HOUR_MS }]);
    expect(body).toMatchObject({ usual: 1, changed: 2, to: '2026-11-23T12:00:00.000Z' });
    expect(body.rows[0].changed.closedAt).toBe('2026-11-23T13:00:00.000Z');
    expect(body.rows[1]).not.toHaveProperty('usual');
  });

  it('is not for viewers, and refuses what can not be', async () => {
    const ask = () => Promise.reject(new WhatIfError('what-if-busy', 'busy'));
    door = await testDoor({ figures, whatIf: { ask } });
    const post = async (body: unknown, who = 'olga') =>
      door.post('/api/v1/leakage/what-if', body, await door.signIn(who));
    expect((await post({ sensitivity: 2 }, 'vera')).status).toBe(403);
    expect((await post({ sensitivity: 2 })).body).toMatchObject({ status: 429, code: 'what-if-busy' });
    expect((await post({ sensitivity: 99 })).status).toBe(400);
    expect((await post({ sensitivity: 2, zone: 'west' })).body).toMatchObject({ status: 404, code: 'zone-unknown' });
    expect((await post({ sensitivity: 2, from: '2020-01-01', to: '2026-01-01' })).status).toBe(400);
  });
});
