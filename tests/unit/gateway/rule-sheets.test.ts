import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withAssets } from '../../../gateway/asset-catalog.ts';
import { AssetBook } from '../../../gateway/assets.ts';
import { createJudge } from '../../../gateway/domain/judge.ts';
import type { PointInfo, Rule } from '../../../gateway/domain/plant.ts';
import { limitsOf, type RuleSheet } from '../../../gateway/domain/rule-table.ts';
import { catalogOf } from '../../../gateway/plant-catalog.ts';
import { parseDeviceFile } from '../../../gateway/plant-files.ts';
import { classSchema } from '../../../gateway/plant-schema.ts';
import { RuleChanges, withChanges } from '../../../gateway/rule-changes.ts';
import { NO_TIMETABLE } from '../../../gateway/schedule-config.ts';
import { flowPoint, highRule, START, Timeline } from './domain/timeline.ts';

/** Two points with a high and a low limit each, the second with delays. */
const POINTS = [flowPoint(), flowPoint({ id: 1, measurement: 'level' })];
function rulesOf({ id, device, measurement }: PointInfo): Rule[] {
  const name = `${device}/${measurement}`;
  const delays = id === 0 ? {} : { onDelayMs: 3000, offDelayMs: 2000 };
  return [
    highRule({ key: `${name}#high`, point: id, pointId: name, ...delays }),
    highRule({ key: `${name}#low`, kind: 'low', setpoint: 20, point: id, pointId: name, ...delays }),
  ];
}
const SHEETS = POINTS.map((point): RuleSheet => ({ limits: limitsOf(rulesOf(point)) ?? [], make: rulesOf }));

function judgeWith(rules: (point: PointInfo) => readonly Rule[] | RuleSheet, points = POINTS) {
  const judge = createJudge({ timezone: 'Asia/Shanghai' });
  judge.addSource({ id: 0, key: 'edge/e1/l1', edge: 'e1', hasUpTo: true });
  for (const point of points) judge.addPoint(point, 0, rules(point));
  return judge;
}
const fromSheets = () => judgeWith(({ id }) => SHEETS[id] as RuleSheet);
const fromRules = () => judgeWith(rulesOf);

describe('rules of a sheet', () => {
  it('judge as the same rules one by one do, over restarts too', () => {
    const step = fc.oneof(
      fc.record({ after: fc.integer({ min: -2, max: 4 }), value: fc.integer({ min: 0, max: 100 }), point: fc.nat(1) }),
      fc.constant('restart' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [one, other] = [fromRules, fromSheets].map((make) => {
          const line = new Timeline({ judge: make() });
          line.judge = make();
          let second = 10;
          for (const next of steps) {
            if (next === 'restart') {
              const state = line.judge.snapshot();
              line.judge = make();
              line.judge.restore(state);
              continue;
            }
            second = Math.max(1, second + next.after);
            line.at(second, next.value, next.point).upTo(second);
          }
          return { journal: line.journal, alarms: [...line.alarms.values()], state: line.judge.snapshot() };
        });
        expect(other).toEqual(one);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['declared', POINTS],
    ['learned', POINTS.map((point): PointInfo => ({ ...point, learnsInterval: true }))],
  ])('make nothing while every reading is within its limits, with an interval that is %s', (_, points) => {
    let made = 0;
    const judge = judgeWith(
      ({ id }) => ({
        limits: SHEETS[id]?.limits ?? [],
        make: (point) => {
          made++;
          return rulesOf(point);
        },
      }),
      points,
    );
    const line = new Timeline();
    line.judge = judge;
    for (let second = 0; second < 30; second++)
      line
        .readings([
          [second, 50],
          [second, 21, 1],
        ])
        .upTo(second);
    judge.snapshot();
    expect(made).toBe(0);
    line.at(31, 90).at(32, 91).at(33, 19);
    expect(made).toBe(1);
    expect(line.story()).toBe('raise@31 return@33 raise@33');
  });

  it('hand an open alarm on when a rule takes the place of the sheet, and close it when none does', () => {
    for (const [rules, story] of [
      [rulesOf(POINTS[0] as PointInfo), 'raise@1 return@5'],
      [[], 'raise@1 return@1'],
    ] as const) {
      const line = new Timeline();
      line.judge = fromSheets();
      line.at(1, 90);
      line.judge.addPoint(POINTS[0] as PointInfo, 0, rules);
      line.tick(3).at(5, 50).upTo(5);
      expect(line.story().replace('remove', 'return')).toBe(story);
      expect(line.active).toEqual([]);
    }
  });

  it('take an open alarm over by its record', () => {
    const line = new Timeline();
    line.judge = fromSheets();
    line.at(1, 90).upTo(1);
    const open = [line.only()];
    line.judge = fromSheets();
    line.judge.adopt(open);
    line.at(5, 95).upTo(5).at(6, 50).upTo(6);
    expect(line.story()).toBe('raise@1 return@6');
  });
});

describe('points that share a sheet', () => {
  const alarm = (point: string, more: object) => ({
    point,
    kind: 'high',
    priority: 2,
    title: 'High',
    response: 'Look.',
    ...more,
  });
  const meter = classSchema.parse({
    class: 'meter',
    label: 'Meter',
    points: { flow: { unit: 'm3/h' }, load: { unit: 'kW' }, door: {}, free: {} },
    attributes: { rated: { label: 'Rated load', unit: 'kW' } },
    alarms: [
      alarm('flow', { setpoint: '80 m3/h', deadband: '2 %' }),
      alarm('load', { setpoint: { attribute: 'rated' } }),
      alarm('door', { kind: 'open', test: { equals: [1] } }),
    ],
  });
  const devices = parseDeviceFile(
    `
- { id: a, class: meter, location: North, attributes: { rated: 10 } }
- { id: b, class: meter, location: South, attributes: { rated: 20 } }
- { id: c, class: meter, alarms: [{ point: flow, kind: high, setpoint: 60 m3/h }] }
- { id: d, class: meter }
`,
    'devices.yaml',
  ).devices;
  const files = catalogOf({
    site: 's',
    classes: new Map([['meter', meter]]),
    devices: new Map(devices.map((device) => [device.id, device])),
    rules: [{ point: 'd/flow', kind: 'high', enabled: false }],
    timetable: NO_TIMETABLE,
  });
  const changes = new RuleChanges(undefined);
  const book = new AssetBook(undefined);
  const catalog = withAssets(withChanges(files, changes), book);
  const sheet = (id: string, measurement: string) => {
    const device = catalog.describeDevice(id, {});
    const point = { ...catalog.describePoint(device, measurement, {}), id: 7 };
    return { sheet: catalog.sheetFor?.(point, device), rules: catalog.rulesFor(point, device), point, device };
  };

  it('are those whose alarms are fixed limits of their class and nothing else', () => {
    const { sheet: ofA, rules, point, device } = sheet('a', 'flow');
    expect(ofA?.limits).toEqual([{ side: 1, setpoint: 80 }]);
    expect(ofA?.make(point, device)).toEqual(rules);
    expect(sheet('b', 'flow').sheet).toBe(ofA);
    expect(sheet('b', 'free').sheet?.limits).toEqual([]);
    // By an attribute, a state, the device's own file, gateway.yaml.
    for (const [id, measurement] of [
      ['a', 'load'],
      ['a', 'door'],
      ['c', 'flow'],
      ['d', 'flow'],
    ] as const)
      expect(sheet(id, measurement).sheet).toBeUndefined();
  });

  it('leave it while a person has changed a rule of theirs, or bound them to an asset', async () => {
    const { sheet: before, rules } = sheet('a', 'flow');
    await changes.set(rules[0] as Rule, { setpoint: 70, who: 'li', at: START, reason: 'trial' });
    expect(sheet('a', 'flow').sheet).toBeUndefined();
    expect(sheet('b', 'flow').sheet).toBe(before);
    await changes.undo('a/flow#high');
    expect(sheet('a', 'flow').sheet).toBe(before);
    await book.put({ id: 'inlet', class: 'meter', attributes: {} }, 'add');
    await book.bind({
      asset: 'inlet',
      measurement: 'flow',
      to: { device: 'a', source: 'flow' },
      from: START,
      scale: 1,
      who: 'li',
      at: START,
    });
    expect(sheet('a', 'flow').sheet).toBeUndefined();
  });
});
