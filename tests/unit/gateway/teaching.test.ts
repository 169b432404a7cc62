import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Detector } from '../../../gateway/domain/detector.ts';
import { ReadingBuffer } from '../../../gateway/domain/readings.ts';
import type { Lesson } from '../../../gateway/ingest.ts';
import type { Series } from '../../../gateway/store/store.ts';
import { startTeaching, type TeachingParts } from '../../../gateway/teaching.ts';

const DAY_MS = 86_400_000;
const NOW = 400 * DAY_MS + 5 * 3_600_000 + 1_700_000_000_000 - (1_700_000_000_000 % DAY_MS);

/** A store with two days of one point, a detector that notes what it hears, and an ingest that notes what it is taught. */
function rig({ failures = 0, isEmpty = false }: { failures?: number; isEmpty?: boolean } = {}) {
  let hasPoints = !isEmpty;
  const heard: string[] = [];
  const lessons: Lesson[] = [];
  let listener: Parameters<TeachingParts['ingest']['onCommitted']>[0] | undefined;
  let learning = true;
  let left = failures;
  let queries = 0;
  const pupil = (): Detector => ({
    pointKnown: (name) => name === 'fm-01/flow',
    reading: (id, ts, value) => void heard.push(`${id} ${(ts - NOW) / 60_000} ${value}`),
    advance: (upTo) => {
      heard.push(`until ${(upTo - NOW) / 60_000}`);
      return [];
    },
    isOwn: () => false,
    snapshot: () => ({ heard: heard.length }),
    restore: () => {},
  });
  const teaching = startTeaching({
    detectors: () => [pupil()],
    isLearning: () => learning,
    now: () => NOW,
    log: { info: () => {}, warn: () => {} },
    registry: {
      *points() {
        if (!hasPoints) return;
        yield { id: 3, device: 'fm-01', measurement: 'flow', maxSilenceMs: 1, reportingDelayMs: 0 };
        yield { id: 4, device: 'fm-01', measurement: 'total', maxSilenceMs: 1, reportingDelayMs: 0 };
      },
    },
    store: {
      async query({ points, from, to, aggregate }): Promise<Series[]> {
        queries++;
        if (left-- > 0) throw new Error('the query took too long');
        expect(points).toEqual([3]);
        const times = [NOW - DAY_MS, NOW - DAY_MS + 60_000, NOW - 10 * 60_000].filter((ts) => ts >= from && ts < to);
        const good = { worstQuality: 'good' as const };
        const days = [...new Set(times.map((ts) => Math.floor(ts / DAY_MS) * DAY_MS))];
        if (aggregate === 'count') return [{ values: days.map((ts) => ({ ts, value: 1, count: 1, ...good })) }];
        return [{ point: 3, values: times.map((ts, index) => ({ ts, value: index, count: 1, ...good })) }];
      },
    },
    ingest: {
      teach: async (lesson) => void lessons.push(lesson),
      onCommitted: (heardBy) => {
        listener = heardBy;
        return () => {
          listener = undefined;
        };
      },
    },
  });
  const commit = (point: number, ts: number) => {
    const readings = new ReadingBuffer();
    readings.push(point, ts, 1, 0, 0);
    listener?.({ at: NOW, readings } as never);
  };
  const learned = () => {
    learning = false;
  };
  const comeUp = () => {
    hasPoints = true;
  };
  return { heard, lessons, commit, teaching, queries: () => queries, learned, comeUp };
}

describe('detectors that learn', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('read what the store holds, in the order of time, and leave the newest part to the live path', async () => {
    const { heard, lessons } = rig();
    await vi.advanceTimersByTimeAsync(6000);
    expect(lessons).toHaveLength(1);
    const times = heard.map((line) => Number(line.split(' ')[1]));
    expect(heard.filter((line) => line.startsWith('3 '))).toHaveLength(3);
    expect(times[0]).toBe(-1440);
    expect(heard.at(-1)).toBe('until -45');
  });

  it('read again when history has come in, once it is quiet, and not for live readings', async () => {
    const { lessons, commit } = rig();
    await vi.advanceTimersByTimeAsync(6000);
    commit(3, NOW - 1000);
    commit(4, NOW - 30 * DAY_MS);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(lessons).toHaveLength(1);
    commit(3, NOW - 30 * DAY_MS);
    await vi.advanceTimersByTimeAsync(4000);
    expect(lessons).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(lessons).toHaveLength(2);
  });

  it('wait for the whole of a backlog that began before its points were known', async () => {
    const { lessons, commit, comeUp } = rig({ isEmpty: true });
    await vi.advanceTimersByTimeAsync(3000);
    comeUp();
    // What comes now is of points that nobody has marked yet.
    for (let second = 3; second < 40; second++) {
      commit(3, NOW - (60 - second) * DAY_MS);
      await vi.advanceTimersByTimeAsync(1000);
      expect(lessons).toHaveLength(0);
    }
    await vi.advanceTimersByTimeAsync(20_000);
    expect(lessons).toHaveLength(1);
  });

  it('ask a busy store again', async () => {
    const { lessons } = rig({ failures: 3 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(lessons).toHaveLength(1);
  });

  it('are left alone when they know enough', async () => {
    const { lessons, learned, queries } = rig();
    learned();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([lessons.length, queries()]).toEqual([0, 0]);
  });
});
