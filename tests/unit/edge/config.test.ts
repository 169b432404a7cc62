import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../contract/mistakes.ts';
import { checkEdge } from '../../../edge/check.ts';
import { loadEdgeConfig, parseEdgeConfig } from '../../../edge/config.ts';
import { parseModel } from '../../../edge/model.ts';
import { removeFolder } from '../../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const LINE = 'id: l1, transport: tcp, host: 10.0.0.1';
const check = (lines: string) => checkEdge(`edge: e1\nlines:\n${lines}`, 'edge.yaml', ROOT);

describe('edge.yaml', () => {
  it('works with nothing but an id', () => {
    const { value, mistakes } = parseEdgeConfig('edge: e1', 'edge.yaml');
    expect(mistakes).toEqual([]);
    expect(value?.lines).toEqual([]);
    expect(value?.mqtt.url).toBe('mqtt://127.0.0.1:1883');
  });

  it('reports every mistake at once, with path, found and allowed', () => {
    const { mistakes } = parseEdgeConfig(
      'edge: "a b"\ncolour: red\nlines:\n  - { id: l1, transport: rtu, baud: fast, devices: [{ id: d1, model: m, every: soon }] }\n  - { id: l2, transport: carrier-pigeon }\n',
      'edge.yaml',
    );
    expect(mistakes.map(({ path }) => path).sort()).toEqual([
      'colour',
      'edge',
      'lines[0].baud',
      'lines[0].devices[0].every',
      'lines[0].path',
      'lines[1].transport',
    ]);
  });

  it('refuses two lines on one address, a device twice, and unit ids nobody answers', () => {
    const { mistakes } = parseEdgeConfig(
      `edge: e1\nlines:\n  - { ${LINE}, devices: [{ id: d1, model: m }] }\n  - { id: l2, transport: rtu-over-tcp, host: 10.0.0.1, devices: [{ id: d1, model: m, unitId: 0 }] }\n`,
      'edge.yaml',
    );
    expect(mistakes.map(({ path }) => path)).toEqual([
      'lines[1]',
      'lines[1].devices[0].id',
      'lines[1].devices[0].unitId',
    ]);
  });

  it('takes secrets from a file or the environment, and paths relative to itself', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hf-config-'));
    const file = join(folder, 'edge.yaml');
    writeFileSync(join(folder, 'secret'), 'from-file\n');
    writeFileSync(file, 'edge: e1\nmodels: [mine]\nmqtt: { passwordFile: secret }\n');
    expect(loadEdgeConfig(file, ROOT, {}).mqtt).toMatchObject({ username: 'e1', password: 'from-file' });
    const env = { HANFENG_MQTT_PASSWORD: 'from-env', HANFENG_MQTT_URL: 'mqtt://broker:1', HANFENG_DATA_DIR: '/tmp/x' };
    const config = loadEdgeConfig(file, ROOT, env);
    expect(config.mqtt).toMatchObject({ url: 'mqtt://broker:1', password: 'from-env' });
    expect(config.dataDir).toBe('/tmp/x');
    expect(config.modelFolders).toEqual([join(ROOT, 'edge/devices'), join(folder, 'mine')]);
    writeFileSync(file, 'edge: e1\nmqtt: { passwordFile: nothing-here }\n');
    expect(() => loadEdgeConfig(file, ROOT, {})).toThrow(ConfigError);
    expect(() => loadEdgeConfig(join(folder, 'none.yaml'), ROOT, {})).toThrow(ConfigError);
    removeFolder(folder);
  });
});

describe('hanfeng check of an edge', () => {
  for (const name of ['cabinet/edge.yaml', 'demo/edge-water.yaml', 'demo/edge-city.yaml']) {
    it(`finds nothing wrong in examples/${name}`, () => {
      const file = join(ROOT, 'examples', name);
      const { mistakes, notes } = checkEdge(readFileSync(file, 'utf8'), file, ROOT);
      expect(mistakes).toEqual([]);
      expect(notes.join()).not.toContain('can not keep');
    });
  }

  it('finds nothing wrong in the model and the lines of docs/add-your-device.md', () => {
    const text = readFileSync(join(ROOT, 'docs/add-your-device.md'), 'utf8');
    const [model = '', edge = ''] = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml ?? '');
    expect(parseModel('my-maker-my-model.yaml', model).mistakes).toEqual([]);
    expect(parseEdgeConfig(edge, 'edge.yaml').mistakes).toEqual([]);
  });

  it('names unknown models beside what else is wrong', () => {
    const devices = '[{ id: d1, model: nosuch, unitId: 300 }, { id: d2, model: eastron-sdm630 }]';
    const { mistakes } = check(`  - { ${LINE}, devices: ${devices} }\n  - nothing\n  - { devices: 5 }\n`);
    const paths = mistakes.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['lines[0].devices[0].unitId', 'lines[0].devices[0].model']));
    expect(paths).not.toContain('lines[0].devices[1].model');
  });

  it('names unknown models, measurements and groups, and what there is', () => {
    const { mistakes } = check(
      `  - ${`{ ${LINE}, devices: [{ id: a, model: nokia }, { id: b, model: eastron-sdm630, points: [power, poewr] }, { id: c, model: eastron-sdm630, groups: { fast: 1s } }] }`}`,
    );
    expect(mistakes.map(({ path }) => path)).toEqual([
      'lines[0].devices[0].model',
      'lines[0].devices[1].points',
      'lines[0].devices[2].groups.fast',
    ]);
    expect(mistakes[0]?.allowed).toContain('eastron-sdm630');
    expect(mistakes[1]?.allowed).toContain('powerFactor');
  });

  it('refuses report by exception where leakage or balance needs every sample', () => {
    const report = (model: string, point: string) =>
      check(
        `  - { ${LINE}, devices: [{ id: a, model: ${model}, report: [{ points: [${point}], deadband: 1% }] }] }`,
      ).mistakes.map(({ path }) => path);
    expect(report('taosonics-tuf-2000m', 'flow')).toEqual(['lines[0].devices[0].report[0].points']);
    expect(report('taosonics-tuf-2000m', 'signalQuality')).toEqual(['lines[0].devices[0].report[0].points']);
    expect(report('generic-rs485-pressure', 'pressure')).toHaveLength(1);
    expect(report('eastron-sdm630', 'energy')).toHaveLength(1);
    expect(report('sensorbee-gas', 'co')).toHaveLength(1);
    expect(report('eastron-sdm630', 'voltageA')).toEqual([]);
  });

  it('tells the time budget of each line, and warns of one that is too slow', () => {
    const devices = Array.from(
      { length: 30 },
      (_, at) => `{ id: d${at}, model: eastron-sdm630, unitId: ${at + 1}, every: 1s }`,
    );
    const { notes, mistakes } = check(
      `  - { id: bus, transport: rtu, path: /dev/ttyUSB0, devices: [${devices.join(', ')}] }`,
    );
    expect(mistakes).toEqual([]);
    expect(notes[0]).toMatch(/line bus: needs \d+ ms of its 1000 ms cycle .*can not keep its rates/);
    expect(notes.at(-1)).toMatch(/outbox: .* hold/);
    const [slow] = check(
      `  - { id: bus, transport: rtu, path: /dev/ttyUSB0, devices: [{ id: d, model: eastron-sdm630, every: 10s }] }`,
    ).notes;
    expect(slow).not.toContain('can not');
  });

  it('refuses a text instrument on a Modbus line and the other way round', () => {
    expect(check(`  - { ${LINE}, devices: [{ id: a, model: vaisala-hmt330 }] }`).mistakes).toHaveLength(1);
    expect(
      check('  - { id: t, transport: ascii, path: /dev/ttyS0, devices: [{ id: a, model: eastron-sdm630 }] }').mistakes,
    ).toHaveLength(1);
    expect(
      check(
        '  - { id: t, transport: ascii, path: /dev/ttyS0, devices: [{ id: a, model: vaisala-hmt330 }, { id: b, model: vaisala-hmt330 }] }',
      ).mistakes,
    ).toHaveLength(1);
  });
});
