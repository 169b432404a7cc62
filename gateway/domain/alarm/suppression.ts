import type { Millis } from '../../../contract/time.ts';
import type { Rule } from '../plant.ts';

/** How far up a chain of "hangs on" is followed; deeper is a mistake in a file, or a circle. */
const DEPTH_MAX = 16;
/** What was raised this long before its root is folded under it: consequences often arrive first. */
export const FOLD_MS: Millis = 10 * 60_000;
/** After a root is gone its consequences get this long to go too (lamps start, devices boot, lines fill). */
export const SETTLE_MS: Millis = 2 * 60_000;
/** Alarms about the measuring itself, which a line that is down explains. */
const COMMUNICATION_KINDS: ReadonlySet<string> = new Set(['device-offline', 'stale', 'bad-quality', 'frozen']);

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
  /** What an asset hangs on. */
  readonly upstream: (asset: string) => string | undefined;
  /** The line (as a name of its own) a device talks over; undefined when it talks by itself. */
  readonly line: (asset: string) => string | undefined;
  readonly windows: readonly MaintenanceWindow[];
}

/**
 * Which alarms are explained by something else that is down. A parent in alarm as a root explains everything downstream,
 * a line that is down explains that its devices do not answer, a maintenance window explains all on its asset.
 */
export class Suppression {
  private readonly topology: Topology;
  /** Active root alarms by asset (or line): key of the rule -> kinds of its own asset it explains. */
  private readonly roots = new Map<string, Map<string, readonly string[]>>();
  /** When consequences of a root that is gone are looked at again. */
  private releaseAt: Millis = Number.POSITIVE_INFINITY;
  /** Windows that ended before this moment were seen to. */
  private seenUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(topology: Topology) {
    this.topology = topology;
  }

  /** A rule that explains others became active. */
  rootRaised(rule: Rule): void {
    const of = this.roots.get(rootOf(rule)) ?? new Map<string, readonly string[]>();
    of.set(rule.key, rule.explains ?? []);
    this.roots.set(rootOf(rule), of);
  }

  rootCleared(rule: Rule, wall: Millis): void {
    const of = this.roots.get(rootOf(rule));
    if (of?.delete(rule.key) !== true) return;
    if (of.size === 0) this.roots.delete(rootOf(rule));
    this.releaseAt = Math.min(this.releaseAt, wall + SETTLE_MS);
  }

  /** Why this alarm is not news; undefined when it stands for itself. */
  causeOf(rule: Rule, wall: Millis): string | undefined {
    for (const window of this.topology.windows) {
      if (wall < window.from || wall >= window.to) continue;
      if (window.asset === rule.asset || (window.subtree && this.hangsOn(rule.asset, window.asset)))
        return `maintenance${window.reason === undefined ? '' : `: ${window.reason}`}`;
    }
    if (this.roots.size === 0) return undefined;
    for (const [key, kinds] of this.roots.get(rule.asset) ?? [])
      if (key !== rule.key && kinds.includes(rule.kind)) return key;
    const line = COMMUNICATION_KINDS.has(rule.kind) ? this.topology.line(rule.asset) : undefined;
    if (line !== undefined) for (const key of this.roots.get(line)?.keys() ?? []) if (key !== rule.key) return key;
    if (rule.standsAlone === true) return undefined;
    let asset = this.topology.upstream(rule.asset);
    for (let depth = 0; asset !== undefined && depth < DEPTH_MAX; depth++) {
      for (const key of this.roots.get(asset)?.keys() ?? []) return key;
      asset = this.topology.upstream(asset);
    }
    return undefined;
  }

  /** Is it time to look again at what was suppressed? */
  isReleaseDue(wall: Millis): boolean {
    return wall >= Math.min(this.releaseAt, this.nextWindowEnd(wall));
  }

  /** It was looked at; also moves past windows that have ended. */
  released(wall: Millis): void {
    if (wall >= this.releaseAt) this.releaseAt = Number.POSITIVE_INFINITY;
    this.seenUntil = wall;
  }

  private nextWindowEnd(wall: Millis): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (const { to } of this.topology.windows) if (to > this.seenUntil && to <= wall) next = Math.min(next, to);
    return next;
  }

  private hangsOn(asset: string, on: string): boolean {
    let parent = this.topology.upstream(asset);
    for (let depth = 0; parent !== undefined && depth < DEPTH_MAX; depth++) {
      if (parent === on) return true;
      parent = this.topology.upstream(parent);
    }
    return false;
  }

  snapshot(): unknown {
    return {
      releaseAt: Number.isFinite(this.releaseAt) ? this.releaseAt : null,
      seenUntil: Number.isFinite(this.seenUntil) ? this.seenUntil : null,
    };
  }

  /** @param active - rules that explain others and are active now */
  restore(state: unknown, active: readonly Rule[]): void {
    const { releaseAt, seenUntil } = state as { releaseAt: number | null; seenUntil: number | null };
    this.roots.clear();
    for (const rule of active) this.rootRaised(rule);
    this.releaseAt = releaseAt ?? Number.POSITIVE_INFINITY;
    this.seenUntil = seenUntil ?? Number.NEGATIVE_INFINITY;
  }
}

/** A line-down alarm stands at the line, every other root at its asset. */
function rootOf(rule: Rule): string {
  return rule.kind === 'line-down' ? rule.key.slice(0, rule.key.indexOf('#')) : rule.asset;
}
