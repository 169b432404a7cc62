import { describe, expect, it } from 'vitest';
import { makeYear, QUARTER } from '../../../../../bench/leakage/made-network.ts';
import { GOOD } from '../../../../../contract/reading.ts';
import type { Finding } from '../../../../../gateway/domain/detector.ts';
import { createJudge, type Verdict } from '../../../../../gateway/domain/judge.ts';
import {
  type Burst,
  type BurstMinute,
  BurstWatch,
  MINUTE_MS,
} from '../../../../../gateway/domain/leakage/burst-watch.ts';
import { LeakageDetector } from '../../../../../gateway/domain/leakage/leakage.ts';
import { ReadingBuffer } from '../../../../../gateway/domain/readings.ts';

const MEAN = 40;
const DAY = 1440;

/** What a small town draws: by day twice as much as by night, each minute a little else. */
const usual = (minute: number): number =>
  MEAN * (1 + 0.5 * Math.sin((2 * Math.PI * minute) / DAY)) +
  3 * Math.sin(minute * 12.9898) +
  2 * Math.cos(minute * 78.233);

/** Runs minutes with something drawn besides; the expectation is known from day 14 on. */
function run(
  days: number,
  drawn: (minute: number) => number | undefined,
  more: Partial<BurstMinute> = {},
  watch = new BurstWatch(),
): Burst[] {
  const bursts: Burst[] = [];
  for (let minute = 0; minute < days * DAY; minute++) {
    const besides = drawn(minute);
    const burst = watch.step({
      at: (minute + 1) * MINUTE_MS,
      flow: besides === undefined ? undefined : usual(minute) + besides,
      expected: minute < 14 * DAY ? undefined : MEAN * (1 + 0.5 * Math.sin((2 * Math.PI * minute) / DAY)),
      meanFlow: MEAN,
      isHeld: false,
      ...more,
    });
    if (burst !== undefined) bursts.push(burst);
  }
  return bursts;
}

const AT = 16 * DAY + 500;
const between = (from: number, to: number, size: number) => (minute: number) =>
  minute >= from && minute < to ? size : 0;

describe('by the minute, a burst larger than any hydrant', () => {
  it('is told after ten minutes, with its size', () => {
    // Until ten minutes after it began: what is open from then on is the leak's, and expected.
    const [burst, ...more] = run(17, (minute) => (minute > AT + 10 ? 0 : between(AT, AT + 60, 200)(minute)));
    expect(more).toEqual([]);
    expect(burst).toMatchObject({ since: AT * MINUTE_MS, at: (AT + 10) * MINUTE_MS });
    expect(burst!.size).toBeGreaterThan(190);
    expect(burst!.size).toBeLessThan(210);
    expect(burst!.error).toBeLessThan(5);
  });

  it.each([
    ['fire flow of two hydrants', between(AT, AT + 150, 100)],
    ['a burst that is over after nine minutes', between(AT, AT + 9, 400)],
    [
      'one step of a totalizer after a gap',
      (minute: number) => (minute < AT || minute > AT + 90 ? 0 : minute < AT + 90 ? undefined : 9000),
    ],
    ['a tank that is filled every day', (minute: number) => (minute % DAY >= 200 && minute % DAY < 320 ? 180 : 0)],
    ['no flow at all', () => undefined],
  ] as const)('is not %s', (_, drawn) => {
    expect(run(18, drawn)).toEqual([]);
  });

  it('is not what passed by itself before, or somewhat more', () => {
    const drawn = (minute: number) => between(AT, AT + 9, 150)(minute) + between(AT + 600, AT + 660, 200)(minute);
    expect(run(18, drawn)).toEqual([]);
  });

  it('is not what passed by itself within five minutes, or half as much again', () => {
    const drawn = (minute: number) => between(AT, AT + 5, 150)(minute) + between(AT + 600, AT + 660, 200)(minute);
    expect(run(18, drawn)).toEqual([]);
  });

  it('is no more than a fifth above the highest ten minutes so far, however little was expected', () => {
    const told = (flowAtNight: number) => {
      const watch = new BurstWatch();
      // Every evening 300 m3/h are drawn, and expected.
      for (let minute = 0; minute < 3 * 60; minute++) {
        const flow = minute < 60 ? 300 + (minute % 3) : minute < 120 ? 40 + (minute % 3) : flowAtNight + (minute % 3);
        const expected = minute < 60 ? 300 : 40;
        const at = (minute + 1) * MINUTE_MS;
        if (watch.step({ at, flow, expected, meanFlow: MEAN, isHeld: false }) !== undefined) return true;
      }
      return false;
    };
    expect(told(340)).toBe(false);
    expect(told(380)).toBe(true);
  });

  it('is over when ten minutes show next to nothing of it, and no burst when it comes again', () => {
    const open = between(AT + 10, Number.POSITIVE_INFINITY, 200);
    const watch = new BurstWatch();
    // From minute ten on it is expected; after an hour it is shut off.
    const told = run(17, (minute) => between(AT, AT + 60, 200)(minute) - open(minute), {}, watch);
    expect(told.map(({ sign, at }) => [sign, at / MINUTE_MS])).toEqual([
      [1, AT + 10],
      [-1, AT + 70],
    ]);
    expect(watch.state.highestExcess).toBeGreaterThan(190);
  });

  it('is not told while pipes fill after an interruption, nor while the zone learns', () => {
    expect(run(18, between(AT, AT + 60, 300), { isHeld: true })).toEqual([]);
    expect(run(18, between(AT, AT + 60, 300), { expected: undefined })).toEqual([]);
  });

  it('is not told over a minute that is missing, but after ten whole ones', () => {
    const drawn = (minute: number) =>
      minute === AT + 5 ? undefined : minute > AT + 16 ? 0 : between(AT, AT + 60, 200)(minute);
    expect(run(17, drawn).map(({ at }) => at)).toEqual([(AT + 16) * MINUTE_MS]);
  });

  it('is not a meter that stands still', () => {
    expect(run(18, (minute) => (minute >= AT && minute < AT + 60 ? 300 - usual(minute) : 0))).toEqual([]);
  });
});

describe('a zone whose meter reports every minute', () => {
  const year = makeYear({ ...QUARTER, flushings: 0, fires: { count: 0, flow: 0 }, stuck: 0, gaps: 0 }, 7, 0);
  const start = Math.round(20.4 * DAY);
  const end = start + 5 * 60;
  const zone = { id: 'q', inlets: ['fm/flow'], outlets: [], tanks: [], customers: [], pressures: [] };

  function days(everyMinutes: number, size: number, restartAt?: number) {
    let detector = new LeakageDetector([zone], 'Europe/Berlin');
    detector.pointKnown('fm/flow', 0);
    const told: string[] = [];
    for (let index = 0; index < 22 * DAY; index++) {
      const flow = year.flow[index] ?? undefined;
      const at = year.from + index * MINUTE_MS;
      if (flow !== undefined) detector.reading(0, at, flow + (index >= start && index < end ? size : 0), GOOD);
      if (index === restartAt) {
        const state = JSON.parse(JSON.stringify(detector.snapshot()));
        detector = new LeakageDetector([zone], 'Europe/Berlin');
        detector.pointKnown('fm/flow', 0);
        detector.restore(state);
      }
      if (index % everyMinutes !== everyMinutes - 1) continue;
      const tell = (finding: Finding) =>
        finding.kind === 'update'
          ? []
          : [`${finding.kind} ${finding.kind === 'raise' ? finding.raise.at : finding.at}`];
      told.push(...detector.advance(at).flatMap(tell));
    }
    return told;
  }

  it('rings within minutes, once, and is quiet again when the burst is shut off', () => {
    const told = days(1, 220);
    expect(told.map((line) => line.split(' ')[0])).toEqual(['raise', 'clear']);
    const delay = (Number(told[0]!.split(' ')[1]) - year.from) / MINUTE_MS - start;
    expect(delay).toBeGreaterThanOrEqual(10);
    expect(delay).toBeLessThan(20);
    expect((Number(told[1]!.split(' ')[1]) - year.from) / MINUTE_MS - end).toBeLessThan(20);
    expect(days(120, 220)).toEqual(told);
    expect(days(1, 220, start + 6)).toEqual(told);
  });

  it('does not ring within minutes for what may be a hydrant', () => {
    const [first] = days(1, 90);
    expect(first === undefined || Number(first.split(' ')[1]) - year.from > (start + 120) * MINUTE_MS).toBe(true);
  });

  /** What the journal tells when the burst begins while work is planned from `from` to `to`, in minutes from its beginning. */
  function underWork(from: number, to: number) {
    const detector = new LeakageDetector([zone], 'Europe/Berlin');
    detector.pointKnown('fm/flow', 0);
    const flowAt = (index: number) => year.flow[index]! + (index >= start && index < end ? 220 : 0);
    for (let index = 0; index < start - 60; index++) {
      const at = year.from + index * MINUTE_MS;
      if (typeof year.flow[index] === 'number') detector.reading(0, at, flowAt(index), GOOD);
      if (index % 60 === 59) detector.advance(at);
    }
    const work = { asset: 'q', subtree: true, reason: 'flushing' };
    const windowAt = (minute: number) => year.from + (start + minute) * MINUTE_MS;
    const judge = createJudge({
      timezone: 'Europe/Berlin',
      detectors: [detector],
      maintenance: [{ ...work, from: windowAt(from), to: windowAt(to) }],
    });
    judge.addSource({ id: 0, key: 'edge/e/line', edge: 'e', hasUpTo: true });
    judge.addPoint(
      { id: 0, device: 'fm', measurement: 'flow', maxSilenceMs: DAY * MINUTE_MS, reportingDelayMs: 0 },
      0,
      [],
    );
    const verdict: Verdict = { alarms: [], journal: [] };
    const buffer = new ReadingBuffer(1);
    for (let index = start - 60; index < end + 60; index++) {
      const at = year.from + index * MINUTE_MS;
      buffer.clear();
      if (typeof year.flow[index] === 'number') buffer.push(0, at, flowAt(index), GOOD, 0);
      judge.apply({ kind: 'readings', source: 0, from: 0, to: buffer.length, receivedAt: at }, buffer, verdict);
      judge.apply({ kind: 'up-to', source: 0, upTo: at }, buffer, verdict);
    }
    const minuteOf = (at: number) => Math.round((at - year.from) / MINUTE_MS) - start;
    return verdict.journal.map(({ event, told, recordedAt }) => ({ event, told, minute: minuteOf(recordedAt) }));
  }

  it('calls nobody while work is planned at the zone, and is journalled all the same', () => {
    const [raise, clear, ...more] = underWork(-30, 6 * 60);
    expect(raise).toMatchObject({ event: 'raise', told: undefined });
    expect(clear).toMatchObject({ event: 'return', told: undefined });
    expect(more).toEqual([]);
  });

  it('rings when the work is over and the burst is not', () => {
    const journal = underWork(-30, 120);
    expect(journal.map(({ event, told }) => [event, told])).toEqual([
      ['raise', undefined],
      ['unsuppress', 'raise'],
      ['return', 'return'],
    ]);
    expect(journal[1]!.minute).toBe(120);
  });

  it('rings at once when the work was over before, or is planned for later', () => {
    for (const [from, to] of [
      [-120, 5],
      [60, 120],
    ] as const) {
      const [raise] = underWork(from, to);
      expect(raise).toMatchObject({ event: 'raise', told: 'raise' });
      expect(raise!.minute).toBeLessThan(20);
    }
  });
});
