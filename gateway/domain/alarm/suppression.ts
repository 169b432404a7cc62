import type { Millis } from '../../../contract/time.ts';
import type { Rule } from '../plant.ts';

/** How far up a chain of "hangs on" is followed; deeper is a mistake in a file, or a circle. */
const DEPTH_MAX = 16;
/** What was raised this long before its root is folded under it: consequences often arrive first. */
export const FOLD_MS: Millis = 10 * 60_000;
/** After a root is gone its consequences get this long to go too (lamps start, devices boot, lines fill). */
export const SETTLE_MS: Millis = 2 * 60_000;
/** Alarms about the measuring itself, which a line, an edge or a concentrator that is down explains. */
const COMMUNICATION_KINDS: ReadonlySet<string> = new Set([
  'device-offline',
  'stale',
  'bad-quality',
  'frozen',
  'line-down',
]);
/** Whoever is silent takes along what talks through it, and says nothing of the rest. */
const SILENCE_KINDS: ReadonlySet<string> = new Set(['offline', 'line-down', 'device-offline', 'stale']);

/** Work on an asset: its alarms are expected. */
export interface MaintenanceWindow {
  readonly asset: string;
  readonly from: Millis;
  readonly to: Millis;
  /** Also all that hangs on it. */
  readonly subtree: boolean;
  readonly reason?: string | undefined;
}

export interface Topology {
  /** What an asset or device hangs on or lies within. */
  readonly parents: (asset: string) => readonly string[];
  /** The line (as a name of its own, `<edge>/<line>`) a device talks over; undefined when it talks by itself. */
  readonly line: (asset: string) => string | undefined;
  /** The device that measures a rule's point, where the rule bears the name of its asset. */
  readonly device: (rule: Rule) => string | undefined;
  /** Has anything below it: only then can it explain by its silence. */
  readonly hasBelow: (asset: string) => boolean;
  readonly windows: readonly MaintenanceWindow[];
}

/** What explains others, by itself or by its silence. */
interface Root {
  /** Kinds of its own asset it explains; undefined: it only takes along what talks through it. */
  readonly kinds: readonly string[] | undefined;
  /** It is gone, and explains until then: its consequences need time to go, too. */
  readonly until?: Millis;
}

/**
 * Which alarms are explained by something else that is down. A parent in alarm as a root explains everything downstream; an
 * edge, a line or a device that is silent explains that what talks through it is not heard; a maintenance window explains all
 * on its asset.
 */
export class Suppression {
  private readonly topology: Topology;
  /** Active root alarms by asset, device, line or edge: key of the rule -> what it explains. */
  private readonly roots = new Map<string, Map<string, Root>>();
  /** When the first root that is gone explains no longer. */
  private releaseAt: Millis = Number.POSITIVE_INFINITY;
  /** Windows that ended before this moment were seen to. */
  private seenUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(topology: Topology) {
    this.topology = topology;
  }

  /** Does this rule explain others when it is active? */
  isRoot(rule: Rule): boolean {
    if (rule.explains !== undefined || rule.kind === 'offline') return true;
    // A single point that is stale says nothing of what talks through its device.
    return SILENCE_KINDS.has(rule.kind) && rule.pointId === '' && this.topology.hasBelow(rule.asset);
  }

  /** A rule that explains others became active. */
  rootRaised(rule: Rule): void {
    const kinds = rule.kind === 'line-down' ? undefined : rule.explains;
    for (const place of this.placesOf(rule)) this.put(place, rule.key, { kinds });
  }

  rootCleared(rule: Rule, wall: Millis): void {
    const until = wall + SETTLE_MS;
    for (const place of this.placesOf(rule)) {
      const root = this.roots.get(place)?.get(rule.key);
      if (root === undefined) continue;
      this.put(place, rule.key, { ...root, until });
      this.releaseAt = Math.min(this.releaseAt, until);
    }
  }

  private put(place: string, key: string, root: Root): void {
    const of = this.roots.get(place) ?? new Map<string, Root>();
    of.set(key, root);
    this.roots.set(place, of);
  }

  /** Why this alarm is not news; undefined when it stands for itself. */
  causeOf(rule: Rule, wall: Millis): string | undefined {
    const own = this.placesOf(rule);
    for (const window of this.topology.windows) {
      if (wall < window.from || wall >= window.to) continue;
      if (own.includes(window.asset) || (window.subtree && this.above(own).includes(window.asset)))
        return `maintenance${window.reason === undefined ? '' : `: ${window.reason}`}`;
    }
    if (this.roots.size === 0) return undefined;
    for (const place of own)
      for (const [key, { kinds }] of this.roots.get(place) ?? [])
        if (key !== rule.key && kinds?.includes(rule.kind) === true) return key;
    if (rule.standsAlone === true) return undefined;
    const isAboutTalking = COMMUNICATION_KINDS.has(rule.kind);
    if (isAboutTalking)
      for (const way of this.waysOf(rule))
        for (const key of this.roots.get(way)?.keys() ?? []) if (key !== rule.key) return key;
    for (const place of this.above(own))
      for (const [key, { kinds }] of this.roots.get(place) ?? [])
        if (key !== rule.key && (kinds !== undefined || isAboutTalking)) return key;
    return undefined;
  }

  /** Is it time to look again at what was suppressed? */
  isReleaseDue(wall: Millis): boolean {
    return wall >= Math.min(this.releaseAt, this.nextWindowEnd(wall));
  }

  /** Before it is looked at: roots that explain no longer go. */
  settle(wall: Millis): void {
    if (wall < this.releaseAt) return;
    this.releaseAt = Number.POSITIVE_INFINITY;
    for (const [place, of] of this.roots) {
      for (const [key, { until }] of of) {
        if (until === undefined) continue;
        if (until <= wall) of.delete(key);
        else this.releaseAt = Math.min(this.releaseAt, until);
      }
      if (of.size === 0) this.roots.delete(place);
    }
  }

  /** It was looked at: moves past windows that have ended. */
  released(wall: Millis): void {
    this.seenUntil = wall;
  }

  private nextWindowEnd(wall: Millis): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (const { to } of this.topology.windows) if (to > this.seenUntil && to <= wall) next = Math.min(next, to);
    return next;
  }

  /** Line and edge a device talks over; a line talks over its edge. */
  private waysOf(rule: Rule): string[] {
    const line =
      rule.kind === 'line-down' ? lineOf(rule) : this.topology.line(this.topology.device(rule) ?? rule.asset);
    if (line === undefined) return [];
    return [...(rule.kind === 'line-down' ? [] : [line]), line.slice(0, line.indexOf('/'))];
  }

  /** Names a rule stands at: a line-down alarm at the line, every other at its asset and at the device that measures it. */
  private placesOf(rule: Rule): readonly string[] {
    if (rule.kind === 'line-down') return [lineOf(rule)];
    const device = this.topology.device(rule);
    return device === undefined || device === rule.asset ? [rule.asset] : [rule.asset, device];
  }

  /** Everything above these, nearest first; a circle in a file ends at where it began. */
  private above(own: readonly string[]): readonly string[] {
    const seen = new Set(own);
    let level = own;
    for (let depth = 0; level.length > 0 && depth < DEPTH_MAX; depth++) {
      const next: string[] = [];
      for (const place of level)
        for (const parent of this.topology.parents(place)) {
          if (seen.has(parent)) continue;
          seen.add(parent);
          next.push(parent);
        }
      level = next;
    }
    return [...seen].slice(own.length);
  }

  snapshot(): unknown {
    const settling = [...this.roots].flatMap(([place, of]) =>
      [...of].flatMap(([key, { kinds, until }]) => (until === undefined ? [] : [[place, key, kinds ?? null, until]])),
    );
    return { settling, seenUntil: Number.isFinite(this.seenUntil) ? this.seenUntil : null };
  }

  /** @param active - rules that explain others and are active now */
  restore(state: unknown, active: readonly Rule[]): void {
    const { settling = [], seenUntil } = state as {
      settling?: [string, string, string[] | null, Millis][];
      seenUntil: number | null;
    };
    this.roots.clear();
    this.releaseAt = Number.POSITIVE_INFINITY;
    for (const [place, key, kinds, until] of settling) {
      this.put(place, key, { kinds: kinds ?? undefined, until });
      this.releaseAt = Math.min(this.releaseAt, until);
    }
    for (const rule of active) this.rootRaised(rule);
    this.seenUntil = seenUntil ?? Number.NEGATIVE_INFINITY;
  }
}

/** `<edge>/<line>#line-down` stands at the line. */
function lineOf(rule: Rule): string {
  return rule.key.slice(0, rule.key.indexOf('#'));
}
