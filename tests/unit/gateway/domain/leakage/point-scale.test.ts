import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../../../gateway/domain/detector.ts';
import { LeakageDetector } from '../../../../../gateway/domain/leakage/leakage.ts';
import { pointScale } from '../../../../../gateway/domain/leakage/point-scale.ts';
import { storeHistory } from '../../../../../gateway/locate/histories.ts';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;

describe('points of leakage zones', () => {
  it('count in m3/h and m of water, whatever they tell', () => {
    expect(pointScale('L/s')).toBeCloseTo(3.6, 9);
    expect(pointScale('kPa')).toBeCloseTo(1 / 9.80665, 9);
    expect(pointScale('MPa')).toBeCloseTo(1000 / 9.80665, 6);
    expect(pointScale('cm')).toBeCloseTo(0.01, 12);
    expect([pointScale('m3/h'), pointScale('m'), pointScale('m[H2O]')]).toEqual([1, 1, 1]);
  });

  it('count as they are where the unit is unknown or of something else', () => {
    expect([pointScale(undefined), pointScale('furlong'), pointScale('%')]).toEqual([1, 1, 1]);
  });

  /** A zone that draws 100 m3/h and leaks 12 from the 20th night on; told in other units. */
  const leakTold = (units: { readonly flow: string; readonly pressure: string }) => {
    const zone = { id: 'z', inlets: ['fm/flow'], outlets: [], tanks: [], customers: [], pressures: ['pt/pressure'] };
    const detector = new LeakageDetector([zone], 'UTC');
    detector.pointKnown('fm/flow', 0, units.flow);
    detector.pointKnown('pt/pressure', 1, units.pressure);
    const found: Finding[] = [];
    const from = Date.UTC(2026, 0, 5);
    const leakFrom = from + 20 * DAY_MS + 3_600_000;
    for (let at = from; at < from + 23 * DAY_MS; at += QUARTER_MS) {
      const hour = (at % DAY_MS) / 3_600_000;
      const leak = at >= leakFrom ? 12 : 0;
      const noise = Math.sin(at / 7_777_777) + Math.cos(at / 3_333_333);
      const flow = 100 + 60 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + 0.6 * noise + leak;
      detector.reading(0, at, flow / pointScale(units.flow), 0);
      detector.reading(1, at, (40 - (flow / 100) ** 1.852 - leak / 6) / pointScale(units.pressure), 0);
      found.push(...detector.advance(at));
    }
    return found.flatMap((finding) => (finding.kind === 'raise' ? [finding.raise.evidence] : []));
  };

  it('make the same alarm in L/s and MPa as in m3/h and m', () => {
    const usual = leakTold({ flow: 'm3/h', pressure: 'm' });
    const other = leakTold({ flow: 'L/s', pressure: 'MPa' });
    expect(usual).toHaveLength(1);
    expect(usual[0]?.value).toBeGreaterThan(9);
    expect(usual[0]?.value).toBeLessThan(15);
    expect(other[0]?.value).toBeCloseTo(usual[0]?.value as number, 1);
    const dropOf = (evidence: (typeof usual)[number] | undefined) => {
      const { sensors = [] } = (evidence?.details ?? {}) as { readonly sensors?: readonly { readonly drop: number }[] };
      return sensors[0]?.drop ?? Number.NaN;
    };
    expect(dropOf(other[0])).toBeCloseTo(dropOf(usual[0]), 2);
  });

  it('are read from the store in m3/h and m, for placing a leak', async () => {
    const units = new Map([
      ['fm/flow', { id: 4, unit: 'L/s' }],
      ['pt/pressure', { id: 9, unit: 'kPa' }],
    ]);
    const store = {
      query: async ({ points }: { readonly points: readonly number[] }) =>
        points.map((point) => ({
          point,
          values: [{ ts: 0, value: point === 4 ? 10 : 98.0665, worstQuality: 'good' as const, count: 1 }],
        })),
    };
    const history = storeHistory(store as never, (point) => units.get(point));
    const found = await history.quarters(['fm/flow', 'pt/pressure', 'never/heard'], 0, QUARTER_MS);
    expect(found['fm/flow']?.[0]).toBeCloseTo(36, 9);
    expect(found['pt/pressure']?.[0]).toBeCloseTo(10, 9);
    expect(Object.keys(found)).toEqual(['fm/flow', 'pt/pressure']);
  });
});
