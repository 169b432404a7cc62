import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceInfo, PointInfo } from '../../gateway/domain/plant.ts';
import { ReadingBuffer } from '../../gateway/domain/readings.ts';
import { Database } from '../../gateway/store/database.ts';
import { DuckDbStore } from '../../gateway/store/duckdb.ts';
import { PAGE_RECORDS, PlantImage } from '../../gateway/store/plant-image.ts';
import { removeFolder } from '../support/folders.ts';

const device = (number: number, more: Partial<DeviceInfo> = {}): DeviceInfo => ({
  id: `dev-${number}`,
  class: 'generic',
  site: '“site” é 水',
  origin: 'declared',
  attributes: {},
  ...more,
});
const point = (id: number, more: Partial<PointInfo> = {}): PointInfo => ({
  id,
  device: `dev-${id % 5}`,
  measurement: `m${id}`,
  maxSilenceMs: 1000 + id,
  reportingDelayMs: 0,
  ...more,
});

describe('records of the plant in a file of their own', () => {
  const POINTS = 2 * PAGE_RECORDS + 10;
  let folder: string;
  let store: DuckDbStore;
  let number: number;
  let clock: number;

  const image = () => join(folder, 'plant.image');
  const open = async () => {
    store = await DuckDbStore.open({ dataDir: folder, newId: () => 'store', ballastBytes: 0 });
  };
  const commit = (devices: readonly DeviceInfo[], points: readonly PointInfo[]) =>
    store.commit({ number: ++number, at: number, readings: new ReadingBuffer(1), inputs: [], devices, points });
  /** Written as if enough time had gone by. */
  const write = async () => {
    await store.close();
    const database = await Database.open({ dataDir: folder, threads: 1, memoryLimitMb: 200 });
    const file = new PlantImage(folder, () => clock);
    file.changed();
    clock += 3_600_000;
    await file.renew((work) => database.background(work));
    await database.close();
    await open();
  };
  const known = async () => (await new PlantImage(folder).read()).points;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-plant-'));
    number = 0;
    clock = 0;
    await open();
    await commit(
      Array.from({ length: 5 }, (_, index) => device(index)),
      Array.from({ length: POINTS }, (_, id) => point(id)),
    );
  });
  afterEach(async () => {
    await store.close();
    removeFolder(folder);
  });

  it('are those of the database', async () => {
    const before = await store.recover();
    await write();
    expect([...(await known()).keys()]).toEqual([0, 1, 2]);
    const after = await store.recover();
    expect(after.points).toEqual(before.points);
    expect(after.devices).toEqual(before.devices);
    expect(after.points[POINTS - 1]).toEqual(point(POINTS - 1));
  });

  it('are used page by page, and only where the database says that they are the same', async () => {
    await write();
    // What is not read again is known by this mark, which no record of the database has.
    const marked = readFileSync(image(), 'latin1').replaceAll('"reportingDelayMs":0', '"reportingDelayMs":9');
    const contentsBytes = Buffer.from(marked, 'latin1').readUInt32LE(marked.length - 12);
    const contents = JSON.parse(
      Buffer.from(marked, 'latin1').toString('utf8', marked.length - 12 - contentsBytes, marked.length - 12),
    );
    let at = 0;
    for (const page of contents.pages) {
      page.crc = crc32(Buffer.from(marked.slice(at, at + page.bytes), 'latin1'));
      at += page.bytes;
    }
    const again = Buffer.from(JSON.stringify(contents));
    const tail = Buffer.alloc(4);
    tail.writeUInt32LE(again.length);
    await store.close();
    writeFileSync(
      image(),
      Buffer.concat([Buffer.from(marked.slice(0, at), 'latin1'), again, tail, Buffer.from('HFplant1')]),
    );
    await open();
    await commit([], [point(PAGE_RECORDS + 3, { maxSilenceMs: 7 }), point(POINTS)]);
    await store.close();
    await open();
    const { points, devices } = await store.recover();
    expect(points.map(({ id }) => id)).toEqual(Array.from({ length: POINTS + 1 }, (_, id) => id));
    const pagesFromFile = [0, 1, 2].map((page) => points[page * PAGE_RECORDS + 5]?.reportingDelayMs === 9);
    expect(pagesFromFile).toEqual([true, false, false]);
    expect(points[PAGE_RECORDS + 3]?.maxSilenceMs).toBe(7);
    expect(points[POINTS]).toEqual(point(POINTS));
    expect(devices).toHaveLength(5);
  });

  it('follow devices that became others', async () => {
    await write();
    await commit([device(2, { name: 'Pump' })], []);
    await store.close();
    await open();
    expect((await store.recover()).devices.map(({ id, name }) => [id, name])).toEqual([
      ['dev-0', undefined],
      ['dev-1', undefined],
      ['dev-2', 'Pump'],
      ['dev-3', undefined],
      ['dev-4', undefined],
    ]);
  });

  it('are read from the database where the file is of no use', async () => {
    await write();
    const before = (await store.recover()).points;
    const whole = readFileSync(image());
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(1000) ^ 1, 1000);
    const noContents = Buffer.from(whole);
    noContents.writeUInt32LE(0xffffffff, whole.length - 12);
    for (const wrong of [
      Buffer.alloc(0),
      Buffer.from('x'),
      whole.subarray(0, 5000),
      whole.subarray(1),
      flipped,
      noContents,
    ]) {
      await store.close();
      writeFileSync(image(), wrong);
      await open();
      expect((await known()).size).toBe(0);
      expect((await store.recover()).points).toEqual(before);
    }
  });

  it('are written again once they have been the same for a while, not with each change', async () => {
    let written = 0;
    let fails = false;
    const file = new PlantImage(folder, () => clock);
    const renew = () =>
      file.renew(async () => {
        written++;
        if (fails) throw new Error('no room');
        return undefined as never;
      });
    await renew();
    expect(written).toBe(0);
    file.changed();
    await renew();
    clock += 1999;
    file.changed();
    clock += 1999;
    await renew();
    expect(written).toBe(0);
    clock += 1;
    await renew();
    await renew();
    expect(written).toBe(1);
    file.changed();
    clock += 59_000;
    await renew();
    expect(written).toBe(1);
    clock += 1000;
    fails = true;
    await expect(renew()).rejects.toThrow('no room');
    fails = false;
    clock += 60_000;
    await renew();
    expect(written).toBe(3);
    expect(existsSync(image())).toBe(false);
  });
});
