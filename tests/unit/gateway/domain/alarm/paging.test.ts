import { describe, expect, it } from 'vitest';
import { pageFor } from '../../../../../gateway/domain/alarm/paging.ts';
import { anAlarm, anEntry } from '../../notify/alarms.ts';

const page = (event: string, more: Parameters<typeof anAlarm>[0] = {}, to = 'unacknowledged' as const) =>
  pageFor(anEntry({ event, to }), anAlarm(more));

describe('what rings', () => {
  it('is a raise, a return and an acknowledgement, and what asks again', () => {
    expect(['raise', 'return', 'acknowledge'].map((event) => page(event))).toEqual(['raise', 'return', 'acknowledge']);
    expect(['re-raise', 're-alarm', 'escalate'].map((event) => page(event))).toEqual(Array(3).fill('re-raise'));
    expect(['comment', 'shelve', 'suppress', 'located', 'change-rule'].map((event) => page(event))).toEqual(
      Array(5).fill(undefined),
    );
  });

  it('is nothing under a hold, nor what had ended before its data came', () => {
    expect(page('raise', { holds: ['shelved'] })).toBeUndefined();
    expect(page('raise', { raisedLate: true })).toBeUndefined();
  });

  it.each(['unshelve', 'shelve-expired', 'unsuppress', 'return-to-service'])(
    'is the end of a hold by %s while the alarm wants attention, and only then',
    (event) => {
      expect(page(event)).toBe('raise');
      for (const to of ['normal', 'acknowledged', 'rtn-unacknowledged'] as const)
        expect(pageFor(anEntry({ event, to }), anAlarm({}))).toBeUndefined();
    },
  );
});
