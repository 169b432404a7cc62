import { type Alarm, floodToWire } from '../../contract/alarm.ts';
import { formatTime } from '../../contract/time.ts';
import type { Committed } from '../ingest.ts';
import type { EdgeRecord } from '../store/store.ts';
import { present } from './inputs.ts';
import { viewAlarm, viewDevice, viewJournal } from './views.ts';

/** Events kept for streams that come back, a flood of ten thousand too; at some 1 KB each about 12 MB, once they are texts. */
const EVENTS_KEPT = 10_240;
/** Cut in larger steps: shift() for each event would move the whole array. */
const CUT_STEP = 2048;

/** One thing that happened once, as opposed to a value that is replaced by the next. */
export interface FeedEvent {
  readonly kind: 'alarm' | 'flood' | 'device';
  /** JSON. */
  readonly data: string;
}

/** An alarm's event, made into text when the first stream wants it: a flood's thousands at once would hold up the commits. */
class AlarmEvent implements FeedEvent {
  readonly kind = 'alarm';
  private text: string | undefined;
  private view: (() => unknown) | undefined;

  constructor(view: () => unknown) {
    this.view = view;
  }

  get data(): string {
    this.text ??= JSON.stringify(this.view?.());
    this.view = undefined;
    return this.text;
  }
}

/** Alarms and devices in the order of their commits, numbered from 1; the last few thousand are kept. */
export class FeedEvents {
  private readonly kept: FeedEvent[] = [];
  private count = 0;
  private readonly edges = new Map<string, string>();

  constructor(edges: Iterable<EdgeRecord>) {
    for (const edge of edges) this.edges.set(edge.id, wordsOf(edge));
  }

  /** Number of the newest event. */
  get newest(): number {
    return this.count;
  }

  /** All events after this number are still here. */
  get keptAfter(): number {
    return this.count - this.kept.length;
  }

  /** The event that follows this number, undefined when there is none (yet, or any more). */
  after(number: number): FeedEvent | undefined {
    return this.kept[number - this.keptAfter];
  }

  note({ alarms, journal, floods, devices, edges }: Committed): void {
    this.noteAlarms(alarms, journal);
    for (const flood of floods) this.pushView('flood', floodToWire(flood));
    for (const device of devices) this.pushView('device', { device: viewDevice(device) });
    for (const edge of edges) this.noteEdge(edge);
  }

  private noteAlarms(alarms: Committed['alarms'], journal: Committed['journal']): void {
    const newest = new Map<string, Alarm>(alarms.map((alarm) => [alarm.id, alarm]));
    const told = new Set<string>();
    for (const entry of journal) {
      const alarm = newest.get(entry.alarm);
      if (alarm === undefined) continue;
      told.add(alarm.id);
      this.push(
        new AlarmEvent(() => {
          const { event, who, why, recordedAt } = viewJournal(entry);
          return { ...viewAlarm(alarm), event, who, recordedAt, ...present({ why }) };
        }),
      );
    }
    for (const alarm of newest.values()) {
      if (told.has(alarm.id)) continue;
      this.push(new AlarmEvent(() => ({ ...viewAlarm(alarm), event: 'update', who: 'system' })));
    }
  }

  /** An edge is heard with every batch: only what it says of itself is news. */
  private noteEdge(edge: EdgeRecord): void {
    const words = wordsOf(edge);
    if (this.edges.get(edge.id) === words) return;
    this.edges.set(edge.id, words);
    const { id, online, changedAt, lastHeardAt } = edge;
    this.pushView('device', {
      edge: { id, online, changedAt: formatTime(changedAt), lastHeardAt: formatTime(lastHeardAt) },
    });
  }

  private pushView(kind: FeedEvent['kind'], view: unknown): void {
    this.push({ kind, data: JSON.stringify(view) });
  }

  private push(event: FeedEvent): void {
    this.count++;
    this.kept.push(event);
    if (this.kept.length >= EVENTS_KEPT + CUT_STEP) this.kept.splice(0, this.kept.length - EVENTS_KEPT);
  }
}

function wordsOf({ online, state }: EdgeRecord): string {
  return `${online} ${state}`;
}
