import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { batchesOf, messagesOf } from '../../../cli/history/messages.ts';
import { makePlan } from '../../../cli/history/plan.ts';
import { PARTS, type Recording, record } from '../../../cli/history/recorder.ts';
import { decodeBatch } from '../../../contract/batch.ts';
import { decodeDeviceReadings } from '../../../contract/wire-readings.ts';
import { type Incident, pastSteps, readPast, standingFaults } from '../../../simulators/history/past.ts';
import type { FaultOrder } from '../../../simulators/simulation.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const DAY_MS = 86_400_000;
const now = Date.parse('2026-11-28T12:34:56+08:00');

describe('the incidents of the past', () => {
  const incident: Incident = {
    title: 'A main bursts',
    fault: 'burst',
    device: 'fm-01',
    value: 50,
    from: { daysAgo: 2, at: '01:40' },
    to: { daysAgo: 2, at: '15:20' },
  };
  const range = { from: now - 3 * DAY_MS, to: now, timezone: 'Asia/Shanghai' };

  it('happen at their local time, and are put right', () => {
    expect(pastSteps([incident], range)).toEqual([
      { at: Date.parse('2026-11-26T01:40+08:00'), order: { name: 'burst', device: 'fm-01', on: true, value: 50 } },
      { at: Date.parse('2026-11-26T15:20+08:00'), order: { name: 'burst', device: 'fm-01', on: false } },
    ]);
  });

  it('are left out when the recording begins in their midst: nothing is mended that never broke', () => {
    expect(pastSteps([incident], { ...range, from: Date.parse('2026-11-26T08:00+08:00') })).toEqual([]);
  });

  it('that come with the project are over before it ends, but for those that go on in the living district', () => {
    const incidents = readPast(ROOT);
    const standing = standingFaults(incidents);
    const steps = pastSteps(incidents, { ...range, from: now - 60 * DAY_MS });
    expect(steps.length).toBe(2 * incidents.length - standing.length);
    const open = new Map<string, FaultOrder>();
    for (const { order } of steps) {
      if (order.on) open.set(`${order.name}@${order.device}`, order);
      else open.delete(`${order.name}@${order.device}`);
    }
    expect([...open.values()]).toEqual(standing);
    expect(standing.length).toBeGreaterThan(0);
  });

  it('that nobody puts right begin within the recording, or are left out', () => {
    const { to: _, ...endless } = incident;
    expect(pastSteps([endless], range)).toEqual([
      { at: Date.parse('2026-11-26T01:40+08:00'), order: { name: 'burst', device: 'fm-01', on: true, value: 50 } },
    ]);
    expect(pastSteps([endless], { ...range, from: Date.parse('2026-11-26T08:00+08:00') })).toEqual([]);
  });
});

describe('a plan of the past', () => {
  it('ends with a whole minute, so that the same plan makes the same readings', () => {
    const plan = makePlan({ lengthMs: 2 * DAY_MS, seed: 1, now });
    expect(plan.to).toBe(Date.parse('2026-11-28T12:34:00+08:00'));
    expect(plan.to - plan.from).toBe(2 * DAY_MS);
    expect(makePlan({ lengthMs: 2 * DAY_MS, seed: 1, now: now + 2000 })).toEqual(plan);
  });
});

describe('the past as messages', () => {
  const plan = makePlan({ lengthMs: 40 * 60_000, seed: 1, now });
  const minutely: Recording = {
    device: 'fm-01',
    edge: 'edge-water',
    measurements: ['flow'],
    stride: 1,
    columns: [Float64Array.from({ length: 40 }, (_, minute) => (minute === 3 ? Number.NaN : minute / 10))],
  };
  const slow: Recording = {
    device: 'lamp-01',
    edge: 'edge-water',
    measurements: ['power'],
    stride: 15,
    columns: [Float64Array.of(1, 2, 3)],
  };

  it('are numbered batches whose count of readings is exact', () => {
    let read = 0;
    for (const batch of batchesOf([minutely, slow], { plan, seqBefore: 7, madeBefore: 100 })) {
      const decoded = decodeBatch(batch.body(now));
      if (!decoded.ok) throw new Error(decoded.detail);
      read += decoded.value.readings.length;
      expect(decoded.value).toMatchObject({ outbox: plan.lane, seq: batch.seq, made: batch.made, upTo: {} });
      expect(batch.made).toBe(100 + read);
    }
    expect(read).toBe(43);
  });

  it('have the readings of the tail among the others, in the order of time', () => {
    const times = [10_000, 20_000, 39 * 60_000 + 50_000].map((afterMs) => plan.from + afterMs);
    const dense = { ...minutely, tail: { times, columns: [Float64Array.of(0.01, 0.02, 3.95)] } };
    const sent: { ts: number; values: { flow: unknown } }[] = [];
    let made = 0;
    for (const batch of batchesOf([dense], { plan, seqBefore: 0, madeBefore: 0 })) {
      const { readings } = JSON.parse(batch.body(now)) as { readings: typeof sent };
      sent.push(...readings);
      expect(batch.readings).toBe(readings.length);
      made = batch.made;
    }
    expect(made).toBe(43);
    expect(sent.length).toBe(43);
    expect(sent.map(({ ts }) => ts)).toEqual(sent.map(({ ts }) => ts).sort((a, b) => a - b));
    expect(sent.slice(0, 4).map(({ values }) => values.flow)).toEqual([0, 0.01, 0.02, 0.1]);
    expect(sent.at(-1)).toEqual({ device: 'fm-01', ts: times[2], values: { flow: 3.95 } });
  });

  it('say why where there is no value', () => {
    const [batch] = batchesOf([minutely], { plan, seqBefore: 0, madeBefore: 0 });
    const { readings } = JSON.parse(batch?.body(now) ?? '') as { readings: { values: unknown }[] };
    expect(readings[3]?.values).toEqual({ flow: { quality: 'bad', reason: 'no-value' } });
    expect(readings[4]?.values).toEqual({ flow: 0.4 });
  });

  it('of a device that publishes by itself have its own times', () => {
    const [message] = messagesOf({ ...slow, edge: undefined }, plan);
    const decoded = decodeDeviceReadings(message?.body() ?? '', 'lamp-01');
    if (!decoded.ok) throw new Error(decoded.detail);
    expect(decoded.value.map((entry) => (entry as { ts: number }).ts - plan.from)).toEqual([0, 900_000, 1_800_000]);
  });
});

describe('the recorded water', () => {
  it('is the same for the same plan, and its totals end where the living meters begin, whatever its own seed', async () => {
    const plan = makePlan({ lengthMs: 2 * 3_600_000, seed: 5, now });
    const options = {
      root: ROOT,
      simulateFile: resolve(ROOT, 'examples/demo/simulate.yaml'),
      plan,
      plants: PARTS[0] as ReadonlySet<string>,
    };
    const [first, again] = [await record(options), await record(options)];
    expect(again).toEqual(first);
    const meter = first.find(({ device }) => device === 'fm-01') as Recording;
    const column = (name: string) => meter.columns[meter.measurements.indexOf(name)] as Float64Array;
    const total = column('total');
    const later = await record({ ...options, plan: { ...plan, seed: 6, from: plan.from - 3_600_000 } });
    const longer = (later.find(({ device }) => device === 'fm-01') as Recording).columns[
      meter.measurements.indexOf('total')
    ] as Float64Array;
    expect(longer.at(-1)).toBeCloseTo(total.at(-1) as number, 0);
    expect((total.at(-1) as number) - (total[0] as number)).toBeGreaterThan(30);
    expect(Math.min(...column('flow'))).toBeGreaterThan(5);
    // The last twenty minutes, every two seconds between the minutes, go on where the minutes are.
    const { times, columns } = meter.tail ?? { times: [], columns: [] };
    expect(times.length).toBe(20 * 29);
    expect(times[0]).toBe(plan.to - 20 * 60_000 + 2000);
    const tailTotal = columns[meter.measurements.indexOf('total')] as Float64Array;
    expect(tailTotal.at(-1)).toBeGreaterThanOrEqual(total.at(-1) as number);
    expect(tailTotal[0]).toBeGreaterThanOrEqual(total.at(-20) as number);
    expect(tailTotal[0]).toBeLessThanOrEqual(total.at(-19) as number);
  });
});
