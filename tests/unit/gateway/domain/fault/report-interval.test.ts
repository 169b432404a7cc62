import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowPoint, START, Timeline } from '../timeline.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

const undeclared = (hasUpTo = true) =>
  new Timeline({ rules: [], hasUpTo, points: [flowPoint({ maxSilenceMs: 300_000, learnsInterval: true })] });

/** The source's time goes on to `second` in steps, as batches and heartbeats move it. */
function goOn(line: Timeline, from: number, second: number, step = 30): void {
  for (let at = from + step; at < second; at += step) line.upTo(at);
  line.upTo(second);
}

/** Readings at these seconds, with time going on between them. */
function report(line: Timeline, seconds: readonly number[], step?: number): number {
  let last = seconds[0] as number;
  for (const second of seconds) {
    goOn(line, last, second, step);
    line.at(second, second % 7);
    last = second;
  }
  return last;
}

const every = (interval: number, count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => from + n * interval);

/** Seconds from the last reading until the alarm; undefined within `within`. */
function ringsAfter(line: Timeline, last: number, within: number, step = 30): number | undefined {
  const before = line.journal.length;
  for (let at = last + step; at <= last + within; at += step) {
    line.upTo(at);
    if (line.journal.length > before) return at - last;
  }
  return undefined;
}

describe('a point of which nobody said how often it reports', () => {
  it('rings five minutes after its last reading when it reports each second', () => {
    const line = undeclared();
    const last = report(line, every(1, 30 * MINUTE), 1);
    expect(line.journal).toEqual([]);
    expect(ringsAfter(line, last, HOUR)).toBe(5 * MINUTE + 30);
  });

  it('is waited for three times its interval', () => {
    for (const interval of [5 * MINUTE, 15 * MINUTE, 45 * MINUTE]) {
      const line = undeclared();
      const last = report(line, every(interval, 20));
      expect(line.journal).toEqual([]);
      expect(ringsAfter(line, last, DAY)).toBe(3 * interval + 30);
    }
  });

  it('never rings when it reports once a day, and after 26 hours when it stops', () => {
    const line = undeclared();
    const last = report(line, every(DAY, 12), 10 * MINUTE);
    expect(line.journal).toEqual([]);
    expect(ringsAfter(line, last, 3 * DAY, 10 * MINUTE)).toBe(26 * HOUR + 10 * MINUTE);
  });

  it('does not ring before its interval is known, and not for ever', () => {
    for (const seconds of [[0], [0, 40 * MINUTE]]) {
      const line = undeclared();
      const last = report(line, seconds);
      expect(ringsAfter(line, last, 2 * DAY, 10 * MINUTE)).toBe(26 * HOUR + 10 * MINUTE);
    }
  });

  it('is waited for as long before it is first heard, and that silence is no interval of it', () => {
    const line = undeclared().upTo(0);
    goOn(line, 0, 8 * DAY, 10 * MINUTE);
    expect(line.journal.map(({ event, at }) => [event, at - START])).toEqual([['raise', 26 * HOUR * 1000]]);
    expect(line.only()).toMatchObject({ kind: 'stale', point: 'fm-12/flow', since: START });
    const last = report(line, every(15 * MINUTE, 20, 8 * DAY));
    expect(line.story()).toBe(`raise@${26 * HOUR} return@${8 * DAY}`);
    expect(ringsAfter(line, last, DAY)).toBe(45 * MINUTE + 30);
  });

  it('is known after eleven readings without a pause, over a restart too', () => {
    for (const [count, seconds] of [
      [11, 5 * MINUTE + 30],
      [10, 26 * HOUR + 30],
    ] as const) {
      const line = undeclared();
      report(line, every(10, 6), 5);
      line.restart();
      const last = report(line, every(10, count - 5, 50), 5);
      expect(ringsAfter(line, last, 2 * DAY)).toBe(seconds);
    }
  });

  it('does not ring for jitter, whatever its interval', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 3 * HOUR }),
        fc.array(fc.double({ min: 0.6, max: 1.4, noNaN: true }), { minLength: 10, maxLength: 40 }),
        (interval, jitter) => {
          const line = undeclared();
          let at = 0;
          report(line, [0, ...jitter.map((share) => (at += Math.round(share * interval)))], Math.ceil(interval / 4));
          expect(line.journal).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('rings seldom when it reports by exception', () => {
    const line = undeclared();
    // Pauses of five minutes to two hours, as values happen to change.
    let at = 0;
    const seconds = Array.from({ length: 200 }, (_, n) => (at += 5 * MINUTE + ((n * 7919) % 115) * MINUTE));
    report(line, seconds, MINUTE);
    expect(line.journal.filter(({ event }) => event === 'raise').length).toBeLessThan(2);
  });

  it('keeps to its interval after an outage', () => {
    const line = undeclared();
    const before = report(line, every(15 * MINUTE, 20));
    const last = report(line, [before, ...every(15 * MINUTE, 10, before + 2 * DAY)]);
    expect(line.story()).toMatch(/^raise@\d+ return@\d+$/);
    expect(ringsAfter(line, last, DAY)).toBe(45 * MINUTE + 30);
  });

  it('follows a meter that is set to another interval', () => {
    const slower = undeclared();
    const set = report(slower, every(MINUTE, 60));
    report(slower, every(HOUR, 40, set));
    // Once or twice until it is known.
    const raised = slower.journal.filter(({ event }) => event === 'raise' || event === 're-raise');
    expect(raised.length).toBeLessThan(4);
    expect(Math.max(...raised.map(({ at }) => at - START))).toBeLessThan((set + 4 * HOUR) * 1000);

    const faster = undeclared();
    const last = report(faster, [...every(HOUR, 10), ...every(MINUTE, 120, 10 * HOUR)]);
    expect(faster.journal).toEqual([]);
    expect(ringsAfter(faster, last, DAY)).toBe(5 * MINUTE + 30);
  });

  it('knows its interval after a restart, also in the middle of a pause', () => {
    const line = undeclared();
    const last = report(line, every(15 * MINUTE, 20));
    goOn(line, last, last + 10 * MINUTE);
    line.restart();
    goOn(line, last + 10 * MINUTE, last + 40 * MINUTE);
    expect(line.journal).toEqual([]);
    expect(ringsAfter(line, last + 40 * MINUTE, DAY)).toBe(5 * MINUTE + 30);
  });

  it('learns nothing from what comes twice, late or out of order', () => {
    const line = undeclared();
    let at = 0;
    for (let n = 1; n <= 20; n++) {
      goOn(line, at, n * 15 * MINUTE);
      at = n * 15 * MINUTE;
      line.readings([
        [at, n],
        [at, n],
        [at - 7 * MINUTE, n],
        [at - 5 * HOUR, n],
      ]);
    }
    expect(line.journal).toEqual([]);
    expect(ringsAfter(line, at, DAY)).toBe(45 * MINUTE + 30);
  });

  it('is no fault of a device that publishes a day of readings at once', () => {
    const line = undeclared(false);
    const step = 10;
    for (let day = 0; day < 4; day++) {
      for (let at = day * DAY; at < (day + 1) * DAY; at += step) line.tick(at);
      line.readings(
        Array.from({ length: 96 }, (_, n) => [day * DAY + n * 15 * MINUTE, n] as const),
        (day + 1) * DAY,
      );
    }
    expect(line.journal).toEqual([]);
  });

  it('keeps to what is declared, where it is', () => {
    const line = new Timeline({ rules: [], points: [flowPoint({ maxSilenceMs: 40_000 })] });
    report(line, every(35, 20), 5);
    expect(line.journal).toEqual([]);
    expect(ringsAfter(line, 19 * 35, HOUR, 5)).toBe(45);
  });
});
