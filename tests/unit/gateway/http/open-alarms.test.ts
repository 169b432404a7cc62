import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alarm } from '../../../../contract/alarm.ts';
import { OpenAlarms } from '../../../../gateway/http/open-alarms.ts';
import { fakeAlarm } from '../../../support/ingest-rig.ts';

const ids = (page: { readonly items: readonly Alarm[] }) => page.items.map(({ id }) => id);

describe('the list of open alarms', () => {
  it('is in order whatever came, went, changed and was asked between', () => {
    const change = fc.record({
      id: fc.integer({ min: 0, max: 12 }).map((n) => `a-${n}`),
      state: fc.constantFrom('unacknowledged' as const, 'acknowledged' as const, 'normal' as const),
      at: fc.integer({ min: 0, max: 5 }),
      asked: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const list = new OpenAlarms();
        const open = new Map<string, Alarm>();
        for (const { id, state, at, asked } of changes) {
          const alarm = fakeAlarm(id, state, at);
          list.committed({ alarms: [alarm] });
          if (state === 'normal') open.delete(id);
          else open.set(id, alarm);
          if (!asked) continue;
          const expected = [...open.values()].sort((a, b) => b.raisedAt - a.raisedAt || (a.id < b.id ? 1 : -1));
          const { items, total } = list.list({ limit: 100 });
          expect(items).toEqual(expected);
          expect(total).toBe(expected.length);
        }
      }),
    );
  });

  it('is paged through without a gap while more come than wait for their place', () => {
    const list = new OpenAlarms();
    const alarms = Array.from({ length: 5000 }, (_, n) =>
      fakeAlarm(`a-${String(n).padStart(4, '0')}`, 'unacknowledged', n % 7),
    );
    list.committed({ alarms: alarms.slice(0, 2500) });
    list.committed({ alarms: alarms.slice(2500) });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = list.list({ limit: 700, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...ids(page));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(5000);
    expect(seen).toHaveLength(5000);
  });
});
