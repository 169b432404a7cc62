import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { QUARTER_MS } from '../../../../gateway/domain/leakage/locate/locate.ts';
import { groundDistanceM } from '../../../../gateway/domain/leakage/locate/pattern.ts';
import { type LeakAlarm, LeakPlaces, type QuarterHistory } from '../../../../gateway/locate/leak-places.ts';
import { Locator, WAITING_MAX } from '../../../../gateway/locate/locator.ts';
import {
  LEAKY_PIPE,
  type LeakyTown,
  leakyTown,
  SENSORS,
  TOWN,
  TOWN_FROM,
  TOWN_INP,
  ZONE,
} from '../../../support/leaky-town.ts';

const WORKER = resolve(import.meta.dirname, '../../../../dist/gateway/locate/worker.js');
/** m3/h */
const LEAK = 20;
const M_PER_DEG = 111_195;

let town: LeakyTown;
let locator: Locator | undefined;
const warned: string[] = [];
const log = { warn: (facts: unknown) => warned.push((facts as { reason: string }).reason) };

beforeAll(async () => {
  town = await leakyTown(12, 10, LEAK);
}, 60_000);
afterEach(async () => {
  await locator?.close();
  locator = undefined;
});

/** What the town's sensors recorded; nothing before the town was built. */
const history: QuarterHistory = {
  quarters: async (points, from, to) => {
    const before = Math.round((TOWN_FROM - from) / QUARTER_MS);
    const column = (recorded: Float64Array) =>
      Float64Array.from(
        { length: Math.round((to - from) / QUARTER_MS) },
        (_, at) => recorded[at - before] ?? Number.NaN,
      );
    return Object.fromEntries(
      points.flatMap((point) => {
        const recorded = town.columns[point];
        return recorded === undefined ? [] : [[point, column(recorded)]];
      }),
    );
  },
};
/** On a plain near the equator a degree is as long either way. */
const groundOf = (node: string) => {
  const { x, y } = TOWN.junctions.find(({ id }) => id === node)!;
  return { latitude: y / M_PER_DEG, longitude: x / M_PER_DEG };
};
const alarm = (): LeakAlarm => ({
  id: 'a',
  since: town.leakFrom,
  raisedAt: town.to,
  value: LEAK,
  evidence: { zone: ZONE, type: 'abrupt', interval: [LEAK - 3, LEAK + 3] },
});
const placesWith = (located: Locator | undefined) =>
  new LeakPlaces({
    zones: [
      {
        id: ZONE,
        inlets: [`${ZONE}-inlet/flow`],
        outlets: [],
        tanks: [],
        customers: [],
        pressures: SENSORS.map((id) => `${id}/pressure`),
      },
    ],
    timezone: 'UTC',
    history,
    placeOf: (point) => groundOf(point.slice(0, point.indexOf('/'))),
    modelOf: () => (located === undefined ? undefined : { locator: located, names: {}, label: 'town.inp' }),
  });

describe('the place of a leak in a zone without a model', () => {
  it('is around the sensors that fell most, with a radius and no pipe', async () => {
    const place = await placesWith(undefined).place(alarm(), []);
    expect(place).not.toHaveProperty('location');
    expect(place!.details).toMatchObject({ basis: 'pressure pattern', radiusBasis: 'distances between the sensors' });
    const { latitude, longitude, radiusM } = place!.details as Record<'latitude' | 'longitude' | 'radiusM', number>;
    expect(groundDistanceM({ latitude, longitude }, groundOf(LEAKY_PIPE.to))).toBeLessThan(2 * radiusM);
  });
});

describe.skipIf(!existsSync(WORKER))('the thread that solves a model', () => {
  it('places a leak, and says so beside what the pattern of the pressures says', async () => {
    locator = new Locator(TOWN_INP, log);
    const place = await placesWith(locator).place(alarm(), []);
    expect(place).toMatchObject({ location: expect.stringContaining(ZONE), details: { basis: 'hydraulic model' } });
    expect(place!.details.pattern).toMatchObject({ sensors: expect.any(Array) });
  });

  it('is ended when it takes too long: a reason instead of a place, and the next one has its turn', async () => {
    locator = new Locator(TOWN_INP, log, 1);
    warned.length = 0;
    const places = placesWith(locator);
    const both = await Promise.all([places.place(alarm(), []), places.place(alarm(), [])]);
    for (const place of both) {
      expect(place).not.toHaveProperty('location');
      expect(place).toMatchObject({ why: 'not located: not solved within 0.001 s' });
    }
    expect(warned).toHaveLength(2);
  });

  it('that can not read its model says why', async () => {
    locator = new Locator('[JUNCTIONS]\nnonsense\n', log);
    const place = await placesWith(locator).place(alarm(), []);
    expect(place).not.toHaveProperty('location');
    expect(place!.why).toMatch(/^not located: ./);
  });

  it('takes no more leaks than it has room for, and answers all that wait when the gateway ends', async () => {
    locator = new Locator(TOWN_INP, log);
    const task = {} as Parameters<Locator['locate']>[0];
    const waiting = Array.from({ length: WAITING_MAX + 1 }, () => (locator as Locator).locate(task));
    expect(await locator.locate(task)).toEqual({
      found: false,
      reason: `more than ${WAITING_MAX} leaks wait to be located`,
    });
    await locator.close();
    const reasons = new Set((await Promise.all(waiting)).map((located) => 'reason' in located && located.reason));
    expect(reasons).toContain('the gateway ends');
    expect(await locator.locate(task)).toEqual({ found: false, reason: 'the gateway ends' });
  });
});
