import { beforeAll, describe, expect, it } from 'vitest';
import { type Located, type LocateTask, locate } from '../../../../gateway/domain/leakage/locate/locate.ts';
import { ModelError, NetworkModel } from '../../../../gateway/locate/network-model.ts';
import {
  LEAKY_PIPE,
  type LeakyTown,
  leakyTown,
  SENSORS,
  TOWN_FROM,
  TOWN_INP,
  ZONE,
} from '../../../support/leaky-town.ts';

const LEAK = 20;
let town: LeakyTown;
let model: NetworkModel;

beforeAll(async () => {
  town = await leakyTown(12, 10, LEAK);
  model = await NetworkModel.open(TOWN_INP);
}, 60_000);

function taskOf(change: Partial<LocateTask> = {}): LocateTask {
  return {
    zone: {
      inlets: [`${ZONE}-inlet/flow`],
      outlets: [],
      tanks: [],
      customers: [],
      pressures: SENSORS.map((id) => `${id}/pressure`),
    },
    timezone: 'UTC',
    names: {},
    kind: 'abrupt',
    since: town.leakFrom,
    at: town.to,
    sizeM3PerH: LEAK,
    interval: [LEAK - 3, LEAK + 3],
    others: [],
    historyFrom: TOWN_FROM,
    history: town.columns,
    ...change,
  };
}

type Found = Extract<Located, { found: true }>;
const found = (located: Located): Found => {
  expect(located).toMatchObject({ found: true });
  return located as Found;
};
const farFromLeak = ({ pipe }: Found) => model.graph.distancesFrom(LEAKY_PIPE.id)(pipe);

describe('a leak in a network with a model', () => {
  it('is placed on a pipe near it, with the radius that holds it', () => {
    const place = found(locate(taskOf(), model));
    expect(place.isSure).toBe(true);
    expect(farFromLeak(place)).toBeLessThan(300);
    expect(farFromLeak(place)).toBeLessThan(2 * place.radiusM);
    expect(place.explained).toBeGreaterThan(0.8);
    expect(place.pipes.length).toBeGreaterThan(1);
    expect(place.pipes.every(({ pipe }) => pipe.startsWith(ZONE))).toBe(true);
  });

  it('is not named when the pressures want another size than the flow tells', () => {
    const small = found(locate(taskOf({ sizeM3PerH: LEAK / 8, interval: [LEAK / 9, LEAK / 7] }), model));
    expect(small).toMatchObject({ isSure: false, doubt: expect.stringMatching(/times the size|explains/) });
  });

  it('is not placed where nothing changed', () => {
    const before = town.leakFrom - 3_600_000;
    const place = locate(taskOf({ since: before - 9_000_000, at: before }), model);
    expect(place).toMatchObject({ found: true, isSure: false });
    expect((place as Found).doubt).toMatch(/explains|pattern|too many/);
  });

  it('is found with gaps and with a sensor that is stuck', () => {
    const holes = Object.fromEntries(
      Object.entries(town.columns).map(([point, column]) => [
        point,
        column.map((value, at) => (at % 11 === 3 ? Number.NaN : value)),
      ]),
    );
    holes[`${SENSORS[0]}/pressure`] = town.columns[`${SENSORS[0]}/pressure`]!.map((value, at, all) =>
      at > 11 * 96 ? all[11 * 96]! : value,
    );
    const place = found(locate(taskOf({ history: holes }), model));
    expect(place.sensors).toBe(SENSORS.length - 1);
    expect(farFromLeak(place)).toBeLessThan(300);
  });

  it.each([
    ['too few sensors are nodes of the model', { zone: undefined, pressures: 2 }, /at least 3/],
    ['there is no history', { historyFrom: undefined }, /too little history/],
    ['it began this very moment', { since: 0 }, /too little data/],
  ])('has no place when %s', (_, which, words) => {
    const task = taskOf();
    const change: Partial<LocateTask> =
      'pressures' in which
        ? { zone: { ...task.zone, pressures: task.zone.pressures.slice(0, 2) } }
        : 'since' in which
          ? { since: town.to }
          : { since: TOWN_FROM + 86_400_000, at: TOWN_FROM + 2 * 86_400_000 };
    const located = locate({ ...task, ...change }, model);
    expect(located).toMatchObject({ found: false });
    expect((located as { reason: string }).reason).toMatch(words);
  });

  it('takes devices that are not called as the nodes of the model by the names that are given', () => {
    const task = taskOf();
    const rename = (point: string) => point.replace(`${ZONE}-`, 'pt-');
    const names = Object.fromEntries(SENSORS.map((id) => [rename(id), id]));
    const history = Object.fromEntries(
      Object.entries(town.columns).map(([point, column]) => [
        point.endsWith('/pressure') ? rename(point) : point,
        column,
      ]),
    );
    const zone = { ...task.zone, pressures: task.zone.pressures.map(rename) };
    const place = found(locate(taskOf({ zone, names, history }), model));
    expect(place).toMatchObject({ pipe: found(locate(task, model)).pipe, sensors: SENSORS.length });
  });

  it('learns on the days on which the same other leaks were open', () => {
    // Another leak, open for ten of the days before and repaired since, would leave two days to learn from.
    const until = town.leakFrom - 2 * 86_400_000;
    const place = locate(taskOf({ others: [{ since: TOWN_FROM, until }] }), model);
    expect(found(place).sensors).toBe(SENSORS.length);
    const longer = locate(taskOf({ others: [{ since: TOWN_FROM, until: until + 86_400_000 }] }), model);
    expect(longer).toMatchObject({ found: false });
  });
});

describe('a model file', () => {
  it.each([
    ['no EPANET file', 'hello'],
    ['a pipe to a node that is not there', TOWN_INP.replace(/\[PIPES\]\n\S+ T0/, '[PIPES]\nlost nowhere')],
    ['nothing', ''],
  ])('that holds %s is refused in words', async (_, inp) => {
    await expect(NetworkModel.open(inp)).rejects.toThrow(ModelError);
    await expect(NetworkModel.open(inp)).rejects.toThrow(/\w{4,}/);
  });

  it('in litres a second and feet gives the same cubic metres and metres', async () => {
    const litres = TOWN_INP.replace('Units CMH', 'Units LPS')
      .replace(/\[JUNCTIONS\]\n([\s\S]*?)\n(?=\[)/, (whole) =>
        whole.replace(/^(\S+ \S+) (\S+)$/gm, (_, head, demand) => `${head} ${Number(demand) / 3.6}`),
      )
      .replace(/pump-curve 150 /, `pump-curve ${150 / 3.6} `);
    const other = await NetworkModel.open(litres);
    const ask = (one: NetworkModel) =>
      one.signatures({
        conditions: [{ secondOfWeek: 0, includesLeak: false, running: {}, levelM: {} }],
        sensors: SENSORS,
        candidates: [LEAKY_PIPE.to],
        sizeM3PerH: 5,
      });
    const mine = [...(ask(model).get(LEAKY_PIPE.to) as Float64Array)];
    const theirs = [...(ask(other).get(LEAKY_PIPE.to) as Float64Array)];
    expect(Math.min(...mine)).toBeLessThan(-0.05);
    theirs.forEach((value, at) => {
      expect(value).toBeCloseTo(mine[at]!, 2);
    });
    other.close();
  });
});
