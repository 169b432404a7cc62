import {
  type Alarm,
  type AlarmNews,
  alarmTitle,
  type Flood,
  type FloodDigest,
  type FloodGroup,
  type FloodLine,
  type JournalEntry,
  type Priority,
} from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import { occurrenceId } from './occurrence.ts';

/** A flood begins above ten annunciated alarms in ten minutes and ends below five (prosys.com on ISA-18.2 and EEMUA 191). */
export const FLOOD_BEGINS_ABOVE = 10;
export const FLOOD_ENDS_BELOW = 5;
export const FLOOD_WINDOW_MS: Millis = 10 * 60_000;
/** Alarms of one second are counted together, so the window never holds more than this many counts. */
const COUNT_EVERY_MS = 1000;
/** Digests of one flood: the first soon after it began, the next after ever longer, then every ten minutes (our choice). */
const DIGESTS_AFTER_MS: readonly Millis[] = [10_000, 70_000, 190_000, 430_000, 900_000];
const DIGEST_EVERY_MS: Millis = 600_000;
/** Lines kept for one digest, the most urgent; the others are counted. */
export const DIGEST_LINES_MAX = 100;
/** Names of one grouping that are counted; what comes after counts in the whole only. */
const GROUP_NAMES_MAX = 500;
const GROUPS_SHOWN = 20;
/** Standing alarms of one flood that are followed; beyond it `standing` says too little. */
const STANDING_MAX = 50_000;

/** What people were told in the last ten minutes, as counts per second: bounded by the window, not by the alarms. */
export class FloodWindow {
  private readonly counts: [at: Millis, alarms: number][] = [];
  private sum = 0;

  /** @param at - never before what was added last, or it counts as then */
  add(at: Millis): void {
    const last = this.counts.at(-1);
    const second = Math.floor(Math.max(at, last?.[0] ?? at) / COUNT_EVERY_MS) * COUNT_EVERY_MS;
    if (last?.[0] === second) last[1]++;
    else this.counts.push([second, 1]);
    this.sum++;
    this.forget(second);
  }

  /** Alarms in the ten minutes before `at`. */
  countAt(at: Millis): number {
    this.forget(at);
    return this.sum;
  }

  /** The oldest alarm that counts. */
  get first(): Millis | undefined {
    return this.counts[0]?.[0];
  }

  /** When fewer than `below` will be left if nothing comes. */
  endsAt(below: number): Millis {
    let left = 0;
    for (let index = this.counts.length - 1; index >= 0; index--) {
      const [at, alarms] = this.counts[index] as [Millis, number];
      left += alarms;
      if (left >= below) return at + FLOOD_WINDOW_MS;
    }
    return Number.NEGATIVE_INFINITY;
  }

  private forget(at: Millis): void {
    let gone = 0;
    for (const [second, alarms] of this.counts) {
      if (second > at - FLOOD_WINDOW_MS) break;
      this.sum -= alarms;
      gone++;
    }
    if (gone > 0) this.counts.splice(0, gone);
  }

  snapshot(): readonly (readonly [Millis, number])[] {
    return this.counts.map(([at, alarms]) => [at, alarms]);
  }

  restore(counts: readonly (readonly [Millis, number])[]): void {
    this.counts.splice(0, this.counts.length, ...counts.map(([at, alarms]): [Millis, number] => [at, alarms]));
    this.sum = counts.reduce((sum, [, alarms]) => sum + alarms, 0);
  }
}

interface Running {
  readonly id: string;
  readonly from: Millis;
  readonly beganAt: Millis;
  alarms: number;
  peak: number;
  readonly priorities: Record<Priority, number>;
  /** Raised in it and not back to normal: ids, at most {@link STANDING_MAX}. */
  readonly standing: Set<string>;
  explained: number;
  readonly roots: Map<string, number>;
  readonly assets: Map<string, number>;
  readonly classes: Map<string, number>;
  digest: number;
  lines: FloodLine[];
  /** Of the running digest, lines that were left out included. */
  events: number;
  /** Something came to the digest since the last record. */
  fresh: boolean;
}

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
  flood: Running | undefined;
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
    group.flood.explained++;
    count(group.flood.roots, cause);
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
    this.collect(name, flood, line, entry.recordedAt);
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
      this.tell(name, flood, line, assetClass, recordedAt);
      flood.peak = Math.max(flood.peak, alarms);
      return flood.id;
    }
    group.recent = group.recent.filter((one) => one.recordedAt > recordedAt - FLOOD_WINDOW_MS);
    group.recent.push({ line, assetClass, recordedAt });
    if (alarms <= FLOOD_BEGINS_ABOVE) return undefined;
    const began: Running = {
      id: occurrenceId(`flood ${name}`, recordedAt),
      from: group.window.first ?? recordedAt,
      beganAt: recordedAt,
      alarms: 0,
      peak: alarms,
      priorities: { 1: 0, 2: 0, 3: 0, 4: 0 },
      standing: new Set(),
      explained: 0,
      roots: new Map(),
      assets: new Map(),
      classes: new Map(),
      digest: 0,
      lines: [],
      events: 0,
      fresh: false,
    };
    group.flood = began;
    // Those before were told one by one, and belong to it all the same; only the newest is told by the digest.
    for (const { line: earlier, assetClass: of, hasReturned } of group.recent.slice(0, -1)) {
      countAlarm(began, earlier, of);
      if (hasReturned !== true) began.standing.add(earlier.alarm);
    }
    group.recent = [];
    this.tell(name, began, line, assetClass, recordedAt);
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
        const record = recordOf(name, flood, undefined);
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
      ...(flood === undefined
        ? {}
        : {
            flood: {
              ...flood,
              priorities: { ...flood.priorities },
              lines: [...flood.lines],
              standing: [...flood.standing],
              roots: [...flood.roots],
              assets: [...flood.assets],
              classes: [...flood.classes],
            },
          }),
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
      if (flood === undefined) continue;
      const { standing, roots, assets, classes } = flood;
      group.flood = {
        ...flood,
        standing: new Set(standing),
        roots: new Map(roots),
        assets: new Map(assets),
        classes: new Map(classes),
      };
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
    this.over.push(recordOf(name, flood, Number.isFinite(endsAt) ? endsAt : now));
  }

  private tell(
    name: string,
    flood: Running,
    line: FloodLine,
    assetClass: string | undefined,
    recordedAt: Millis,
  ): void {
    countAlarm(flood, line, assetClass);
    if (flood.standing.size < STANDING_MAX) flood.standing.add(line.alarm);
    this.collect(name, flood, line, recordedAt);
  }

  private collect(name: string, flood: Running, line: FloodLine, recordedAt: Millis): void {
    this.changed.add(name);
    const digest = digestAt(flood.beganAt, recordedAt);
    if (digest !== flood.digest) {
      flood.digest = digest;
      flood.lines = [];
      flood.events = 0;
    }
    flood.events++;
    flood.fresh = true;
    flood.lines.push(line);
    if (flood.lines.length <= DIGEST_LINES_MAX) return;
    // Ends before beginnings, the least urgent first, the oldest of those.
    let worst = 0;
    for (let index = 1; index < flood.lines.length; index++)
      if (weight(flood.lines[index] as FloodLine) > weight(flood.lines[worst] as FloodLine)) worst = index;
    flood.lines.splice(worst, 1);
  }
}

interface SnapshotGroup {
  readonly name: string;
  readonly window: readonly (readonly [Millis, number])[];
  readonly recent: Group['recent'];
  readonly flood?: Omit<Running, 'standing' | 'roots' | 'assets' | 'classes'> & {
    readonly standing: string[];
    readonly roots: [string, number][];
    readonly assets: [string, number][];
    readonly classes: [string, number][];
  };
}

const NONE: readonly Flood[] = [];

/** Which digest of a flood tells what happened then: 1, 2, … */
function digestAt(beganAt: Millis, at: Millis): number {
  const early = DIGESTS_AFTER_MS.findIndex((afterMs) => at < beganAt + afterMs);
  if (early >= 0) return early + 1;
  const last = DIGESTS_AFTER_MS.at(-1) as Millis;
  return DIGESTS_AFTER_MS.length + 1 + Math.floor((at - beganAt - last) / DIGEST_EVERY_MS);
}

function dueAtOf(beganAt: Millis, digest: number): Millis {
  const early = DIGESTS_AFTER_MS[digest - 1];
  if (early !== undefined) return beganAt + early;
  return beganAt + (DIGESTS_AFTER_MS.at(-1) as Millis) + (digest - DIGESTS_AFTER_MS.length) * DIGEST_EVERY_MS;
}

function recordOf(group: string, flood: Running, endedAt: Millis | undefined): Flood {
  const { id, from, beganAt, alarms, peak, standing, explained } = flood;
  const digest = digestOf(flood, endedAt);
  return {
    id,
    group,
    state: endedAt === undefined ? 'active' : 'over',
    from,
    beganAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    alarms,
    peak,
    priorities: { ...flood.priorities },
    standing: standing.size,
    explained,
    roots: largest(flood.roots),
    assets: largest(flood.assets),
    classes: largest(flood.classes),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The one that is collected, as long as something comes to it; the last one goes out at the end, with what is collected by then. */
function digestOf(flood: Running, endedAt: Millis | undefined): FloodDigest | undefined {
  const { beganAt, digest: n, lines, events } = flood;
  if (endedAt === undefined)
    return flood.fresh ? { n, dueAt: dueAtOf(beganAt, n), lines: [...lines], events } : undefined;
  const isOut = dueAtOf(beganAt, n) <= endedAt;
  return isOut ? { n: n + 1, dueAt: endedAt, lines: [], events: 0 } : { n, dueAt: endedAt, lines: [...lines], events };
}

function countAlarm(flood: Running, { asset, priority }: FloodLine, assetClass: string | undefined): void {
  flood.alarms++;
  flood.priorities[priority]++;
  count(flood.assets, asset);
  count(flood.classes, assetClass ?? 'generic');
}

function count(names: Map<string, number>, name: string): void {
  const before = names.get(name);
  if (before !== undefined || names.size < GROUP_NAMES_MAX) names.set(name, (before ?? 0) + 1);
}

function largest(names: ReadonlyMap<string, number>): FloodGroup[] {
  return [...names]
    .map(([name, alarms]) => ({ name, alarms }))
    .sort((a, b) => b.alarms - a.alarms)
    .slice(0, GROUPS_SHOWN);
}

const EVENT_WEIGHT = { raise: 0, 're-raise': 0, return: 4, acknowledge: 8 } as const;
const weight = ({ event, priority }: FloodLine) => EVENT_WEIGHT[event] + priority;
