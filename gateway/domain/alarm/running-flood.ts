import type { Flood, FloodDigest, FloodGroup, FloodLine, Priority } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';

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

/** One flood while it lasts: what belongs to it, and the digest that is being collected. */
export interface RunningFlood {
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

/** @param from - when the first alarm of it rang */
export function beginFlood(id: string, from: Millis, beganAt: Millis): RunningFlood {
  return {
    id,
    from,
    beganAt,
    alarms: 0,
    peak: 0,
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
}

/** An alarm of it that its digest tells. */
export function tell(flood: RunningFlood, line: FloodLine, assetClass: string | undefined, recordedAt: Millis): void {
  countAlarm(flood, line, assetClass);
  if (flood.standing.size < STANDING_MAX) flood.standing.add(line.alarm);
  collect(flood, line, recordedAt);
}

/** An alarm of it that rang by itself, before the flood was recognised. */
export function toldBefore(
  flood: RunningFlood,
  line: FloodLine,
  assetClass: string | undefined,
  hasReturned: boolean,
): void {
  countAlarm(flood, line, assetClass);
  if (!hasReturned) flood.standing.add(line.alarm);
}

/** Something of it was explained by a root, which is what people should look at. */
export function explain(flood: RunningFlood, cause: string): void {
  flood.explained++;
  count(flood.roots, cause);
}

/** Something goes into the digest of its moment. */
export function collect(flood: RunningFlood, line: FloodLine, recordedAt: Millis): void {
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

/** The flood as people see it. @param endedAt - undefined while it runs */
export function floodRecord(group: string, flood: RunningFlood, endedAt: Millis | undefined): Flood {
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
function digestOf(flood: RunningFlood, endedAt: Millis | undefined): FloodDigest | undefined {
  const { beganAt, digest: n, lines, events } = flood;
  if (endedAt === undefined)
    return flood.fresh ? { n, dueAt: dueAtOf(beganAt, n), lines: [...lines], events } : undefined;
  const isOut = dueAtOf(beganAt, n) <= endedAt;
  return isOut ? { n: n + 1, dueAt: endedAt, lines: [], events: 0 } : { n, dueAt: endedAt, lines: [...lines], events };
}

function countAlarm(flood: RunningFlood, { asset, priority }: FloodLine, assetClass: string | undefined): void {
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

/** Plain data of it. */
export function frozenFlood(flood: RunningFlood) {
  return {
    ...flood,
    priorities: { ...flood.priorities },
    lines: [...flood.lines],
    standing: [...flood.standing],
    roots: [...flood.roots],
    assets: [...flood.assets],
    classes: [...flood.classes],
  };
}

export function thawedFlood(flood: ReturnType<typeof frozenFlood>): RunningFlood {
  const { standing, roots, assets, classes } = flood;
  return {
    ...flood,
    standing: new Set(standing),
    roots: new Map(roots),
    assets: new Map(assets),
    classes: new Map(classes),
  };
}
