import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkDataFile, checkGateway } from '../../../gateway/check.ts';
import { loadGatewayConfig, parseGatewayConfig } from '../../../gateway/config.ts';
import { loadPlant } from '../../../gateway/plant-files.ts';
import { timetableOf } from '../../../gateway/schedule-config.ts';
import { removeFolder } from '../../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'hanfeng-plant-'));
afterAll(() => removeFolder(folder));

function write(files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, 'gateway.yaml');
}

const plantOf = (files: Readonly<Record<string, string>>) => loadPlant(loadGatewayConfig(write(files), {}), ROOT);

describe('device and class files', () => {
  it('put class defaults, device overrides and gateway limits together, in the unit of the point', () => {
    const plant = plantOf({
      'gateway.yaml':
        'site: town\ndevices: [d/*.yaml]\nalarms: [{point: pt-1/pressure, kind: low-low, enabled: false}]',
      'd/water.yaml': `
- id: pt-1
  class: pressure-sensor
  location: Hillside
  locationZh: 山坡
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
        onDelayMs: 300_000,
        point: 7,
        location: 'Hillside',
        locationZh: '山坡',
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
    const [, site = ''] = /```yaml\n(# gateway.yaml[\s\S]*?)```/.exec(text) ?? [];
    const { value, mistakes: wrong } = parseGatewayConfig(site, 'docs.yaml');
    expect(wrong).toEqual([]);
    expect(timetableOf(value?.calendars ?? {}, value?.schedules ?? {}, 'docs.yaml').mistakes).toEqual([]);
    expect(Object.keys(value?.schedules ?? {})).toEqual(['street']);
    const [conditions = '', times = ''] = text.split('## Only at times');
    const whens = [...times.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, forms]) =>
      [...(forms as string).matchAll(/`([^`]+)`/g)].map(([, form]) => form as string),
    );
    expect(whens.length).toBeGreaterThanOrEqual(10);
    for (const form of whens.filter((form) => /^\{|^(?:always|schedule|sun|dark|day)/.test(form))) {
      const device = `- { id: d, class: pump, alarms: [{ point: current, kind: high, setpoint: 1, when: [${form}] }] }`;
      expect(checkDataFile(device, 'docs.yaml', ROOT).mistakes, form).toEqual([]);
    }
    const tests = [...conditions.matchAll(/^\| `(\{[^`]*\})` \|/gm)].map(([, form]) => form as string);
    expect(tests.length).toBeGreaterThanOrEqual(12);
    for (const form of tests) {
      const device = `- { id: d, class: pump, alarms: [{ point: current, kind: own, name: n, setpoint: 1, test: ${form} }] }`;
      expect(checkDataFile(device, 'docs.yaml', ROOT).mistakes, form).toEqual([]);
    }
  });

  it('name calendars and schedules that exist, and have a place when their schedule follows the sun', () => {
    const file = write({
      'gateway.yaml': `
devices: [a.yaml]
calendars: { c: { dates: [2026-01-01] } }
schedules: { sun: { on: sunset, off: sunrise }, clock: { on: "18:00", off: "06:00" } }`,
      'a.yaml': `
- { id: a, class: lamp, schedule: nosuch }
- { id: b, class: lighting-circuit, schedule: sun }
- { id: c, class: lamp, upstream: b, latitude: 31, longitude: 108 }
- { id: d, class: lamp, schedule: clock, alarms: [{ point: power, kind: high, setpoint: 1 W, when: { calendar: nowhere } }] }
- { id: e, class: lamp, alarms: [{ point: power, kind: high, setpoint: 1 W, when: never }] }
`,
    });
    const text = checkGateway(file, ROOT, {})
      .mistakes.map(({ path, found, allowed }) => `${path}: ${found} | ${allowed}`)
      .join('\n');
    expect(text).toContain('a.schedule: nosuch | one of sun, clock');
    expect(text).toContain('b.latitude: nothing | latitude and longitude of it');
    expect(text).not.toContain('c.latitude');
    expect(text).toContain('d.alarms[0].when: nowhere | one of c');
    expect(text).toContain('[4].alarms[0].when');
  });

  it('may take back the times at which their class looks', () => {
    const whenOf = (alarms: string) => {
      const plant = plantOf({
        'gateway.yaml': 'site: { id: s, latitude: 31, longitude: 108 }\ndevices: [a.yaml]',
        'a.yaml': `[{ id: a, class: lighting-circuit, points: { voltage: {} }, alarms: ${alarms} }]`,
      });
      const device = plant.describeDevice('a', {});
      const point = { ...plant.describePoint(device, 'voltage', {}), id: 0 };
      return plant.rulesFor(point, device).find(({ kind }) => kind === 'circuit-power-lost')?.when;
    };
    expect(whenOf('[]')).toMatchObject([{ type: 'lit', forMs: 600_000, schedule: { name: 'dark hours' } }]);
    expect(whenOf('[{ point: voltage, kind: circuit-power-lost, when: always }]')).toBeUndefined();
  });

  it('do not hang on each other in a circle', () => {
    const file = write({
      'gateway.yaml': 'devices: [a.yaml]',
      'a.yaml': '[{ id: a, upstream: b }, { id: b, upstream: c }, { id: c, upstream: b }, { id: d, upstream: d }]',
    });
    const found = checkGateway(file, ROOT, {}).mistakes.map(({ path, found }) => `${path}: ${found}`);
    expect(found).toEqual(['b.upstream: b on c on b', 'c.upstream: c on b on c', 'd.upstream: d on d']);
  });

  it('a device file alone says which classes do not come with us', () => {
    const { mistakes, notes } = checkDataFile('id,class\na,flow-meter\nb,flowmeter\nc,flowmeter\n', 'd.csv', ROOT);
    expect([mistakes, notes]).toEqual([[], [expect.stringContaining('class flowmeter does not come with Hanfeng')]]);
  });

  it('are told when a class file names what is not there', () => {
    const { mistakes } = checkDataFile(
      `
class: mine
label: Mine
points: { a: { unit: m3/h }, b: { unit: m3, color: red } }
alarms:
  - { point: a, kind: one, test: { deviationFrom: nosuch }, setpoint: 1, priority: 2, title: t, response: r }
`,
      'mine.yaml',
      ROOT,
    );
    expect(mistakes.map(({ path }) => path)).toEqual(['points.b.color']);
    const text = `
class: mine
label: Mine
points: { a: { unit: m3/h }, b: { unit: m3 } }
attributes: { full: { label: Full } }
alarms:
  - { point: a, kind: one, test: { deviationFrom: nosuch }, setpoint: 1, priority: 2, title: t, response: r }
  - { point: a, kind: two, test: { nights: 3, against: nosuch }, setpoint: 1, priority: 2, title: t, response: r }
  - { point: b, kind: three, test: { integralOf: nosuch }, setpoint: 1, priority: 2, title: t, response: r }
  - { point: a, kind: four, test: { evenings: 2, cel: "a > 1.0", fine: "a < full && nosuch > 1.0" }, priority: 2, title: t, response: r }
  - { point: a, kind: five, test: { cel: "2 * a > 1.0" }, priority: 2, title: t, response: r }
  - { point: nosuch, kind: high, setpoint: 1, priority: 2, title: t, response: r }
  - { point: a, kind: high, setpoint: 3 Cel, priority: 2, title: t, response: r }
  - { point: a, kind: six, test: { cel: "a > 1.0", instead: { nosuch: 1 } }, priority: 2, title: t, response: r }
`;
    const paths = checkDataFile(text, 'mine.yaml', ROOT).mistakes.map(({ path }) => path);
    expect(paths).toEqual([
      'alarms[0].test.deviationFrom',
      'alarms[1].test.against',
      'alarms[2].test.integralOf',
      'alarms[3].test.fine',
      'alarms[4].test.cel',
      'alarms[5].point',
      'alarms[6].setpoint',
      'alarms[7].test.instead.nosuch',
    ]);
  });

  it('are right where we ship them', () => {
    for (const name of readdirSync(join(ROOT, 'gateway/classes'))) {
      const file = join(ROOT, 'gateway/classes', name);
      expect(checkDataFile(readFileSync(file, 'utf8'), file, ROOT).mistakes).toEqual([]);
    }
    for (const site of ['demo', 'replay', 'transformer', 'street']) {
      expect(checkGateway(join(ROOT, 'examples', site, 'gateway.yaml'), ROOT, {}).mistakes).toEqual([]);
    }
  });
});

describe('run-time changes beside the files', () => {
  it('are shown with point, field, both values, who, when and why', () => {
    const file = write({
      'gateway.yaml': 'site: town\ndevices: [d/water.yaml]',
      'd/water.yaml':
        '- { id: pt-1, class: pressure-sensor, points: { pressure: { unit: kPa } }, attributes: { minPressure: 200 } }',
      'data/rules.json': JSON.stringify({
        'pt-1/pressure#low': { setpoint: 180, onDelayMs: 60_000, who: 'ada', at: 0, reason: 'works in Mill Lane' },
        'gone/flow#high': { setpoint: 1, who: 'li', at: 0, reason: 'old', until: 3_600_000 },
      }),
    });
    const changed = checkGateway(file, ROOT, { HANFENG_DATA_DIR: join(folder, 'data') }).notes.filter((note) =>
      note.startsWith('changed at run time'),
    );
    expect(changed).toEqual([
      'changed at run time: gone/flow#high: watches nothing by these files; li, 1970-01-01T00:00:00.000Z, until 1970-01-01T01:00:00.000Z: old',
      'changed at run time: pt-1/pressure#low setpoint: file 200 kPa, now 180 kPa; ada, 1970-01-01T00:00:00.000Z: works in Mill Lane',
      'changed at run time: pt-1/pressure#low onDelay: file 5m, now 1m; ada, 1970-01-01T00:00:00.000Z: works in Mill Lane',
    ]);
  });

  it('are no differences where there is no data folder, and a mistake where they can not be read', () => {
    const file = write({ 'gateway.yaml': 'site: town\ndevices: []', 'broken/rules.json': '{"a": 1}' });
    expect(checkGateway(file, ROOT, { HANFENG_DATA_DIR: join(folder, 'none') }).mistakes).toEqual([]);
    expect(checkGateway(file, ROOT, { HANFENG_DATA_DIR: join(folder, 'broken') }).mistakes).toHaveLength(1);
  });
});
