import { describe, expect, it } from 'vitest';
import { AlarmLines } from '../../../cli/terminal.ts';

const burst = { id: 'a-1', priority: 2, message: 'Burst' };

describe('Alarms at the terminal', () => {
  it('are told once for each change of state, however many events tell it', () => {
    const lines = new AlarmLines();
    const states = ['unacknowledged', 'unacknowledged', 'acknowledged', 'normal', 'normal', 'unacknowledged'];
    expect(states.map((state) => lines.line({ ...burst, state }))).toEqual([
      'ALARM      P2 unacknowledged: Burst',
      undefined,
      'ALARM      P2 acknowledged: Burst',
      'ALARM      P2 normal: Burst',
      undefined,
      'ALARM      P2 unacknowledged: Burst',
    ]);
    expect(lines.line({ ...burst, state: 'unacknowledged', priority: 1 })).toBe('ALARM      P1 unacknowledged: Burst');
  });

  it('that were over before their data came are counted, those that still stand are told', () => {
    const lines = new AlarmLines();
    for (const id of ['p-1', 'p-1', 'p-2', 'p-2'])
      expect(lines.line({ ...burst, id, state: 'normal', raisedLate: true })).toBeUndefined();
    const standing = { ...burst, id: 'p-3', raisedLate: true };
    expect(lines.line({ ...standing, state: 'rtn-unacknowledged' })).toBe('ALARM      P2 rtn-unacknowledged: Burst');
    expect(lines.line({ ...standing, state: 'normal' })).toBe('ALARM      P2 normal: Burst');
    expect(lines.pastLine()).toBe('ALARM      2 of the past, over before their data came: only in the journal');
    expect(lines.pastLine()).toBeUndefined();
  });
});
