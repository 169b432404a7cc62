import { describe, expect, it } from 'vitest';
import { type Coordinates, toGcj02, toWgs84 } from '../../../../gateway/domain/coordinates.ts';

const at = (longitude: number, latitude: number): Coordinates => ({ latitude, longitude });
/** About 1 mm. */
const near = (found: Coordinates, expected: Coordinates) => {
  expect(found.latitude).toBeCloseTo(expected.latitude, 8);
  expect(found.longitude).toBeCloseTo(expected.longitude, 8);
};

describe('coordinates', () => {
  // WGS-84 and GCJ-02 of the same places, as published with several independent implementations.
  it.each([
    ['Shanghai', at(121.5272106, 31.1774276), at(121.531541859215, 31.17530398364597)],
    ['Shenzhen', at(113.912316, 22.543847), at(113.9171764808363, 22.540796131694766)],
    ['Beijing', at(116.377817, 39.911954), at(116.38404722455657, 39.91334545536069)],
    ['Beijing, the square', at(116.404, 39.915), at(116.41024449916938, 39.91640428150164)],
  ])('of %s are the same in GCJ-02 and back', (_, wgs, gcj) => {
    near(toGcj02(wgs), gcj);
    near(toWgs84(gcj, 'GCJ-02'), wgs);
  });

  it('of BD-09 go through GCJ-02', () => {
    near(toWgs84(at(116.404, 39.915), 'BD-09'), toWgs84(at(116.39762729119315, 39.90865673957631), 'GCJ-02'));
  });

  it('of WGS-84 and CGCS2000 stay as they are, and so does GCJ-02 outside of China', () => {
    const kaizhou = at(108.39, 31.16);
    expect(toWgs84(kaizhou, 'WGS-84')).toEqual(kaizhou);
    expect(toWgs84(kaizhou, 'CGCS2000')).toEqual(kaizhou);
    const hanover = at(9.73, 52.37);
    expect(toWgs84(hanover, 'GCJ-02')).toEqual(hanover);
    expect(toGcj02(hanover)).toEqual(hanover);
  });

  it('differ by hundreds of metres where nobody says in which system they are', () => {
    const kaizhou = at(108.39, 31.16);
    const shown = toGcj02(kaizhou);
    const metres = Math.hypot(
      (shown.latitude - kaizhou.latitude) * 111_000,
      (shown.longitude - kaizhou.longitude) * 111_000 * Math.cos((kaizhou.latitude * Math.PI) / 180),
    );
    expect(metres).toBeGreaterThan(300);
    expect(metres).toBeLessThan(800);
  });
});
