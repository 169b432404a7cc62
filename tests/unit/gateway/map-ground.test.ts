import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatMistake } from '../../../contract/mistakes.ts';
import { toGcj02 } from '../../../gateway/domain/coordinates.ts';
import { GROUND_BYTES_MAX, parseGround, readGround } from '../../../gateway/map-ground.ts';
import { removeFolder } from '../../support/folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'hanfeng-ground-'));
afterAll(() => removeFolder(folder));

const SQUARE = [
  [108.4, 31.1],
  [108.5, 31.1],
  [108.5, 31.2],
  [108.4, 31.1],
];
const LAKE = {
  type: 'Feature',
  properties: { kind: 'water', name: 'Hanfeng Lake', nameZh: '汉丰湖' },
  geometry: { type: 'Polygon', coordinates: [SQUARE] },
};
const collection = (...features: unknown[]) => JSON.stringify({ type: 'FeatureCollection', features });
const parse = (text: string, crs: 'WGS-84' | 'GCJ-02' = 'WGS-84') =>
  parseGround(text, { file: 'ground.geojson', crs, zones: ['dma-1', 'dma-2'] });
const mistakesIn = (...features: unknown[]) => parse(collection(...features)).mistakes.map(formatMistake);

describe('the background of the map', () => {
  it('is GeoJSON with a kind and names', () => {
    expect(parse(collection(LAKE)).value?.features).toEqual([LAKE]);
  });

  it('takes lines and areas of several parts, and leaves heights out', () => {
    const road = {
      type: 'Feature',
      properties: { kind: 'road' },
      geometry: {
        type: 'MultiLineString',
        coordinates: [
          [
            [108.4, 31.1, 164],
            [108.5, 31.2, 170],
          ],
        ],
      },
    };
    expect(parse(collection(road)).value?.features[0]?.geometry.coordinates).toEqual([
      [
        [108.4, 31.1],
        [108.5, 31.2],
      ],
    ]);
  });

  it('comes out in WGS-84 whatever it came in', () => {
    const place = { latitude: 31.16, longitude: 108.39 };
    const shown = toGcj02(place);
    const point = {
      type: 'Feature',
      properties: { kind: 'place', name: 'Old Town' },
      geometry: { type: 'Point', coordinates: [shown.longitude, shown.latitude] },
    };
    const feature = parse(collection(point), 'GCJ-02').value?.features[0];
    const [longitude, latitude] = (feature?.geometry.coordinates ?? []) as number[];
    expect(longitude).toBeCloseTo(place.longitude, 5);
    expect(latitude).toBeCloseTo(place.latitude, 5);
    expect(shown.longitude).not.toBeCloseTo(place.longitude, 3);
  });

  it('names each mistake with its place, what was found and what may stand there', () => {
    expect(mistakesIn({ ...LAKE, properties: { kind: 'ocean' } })[0]).toMatch(
      /ground\.geojson: features\[0\]\.properties\.kind: found "ocean", allowed: one of water, river/,
    );
    expect(mistakesIn({ ...LAKE, properties: { kind: 'water', colour: 'blue' } })[0]).toMatch(
      /features\[0\]\.properties\.colour: found an unknown key/,
    );
    expect(mistakesIn({ ...LAKE, geometry: { type: 'Circle' } })[0]).toMatch(/allowed: Point, LineString/);
    expect(mistakesIn({ ...LAKE, geometry: { type: 'Polygon', coordinates: [SQUARE.slice(0, 3)] } })[0]).toMatch(
      /features\[0\]\.geometry\.coordinates\[0\]/,
    );
    // Latitude and longitude the other way round: what happens to everybody once.
    expect(
      mistakesIn({ ...LAKE, properties: { kind: 'place' }, geometry: { type: 'Point', coordinates: [31, 108] } })[0],
    ).toMatch(/coordinates\[1\]: found 108, allowed: <=90/);
  });

  it('refuses an open ring, a river that is a point and an area nobody measures', () => {
    const open = [...SQUARE.slice(0, 3), [108.41, 31.11]];
    expect(mistakesIn({ ...LAKE, geometry: { type: 'Polygon', coordinates: [open] } })[0]).toMatch(/a closed ring/);
    expect(
      mistakesIn({ ...LAKE, properties: { kind: 'river' }, geometry: { type: 'Point', coordinates: [108, 31] } })[0],
    ).toMatch(/geometry\.type: found "Point", allowed: water, green/);
    expect(mistakesIn({ ...LAKE, properties: { kind: 'zone', zone: 'dma-9' } })).toEqual([
      'ground.geojson: features[0].properties.zone: found dma-9, allowed: dma-1, dma-2',
    ]);
    expect(mistakesIn({ ...LAKE, properties: { kind: 'zone' } })[0]).toMatch(/allowed: the id of a zone/);
    expect(mistakesIn({ ...LAKE, properties: { kind: 'zone', zone: 'dma-2' } })).toEqual([]);
  });

  it('says when it is no GeoJSON at all, and lists no more than twenty mistakes', () => {
    expect(parse('{"type": "FeatureColl').mistakes).toHaveLength(1);
    expect(parse('[]').mistakes[0]).toMatchObject({ allowed: 'keys with values' });
    expect(parse('{"type": "Topology"}').mistakes[0]?.path).toBe('type');
    expect(mistakesIn(...Array.from({ length: 100 }, () => ({ type: 'Feature' })))).toHaveLength(20);
  });

  it('is bounded, and a missing file is told', () => {
    const big = join(folder, 'big.geojson');
    writeFileSync(big, ' '.repeat(GROUND_BYTES_MAX + 1));
    const options = { crs: 'WGS-84', zones: [] } as const;
    expect(readGround(big, options).mistakes[0]).toMatchObject({
      found: '2000001 bytes',
      allowed: 'at most 2000000 bytes',
    });
    expect(readGround(join(folder, 'none.geojson'), options).mistakes[0]?.found).toMatch(/ENOENT/);
  });
});
