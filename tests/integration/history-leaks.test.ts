import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EVERY_MS, makePlan } from '../../cli/history/plan.ts';
import { PARTS, type Recording, record } from '../../cli/history/recorder.ts';
import { loadGatewayConfig } from '../../gateway/config.ts';
import type { Finding } from '../../gateway/domain/detector.ts';
import { detectorsOf } from '../../gateway/leakage-config.ts';
import { readPast } from '../../simulators/history/past.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DEMO = join(ROOT, 'examples', 'demo');
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Where nobody has repaired it yet. */
const OPEN_AT = 'water/pipe/dma-2-p46';
/** Some evening; the incidents count back from it. */
const NOW = Date.parse('2026-11-28T21:00:00+08:00');

interface Found {
  readonly zone: string;
  readonly type: string;
  readonly since: number;
  readonly at: number;
  /** m3/h */
  readonly size: number;
  /** Drop in m. */
  readonly sensors: readonly { readonly point: string; readonly drop: number }[];
  clearedAt?: number;
}

/** Sixty days of the town's water, judged minute by minute by the detectors of the demo, in event time. */
describe('the leaks of the demo district’s past', () => {
  const found: Found[] = [];
  let states: readonly string[] = [];

  beforeAll(async () => {
    const plan = makePlan({ lengthMs: 60 * DAY_MS, seed: 20261123, now: NOW });
    const recordings = await record({
      root: ROOT,
      simulateFile: join(DEMO, 'simulate.yaml'),
      plan,
      plants: PARTS[0] as ReadonlySet<string>,
    });
    const [detector, ...more] = detectorsOf(loadGatewayConfig(join(DEMO, 'gateway.yaml'), {}));
    if (detector === undefined || more.length > 0) throw new Error('the demo has one detector');
    const wanted = recordings.flatMap(({ device, measurements, columns, stride }: Recording) =>
      measurements.flatMap((measurement, index) => {
        const column = columns[index] as Float64Array;
        // As the classes say: flows m3/h, pressures kPa.
        const unit = measurement === 'pressure' ? 'kPa' : 'm3/h';
        return [{ name: `${device}/${measurement}`, unit, column, stride }];
      }),
    );
    const read = wanted.filter(({ name, unit }, id) => detector.pointKnown(name, id, unit));
    const ids = read.map((point) => wanted.indexOf(point));
    const open = new Map<string, Found>();
    const take = (finding: Finding) => {
      if (finding.kind === 'raise') {
        const { since, at, evidence } = finding.raise;
        const { zone, type, sensors } = evidence.details as Pick<Found, 'zone' | 'type' | 'sensors'>;
        const leak = { zone, type, since, at, size: evidence.value ?? Number.NaN, sensors };
        found.push(leak);
        open.set(finding.rule.key, leak);
      } else if (finding.kind === 'clear') {
        const leak = open.get(finding.rule);
        if (leak !== undefined) leak.clearedAt = finding.at;
      }
    };
    const minutes = (plan.to - plan.from) / EVERY_MS;
    for (let minute = 0; minute < minutes; minute++) {
      const at = plan.from + minute * EVERY_MS;
      read.forEach(({ column, stride }, index) => {
        if (minute % stride === 0) detector.reading(ids[index] as number, at, column[minute / stride] as number, 0);
      });
      if (minute % 15 === 0) for (const finding of detector.advance(at)) take(finding);
    }
    states = detector.status().map(({ zone, state }) => `${zone} ${state}`);
  }, 400_000);

  const incident = (fault: string, device: string) => {
    const past = readPast(ROOT).find((one) => one.fault === fault && one.device === device);
    const day = new Date(NOW + 8 * HOUR_MS).toISOString().slice(0, 10);
    const moment = ({ daysAgo, at }: { daysAgo: number; at: string }) =>
      Date.parse(`${day}T${at}:00+08:00`) - daysAgo * DAY_MS;
    if (past === undefined) throw new Error(`no ${fault} at ${device} in the past`);
    return { value: past.value, from: moment(past.from), to: past.to === undefined ? NOW : moment(past.to) };
  };

  it('show the burst within hours, and its repair', () => {
    const { from, to } = incident('burst', 'fm-01');
    const burst = found.find(({ zone, at }) => zone === 'dma-1' && at >= from && at <= to);
    expect(burst?.type).toBe('abrupt');
    expect(((burst?.at ?? Number.NaN) - from) / HOUR_MS).toBeLessThan(6);
    expect(burst?.clearedAt ?? Number.POSITIVE_INFINITY).toBeLessThan(to + 2 * DAY_MS);
  });

  it('show the slow leak before it was repaired, and its repair', () => {
    const { from, to } = incident('leak', 'fm-03');
    const slow = found.find(({ zone, at }) => zone === 'dma-3' && at >= from && at <= to);
    expect(slow).toBeDefined();
    expect(slow?.clearedAt ?? Number.POSITIVE_INFINITY).toBeLessThan(to + 7 * DAY_MS);
  });

  it('show the leak that nobody has repaired the same night, about its size, and still open', () => {
    const { from, value = Number.NaN } = incident('burst', OPEN_AT);
    const [leak, ...more] = found.filter(({ zone }) => zone === 'dma-2');
    expect(more).toEqual([]);
    expect(leak?.type).toBe('abrupt');
    expect(leak?.clearedAt).toBeUndefined();
    expect(((leak?.at ?? Number.NaN) - from) / HOUR_MS).toBeGreaterThan(0);
    expect(((leak?.at ?? Number.NaN) - from) / HOUR_MS).toBeLessThan(12);
    expect(Math.abs((leak?.size ?? Number.NaN) / value - 1)).toBeLessThan(0.3);
    expect(leak?.sensors.map(({ point }) => point).sort()).toEqual(
      ['pt-02', 'pt-12', 'pt-14', 'pt-15', 'pt-16'].map((device) => `${device}/pressure`),
    );
    // Metres of water, though the loggers tell kPa.
    for (const { drop } of leak?.sensors ?? []) expect(drop).toBeLessThan(2);
  });

  it('leave the fourth area in peace, and the others are watched in the end', () => {
    expect(found.filter(({ zone }) => zone === 'dma-4')).toEqual([]);
    expect(states).toEqual(['dma-1 watching', 'dma-2 leak', 'dma-3 watching', 'dma-4 watching']);
  });

  it('are no more than what happened', () => {
    // By when it began: the slow channel may tell a burst again that its repair has already ended.
    const inIncident = ({ zone, since }: Found) =>
      [
        { of: 'dma-1', ...incident('burst', 'fm-01') },
        { of: 'dma-2', ...incident('burst', OPEN_AT) },
        { of: 'dma-3', ...incident('leak', 'fm-03') },
      ].some(({ of, from, to }) => zone === of && since >= from - 2 * DAY_MS && since <= to);
    expect(found.filter((leak) => !inIncident(leak))).toEqual([]);
  });
});
