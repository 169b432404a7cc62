import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  batchesOf,
  checkAsserted,
  judgeScenario,
  parseScenario,
  playTimeline,
  readAsserted,
  readScenarios,
} from '../../../simulators/scenario.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'simulators', 'scenarios');
/** What runs were judged by when this line was last touched: words are added here, never taken away. */
const ASSERTED_AT_LEAST = [
  'limits',
  'stale',
  'offline',
  'communication',
  'machinery',
  'lamps',
  'supply',
  'water',
  'air',
];
const LIMITS = ['high', 'high-high', 'low', 'low-low'];

describe('the scenarios of the project', () => {
  const scenarios = readScenarios(ROOT);

  it('are at least twenty, all of them readable', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml') && name !== 'asserted.yaml');
    for (const file of files)
      expect(parseScenario(readFileSync(join(FOLDER, file), 'utf8'), file).mistakes, file).toEqual([]);
    expect(scenarios.size).toBe(files.length);
    expect(scenarios.size).toBeGreaterThanOrEqual(20);
  });

  it('each name alarms that must not be raised, and no alarm is on both lists', () => {
    for (const { name, must, mustNot } of scenarios.values()) {
      expect(mustNot.length, name).toBeGreaterThan(0);
      for (const expected of must) expect(mustNot, name).not.toContainEqual(expected);
    }
  });

  it('cover every domain, quiet times and the wires', () => {
    const points = [...scenarios.values()].flatMap(({ must }) => must.map(({ point, asset }) => point ?? asset ?? ''));
    for (const device of ['fm-', 'pt-', 'lc-', 'tn-', 'pm-', 'tx-', 'wl-', 'ga-', 'edge-'])
      expect(
        points.some((text) => text.startsWith(device)),
        device,
      ).toBe(true);
    expect([...scenarios.values()].filter(({ must }) => must.length === 0).length).toBeGreaterThanOrEqual(5);
  });

  it('that run together begin at one moment, at one speed, and touch other devices', () => {
    for (const batch of batchesOf(scenarios.values())) {
      const names = batch.map(({ name }) => name).join(', ');
      expect(new Set(batch.map(({ start, speed, seed }) => `${start} ${speed} ${seed}`)).size, names).toBe(1);
      const devices = batch.flatMap(({ timeline }) => [...new Set(timeline.map(({ device }) => device))]);
      expect(devices.length, names).toBe(new Set(devices).size);
      if (batch.length < 2) continue;
      // What takes a whole line or edge down would be everybody's.
      expect(
        devices.filter((device) => !/-\d/.test(device) && !device.includes('/')),
        names,
      ).toEqual([]);
      for (const { must, mustNot } of batch)
        for (const other of batch.flatMap((one) => one.must))
          if (!must.includes(other))
            expect(
              mustNot.some(
                (wrong) => wrong.kind === other.kind && wrong.point === undefined && wrong.asset === undefined,
              ),
              `${names}: ${other.kind}`,
            ).toBe(false);
    }
  });

  it('are judged by no fewer kinds of alarms than before', () => {
    const { words, kinds } = readAsserted(ROOT);
    for (const word of ASSERTED_AT_LEAST) expect(words).toContain(word);
    for (const kind of LIMITS) expect(kinds).toContain(kind);
  });
});

describe('asserted.yaml', () => {
  it.each([
    ['as it comes with the project', readFileSync(join(FOLDER, 'asserted.yaml'), 'utf8'), []],
    ['with no kinds', '{ asserted: [], groups: {} }', ['asserted']],
    ['with an empty group', '{ asserted: [limits], groups: { limits: [] } }', ['groups.limits']],
    ['with an unknown key', '{ asserted: [stale], groups: {}, more: 1 }', ['more']],
    ['that is no YAML', 'a: [', ['']],
  ])('%s is judged by its own schema', (_what, text, paths) => {
    expect(checkAsserted(text, 'asserted.yaml').map(({ path }) => path)).toEqual(paths);
  });
});

describe('a scenario file', () => {
  const good = `
title: A test
start: 2026-11-24T02:00
lasts: 1m
edges: [edge-water]
timeline:
  - { at: 40s, off: burst, device: fm-01 }
  - { at: 10s, on: burst, device: fm-01, value: 50 }
must: []
mustNot: [{ kind: stale }]
`;
  it('plays its steps in order of time, waiting between them', async () => {
    const { scenario } = parseScenario(good, 'x.yaml');
    const seen: string[] = [];
    await playTimeline(scenario?.timeline ?? [], {
      sleep: async (ms) => void seen.push(`wait ${ms}`),
      act: ({ on, off }) => void seen.push(on === undefined ? `off ${off}` : `on ${on}`),
      speed: 2,
    });
    expect(seen).toEqual(['wait 5000', 'on burst', 'wait 15000', 'off burst']);
  });

  it.each([
    ['an unknown key', good.replace('lasts:', 'lastss:'), 'lastss'],
    ['a time that is none', good.replace('at: 40s', 'at: soon'), 'timeline[0].at'],
    ['on and off at once', good.replace('on: burst,', 'on: burst, off: burst,'), 'timeline[1]'],
    ['no alarm that must not be raised', good.replace('[{ kind: stale }]', '[]'), 'mustNot'],
    ['no YAML', 'a: [', ''],
  ])('with %s is a mistake with its place', (_what, text, path) => {
    expect(parseScenario(text, 'x.yaml').mistakes.map((mistake) => mistake.path)).toContain(path);
  });
});

describe('judging a run', () => {
  const asserted = new Set(['high', 'low', 'stale']);
  const alarm = (kind: string, point: string, priority = 2) => {
    const asset = point.split('/')[0] as string;
    return { kind, point, asset, priority, message: '' };
  };
  const scenario = {
    must: [
      { kind: 'high', point: 'fm-01/flow', priority: 2 },
      { kind: 'frozen', asset: 'fm-01' },
    ],
    may: [{ kind: 'low', asset: 'pt-01' }],
    mustNot: [{ kind: 'stale' }],
  };

  it('passes when exactly the asked-for alarms came, with or without the allowed ones', () => {
    for (const more of [[], [alarm('low', 'pt-01/pressure')]])
      expect(judgeScenario(scenario, [alarm('high', 'fm-01/flow'), ...more], asserted)).toEqual({
        missing: [],
        unexpected: [],
        wrong: [],
        standing: [],
      });
  });

  it('names what is missing, also when it came with another priority', () => {
    expect(judgeScenario(scenario, [alarm('high', 'fm-01/flow', 3)], asserted).missing).toEqual([scenario.must[0]]);
  });

  it('names what nobody asked for, and what was said to be wrong', () => {
    const verdict = judgeScenario(scenario, [alarm('high', 'fm-01/flow'), alarm('stale', 'fm-02/flow')], asserted);
    expect(verdict.unexpected).toHaveLength(1);
    expect(verdict.wrong).toHaveLength(1);
  });

  it('leaves to the others of its batch what they list', () => {
    const other = { must: [{ kind: 'low', asset: 'pt-02' }], may: [] };
    const raised = [alarm('high', 'fm-01/flow'), alarm('low', 'pt-02/pressure')];
    expect(judgeScenario(scenario, raised, asserted, [other])).toMatchObject({ unexpected: [] });
    expect(judgeScenario(scenario, raised, asserted)).toMatchObject({ unexpected: [raised[1]] });
  });

  it('counts what stands for itself; what that explains is no failure', () => {
    const one = { ...scenario, standing: 1 };
    const root = alarm('high', 'fm-01/flow');
    const explained = { ...alarm('low', 'pt-02/pressure'), holds: ['suppressed'] };
    expect(judgeScenario(one, [root, explained], asserted)).toMatchObject({ unexpected: [], standing: [] });
    const alone = alarm('low', 'pt-02/pressure');
    expect(judgeScenario(one, [root, alone], asserted)).toMatchObject({ unexpected: [alone], standing: [root, alone] });
  });

  it('leaves out kinds that are not asserted yet', () => {
    expect(judgeScenario(scenario, [alarm('high', 'fm-01/flow'), alarm('leak', 'dma-1/inflow')], asserted)).toEqual({
      missing: [],
      unexpected: [],
      wrong: [],
      standing: [],
    });
  });
});
