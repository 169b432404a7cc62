import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { whereaboutsOf, withAssets } from '../../../gateway/asset-catalog.ts';
import { AssetBook } from '../../../gateway/assets.ts';
import { createJudge, type Verdict } from '../../../gateway/domain/judge.ts';
import type { DeviceInfo } from '../../../gateway/domain/plant.ts';
import { ReadingBuffer } from '../../../gateway/domain/readings.ts';
import { catalogOf } from '../../../gateway/plant-catalog.ts';
import { parseDeviceFile, shippedPlant } from '../../../gateway/plant-files.ts';
import { NO_TIMETABLE } from '../../../gateway/schedule-config.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const T0 = Date.parse('2026-11-23T14:00:00Z');

/** A judge over the devices of a file and the assets of a book, as the gateway joins them. */
async function plantWith(devices: string, assets: (book: AssetBook) => Promise<void>) {
  const book = new AssetBook(undefined);
  await assets(book);
  const described = new Map(parseDeviceFile(devices, 'devices.yaml').devices.map((device) => [device.id, device]));
  const { classes } = shippedPlant(ROOT);
  const place = { latitude: 31.16, longitude: 108.39 };
  const files = catalogOf({ site: 's', classes, devices: described, rules: [], timetable: NO_TIMETABLE, place });
  const catalog = withAssets(files, book);
  const infos = new Map<string, DeviceInfo>();
  const judge = createJudge({
    timezone: 'Asia/Shanghai',
    device: whereaboutsOf((id) => infos.get(id), book),
  });
  judge.addSource({ id: 0, key: 'edge/e1/l', edge: 'e1', hasUpTo: true });
  for (const { device: id } of files.declared) infos.set(id, catalog.describeDevice(id, {}));
  const points = new Map<string, number>();
  for (const { device: id, measurements } of files.declared) {
    const device = infos.get(id) as DeviceInfo;
    for (const measurement of measurements) {
      const info = { ...catalog.describePoint(device, measurement, {}), id: points.size };
      points.set(`${id}/${measurement}`, info.id);
      judge.addPoint(info, 0, catalog.rulesFor(info, device));
    }
  }
  const verdict: Verdict = { alarms: [], journal: [] };
  const buffer = new ReadingBuffer();
  const tell = (at: number, values: Readonly<Record<string, number>>) => {
    buffer.clear();
    for (const [name, value] of Object.entries(values)) buffer.push(points.get(name) as number, at, value, 0, 0);
    judge.apply({ kind: 'readings', source: 0, from: 0, to: buffer.length, receivedAt: at }, buffer, verdict);
    judge.apply({ kind: 'up-to', source: 0, upTo: at }, buffer, verdict);
    judge.apply({ kind: 'tick', at }, buffer, verdict);
  };
  const alarms = () => [...new Map(verdict.alarms.map((alarm) => [alarm.id, alarm])).values()];
  return { tell, alarms };
}

const FILES = `
- { id: meter-1, class: generic, points: { ua: { every: 10s }, ub: { every: 10s }, uc: { every: 10s } } }
- { id: lamp-1, class: lamp, upstream: meter-1, location: Pole 1, attributes: { ratedPower: 100 }, points: { power: { every: 10s } } }
- { id: lamp-2, class: lamp, upstream: CABINET, location: Pole 2, attributes: { ratedPower: 100 }, points: { power: { every: 10s } } }
- { id: lamp-3, class: lamp, location: Pole 3, attributes: { ratedPower: 100 }, points: { power: { every: 10s } } }
`;

async function cabinet(book: AssetBook, scale = 1): Promise<void> {
  const common = { attributes: {} };
  await book.put({ id: 'DISTRICT', class: 'generic', ...common }, 'add');
  await book.put({ id: 'CABINET', class: 'lighting-cabinet', parent: 'DISTRICT', ...common }, 'add');
  const bind = { asset: 'CABINET', from: 1, scale, who: 'li', at: 1 };
  for (const [measurement, source] of [
    ['voltageA', 'ua'],
    ['voltageB', 'ub'],
    ['voltageC', 'uc'],
  ] as const)
    await book.bind({ ...bind, measurement, to: { device: 'meter-1', source } });
}

describe('an asset that a device measures', () => {
  it('is judged by expressions over several of its points', async () => {
    const { tell, alarms } = await plantWith(FILES, cabinet);
    for (let s = 0; s <= 60; s += 10) tell(T0 + s * 1000, { 'meter-1/ua': 0, 'meter-1/ub': 0, 'meter-1/uc': 0 });
    expect(alarms().map(({ kind, asset }) => `${kind} ${asset}`)).toContain('supply-lost CABINET');
  });

  it('is judged by its own scale, also within an expression', async () => {
    // The device says tenths of a volt: 900 is 90 V, below half of 220 V; 2200 is fine.
    const low = await plantWith(FILES, (book) => cabinet(book, 0.1));
    const fine = await plantWith(FILES, (book) => cabinet(book, 0.1));
    for (let s = 0; s <= 60; s += 10) {
      low.tell(T0 + s * 1000, { 'meter-1/ua': 900, 'meter-1/ub': 900, 'meter-1/uc': 900 });
      fine.tell(T0 + s * 1000, { 'meter-1/ua': 2200, 'meter-1/ub': 2200, 'meter-1/uc': 2200 });
    }
    expect(low.alarms().map(({ kind }) => kind)).toContain('supply-lost');
    expect(fine.alarms().map(({ kind }) => kind)).not.toContain('supply-lost');
  });

  it('explains what hangs on it and on the device that measures it, and nothing else', async () => {
    const { tell, alarms } = await plantWith(FILES, cabinet);
    const lamps = { 'lamp-1/power': 0, 'lamp-2/power': 0, 'lamp-3/power': 0 };
    for (let s = 0; s <= 600; s += 10)
      tell(T0 + s * 1000, { ...lamps, 'meter-1/ua': 0, 'meter-1/ub': 0, 'meter-1/uc': 0 });
    const out = alarms().filter(({ kind }) => kind === 'lamp-out');
    expect(Object.fromEntries(out.map(({ asset, holds }) => [asset, holds]))).toEqual({
      'lamp-1': ['suppressed'],
      'lamp-2': ['suppressed'],
      'lamp-3': [],
    });
    const root = alarms().find(({ kind }) => kind === 'supply-lost');
    expect(root?.evidence).toMatchObject({ affected: 3, affectedByClass: { lamp: { count: 2 } } });
  });

  it('is under the planned work of what it lies within', async () => {
    const book = new AssetBook(undefined);
    await cabinet(book);
    const where = whereaboutsOf(() => undefined, book);
    expect(where('CABINET')).toMatchObject({ class: 'lighting-cabinet', upstream: 'DISTRICT' });
    expect(where('nobody')).toBeUndefined();
  });
});
