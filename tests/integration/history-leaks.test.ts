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
/** Some evening; the incidents count back from it. */
const NOW = Date.parse('2026-11-28T21:00:00+08:00');

interface Found {
  readonly zone: string;
  readonly type: string;
  readonly since: number;
  readonly at: number;
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
        return [{ name: `${device}/${measurement}`, column, stride }];
      }),
    );
    const read = wanted.filter(({ name }, id) => detector.pointKnown(name, id));
    const ids = read.map((point) => wanted.indexOf(point));
    const open = new Map<string, Found>();
    const take = (finding: Finding) => {
      if (finding.kind === 'raise') {
        const { since, at, evidence } = finding.raise;
        const { zone, type } = evidence.details as { zone: string; type: string };
        const leak = { zone, type, since, at };
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

  const incident = (fault: string) => {
    const past = readPast(ROOT).find((one) => one.fault === fault);
    const day = new Date(NOW + 8 * HOUR_MS).toISOString().slice(0, 10);
    const moment = ({ daysAgo, at }: { daysAgo: number; at: string }) =>
      Date.parse(`${day}T${at}:00+08:00`) - daysAgo * DAY_MS;
    if (past === undefined) throw new Error(`no ${fault} in the past`);
    return { from: moment(past.from), to: moment(past.to) };
  };

  it('show the burst within hours, and its repair', () => {
    const { from, to } = incident('burst');
    const burst = found.find(({ zone, at }) => zone === 'dma-1' && at >= from && at <= to);
    expect(burst?.type).toBe('abrupt');
    expect(((burst?.at ?? Number.NaN) - from) / HOUR_MS).toBeLessThan(6);
    expect(burst?.clearedAt ?? Number.POSITIVE_INFINITY).toBeLessThan(to + 2 * DAY_MS);
  });

  it('show the slow leak before it was repaired, and its repair', () => {
    const { from, to } = incident('leak');
    const slow = found.find(({ zone, at }) => zone === 'dma-3' && at >= from && at <= to);
    expect(slow).toBeDefined();
    expect(slow?.clearedAt ?? Number.POSITIVE_INFINITY).toBeLessThan(to + 7 * DAY_MS);
  });

  it('leave the other two areas in peace, and all four are watched in the end', () => {
    expect(found.filter(({ zone }) => zone === 'dma-2' || zone === 'dma-4')).toEqual([]);
    expect(states).toEqual(['dma-1 watching', 'dma-2 watching', 'dma-3 watching', 'dma-4 watching']);
  });

  it('are no more than what happened', () => {
    // By when it began: the slow channel may tell a burst again that its repair has already ended.
    const inIncident = ({ zone, since }: Found) =>
      [
        { of: 'dma-1', ...incident('burst') },
        { of: 'dma-3', ...incident('leak') },
      ].some(({ of, from, to }) => zone === of && since >= from - 2 * DAY_MS && since <= to);
    expect(found.filter((leak) => !inIncident(leak))).toEqual([]);
  });
});
