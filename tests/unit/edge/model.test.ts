import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planDevice, wantedPoints } from '../../../edge/device.ts';
import { loadModels } from '../../../edge/library.ts';
import { parseModel } from '../../../edge/model.ts';

const FOLDER = resolve(import.meta.dirname, '../../../edge/devices');
const HEAD = 'model: m\nname: a model\nmaker: tests\nclass: other\nsources: { s: a document }\n';

describe('a device model', () => {
  it('is refused with every mistake, its path and what is allowed', () => {
    const { value, mistakes } = parseModel(
      'm.yaml',
      `${HEAD}colour: blue\npoints:\n  a: { address: 70000 }\n  b: { address: 1, unit: furlong }\n  c: { address: 2, type: int12 }\n`,
    );
    expect(value).toBeUndefined();
    expect(mistakes.map(({ path }) => path).sort()).toEqual([
      'colour',
      'points.a.address',
      'points.b.unit',
      'points.c.type',
    ]);
    for (const { allowed, found } of mistakes) {
      expect(allowed).not.toBe('');
      expect(found).not.toBe('');
    }
  });

  it('is refused when points refer to what is not there', () => {
    const { mistakes } = parseModel(
      'm.yaml',
      `${HEAD}points:\n  a: { address: 1, scaleBy: [ratio] }\n  b: { address: 2, group: seldom }\n  c: { address: 3, bit: 16 }\n  d: { address: 4, source: other }\n  e: { address: 5, table: input-registers, writable: { range: [0, 1] } }\n`,
    );
    expect(mistakes.map(({ path }) => path).sort()).toEqual([
      'points.a',
      'points.b.group',
      'points.c.bit',
      'points.d.source',
      'points.e.writable',
    ]);
  });

  it('that is no YAML is one clear mistake', () => {
    expect(parseModel('m.yaml', 'a: [1, 2').mistakes).toHaveLength(1);
    expect(parseModel('m.yaml', '').mistakes).not.toHaveLength(0);
  });

  it('of an ASCII instrument needs a pattern with a group for each measurement', () => {
    const { mistakes } = parseModel('m.yaml', `${HEAD}ascii: { pattern: "(?<a>[0-9]+)" }\npoints:\n  a: {}\n  b: {}\n`);
    expect(mistakes).toHaveLength(1);
    expect(parseModel('m.yaml', `${HEAD}ascii: { pattern: "(" }\npoints:\n  a: {}\n`).mistakes).toHaveLength(1);
  });
});

describe('the library of device models', () => {
  const models = loadModels([FOLDER]);

  it('has at least 25 models', () => {
    expect(models.size).toBeGreaterThanOrEqual(25);
  });

  for (const name of readdirSync(FOLDER)) {
    it(`${name} names source and page of every register, and can be planned`, () => {
      const { value: model, mistakes } = parseModel(name, readFileSync(join(FOLDER, name), 'utf8'));
      expect(mistakes).toEqual([]);
      if (model === undefined) return;
      for (const point of model.points) expect(point.source, point.id).toMatch(/, p\. \S/);
      const device = { id: 'd', model: model.id, unitId: 1, every: 10_000, groups: {}, report: [] };
      const planned = planDevice(device, model, {});
      const { points } = wantedPoints(device, model);
      expect(planned.flatMap(({ block }) => block.points).length).toBe(points.length);
      if (model.ascii === undefined) expect(planned.length).toBeLessThanOrEqual(points.length);
    });
  }
});
