import { describe, expect, it } from 'vitest';
import { makeYear, STEP_MS, TOWN } from '../../../../../bench/leakage/made-network.ts';
import type { Alarm } from '../../../../../contract/alarm.ts';
import { BAD, GOOD, type QualityCode } from '../../../../../contract/reading.ts';
import { createJudge, type Judge, type Verdict } from '../../../../../gateway/domain/judge.ts';
import { LeakageDetector } from '../../../../../gateway/domain/leakage/leakage.ts';
import { weekClock } from '../../../../../gateway/domain/leakage/week-clock.ts';
import { ReadingBuffer } from '../../../../../gateway/domain/readings.ts';

const DAYS = 34;
const BURST = { fromDay: 30.1, toDay: 32.6, size: 15 };
const YEAR = makeYear({ ...TOWN, flushings: 0, irrigation: 0, holidays: [], weather: 0.01, missing: 0 }, 11, 0);

function newJudge(): Judge {
  const zone = {
    id: 'north',
    inlets: ['fm-1/flow'],
    outlets: [],
    tanks: [],
    customers: [],
    pressures: ['pt-1/pressure'],
  };
  const judge = createJudge({ timezone: 'UTC', detectors: [new LeakageDetector([zone], 'UTC')] });
  judge.addSource({ id: 0, key: 'edge/e/line', edge: 'e', hasUpTo: true });
  ['flow', 'pressure'].forEach((measurement, id) => {
    const device = measurement === 'flow' ? 'fm-1' : 'pt-1';
    judge.addPoint({ id, device, measurement, maxSilenceMs: 1e12, reportingDelayMs: 0 }, 0, []);
  });
  return judge;
}

interface Run {
  /** Samples a message. */
  readonly perBatch: number;
  readonly restartAt?: readonly number[];
  readonly quality?: QualityCode;
}

/** The journal of a month with one burst and its repair. */
function run(options: Run): string[] {
  return month(options).journal;
}

/** The same with what is learned of an open leak from day to day. */
function month({ perBatch, restartAt = [], quality = GOOD }: Run) {
  let judge = newJudge();
  const out: string[] = [];
  const updates = new Map<unknown, Alarm>();
  for (let from = 0; from < DAYS * 96; from += perBatch) {
    const buffer = new ReadingBuffer();
    const verdict: Verdict = { alarms: [], journal: [] };
    const to = Math.min(DAYS * 96, from + perBatch);
    for (let index = from; index < to; index++) {
      const ts = YEAR.from + index * STEP_MS;
      const isBurst = index / 96 >= BURST.fromDay && index / 96 < BURST.toDay;
      buffer.push(0, ts, YEAR.flow[index]! + (isBurst ? BURST.size : 0), isBurst ? quality : GOOD, 0);
      buffer.push(1, ts, 40 - (isBurst ? 3 : 0) + (index % 7) / 100, GOOD, 0);
    }
    const upTo = YEAR.from + (to - 1) * STEP_MS;
    judge.apply({ kind: 'readings', source: 0, from: 0, to: buffer.length, receivedAt: upTo }, buffer, verdict);
    judge.apply({ kind: 'up-to', source: 0, upTo }, buffer, verdict);
    for (const { event, at, alarm } of verdict.journal) {
      const told = verdict.alarms.find(({ id }) => id === alarm);
      out.push(`${event} ${new Date(at).toISOString()} ${told?.kind} ${told?.location} ${told?.message}`);
    }
    for (const alarm of verdict.alarms) {
      const { updatedAt } = alarm.evidence;
      if (updatedAt !== undefined && !updates.has(updatedAt)) updates.set(updatedAt, alarm);
    }
    if (restartAt.some((index) => index >= from && index < to)) {
      const state = judge.snapshot();
      judge = newJudge();
      judge.restore(state);
    }
  }
  return { journal: out, updates: [...updates.values()] };
}

describe('leaks as alarms', () => {
  const live = run({ perBatch: 1 });

  it('are raised with kind, zone, size and interval, and return with the repair', () => {
    expect(live.map((line) => line.split(' ')[0])).toEqual(['raise', 'return']);
    expect(live[0]).toMatch(/ leak north Leak, sudden: 1\d(\.\d)? m³\/h, [\d.]+ to [\d.]+\. north, since \d\d:\d\d\./);
  });

  it('are the same whether samples come one by one or hours in a message', () => {
    expect(run({ perBatch: 13 })).toEqual(live);
    expect(run({ perBatch: 96 })).toEqual(live);
  });

  it('are the same with restarts in the middle', () => {
    expect(run({ perBatch: 1, restartAt: [700, 2892, 2900, 3000, 3250] })).toEqual(live);
  });

  it('tell once a day how large they are by now and what they have cost, without a line in the journal', () => {
    const { journal, updates } = month({ perBatch: 1 });
    const raisedAt = Date.parse(journal[0]!.split(' ')[1]!);
    expect(updates.map(({ evidence }) => Date.parse(evidence.updatedAt as string) - raisedAt)).toEqual([
      86_400_000, 172_800_000,
    ]);
    const [{ value, message, evidence, state, changedAt }] = updates as [Alarm, Alarm];
    expect(state).toBe('unacknowledged');
    expect(changedAt).toBeLessThan(raisedAt + 3_600_000);
    // Two and a half hours before the alarm, a day after it.
    expect(evidence.lostM3).toBeGreaterThan(26.5 * BURST.size * 0.85);
    expect(evidence.lostM3).toBeLessThan(26.5 * BURST.size * 1.25);
    const [low, high] = evidence.interval as [number, number];
    expect(low).toBeLessThan(BURST.size);
    expect(high).toBeGreaterThan(BURST.size);
    expect(message).toMatch(new RegExp(`^Leak, sudden: ${value} m³/h, `));
    expect(evidence.sensors).toHaveLength(1);
    // The two days of flow reach until now, and what it should be is without the leak all the while.
    const series = evidence.series as readonly (readonly [string, number, number])[];
    expect(Date.parse(series.at(-1)![0])).toBe(Date.parse(evidence.updatedAt as string));
    const tooMuch = series.filter(([at]) => Date.parse(at) > raisedAt).map(([, flow, expected]) => flow - expected);
    const mean = tooMuch.reduce((sum, value) => sum + value, 0) / tooMuch.length;
    expect(mean).toBeGreaterThan(BURST.size * 0.7);
    expect(mean).toBeLessThan(BURST.size * 1.3);
    expect(month({ perBatch: 13, restartAt: [2892, 2950, 3000] }).updates.map((alarm) => alarm.evidence)).toEqual(
      updates.map((alarm) => alarm.evidence),
    );
  });

  it('do not rest on samples that are bad', () => {
    expect(run({ perBatch: 4, quality: BAD })).toEqual([]);
  });
});

describe('the status of a zone', () => {
  const none = { outlets: [], tanks: [], customers: [] };
  const north = { ...none, id: 'north', name: 'Binhu North', inlets: ['fm-1/flow'], pressures: [] };
  const low = { ...none, id: 'low', inlets: [], pressures: ['pt-9/pressure'], within: 'north' };
  const newDetector = () => {
    const detector = new LeakageDetector([north, low], 'UTC');
    detector.pointKnown('fm-1/flow', 0);
    return detector;
  };
  const feed = (detector: LeakageDetector, fromDay: number, toDay: number) => {
    for (let index = Math.round(fromDay * 96); index < toDay * 96; index++) {
      const ts = YEAR.from + index * STEP_MS;
      const isBurst = index / 96 >= BURST.fromDay && index / 96 < BURST.toDay;
      detector.reading(0, ts, YEAR.flow[index]! + (isBurst ? BURST.size : 0), GOOD);
      detector.advance(ts);
    }
  };

  it('goes from learning to watching to a leak and back, also over a restart', () => {
    let detector = newDetector();
    expect(detector.status()[0]).toEqual({
      zone: 'north',
      name: 'Binhu North',
      state: 'learning',
      daysLeft: 14,
      size: 0,
      lostM3: 0,
    });
    feed(detector, 0, 5);
    expect(detector.status()[0]).toMatchObject({ state: 'learning', daysLeft: 10 });
    feed(detector, 5, 30);
    const [calm] = detector.status();
    expect(calm).toMatchObject({ state: 'watching', daysLeft: 0, size: 0, lostM3: 0 });
    expect(calm).not.toHaveProperty('since');
    expect(calm!.nightFlow).toBeGreaterThan(0);
    expect(calm!.nightFlow).toBeLessThan(
      Math.min(...YEAR.flow.slice(29 * 96, 30 * 96).map((flow) => flow ?? Number.POSITIVE_INFINITY)) * 1.2,
    );
    const saved = JSON.stringify(detector.snapshot());
    detector = newDetector();
    detector.restore(JSON.parse(saved));
    expect(detector.status()[0]).toEqual(calm);
    feed(detector, 30, 32);
    const [leaking] = detector.status();
    expect(leaking!.state).toBe('leak');
    expect(Math.abs(leaking!.since! - (YEAR.from + BURST.fromDay * 86_400_000))).toBeLessThan(3_600_000);
    expect(leaking!.size).toBeGreaterThan(0.85 * BURST.size);
    expect(leaking!.size).toBeLessThan(1.25 * BURST.size);
    expect(leaking!.lostM3).toBeGreaterThan(24 * BURST.size);
    expect(leaking!.nightFlow! - calm!.nightFlow!).toBeGreaterThan(0.7 * BURST.size);
    feed(detector, 32, 34);
    expect(detector.status()[0]).toMatchObject({ state: 'watching', size: 0, lostM3: 0 });
  });

  it('says why a zone without meters has none', () => {
    expect(newDetector().status()[1]).toEqual({
      zone: 'low',
      state: 'unmetered',
      reason: 'no inlet meter; seen by the meters of north',
      daysLeft: 0,
      size: 0,
      lostM3: 0,
    });
  });
});

describe('bins of the local week', () => {
  it('repeat an hour when clocks go back and skip one when they go ahead', () => {
    const slot = weekClock('Europe/Berlin');
    const at = (text: string) => slot(Date.parse(text), 96);
    expect(at('2026-10-25T00:30Z')).toBe(at('2026-10-25T01:30Z'));
    expect(at('2026-03-29T01:00Z') - at('2026-03-29T00:45Z')).toBe(5);
    expect(at('2026-11-22T23:00Z')).toBe(0);
  });
});
