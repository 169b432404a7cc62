import { afterEach, describe, expect, it } from 'vitest';
import type { LeakageFigures } from '../../../../gateway/leakage-figures.ts';
import { type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
afterEach(() => door.app.close());

describe('GET /api/v1/map', () => {
  it('is for people who are signed in', async () => {
    door = await testDoor();
    expect((await door.get('/api/v1/map')).status).toBe(401);
  });

  it('is empty where nothing is known, and has no background', async () => {
    door = await testDoor();
    const { status, body } = await door.get('/api/v1/map', await door.signIn('vera'));
    expect(status).toBe(200);
    expect(body).toEqual({ zones: [], assets: [] });
  });

  it('tells the background, what measures each metered area, and assets with a place', async () => {
    const ground = {
      type: 'FeatureCollection' as const,
      features: [
        {
          type: 'Feature' as const,
          properties: { kind: 'place' as const, name: 'Old Town', nameZh: '老城' },
          geometry: { type: 'Point' as const, coordinates: [108.4, 31.16] as [number, number] },
        },
      ],
    };
    const zone = {
      id: 'north',
      name: 'North',
      inlets: ['fm-1/flow'],
      outlets: ['fm-1/back'],
      tanks: [],
      customers: [],
    };
    const figures = {
      zones: [{ ...zone, pressures: ['pt-1/pressure'], registered: ['amr-1/flow'] }],
    } as unknown as LeakageFigures;
    door = await testDoor({ ground, figures });
    const admin = await door.signIn('ada');
    await door.post('/api/v1/assets', { id: 'inlet-7', class: 'dma', latitude: 31.17, longitude: 108.41 }, admin);
    await door.post('/api/v1/assets', { id: 'nowhere' }, admin);
    expect((await door.get('/api/v1/map', await door.signIn('vera'))).body).toEqual({
      ground,
      zones: [{ zone: 'north', name: 'North', devices: ['fm-1', 'pt-1', 'amr-1'] }],
      assets: [{ id: 'inlet-7', class: 'dma', latitude: 31.17, longitude: 108.41 }],
    });
  });
});
