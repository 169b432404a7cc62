import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSimulation } from '../../../simulators/check.ts';
import { parseSimulation } from '../../../simulators/config.ts';
import { orderOf, refuse } from '../../../simulators/control-server.ts';
import { Counters } from '../../../simulators/counters.ts';
import { buildDistrict } from '../../../simulators/district.ts';
import { replyTo } from '../../../simulators/modbus/line.ts';
import { parseScenario } from '../../../simulators/scenario.ts';
import { ScenarioPlayer } from '../../../simulators/scenario-player.ts';
import { FaultError, Simulation } from '../../../simulators/simulation.ts';
import { removeFolder } from '../../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const START = Date.parse('2026-11-23T12:00:00Z');
const YAML = `
seed: 5
lines:
  - id: water
    listen: 127.0.0.1:0
    devices:
      - { id: fm-01, unitId: 1, model: taosonics-tuf-2000m, place: water/dma-1/inlet }
      - { id: pt-01, unitId: 2, model: generic-rs485-pressure, place: water/dma-1/pressure }
`;

async function build(yaml = YAML, start = START): Promise<Simulation> {
  const { config } = parseSimulation(yaml, 'simulate.yaml');
  if (config === undefined) throw new Error('the test configuration is wrong');
  return new Simulation(await buildDistrict({ ...config, root: ROOT, start }), config);
}
const flowOf = (simulation: Simulation) => simulation.values()['fm-01']?.flow ?? Number.NaN;
const read = { kind: 'read', table: 'holdingRegister', address: 0, count: 2 } as const;

describe('a simulated district', () => {
  it('runs the same twice with one seed', async () => {
    const [first, second] = [await build(), await build()];
    for (const simulation of [first, second]) simulation.moveTo(START + 600_000);
    expect(first.values()).toEqual(second.values());
  });

  it('runs differently with another seed', async () => {
    expect(flowOf(await build(YAML.replace('seed: 5', 'seed: 6')))).not.toBe(flowOf(await build()));
  });

  it('sends a burst through the inlet meter and takes it back', async () => {
    const simulation = await build();
    const before = flowOf(simulation);
    simulation.order({ name: 'burst', device: 'fm-01', on: true, value: 80 });
    simulation.moveTo(START + 10_000);
    expect(flowOf(simulation)).toBeGreaterThan(before + 50);
    simulation.order({ name: 'burst', device: 'fm-01', on: false });
    simulation.moveTo(START + 20_000);
    expect(flowOf(simulation)).toBeLessThan(before * 1.3);
  });

  it('goes on counting after a restart, by what flowed meanwhile', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hanfeng-counters-'));
    const path = join(folder, 'simulate', 'counters.json');
    const before = await build();
    new Counters(before, path).restore();
    before.moveTo(START + 600_000);
    await new Counters(before, path).save();
    const shown = before.values()['fm-01']?.total ?? Number.NaN;
    const after = await build(YAML, START + 600_000 + 3_600_000);
    new Counters(after, path).restore();
    const counted = (after.values()['fm-01']?.total ?? Number.NaN) - shown;
    expect(counted / flowOf(before)).toBeCloseTo(1, 1);
    writeFileSync(path, '{"at": 1');
    expect(() => new Counters(after, path).restore()).toThrow();
    removeFolder(folder);
  });

  it('counts what flowed into the total', async () => {
    const simulation = await build();
    const before = simulation.values()['fm-01']?.total ?? 0;
    simulation.moveTo(START + 600_000);
    const counted = (simulation.values()['fm-01']?.total ?? 0) - before;
    expect(counted).toBeGreaterThan(flowOf(simulation) / 6 / 1.5);
    expect(counted).toBeLessThan((flowOf(simulation) / 6) * 1.5);
  });

  it('shows old registers while stuck, although the flow goes on', async () => {
    const simulation = await build();
    const line = simulation.lines.get('water');
    if (line === undefined) throw new Error('no line');
    simulation.order({ name: 'stuck', device: 'fm-01', on: true });
    const before = replyTo(line, 1, read);
    simulation.order({ name: 'burst', device: 'fm-01', on: true });
    simulation.moveTo(START + 60_000);
    expect(replyTo(line, 1, read)).toEqual(before);
  });

  it.each([
    ['silence', { kind: 'silence' }],
    ['late', { kind: 'reply', delayMs: 3005 }],
    ['wrong-unit', { kind: 'reply', unitId: 2 }],
    ['exception', { kind: 'reply', answer: { kind: 'exception', code: 4 } }],
    ['bad-crc', { kind: 'reply', spoil: 'bad-crc' }],
  ] as const)('plays %s on the wire, for one device or for all of its line', async (name, expected) => {
    const simulation = await build();
    const line = simulation.lines.get('water');
    if (line === undefined) throw new Error('no line');
    simulation.order({ name, device: 'fm-01', on: true });
    expect(replyTo(line, 1, read)).toMatchObject(expected);
    expect(replyTo(line, 2, read)).toMatchObject({ kind: 'reply', unitId: 2, delayMs: 5 });
    simulation.order({ name, device: 'fm-01', on: false });
    simulation.order({ name, device: 'water', on: true });
    expect(replyTo(line, 1, read)).toMatchObject(expected);
  });

  it('is silent for a unit nobody has', async () => {
    const line = (await build()).lines.get('water');
    expect(line && replyTo(line, 9, read)).toEqual({ kind: 'silence' });
  });

  it.each([
    ['an unknown fault', { name: 'earthquake', device: 'fm-01' }, 'fault-unknown'],
    ['an unknown device', { name: 'burst', device: 'fm-99' }, 'device-unknown'],
    ['a fault of another kind of device', { name: 'co-rise', device: 'fm-01' }, 'fault-not-here'],
  ])('says what is wrong with %s', async (_what, order, code) => {
    const simulation = await build();
    expect(() => simulation.order({ ...order, on: true })).toThrow(FaultError);
    expect(() => simulation.order({ ...order, on: true })).toThrow(expect.objectContaining({ code }));
  });
});

describe('simulate.yaml', () => {
  it('lists every mistake at once', async () => {
    const text = `
speed: -1
nonsense: 1
lines:
  - id: water
    listen: 15020
    devices:
      - { id: fm-01, unitId: 1, model: made-up, place: water/dma-1/inlet }
`;
    expect(
      checkSimulation(text, 'simulate.yaml', ROOT)
        .mistakes.map(({ path }) => path)
        .sort(),
    ).toEqual(['lines[0].devices[0].model', 'lines[0].listen', 'nonsense', 'speed']);
  });

  it('finds places that do not exist and ids that stand twice', async () => {
    const text = YAML.replace('id: pt-01, unitId: 2', 'id: fm-01, unitId: 1').replace(
      'dma-1/pressure',
      'dma-9/pressure',
    );
    const mistakes = checkSimulation(text, 'simulate.yaml', ROOT).mistakes.map(({ path }) => path);
    expect(mistakes.sort()).toEqual([
      'lines[0].devices[1].id',
      'lines[0].devices[1].place',
      'lines[0].devices[1].unitId',
    ]);
  });

  it('refuses a control face that is not on this machine', async () => {
    expect(checkSimulation('control: 0.0.0.0:15080', 'simulate.yaml', ROOT).mistakes).toHaveLength(1);
  });
});

describe('the control face', () => {
  const headers = { host: '127.0.0.1:15080', 'content-type': 'application/json' };
  it('takes an order of this machine', async () => {
    expect(refuse({ method: 'POST', headers })).toBeUndefined();
    expect(refuse({ method: 'POST', headers: { ...headers, origin: 'http://127.0.0.1:15080' } })).toBeUndefined();
  });

  it.each([
    ['a page of another site', { ...headers, origin: 'https://example.org' }],
    ['a page of another site that hides its origin', { ...headers, 'sec-fetch-site': 'cross-site' as const }],
    ['a name that was pointed at this machine', { ...headers, host: 'evil.example:15080' }],
    ['a form', { host: '127.0.0.1:15080', 'content-type': 'text/plain' }],
  ])('refuses %s', async (_what, given) => {
    expect(refuse({ method: 'POST', headers: given })).toBeTypeOf('string');
  });

  it.each([undefined, '', 'x', '[]', 'null', '{"name":1}', '{"name":"a","device":"b","on":true,"value":"c"}'])(
    'says what is wrong with %s',
    (text) => {
      expect(orderOf(text)).toBeTypeOf('string');
    },
  );
});

describe('a scenario started by hand', () => {
  const scenario = (timeline: string) =>
    parseScenario(
      `{title: Test, start: 2026-11-24T02:00, lasts: 1m, edges: [e], must: [], mustNot: [{kind: stale}], timeline: ${timeline}}`,
      'test.yaml',
    ).scenario;
  async function player(timeline: string) {
    const simulation = await build();
    const stop = new AbortController();
    const known = scenario(timeline);
    if (known === undefined) throw new Error('the test scenario is wrong');
    const scenarios = new Map([['test', known]]);
    return { simulation, player: new ScenarioPlayer({ simulation, scenarios, signal: stop.signal, now: () => START }) };
  }
  const names = (simulation: Simulation) => simulation.activeFaults().map(({ name }) => name);

  it('plays its steps and leaves no fault behind when it is over', async () => {
    const { simulation, player: one } = await player('[{at: 0s, on: burst, device: fm-01}]');
    one.start('test', 600);
    await expect.poll(() => names(simulation)).toEqual(['burst']);
    await expect.poll(() => one.playing()).toBeUndefined();
    expect(names(simulation)).toEqual([]);
  });

  it('gives way to the next one, and ends when it is stopped', async () => {
    const { simulation, player: one } = await player(
      '[{at: 0s, on: burst, device: fm-01}, {at: 1h, off: burst, device: fm-01}]',
    );
    one.start('test');
    await expect.poll(() => names(simulation)).toEqual(['burst']);
    one.start('test');
    expect(one.playing()?.name).toBe('test');
    one.stop();
    await expect.poll(() => names(simulation)).toEqual([]);
    expect(() => one.start('unknown')).toThrow(/there are test/);
  });
});
