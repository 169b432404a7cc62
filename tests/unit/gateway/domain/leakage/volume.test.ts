import { describe, expect, it } from 'vitest';
import { volumeOf } from '../../../../../gateway/domain/leakage/volume.ts';

const at = (ts: number, total: number) => ({ ts, total });

describe('volume out of register readings', () => {
  it('is the difference, over gaps as well', () => {
    expect(volumeOf([at(0, 10), at(10, 12), at(100, 30)], 0, 100)).toMatchObject({ volume: 20, coveredMs: 100 });
  });

  it('takes the part of a step that lies within', () => {
    expect(volumeOf([at(0, 0), at(100, 10)], 50, 100)).toMatchObject({ volume: 5, coveredMs: 50 });
  });

  it('takes the part of the step that leads out of the range', () => {
    expect(volumeOf([at(0, 0), at(50, 10), at(150, 30)], 0, 100)).toMatchObject({ volume: 20, coveredMs: 100 });
  });

  it('goes on when the register turns over, and starts anew when it was set back', () => {
    expect(volumeOf([at(0, 995), at(10, 5)], 0, 10, 1000)).toMatchObject({ volume: 10, resets: 0 });
    expect(volumeOf([at(0, 500), at(10, 5), at(20, 7)], 0, 20, 1000)).toMatchObject({ volume: 2, resets: 1 });
  });

  it('counts readings nobody measured', () => {
    const readings = [at(0, 0), { ...at(10, 5), origin: 'estimated' as const }];
    expect(volumeOf(readings, 0, 10).notMeasured).toBe(1);
  });

  it('is nothing without readings', () => {
    expect(volumeOf([], 0, 10)).toEqual({ volume: 0, coveredMs: 0, resets: 0, notMeasured: 0 });
  });
});
