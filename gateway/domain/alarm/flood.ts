import {
  type Alarm,
  type AlarmNews,
  alarmTitle,
  type Flood,
  type FloodLine,
  type JournalEntry,
} from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import { FLOOD_BEGINS_ABOVE, FLOOD_ENDS_BELOW, FLOOD_WINDOW_MS, FloodWindow } from './flood-window.ts';
import { occurrenceId } from './occurrence.ts';
import {
  beginFlood,
  collect,
  explain,
  floodRecord,
  frozenFlood,
  type RunningFlood,
  tell,
  thawedFlood,
  toldBefore,
} from './running-flood.ts';

interface Recent {
  readonly line: FloodLine;
  readonly assetClass: string | undefined;
  readonly recordedAt: Millis;
  readonly hasReturned?: true;
}

interface Group {
  readonly window: FloodWindow;
  /** The alarms of the window, for a flood that is only recognised with its eleventh. */
  recent: Recent[];
  flood: RunningFlood | undefined;
}

export interface FloodOptions {
  /** Who has to deal with an alarm: floods are per operator position (EEMUA 191). */
  readonly groupOf?: (alarm: Alarm) => string;
}

/**
 * Recognises floods per operator group from what is annunciated; held, suppressed and late alarms do not ring and do not count.
 * Its time is that of the judge's inputs. Private state in place, otherwise pure.
 */
export class FloodWatch {
  private readonly groupOf: (alarm: Alarm) => string;
  private readonly groups = new Map<string, Group>();
  private readonly changed = new Set<string>();
  private readonly over: Flood[] = [];

  constructor(options: FloodOptions = {}) {
    this.groupOf = options.groupOf ?? (() => 'all');
  }

  /** Something was explained by a root: it does not ring, and its root is what people should look at. */
  explained(alarm: Alarm, cause: string, recordedAt: Millis): void {
    const name = this.groupOf(alarm);
    const group = this.group(name);
    this.settle(name, group, recordedAt);
    if (group.flood === undefined) return;
    explain(group.flood, cause);
    this.changed.add(name);
  }

  /**
   * Something that people are told of is about to be written.
   *
   * @param alarm - the record as it is after the transition; its `flood` is that of its last raise
   * @returns id of the flood whose digest tells it; undefined when it is told by itself
   */
  note(page: AlarmNews, entry: JournalEntry, alarm: Alarm): string | undefined {
    const name = this.groupOf(alarm);
    const group = this.group(name);
    this.settle(name, group, entry.recordedAt);
    const line: FloodLine = {
      alarm: alarm.id,
      event: page,
      at: entry.at,
      priority: alarm.priority,
      title: alarmTitle(alarm),
      kind: alarm.kind,
      asset: alarm.asset,
    };
    if (page === 'raise' || page === 're-raise') return this.raised(name, group, line, entry, alarm);
    const { flood } = group;
    if (flood === undefined && page === 'return')
      group.recent = group.recent.map((one) => (one.line.alarm === alarm.id ? { ...one, hasReturned: true } : one));
    // Told in a digest that is long out: its end alone would be news of something nobody heard of by name.
    if (flood === undefined) return alarm.flood;
    if (page === 'return') flood.standing.delete(alarm.id);
    collect(flood, line, entry.recordedAt);
    this.changed.add(name);
    return flood.id;
  }

  private raised(
    name: string,
    group: Group,
    line: FloodLine,
    { recordedAt }: JournalEntry,
    { assetClass }: Alarm,
  ): string | undefined {
    group.window.add(recordedAt);
    const alarms = group.window.countAt(recordedAt);
    const { flood } = group;
    if (flood !== undefined) {
      tell(flood, line, assetClass, recordedAt);
      this.changed.add(name);
      flood.peak = Math.max(flood.peak, alarms);
      return flood.id;
    }
    group.recent = group.recent.filter((one) => one.recordedAt > recordedAt - FLOOD_WINDOW_MS);
    group.recent.push({ line, assetClass, recordedAt });
    if (alarms <= FLOOD_BEGINS_ABOVE) return undefined;
    const began = beginFlood(occurrenceId(`flood ${name}`, recordedAt), group.window.first ?? recordedAt, recordedAt);
    began.peak = alarms;
    group.flood = began;
    // Those before were told one by one, and belong to it all the same; only the newest is told by the digest.
    for (const { line: earlier, assetClass: of, hasReturned } of group.recent.slice(0, -1))
      toldBefore(began, earlier, of, hasReturned === true);
    group.recent = [];
    tell(began, line, assetClass, recordedAt);
    this.changed.add(name);
    return began.id;
  }

  /** The clock moved: a flood may be over. */
  tick(now: Millis): void {
    for (const [name, group] of this.groups) this.settle(name, group, now);
  }

  /** Records of the floods that are other than when last asked, the ended ones first. */
  takeChanged(): readonly Flood[] {
    if (this.changed.size === 0 && this.over.length === 0) return NONE;
    const changed = [
      ...this.over.splice(0),
      ...[...this.changed].flatMap((name) => {
        const flood = this.groups.get(name)?.flood;
        if (flood === undefined) return [];
        const record = floodRecord(name, flood, undefined);
        flood.fresh = false;
        return [record];
      }),
    ];
    this.changed.clear();
    return changed;
  }

  snapshot(): unknown {
    return [...this.groups].map(([name, { window, recent, flood }]) => ({
      name,
      window: window.snapshot(),
      recent,
      ...(flood === undefined ? {} : { flood: frozenFlood(flood) }),
    }));
  }

  /** @param state - undefined: of a version that knew no floods */
  restore(state: unknown): void {
    this.groups.clear();
    this.changed.clear();
    this.over.length = 0;
    for (const { name, window, recent, flood } of (state ?? []) as SnapshotGroup[]) {
      const group = this.group(name);
      group.window.restore(window);
      group.recent = [...recent];
      if (flood !== undefined) group.flood = thawedFlood(flood);
    }
  }

  private group(name: string): Group {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const group: Group = { window: new FloodWindow(), recent: [], flood: undefined };
    this.groups.set(name, group);
    return group;
  }

  private settle(name: string, { window, flood }: Group, now: Millis): void {
    if (flood === undefined) return;
    const endsAt = window.endsAt(FLOOD_ENDS_BELOW);
    if (now < endsAt) return;
    const group = this.groups.get(name) as Group;
    group.flood = undefined;
    this.changed.delete(name);
    this.over.push(floodRecord(name, flood, Number.isFinite(endsAt) ? endsAt : now));
  }
}

interface SnapshotGroup {
  readonly name: string;
  readonly window: readonly (readonly [Millis, number])[];
  readonly recent: Group['recent'];
  readonly flood?: ReturnType<typeof frozenFlood>;
}

const NONE: readonly Flood[] = [];
