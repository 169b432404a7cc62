import type { Alarm } from '../../contract/alarm.ts';
import type { Committed } from '../ingest.ts';
import type { Store } from '../store/store.ts';

/** Open alarms per priority; only what counts for the annunciator: not normal and under no hold. */
export type AlarmCounts = Readonly<Record<'1' | '2' | '3' | '4', number>>;

export const NO_ALARMS: AlarmCounts = { 1: 0, 2: 0, 3: 0, 4: 0 };

/** Pages read at start: with 1,000 alarms each far more than the 50,000 active ones a site is built for. */
const PAGES_MAX = 1000;

/** How many alarms are open per asset, kept in memory after each commit. */
export class OpenAlarms {
  private readonly open = new Map<string, Pick<Alarm, 'asset' | 'priority'>>();
  private readonly counts = new Map<string, Record<'1' | '2' | '3' | '4', number>>();

  async load(store: Store): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const { items, cursor: next } = await store.alarms({
        states: ['unacknowledged', 'acknowledged', 'rtn-unacknowledged'],
        limit: 1000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const alarm of items) this.apply(alarm);
      if (next === undefined) return;
      cursor = next;
    }
  }

  committed({ alarms }: Pick<Committed, 'alarms'>): void {
    for (const alarm of alarms) this.apply(alarm);
  }

  of(asset: string): AlarmCounts {
    return this.counts.get(asset) ?? NO_ALARMS;
  }

  private apply(alarm: Alarm): void {
    const before = this.open.get(alarm.id);
    if (before !== undefined) {
      this.count(before, -1);
      this.open.delete(alarm.id);
    }
    if (alarm.state === 'normal' || alarm.holds.length > 0) return;
    const { asset, priority } = alarm;
    this.open.set(alarm.id, { asset, priority });
    this.count({ asset, priority }, 1);
  }

  private count({ asset, priority }: Pick<Alarm, 'asset' | 'priority'>, step: 1 | -1): void {
    const counts = this.counts.get(asset) ?? { ...NO_ALARMS };
    counts[priority] += step;
    if (Object.values(counts).some((count) => count > 0)) this.counts.set(asset, counts);
    else this.counts.delete(asset);
  }
}
