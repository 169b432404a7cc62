import { describe, expect, it } from 'vitest';
import type { Alarm } from '../../../../contract/alarm.ts';
import type { Committed } from '../../../../gateway/ingest.ts';
import type { LeakPlace } from '../../../../gateway/locate/leak-places.ts';
import { startLocating } from '../../../../gateway/locate/live.ts';
import { until } from '../../../support/ports.ts';

const HOUR_MS = 3_600_000;
const RAISED = Date.parse('2026-11-28T03:30:00Z');

const leak = (evidence: object = {}): Alarm =>
  ({
    id: 'leak-1',
    kind: 'leak',
    asset: 'z',
    active: true,
    since: RAISED - 2 * HOUR_MS,
    raisedAt: RAISED,
    evidence: { zone: 'z', ...evidence },
  }) as unknown as Alarm;

/** A gateway in which the search for places answers what is due, at a moment. */
async function world(now: number, ...answers: readonly LeakPlace[]) {
  return worldWith(now, [], answers);
}

/** The same, with leaks that were there when it started. */
async function worldWith(now: number, stored: readonly Alarm[], answers: readonly LeakPlace[]) {
  const asked: number[] = [];
  const located: unknown[] = [];
  const due = [...answers];
  let running = 0;
  let most = 0;
  let tell: (committed: Committed) => void = () => undefined;
  const end = await startLocating({
    places: {
      place: async (alarm, _others, at = alarm.raisedAt) => {
        asked.push(at);
        most = Math.max(most, ++running);
        await new Promise((turn) => setImmediate(turn));
        running--;
        return due.shift();
      },
    },
    store: {
      alarms: async ({ states = [], open }) => ({
        items: stored.filter(({ active, state }) => (open === true ? active : states.includes(state))),
      }),
    },
    ingest: {
      onCommitted: (listener) => {
        tell = listener;
        return () => undefined;
      },
      located: async (found) => void located.push(found),
    },
    now: () => now,
    log: { info: () => undefined, warn: () => undefined },
  });
  const commit = (alarm: Alarm, event?: string) =>
    tell({ alarms: [alarm], journal: event === undefined ? [] : [{ alarm: alarm.id, event }] } as unknown as Committed);
  return { asked, located, commit, end, mostAtOnce: () => most };
}

const unsure: LeakPlace = { why: 'not sure', details: { at: '2026-11-28T03:30:00.000Z', doubt: 'too many pipes' } };
const sure: LeakPlace = { location: 'p7', why: 'p7', details: { at: '2026-11-29T03:30:00.000Z', pipe: 'p7' } };

describe('the place of a leak that is raised', () => {
  it('is looked for at once with what was known then', async () => {
    const { asked, located, commit, end } = await world(RAISED + 60_000, sure);
    commit(leak(), 'raise');
    await until('it is located', () => located.length === 1);
    expect(asked).toEqual([RAISED]);
    expect(located[0]).toMatchObject({ alarm: 'leak-1', location: 'p7' });
    end();
  });

  it('rests on all it has shown since, up to two days, when it was found in history', async () => {
    const { asked, located, commit, end } = await world(RAISED + 300 * HOUR_MS, sure);
    commit(leak(), 'raise');
    await until('it is located', () => located.length === 1);
    expect(asked).toEqual([RAISED - 2 * HOUR_MS + 48 * HOUR_MS]);
    end();
  });

  it('is looked for again with the daily update while it is in doubt, once for each', async () => {
    const now = RAISED + 24 * HOUR_MS;
    const { asked, located, commit, end } = await world(now, sure);
    const doubted = { located: unsure.details };
    commit(leak(doubted));
    commit(leak({ ...doubted, updatedAt: '2026-11-28T02:00:00.000Z' }));
    expect(asked).toEqual([]);
    commit(leak({ ...doubted, updatedAt: '2026-11-29T03:30:00.000Z' }));
    await until('it is located', () => located.length === 1);
    expect(asked).toEqual([now - 30 * 60_000]);
    // What came of it is newer than the update, and no longer in doubt.
    commit(leak({ located: sure.details, updatedAt: '2026-11-29T03:30:00.000Z' }));
    commit({ ...leak({ ...doubted, updatedAt: '2026-11-30T03:30:00.000Z' }), active: false });
    expect(asked).toHaveLength(1);
    end();
  });

  it('is looked for once with each update, although the place is written into the same record', async () => {
    const { asked, commit, end } = await world(RAISED + 24 * HOUR_MS, unsure, unsure);
    const updated = { located: unsure.details, updatedAt: '2026-11-29T03:30:00.000Z' };
    commit(leak(updated));
    await until('it was looked for', () => asked.length === 1);
    // What came of it is older than the update, by what may be under way.
    const found = { ...unsure.details, at: '2026-11-29T03:00:00.000Z' };
    for (let times = 0; times < 3; times++) commit(leak({ ...updated, located: found }), 'located');
    await new Promise((turn) => setImmediate(turn));
    expect(asked).toHaveLength(1);
    end();
  });

  it('is looked for no more once two days of it were looked at, whatever is updated', async () => {
    const { asked, commit, end } = await world(RAISED + 300 * HOUR_MS, unsure);
    const located = { ...unsure.details, at: new Date(RAISED + 46 * HOUR_MS).toISOString() };
    commit(leak({ located, updatedAt: new Date(RAISED + 290 * HOUR_MS).toISOString() }));
    await new Promise((turn) => setImmediate(turn));
    expect(asked).toEqual([]);
    end();
  });

  it('is looked for, too, when it was over before anybody read of it in history, with what it showed until its end', async () => {
    const { asked, located, commit, end } = await world(RAISED + 300 * HOUR_MS, sure);
    commit({ ...leak(), active: false, raisedLate: true, returnedAt: RAISED + 20 * HOUR_MS }, 'raise-late');
    await until('it is located', () => located.length === 1);
    expect(asked).toEqual([RAISED + 20 * HOUR_MS]);
    expect(located[0]).toMatchObject({ alarm: 'leak-1', location: 'p7' });
    end();
  });

  it('is still looked for after a restart when history was read just before, and no more a day later', async () => {
    const now = RAISED + 300 * HOUR_MS;
    const past = (id: string, changedAt: number): Alarm => ({
      ...leak(),
      id,
      state: 'normal',
      active: false,
      raisedLate: true,
      returnedAt: RAISED + 20 * HOUR_MS,
      changedAt,
    });
    const stored = [past('of-today', now - HOUR_MS), past('of-last-week', now - 150 * HOUR_MS)];
    const { located, end } = await worldWith(now, stored, [sure, sure]);
    await until('it is located', () => located.length === 1);
    expect(located).toMatchObject([{ alarm: 'of-today' }]);
    end();
  });

  it('of several that history tells at once is looked for one after the other', async () => {
    const { located, commit, end, mostAtOnce } = await world(RAISED + 300 * HOUR_MS, sure, unsure, sure);
    for (const id of ['a', 'b', 'c']) commit({ ...leak(), id }, 'raise-late');
    await until('all are located', () => located.length === 3);
    expect(located.map((one) => (one as { alarm: string }).alarm)).toEqual(['a', 'b', 'c']);
    expect(mostAtOnce()).toBe(1);
    end();
  });
});
