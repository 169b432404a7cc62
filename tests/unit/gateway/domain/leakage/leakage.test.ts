import { describe, expect, it } from 'vitest';
import { makeYear, STEP_MS, TOWN } from '../../../../../bench/leakage/made-network.ts';
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
function run({ perBatch, restartAt = [], quality = GOOD }: Run) {
  let judge = newJudge();
  const out: string[] = [];
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
    if (restartAt.some((index) => index >= from && index < to)) {
      const state = judge.snapshot();
      judge = newJudge();
      judge.restore(state);
    }
  }
  return out;
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
    expect(run({ perBatch: 1, restartAt: [700, 2892, 2900, 3000] })).toEqual(live);
  });

  it('do not rest on samples that are bad', () => {
    expect(run({ perBatch: 4, quality: BAD })).toEqual([]);
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
