import type { Alarm } from '../../contract/alarm.ts';
import type { Committed } from '../ingest.ts';
import { type AlarmFilter, decodePageKey, encodePageKey, type Page, type PageKey, type Store } from '../store/store.ts';

/** Open alarms per priority; only what counts for the annunciator: not normal and under no hold. */
export type AlarmCounts = Readonly<Record<'1' | '2' | '3' | '4', number>>;

export const NO_ALARMS: AlarmCounts = { 1: 0, 2: 0, 3: 0, 4: 0 };

/** Pages read at start: with 1,000 alarms each far more than the 50,000 active ones a site is built for. */
const PAGES_MAX = 1000;

/** New ones that wait for their place: more are put in order as they come, so that the next who asks need not wait for it. */
const ADDED_MAX = 2000;

/** What the list of open alarms can be narrowed by, beside what the store can do. */
export interface OpenFilter extends Omit<AlarmFilter, 'open' | 'states'> {
  readonly states?: readonly Alarm['state'][] | undefined;
  /** In asset, place, message or kind, whatever the case. */
  readonly text?: string | undefined;
}

/**
 * The alarms that are open, kept in memory after each commit: tens of thousands are listed and filtered without a query,
 * and counted per asset.
 */
export class OpenAlarms {
  private readonly open = new Map<string, Alarm>();
  private readonly counts = new Map<string, Record<'1' | '2' | '3' | '4', number>>();
  /** What a search for text looks through, in lower case: made as alarms come, so that no search makes it of all of them. */
  private readonly texts = new WeakMap<Alarm, string>();
  /** Newest raised first, as of the last look. */
  private sorted: readonly Alarm[] = [];
  /** Something came, went or changed since. */
  private isOld = false;
  /** Ids whose place in `sorted` is not known. */
  private readonly added = new Set<string>();

  async load(store: Store): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const { items, cursor: next } = await store.alarms({
        open: true,
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

  /** Of all assets. */
  total(): AlarmCounts {
    const total = { ...NO_ALARMS };
    for (const counts of this.counts.values())
      for (const priority of [1, 2, 3, 4] as const) total[priority] += counts[priority];
    return total;
  }

  all(): Iterable<Alarm> {
    return this.open.values();
  }

  /** Newest raised first, with how many there are in all; cursors are those of the store's own list. */
  list(filter: OpenFilter): Page<Alarm> & { readonly total: number } {
    const sorted = this.inOrder();
    const fits = fitting(filter, this.texts);
    const after = filter.cursor === undefined ? undefined : decodePageKey(filter.cursor, 'string');
    const items: Alarm[] = [];
    let total = 0;
    let isMore = false;
    for (const alarm of sorted) {
      if (!fits(alarm)) continue;
      total++;
      if (after !== undefined && !follows(alarm, after)) continue;
      if (items.length < filter.limit) items.push(alarm);
      else isMore = true;
    }
    const last = items.at(-1);
    return {
      items,
      total,
      ...(isMore && last !== undefined ? { cursor: encodePageKey([last.raisedAt, last.id]) } : {}),
    };
  }

  /** What came is sorted and merged into what was in order: of tens of thousands only the new ones are compared. */
  private inOrder(): readonly Alarm[] {
    if (!this.isOld) return this.sorted;
    const fresh = [...this.added].flatMap((id) => this.open.get(id) ?? []).sort(newestFirst);
    const merged: Alarm[] = [];
    let next = 0;
    for (const { id } of this.sorted) {
      const alarm = this.added.has(id) ? undefined : this.open.get(id);
      if (alarm === undefined) continue;
      for (; next < fresh.length && newestFirst(fresh[next]!, alarm) < 0; next++) merged.push(fresh[next]!);
      merged.push(alarm);
    }
    for (; next < fresh.length; next++) merged.push(fresh[next]!);
    this.added.clear();
    this.isOld = false;
    this.sorted = merged;
    return merged;
  }

  private apply(alarm: Alarm): void {
    const before = this.open.get(alarm.id);
    if (before !== undefined) this.count(before, -1);
    this.isOld = true;
    if (!isOpen(alarm)) {
      this.open.delete(alarm.id);
      return;
    }
    this.open.set(alarm.id, alarm);
    this.texts.set(alarm, textOf(alarm));
    this.count(alarm, 1);
    if (before?.raisedAt !== alarm.raisedAt) this.added.add(alarm.id);
    if (this.added.size >= ADDED_MAX) this.inOrder();
  }

  private count({ asset, priority, state, holds }: Alarm, step: 1 | -1): void {
    if (state === 'normal' || holds.length > 0) return;
    const counts = this.counts.get(asset) ?? { ...NO_ALARMS };
    counts[priority] += step;
    if (Object.values(counts).some((count) => count > 0)) this.counts.set(asset, counts);
    else this.counts.delete(asset);
  }
}

/** As the store has it. */
function isOpen({ state, latched, holds }: Alarm): boolean {
  return state !== 'normal' || latched || holds.length > 0;
}

function fitting(
  { states, priorities, asset, kind, from, to, text }: OpenFilter,
  texts: WeakMap<Alarm, string>,
): (alarm: Alarm) => boolean {
  const words = text?.toLowerCase();
  return (alarm) =>
    (states === undefined || states.includes(alarm.state)) &&
    (priorities === undefined || priorities.includes(alarm.priority)) &&
    (asset === undefined || alarm.asset === asset) &&
    (kind === undefined || alarm.kind === kind) &&
    (from === undefined || alarm.raisedAt >= from) &&
    (to === undefined || alarm.raisedAt < to) &&
    (words === undefined || texts.get(alarm)?.includes(words) === true);
}

/** A search finds its words within one of these, not across two. */
function textOf({ message, messageZh = '', asset, location = '', kind }: Alarm): string {
  return [message, messageZh, asset, location, kind].join('\n').toLowerCase();
}

type Place = PageKey<string>;

const newestFirst = (a: Alarm, b: Alarm) => b.raisedAt - a.raisedAt || (a.id < b.id ? 1 : -1);
const follows = (alarm: Alarm, [raisedAt, id]: Place) =>
  alarm.raisedAt < raisedAt || (alarm.raisedAt === raisedAt && alarm.id < id);
