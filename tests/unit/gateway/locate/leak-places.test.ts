import { describe, expect, it } from 'vitest';
import type { Located, LocateTask } from '../../../../gateway/domain/leakage/locate/locate.ts';
import { RecentHistory } from '../../../../gateway/locate/histories.ts';
import { type LeakAlarm, LeakPlaces } from '../../../../gateway/locate/leak-places.ts';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-03-01T00:00Z');
const ZONE = { id: 'A', inlets: ['fm/flow'], outlets: [], tanks: [], customers: [], pressures: ['p1/pressure'] };

const found = (pipe: string, isSure = true): Located => ({
  found: true,
  pipe,
  radiusM: 120,
  confidence: 0.8,
  isSure,
  ...(isSure ? {} : { doubt: 'too many' }),
  explained: 0.9,
  sizeFactor: 1,
  pipes: [{ pipe, probability: 0.4, distanceM: 0 }],
  around: ['p7', 'next', pipe],
  faulty: [],
  sensors: 5,
  windowFrom: START,
  windowTo: START + 1000,
});

function world(...answers: readonly Located[]) {
  const tasks: LocateTask[] = [];
  const due = [...answers];
  const places = new LeakPlaces({
    zones: [ZONE],
    timezone: 'UTC',
    history: new RecentHistory(() => undefined),
    placeOf: () => undefined,
    modelOf: () => ({
      names: { p1: 'J1' },
      label: 'town.inp abc',
      locator: {
        locate: async (task) => {
          tasks.push(task);
          return due.shift()!;
        },
      },
    }),
  });
  return { places, tasks };
}

const leak = (id: string, days: number, more: Partial<LeakAlarm> = {}): LeakAlarm => ({
  id,
  since: START + days * DAY_MS,
  raisedAt: START + (days + 0.1) * DAY_MS,
  value: 10,
  evidence: { zone: 'A', type: 'abrupt', interval: [8, 12] },
  ...more,
});

describe('the place of a leak', () => {
  it('is a pipe when it is sure, and only evidence when it is not', async () => {
    const { places, tasks } = world(found('p7'), found('p9', false));
    expect(await places.place(leak('a', 0), [])).toMatchObject({
      location: 'p7',
      details: { zone: 'A', basis: 'hydraulic model', model: 'town.inp abc', pipe: 'p7', radiusM: 120 },
    });
    expect(tasks[0]).toMatchObject({ sizeM3PerH: 10, interval: [8, 12], names: { p1: 'J1' }, kind: 'abrupt' });
    const unsure = await places.place(leak('b', 60), []);
    expect(unsure).not.toHaveProperty('location');
    expect(unsure).toMatchObject({ details: { pipe: 'p9', doubt: 'too many' } });
  });

  it('stays the zone where an open leak was placed already, also after a restart; not once that is repaired', async () => {
    const { places } = world(found('p7'), found('next'), found('next'));
    const first = leak('a', 0);
    await places.place(first, [first]);
    const second = await places.place(leak('b', 20), [first]);
    expect(second).not.toHaveProperty('location');
    expect(second!.details).toMatchObject({ openNearby: 'a' });
    const repaired = { ...first, returnedAt: START + 10 * DAY_MS };
    expect(await places.place(leak('c', 20), [repaired])).toMatchObject({ location: 'next' });

    const told = leak('a', 0, { evidence: { zone: 'A', located: { pipe: 'p7' } } });
    const restarted = world(found('p7')).places;
    expect((await restarted.place(leak('b', 20), [told]))!.details).toMatchObject({ openNearby: 'a' });
  });

  it('is looked for together with a leak that is a few days older when the days between are too few', async () => {
    const few: Located = { found: false, reason: 'too little history before it began' };
    const { places, tasks } = world(few, found('p7'));
    const older = leak('a', 0);
    expect(await places.place(leak('b', 1), [older])).toMatchObject({
      location: 'p7',
      details: { togetherWith: ['a'] },
    });
    expect(tasks[1]).toMatchObject({ since: older.since, sizeM3PerH: 20, interval: [18, 22], others: [] });
  });

  it('is unknown in a zone that nobody knows', async () => {
    const { places } = world();
    expect(await places.place(leak('a', 0, { evidence: { zone: 'Z' } }), [])).toBeUndefined();
  });
});
