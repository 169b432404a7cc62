import type { Alarm, AlarmNews, JournalEntry } from '../../../contract/alarm.ts';

/**
 * Does this transition ring? Never under a hold, never for what had ended before its data came.
 *
 * @param alarm - the record as it is after the transition
 */
export function pageFor(entry: JournalEntry, alarm: Alarm): AlarmNews | undefined {
  if (alarm.raisedLate || alarm.holds.length > 0) return undefined;
  switch (entry.event) {
    case 'raise':
    case 'return':
    case 'acknowledge':
      return entry.event;
    case 're-raise':
    case 're-alarm':
    case 'escalate':
      return 're-raise';
    // A hold ended while the alarm still wants attention: nobody was told so far.
    case 'unshelve':
    case 'shelve-expired':
    case 'unsuppress':
    case 'return-to-service':
      return entry.to === 'unacknowledged' ? 'raise' : undefined;
    default:
      return undefined;
  }
}
