import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkDataFile, checkGateway } from '../../../gateway/check.ts';
import { loadGatewayConfig } from '../../../gateway/config.ts';
import { loadPlant } from '../../../gateway/plant-files.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'hanfeng-plant-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, 'gateway.yaml');
}

const plantOf = (files: Readonly<Record<string, string>>) => loadPlant(loadGatewayConfig(write(files), ROOT, {}), ROOT);

describe('device and class files', () => {
  it('put class defaults, device overrides and gateway limits together, in the unit of the point', () => {
    const plant = plantOf({
      'gateway.yaml':
        'site: town\ndevices: [d/*.yaml]\nalarms: [{point: pt-1/pressure, kind: low-low, enabled: false}]',
      'd/water.yaml': `
- id: pt-1
  class: pressure-sensor
  location: Hillside
  attributes: { minPressure: 200 }
  points: { pressure: { unit: MPa, every: 5m } }
  alarms:
    - { point: pressure, kind: low, priority: 1, deadband: 20 kPa }
    - { point: pressure, kind: high, name: own, setpoint: 6 bar, deadband: 5 %, title: Too high }
`,
    });
    const device = plant.describeDevice('pt-1', {});
    const point = { ...plant.describePoint(device, 'pressure', {}), id: 7 };
    expect(device).toMatchObject({ class: 'pressure-sensor', site: 'town', origin: 'declared', location: 'Hillside' });
    expect(point).toMatchObject({
      unit: 'MPa',
      label: 'Pressure',
      labelZh: '压力',
      everyMs: 300_000,
      maxSilenceMs: 900_000,
    });
    const wanted = ['pt-1/pressure#low', 'pt-1/pressure#low-low', 'pt-1/pressure#high.own'];
    expect(plant.rulesFor(point, device).filter(({ key }) => wanted.includes(key))).toMatchObject([
      {
        key: 'pt-1/pressure#low',
        setpoint: 0.2,
        deadband: 0.02,
        priority: 1,
        onDelayMs: 600_000,
        point: 7,
        location: 'Hillside',
      },
      { key: 'pt-1/pressure#high.own', setpoint: 0.6, deadband: 0.03, title: 'Too high', unit: 'MPa' },
    ]);
    expect(plant.declared).toEqual([{ device: 'pt-1', measurements: ['pressure'] }]);
  });

  it('treat a deadband as a difference: 5 K are 5 K also in degrees Celsius', () => {
    const plant = plantOf({
      'gateway.yaml': 'devices: [d/t.csv]',
      'd/t.csv': 'id,class,location\ntx-9,transformer,Harbour\n',
    });
    const device = plant.describeDevice('tx-9', {});
    const point = { ...plant.describePoint(device, 'temperatureA', {}), id: 0 };
    expect(plant.rulesFor(point, device)[0]).toMatchObject({ setpoint: 130, deadband: 5 });
  });

  it('read CSV with attributes, points and limits in columns', () => {
    const plant = plantOf({
      'gateway.yaml': 'devices: [d/f.csv]',
      'd/f.csv':
        'id;class;name;attributes.dma;attributes.q4;points.flow.every;alarms.flow.high\nfm-7;flow-meter;Inlet, north;dma-1;250;1m;90 m3/h\n',
    });
    const device = plant.describeDevice('fm-7', {});
    const point = { ...plant.describePoint(device, 'flow', {}), id: 0 };
    expect(device).toMatchObject({ name: 'Inlet, north', attributes: { dma: 'dma-1', q4: 250 } });
    expect(plant.rulesFor(point, device).find(({ key }) => key === 'fm-7/flow#high')).toMatchObject({ setpoint: 90 });
  });

  it('say what can be said of a device nobody declared', () => {
    const plant = plantOf({ 'gateway.yaml': '' });
    const device = plant.describeDevice('new-1', { edge: 'e1', line: 'l1', model: 'm' });
    expect(device).toMatchObject({ class: 'generic', origin: 'discovered', edge: 'e1', line: 'l1', model: 'm' });
    expect(plant.describePoint(device, 'x', { unit: 'kPa', everyMs: 10_000 })).toMatchObject({
      unit: 'kPa',
      maxSilenceMs: 30_000,
    });
    expect(plant.describePoint(device, 'y', {}).maxSilenceMs).toBe(300_000);
  });

  it('are checked together: every mistake of every file in one report', () => {
    const file = write({
      'gateway.yaml': 'devices: [bad/*.yaml, gone.yaml]\nclasses: [own]',
      'bad/a.yaml': `
- { id: a, class: nosuch }
- { id: b, class: pressure-sensor, alarms: [{ point: pressure, kind: high, setpoint: 3 Cel }, { point: x, kind: high, name: n }] }
- { id: b, colour: red }
- { id: c d }
`,
      'own/mine.yaml':
        'class: other\nlabel: Mine\nalarms: [{point: p, kind: high, setpoint: 1, priority: 9, response: r, title: t}]',
    });
    const { mistakes } = checkGateway(file, ROOT, {});
    const text = mistakes.map(({ path, found, allowed }) => `${path}: ${found} | ${allowed}`).join('\n');
    expect(text).toContain('a.class: nosuch');
    expect(text).toContain('b.alarms[0].setpoint: Cel | a unit that converts into kPa');
    expect(text).toContain('b.alarms[1].setpoint: nothing');
    expect(text).toContain('[2].colour: an unknown key');
    expect(text).toContain('[3].id: "c d"');
    expect(text).toContain('devices: ');
    expect(text).toContain('alarms[0].priority: 9 | 1 critical, 2 high, 3 medium or 4 low');
  });

  it('are right where docs/alarms.md shows them', () => {
    const text = readFileSync(join(ROOT, 'docs/alarms.md'), 'utf8');
    const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
    expect(checkDataFile(yaml, 'docs.yaml', ROOT).mistakes).toEqual([]);
    const tests = [...text.matchAll(/^\| `(\{[^`]*\})` \|/gm)].map(([, form]) => form as string);
    expect(tests.length).toBeGreaterThanOrEqual(12);
    for (const form of tests) {
      const device = `- { id: d, class: pump, alarms: [{ point: current, kind: own, name: n, setpoint: 1, test: ${form} }] }`;
      expect(checkDataFile(device, 'docs.yaml', ROOT).mistakes, form).toEqual([]);
    }
  });

  it('are right where we ship them', () => {
    for (const name of readdirSync(join(ROOT, 'gateway/classes'))) {
      const file = join(ROOT, 'gateway/classes', name);
      expect(checkDataFile(readFileSync(file, 'utf8'), file, ROOT).mistakes).toEqual([]);
    }
    for (const site of ['demo', 'replay', 'transformer']) {
      expect(checkGateway(join(ROOT, 'examples', site, 'gateway.yaml'), ROOT, {}).mistakes).toEqual([]);
    }
  });
});
