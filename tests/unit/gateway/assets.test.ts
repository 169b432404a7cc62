import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { withAssets } from '../../../gateway/asset-catalog.ts';
import { AssetBook, type Binding, type BindRequest, rebind } from '../../../gateway/assets.ts';
import type { DeviceInfo, PointInfo } from '../../../gateway/domain/plant.ts';
import { openCatalog } from '../../support/ingest-rig.ts';

let book: AssetBook;
const inlet = { id: 'inlet-7', class: 'flow-meter', attributes: {} };
const bind = (more: Partial<BindRequest> = {}): BindRequest => ({
  asset: 'inlet-7',
  measurement: 'flow',
  to: { device: 'fm-12', source: 'flow' },
  from: 1000,
  scale: 1,
  who: 'olga',
  at: 1000,
  ...more,
});
const toNew = { device: 'fm-99', source: 'flow' };

beforeEach(async () => {
  book = new AssetBook(undefined);
  await book.put(inlet, 'add');
});

describe('the asset book', () => {
  it('a replaced meter ends where the new one begins, with who and when', async () => {
    await book.bind(bind());
    expect(book.boundTo('fm-12', 'flow')?.asset.id).toBe('inlet-7');
    expect(await book.bind(bind({ to: toNew, from: 5000, who: 'mei', note: 'flooded' }))).toEqual(['fm-12', 'fm-99']);
    expect(book.of('inlet-7', 'flow')).toMatchObject([
      { device: 'fm-12', from: 1000, to: 5000, who: 'olga' },
      { device: 'fm-99', from: 5000, who: 'mei', note: 'flooded' },
    ]);
    expect(book.boundTo('fm-12', 'flow')).toBeUndefined();
    expect(book.isRetired('fm-12', 'flow')).toBe(true);
    expect(book.isRetired('fm-99', 'flow')).toBe(false);
    expect(book.isRetired('fm-50', 'flow')).toBe(false);
  });

  it('the total of a counter goes on over two changes, with other units', async () => {
    const total = { measurement: 'total', to: { device: 'fm-12', source: 'total' } };
    await book.bind(bind(total));
    const first = { ...total, to: { device: 'fm-99', source: 'total' }, from: 2000 };
    await book.bind(bind({ ...first, finalReading: 10_000, firstReading: 500, scale: 0.001 }));
    const [, second] = book.of('inlet-7', 'total');
    expect(0.001 * 500 + (second?.offset ?? 0)).toBeCloseTo(10_000);
    await book.bind(bind({ ...total, from: 3000, finalReading: 1500, firstReading: 0 }));
    expect(book.of('inlet-7', 'total')[2]?.offset).toBeCloseTo(10_001);
  });

  it('refuses what makes no sense, and changes nothing', async () => {
    await book.bind(bind());
    await book.put({ ...inlet, id: 'other' }, 'add');
    for (const [request, code] of [
      [bind({ asset: 'none' }), 'asset-unknown'],
      [bind({ asset: 'other' }), 'binding-not-possible'],
      [bind({ to: toNew, from: 1000 }), 'binding-not-possible'],
      [bind({ to: toNew, from: 500 }), 'binding-not-possible'],
      [bind({ measurement: 'pressure', to: undefined }), 'binding-not-possible'],
    ] as const)
      await expect(book.bind(request)).rejects.toMatchObject({ code });
    expect(book.of('inlet-7', 'flow')).toHaveLength(1);
    await expect(book.put(inlet, 'add')).rejects.toMatchObject({ code: 'asset-taken' });
    await expect(book.put({ ...inlet, parent: 'inlet-7' }, 'change')).rejects.toMatchObject({ code: 'asset-invalid' });
    await expect(book.put({ ...inlet, parent: 'none' }, 'change')).rejects.toMatchObject({ code: 'asset-invalid' });
    await book.put({ ...inlet, parent: 'other' }, 'change');
    await expect(book.put({ ...inlet, id: 'other', parent: 'inlet-7' }, 'change')).rejects.toMatchObject({
      code: 'asset-invalid',
    });
  });

  it('is on disk after each change and there again after a restart', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'hf-assets-')), 'assets.json');
    const first = new AssetBook(file);
    await first.put(inlet, 'add');
    await Promise.all([first.bind(bind()), first.put({ ...inlet, id: 'tank' }, 'add')]);
    const again = new AssetBook(file);
    expect([...again.all()].map(({ id }) => id)).toEqual(['inlet-7', 'tank']);
    expect(again.boundTo('fm-12', 'flow')?.binding.who).toBe('olga');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 40));
    expect(() => new AssetBook(file)).toThrow();
  });

  it('whatever is asked, bindings are ordered, never overlap, and only the last is open', () => {
    const request = fc.record({
      from: fc.integer({ min: 0, max: 100 }),
      to: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
        let list: readonly Binding[] = [];
        for (const { from, to } of requests) {
          try {
            list = rebind(list, bind({ from, to: to === undefined ? undefined : { device: to, source: 'flow' } }));
          } catch (error) {
            expect(error).toMatchObject({ code: 'binding-not-possible' });
          }
          for (const [index, binding] of list.entries()) {
            const next = list[index + 1];
            if (next !== undefined) expect(binding.to).toBeLessThanOrEqual(next.from);
            if (binding.to !== undefined) expect(binding.to).toBeGreaterThan(binding.from);
          }
        }
      }),
    );
  });
});

describe('the catalog over assets', () => {
  const point: PointInfo = { id: 3, device: 'fm-12', measurement: 'flow', maxSilenceMs: 1, reportingDelayMs: 0 };
  const device: DeviceInfo = { id: 'fm-12', class: 'generic', origin: 'declared', attributes: { dn: 200 } };
  const asked: [PointInfo, DeviceInfo][] = [];
  const catalog = () =>
    withAssets(
      {
        ...openCatalog(),
        rulesFor(asPoint, asDevice) {
          asked.push([asPoint, asDevice]);
          return [{ key: 'k', point: asPoint.id, asset: asDevice.id, setpoint: 80, deadband: 2 } as never];
        },
      },
      book,
    );

  it('judges a bound point by the class and under the name of its asset', async () => {
    await book.put({ ...inlet, location: 'Binhu East', attributes: { limit: 5 } }, 'change');
    await book.bind(bind({ measurement: 'inflow' }));
    expect(catalog().rulesFor(point, device)).toMatchObject([{ point: 3, asset: 'inlet-7', setpoint: 80 }]);
    expect(asked.at(-1)).toMatchObject([
      { id: 3, device: 'inlet-7', measurement: 'inflow' },
      { id: 'inlet-7', class: 'flow-meter', location: 'Binhu East', attributes: { dn: 200, limit: 5 } },
    ]);
  });

  it('gives limits in the units of the device', async () => {
    await book.bind(bind({ scale: 0.1 }));
    expect(catalog().rulesFor(point, device)).toMatchObject([{ setpoint: 800, deadband: 20 }]);
  });

  it('gives a point that was taken down no rules, and leaves the unbound alone', async () => {
    await book.bind(bind());
    await book.bind(bind({ to: toNew, from: 5000 }));
    expect(catalog().rulesFor(point, device)).toEqual([]);
    expect(catalog().rulesFor({ ...point, device: 'fm-50' }, { ...device, id: 'fm-50' })).toMatchObject([
      { asset: 'fm-50' },
    ]);
  });
});
