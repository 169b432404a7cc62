import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alarm, JournalEntry } from '../../../../../contract/alarm.ts';
import { performance } from '../../../../../gateway/domain/alarm/performance.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;
const range = { from: 0, to: DAY };

/** A small history: raises at these minutes, each an occurrence of its own. */
class History {
  readonly journal: JournalEntry[] = [];
  readonly alarms = new Map<string, Alarm>();

  raise(id: string, at: number, more: Partial<Alarm> = {}): this {
    const alarm: Alarm = {
      id,
      kind: 'high',
      asset: 'fm-12',
      priority: 4,
      state: 'normal',
      holds: [],
      latched: false,
      active: false,
      message: 'Flow high',
      since: at,
      raisedAt: at,
      changedAt: at,
      raisedLate: false,
      evidence: {},
      ...more,
    };
    this.alarms.set(id, alarm);
    return this.event(id, 'raise', at);
  }

  event(alarm: string, event: string, at: number, who = 'system'): this {
    this.journal.push({ alarm, event, at, recordedAt: at, from: 'normal', to: 'unacknowledged', who });
    return this;
  }

  judge(open: readonly Alarm[] = []) {
    const journal = this.journal.sort((a, b) => a.recordedAt - b.recordedAt);
    return performance(journal, this.alarms, open, range);
  }
}

describe('alarm performance', () => {
  it('a day without alarms meets every target', () => {
    const result = new History().judge();
    expect(result).toMatchObject({ raised: 0, upset: 0, floods: [], topTen: [], timeToAcknowledge: { count: 0 } });
    expect(result.slots).toHaveLength(144);
    expect(result.targets.filter(({ met }) => !met)).toEqual([]);
    for (const { source } of result.targets) expect(source).not.toBe('');
  });

  it('144 alarms spread over a day are one per ten minutes', () => {
    const history = new History();
    for (let n = 0; n < 144; n++) history.raise(`a${n}`, n * 10 * MINUTE, { asset: `d${n}` });
    const result = history.judge();
    expect(result.rate.perTenMinutes).toBeCloseTo(1);
    expect(result).toMatchObject({ raised: 144, peakTenMinutes: 1, upset: 1, floods: [] });
  });

  it('a flood begins above ten in ten minutes and ends below five', () => {
    const history = new History();
    for (let n = 0; n < 10; n++) history.raise(`calm${n}`, n * MINUTE, { asset: `c${n}` });
    expect(history.judge().floods).toEqual([]);
    for (let n = 0; n < 20; n++) history.raise(`a${n}`, 600 * MINUTE + n * 10_000, { asset: `d${n}` });
    const { floods, shareOfTimeInFlood } = history.judge();
    // Raises until 603:10; below five in the window when the fifth newest, of 602:30, is ten minutes old.
    expect(floods).toEqual([{ from: 600 * MINUTE, to: 612.5 * MINUTE, alarms: 20, peak: 20 }]);
    expect(shareOfTimeInFlood).toBeCloseTo(12.5 / 1440);
  });

  it('what is shelved, out of service or raised late did not ring', () => {
    const history = new History().raise('a', 0).event('a', 'return', 1000).event('a', 'shelve', 2000, 'olga');
    history.event('a', 're-raise', 3000).event('a', 'shelve-expired', 4000).event('a', 're-raise', 5000);
    history.raise('late', 6000, { raisedLate: true });
    expect(history.judge().raised).toBe(2);
  });

  it('names chattering and fleeting rules with advice, and the loudest first', () => {
    const history = new History();
    for (let n = 0; n < 5; n++) {
      history.raise(`c${n}`, n * 15_000, { asset: 'pump' });
      history.event(`c${n}`, 'return', n * 15_000 + 3000);
    }
    history.raise('slow', 60 * MINUTE, { asset: 'tank' }).event('slow', 'return', 90 * MINUTE);
    const result = history.judge();
    expect(result.chattering).toMatchObject([{ asset: 'pump', count: 5, worstPerMinute: 4 }]);
    expect(result.chattering[0]?.advice).toContain('deadband');
    expect(result.fleeting).toMatchObject([{ asset: 'pump', count: 5 }]);
    expect(result.topTen.map(({ asset, count }) => [asset, count])).toEqual([
      ['pump', 5],
      ['tank', 1],
    ]);
    expect(result.targets.find(({ name }) => name === 'chattering rules')).toMatchObject({ value: 1, met: false });
  });

  it('what an operator acknowledged at once is not fleeting', () => {
    const history = new History().raise('a', 0).event('a', 'acknowledge', 2000, 'olga').event('a', 'return', 4000);
    expect(history.judge().fleeting).toEqual([]);
  });

  it('measures how long people and the plant took', () => {
    const history = new History();
    for (const [id, minutes] of [
      ['a', 1],
      ['b', 2],
      ['c', 30],
    ] as const) {
      history.raise(id, 0, { asset: id }).event(id, 'acknowledge', minutes * MINUTE, 'olga');
      history.event(id, 'return', 2 * minutes * MINUTE);
    }
    history.event('c', 'comment', 31 * MINUTE, 'mei');
    const result = history.judge();
    expect(result.timeToAcknowledge).toEqual({
      count: 3,
      medianMs: 2 * MINUTE,
      p90Ms: 30 * MINUTE,
      maxMs: 30 * MINUTE,
    });
    expect(result.timeToNormal.medianMs).toBe(4 * MINUTE);
    expect(result.operators).toMatchObject([
      { who: 'olga', actions: 3, acknowledged: 3 },
      { who: 'mei', actions: 1, acknowledged: 0, timeToAcknowledge: { count: 0 } },
    ]);
  });

  it('lists what stands for more than a day', () => {
    const history = new History().raise('old', -2 * DAY, { active: true }).raise('new', DAY - MINUTE, { active: true });
    const open = [...history.alarms.values()];
    expect(history.judge(open)).toMatchObject({ staleCount: 1, stale: [{ alarm: 'old' }] });
  });

  it('splits by priority', () => {
    const history = new History().raise('a', 0, { priority: 1 }).raise('b', 1, { priority: 4 }).raise('c', 2);
    expect(history.judge().priorities).toMatchObject({ 1: { count: 1 }, 4: { count: 2, share: 2 / 3 } });
  });

  it('any history gives finite figures, and every raise is in one slot', () => {
    const moment = fc.integer({ min: 0, max: DAY - 1 });
    const events = fc.array(
      fc.record({
        at: moment,
        id: fc.constantFrom('a', 'b', 'c', 'd'),
        event: fc.constantFrom('re-raise', 'return', 'acknowledge', 'shelve', 'unshelve'),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(events, (list) => {
        const history = new History();
        for (const id of ['a', 'b', 'c', 'd']) history.raise(id, 0);
        for (const { at, id, event } of list) history.event(id, event, at, event === 'return' ? 'system' : 'olga');
        const result = history.judge();
        expect(result.slots.reduce((sum, count) => sum + count, 0)).toBe(result.raised);
        expect(JSON.stringify(result)).not.toContain('null');
        for (const flood of result.floods) {
          expect(flood.to).toBeGreaterThan(flood.from);
          expect(flood.alarms).toBeGreaterThan(10);
        }
      }),
    );
  });
});
