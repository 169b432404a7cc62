import { describe, expect, it } from 'vitest';
import { ManySeries, POINTS_PER_DEVICE } from '../../../simulators/load/series.ts';

describe('series for a load', () => {
  it('are the same for one seed and differ for another', () => {
    const draw = (seed: number) => {
      const series = new ManySeries(50, seed);
      return Array.from({ length: 200 }, (_, index) => series.value(index % 50, 8));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('follow the day: more flow in the morning than at night, for the mean of many points', () => {
    const series = new ManySeries(1000, 7);
    const mean = (hour: number) => {
      let sum = 0;
      for (let point = 0; point < 1000; point += POINTS_PER_DEVICE) sum += series.value(point, hour);
      return sum / (1000 / POINTS_PER_DEVICE);
    };
    expect(ManySeries.measurement(0)).toBe('flow');
    expect(mean(7)).toBeGreaterThan(2 * mean(2));
  });

  it('resemble themselves from one value to the next, as real ones do', () => {
    const series = new ManySeries(POINTS_PER_DEVICE, 3);
    const pressures = Array.from({ length: 500 }, () => series.value(1, 12));
    const steps = pressures.slice(1).map((value, index) => Math.abs(value - (pressures[index] as number)));
    const spread = Math.max(...pressures) - Math.min(...pressures);
    expect(steps.reduce((sum, step) => sum + step, 0) / steps.length).toBeLessThan(spread / 5);
    for (const value of pressures) expect(Number.isFinite(value)).toBe(true);
  });
});
