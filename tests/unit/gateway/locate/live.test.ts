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
  const asked: number[] = [];
  const located: unknown[] = [];
  const due = [...answers];
  let tell: (committed: Committed) => void = () => undefined;
  const end = await startLocating({
    places: {
      place: async (alarm, _others, at = alarm.raisedAt) => {
        asked.push(at);
        return due.shift();
      },
    },
    store: { alarms: async () => ({ items: [] }) },
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
  return { asked, located, commit, end };
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
});
