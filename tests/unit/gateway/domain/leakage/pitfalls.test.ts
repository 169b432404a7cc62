import { describe, expect, it } from 'vitest';
import { makeYear, TOWN } from '../../../../../bench/leakage/made-network.ts';
import { GOOD } from '../../../../../contract/reading.ts';
import type { Finding } from '../../../../../gateway/domain/detector.ts';
import { LeakageDetector } from '../../../../../gateway/domain/leakage/leakage.ts';
import type { ZoneModel } from '../../../../../gateway/domain/leakage/network.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A bin is closed when the latest clock has passed it. */
const LATEST_MS = 15 * MINUTE_MS;
const CALM = { flushings: 0, irrigation: 0, holidays: [], meterDrift: 0, missing: 0, summerTime: false };
const YEAR = makeYear({ ...TOWN, ...CALM, zoneHours: 0 }, 11, 0);
/** What flows when people sleep is use by the weather least of all, m3/h. */
const NIGHT_FLOW = 30;
const LEAK_DAY = 40.1;
const ZONE: ZoneModel = { id: 'north', inlets: ['in'], outlets: [], tanks: [], customers: [], pressures: [] };

/** Value of a point at a sample of the year, and when its own clock says it was. */
type Point = (index: number, day: number) => { readonly value: number; readonly skewMs?: number };

/** Days on which a leak is raised when these points report for so many days, each on its own clock. */
function raised(zone: ZoneModel, points: Readonly<Record<string, Point>>, days: number): readonly number[] {
  const detector = new LeakageDetector([zone], 'UTC');
  const readings = Object.values(points);
  Object.keys(points).forEach((point, id) => {
    detector.pointKnown(point, id);
  });
  const findings: Finding[] = [];
  for (let index = 0; index * YEAR.stepMs < days * DAY_MS; index++) {
    const at = YEAR.from + index * YEAR.stepMs;
    readings.forEach((point, id) => {
      const { value, skewMs = 0 } = point(index, (index * YEAR.stepMs) / DAY_MS);
      detector.reading(id, at + skewMs, value, GOOD);
    });
    findings.push(...detector.advance(at - LATEST_MS));
  }
  return findings.flatMap((finding) => (finding.kind === 'raise' ? [(finding.raise.at - YEAR.from) / DAY_MS] : []));
}

const leakFrom = (day: number, start: number, size: number) => (day >= start ? size : 0);

const TANK_AREA_M2 = 200;
/** Part of the year's flow that this place takes: 28 m3/h in the mean. */
const PLACE_PART = 0.3;

/** A pump fills a tank, a small place and from one day on a leak empty it; only the pump has a meter. */
function filledTank(leak: number): Record<string, Point> {
  let volume = 2 * TANK_AREA_M2;
  let pumped = 0;
  return {
    in: (index, day) => {
      if (volume < 1.5 * TANK_AREA_M2) pumped = 75;
      if (volume > 3.2 * TANK_AREA_M2) pumped = 0;
      volume += (pumped - PLACE_PART * YEAR.flow[index]! - leakFrom(day, LEAK_DAY, leak)) / 4;
      return { value: pumped };
    },
    tank: () => ({ value: Math.round((100 * volume) / TANK_AREA_M2) / 100 }),
  };
}

describe('what looks like a leak and is none', () => {
  it.each([
    ['rain, when nobody waters a garden', 0.8],
    ['heat, when everybody does', 1.2],
  ] as const)('a day of %s', (_, factor) => {
    const weather =
      (leak: number): Point =>
      (index, day) => {
        const usual = YEAR.flow[index]!;
        const change = day >= 30 && day < 31 ? (factor - 1) * Math.max(0, usual - NIGHT_FLOW) : 0;
        return { value: usual + change + leakFrom(day, 30.1, leak) };
      };
    expect(raised(ZONE, { in: weather(0) }, 36)).toEqual([]);
    expect(raised(ZONE, { in: weather(20) }, 36)).toHaveLength(1);
  });

  it('a meter whose clock is wrong by minutes, from one day to the next', () => {
    const zone = { ...ZONE, outlets: ['out'] };
    // Five sixths of the water go on to the neighbour, past a clock that is set back seven minutes on day 30.
    const points = (leak: number): Record<string, Point> => ({
      in: (index, day) => ({ value: 6 * YEAR.flow[index]! + leakFrom(day, LEAK_DAY, leak) }),
      out: (index, day) => ({ value: 5 * YEAR.flow[index]!, skewMs: day >= 30 ? -7 * MINUTE_MS : 0 }),
    });
    expect(raised(zone, points(0), 46)).toEqual([]);
    expect(raised(zone, points(20), 46)).toHaveLength(1);
  });

  it('a tank whose level is known to a centimetre, which is two cubic metres', () => {
    const zone = { ...ZONE, tanks: [{ level: 'tank', areaM2: TANK_AREA_M2 }] };
    expect(raised(zone, filledTank(0), 60)).toEqual([]);
    const [found, ...more] = raised(zone, filledTank(3), 46);
    expect(more).toEqual([]);
    expect(found).toBeGreaterThan(LEAK_DAY);
    expect(found).toBeLessThan(LEAK_DAY + 1.5);
  });
});
