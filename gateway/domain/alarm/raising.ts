import type { Millis } from '../../../contract/time.ts';
import type { DeviceInfo, Rule } from '../plant.ts';
import type { LateSink } from './late.ts';
import type { AlarmLedger, Records } from './ledger.ts';
import { type Evidence, NAMES_MAX, type Raise } from './occurrence.ts';
import { FOLD_MS, type MaintenanceWindow, Suppression } from './suppression.ts';

/** What began and ended within one message, and ended longer ago than this, is journalled as raised late, also from a logger that reports once a day: nobody is called for yesterday. */
export const LATE_AFTER_MS = 2 * 60_000;
/** How long such a trip waits for the rest of its backlog before it rings. */
export const LATE_WAIT_MS = 10_000;
/** Rules whose last episode is remembered. */
const EPISODES_MAX = 10_000;
/** Devices named per class. */
const FIRST_NAMES = 5;
/** How far up a chain of "hangs on" is followed. */
const HANG_DEPTH_MAX = 16;

/** A trip that waits to be written. */
export interface Opening extends Raise {
  readonly learnedAt: Millis;
}

/** What an asset or device is, hangs on and lies within. */
export type Whereabouts = Pick<DeviceInfo, 'class' | 'location' | 'locationZh' | 'upstream'> & {
  /** Assets that a device measures for. */
  readonly within?: readonly string[];
};

export interface RaisingParts {
  readonly ledger: AlarmLedger;
  readonly rule: (row: number) => Rule;
  readonly evidence: {
    of(row: number, since: Millis, at: Millis): Evidence;
    ofLimit(rule: Rule, value: number, since: Millis, at: Millis): Evidence;
  };
  readonly where: (asset: string) => Whereabouts | undefined;
  /** The device that measures a rule's point. */
  readonly deviceOf: (rule: Rule) => string | undefined;
  readonly windows: readonly MaintenanceWindow[];
}

/**
 * From tripped and cleared rules to alarms: what ended within late data never rings, roots come before what they explain,
 * and each transition is written once.
 */
export class Raising implements LateSink {
  readonly suppression: Suppression;
  /** Newest wall clock we were told: when a transition was learned of. */
  wall: Millis = 0;
  /** Where transitions are written; set for each input. */
  verdict: Records = { alarms: [], journal: [] };
  private readonly ledger: AlarmLedger;
  private readonly rule: RaisingParts['rule'];
  private readonly evidence: RaisingParts['evidence'];
  private readonly where: RaisingParts['where'];
  private readonly parents: (asset: string) => readonly string[];
  /** Line a device talks over, and what hangs on what: for roots and their consequences. */
  private readonly lineOf = new Map<string, string | undefined>();
  /** The last one that was noted: points of a device come one after another. */
  private hung: { readonly device: string; readonly line: string | undefined } = { device: '', line: undefined };
  private readonly downstream = new Map<string, Set<string>>();
  /** Tripped, not written yet: it may end in the same input, or in the next ones of a backlog. */
  private readonly openings = new Map<number, Opening>();
  /** Last live episode of rules that tripped: [since, returned], so that a repeat of old data is not taken for news. */
  private readonly episodes = new Map<number, readonly [Millis, Millis]>();

  constructor({ ledger, rule, evidence, where, deviceOf, windows }: RaisingParts) {
    this.ledger = ledger;
    this.rule = rule;
    this.evidence = evidence;
    this.where = where;
    this.parents = (asset) => {
      const { upstream, within = [] } = where(asset) ?? {};
      return upstream === undefined ? within : [upstream, ...within];
    };
    this.suppression = new Suppression({
      parents: this.parents,
      line: (asset) => this.lineOf.get(asset),
      device: deviceOf,
      hasBelow: (asset) => this.downstream.has(asset),
      windows,
    });
  }

  tripped(row: number, since: Millis, at: Millis, evidence?: Evidence): void {
    this.openings.set(row, { since, at, evidence: evidence ?? this.evidence.of(row, since, at), learnedAt: this.wall });
  }

  cleared(row: number, at: Millis): void {
    const opening = this.openings.get(row);
    const rule = this.rule(row);
    const since = opening?.since ?? at;
    this.episodes.delete(row);
    if (this.episodes.size >= EPISODES_MAX) this.episodes.delete(this.episodes.keys().next().value as number);
    this.episodes.set(row, [Math.min(since, this.ledger.since(rule.key) ?? since), at]);
    if (opening === undefined) {
      this.ledger.clear(rule.key, at, this.wall, this.verdict);
      this.suppression.rootCleared(rule, this.wall);
      return;
    }
    this.openings.delete(row);
    if (this.wall - at > LATE_AFTER_MS && !this.ledger.isOpen(rule.key)) {
      this.returnedLate(this.ledger.raiseLate(rule, opening, this.wall, this.verdict), at);
      return;
    }
    this.raise(rule, opening);
    this.ledger.clear(rule.key, at, this.wall, this.verdict);
    this.suppression.rootCleared(rule, this.wall);
  }

  raisedLate(row: number, since: Millis, at: Millis, value: number): string {
    const rule = this.rule(row);
    const episode = this.episodes.get(row);
    if (episode !== undefined && at >= episode[0] && at <= episode[1]) return '';
    const evidence = this.evidence.ofLimit(rule, value, since, at);
    return this.ledger.raiseLate(rule, { since, at, evidence }, this.wall, this.verdict);
  }

  foundLate(rule: Rule, raise: Raise): string {
    return this.ledger.raiseLate(rule, raise, this.wall, this.verdict);
  }

  returnedLate(id: string, at: Millis): void {
    this.ledger.returnLate(id, at, this.wall, this.verdict);
  }

  /** Writes what tripped and has not ended since. */
  flush(): void {
    if (this.openings.size === 0) return;
    const openings: { rule: Rule; raise: Raise }[] = [];
    for (const [row, { learnedAt, ...raise }] of this.openings) {
      // Old news from a backlog: the rest of it may say that it ended.
      if (learnedAt - raise.at > LATE_AFTER_MS && this.wall - learnedAt < LATE_WAIT_MS) continue;
      this.openings.delete(row);
      openings.push({ rule: this.rule(row), raise });
    }
    // Roots first: what they explain in the same message is born suppressed.
    for (const { rule, raise } of openings) if (this.suppression.isRoot(rule)) this.raise(rule, raise);
    for (const { rule, raise } of openings) if (!this.suppression.isRoot(rule)) this.raise(rule, raise);
  }

  /** A root is told with what hangs on it and what it explains; what something else explains is born suppressed. */
  raise(rule: Rule, raise: Raise): void {
    const cause = this.suppression.causeOf(rule, this.wall);
    const isRoot = this.suppression.isRoot(rule);
    const folded = isRoot ? this.foldedUnder(rule, raise) : [];
    const told = isRoot ? { ...raise, evidence: this.withAffected(rule.asset, raise.evidence, folded) } : raise;
    this.ledger.raise(rule, cause === undefined ? told : { ...told, cause }, this.wall, this.verdict);
    for (const [key, explainedBy] of folded) this.ledger.suppress(key, explainedBy, raise.at, this.wall, this.verdict);
  }

  /** Takes effect as a root. @returns open alarms of the last minutes that are explained now, each with its cause */
  private foldedUnder(rule: Rule, raise: Raise): [key: string, explainedBy: string][] {
    this.suppression.rootRaised(rule);
    const folded: [string, string][] = [];
    for (const other of this.ledger.open()) {
      if (other.isSuppressed || other.rule.key === rule.key || other.since < raise.since - FOLD_MS) continue;
      const explainedBy = this.suppression.causeOf(other.rule, this.wall);
      if (explainedBy !== undefined) folded.push([other.rule.key, explainedBy]);
    }
    return folded;
  }

  /** A root or a maintenance window ended: what nothing explains any more stands for itself again. */
  release(): void {
    if (!this.suppression.isReleaseDue(this.wall)) return;
    this.suppression.settle(this.wall);
    for (const { rule, isSuppressed } of this.ledger.open()) {
      if (isSuppressed && this.suppression.causeOf(rule, this.wall) === undefined)
        this.ledger.unsuppress(rule.key, this.wall, this.wall, this.verdict);
    }
    this.suppression.released(this.wall);
  }

  /** Notes the line a device talks over, and everything it hangs on or lies within. */
  hang(device: string, line: string | undefined, isNewPoint: boolean): void {
    // A further point of a device says nothing new; one that is told again may hang elsewhere now.
    if (isNewPoint && device === this.hung.device && line === this.hung.line) return;
    this.hung = { device, line };
    if (isNewPoint && this.lineOf.has(device) && this.lineOf.get(device) === line) return;
    this.lineOf.set(device, line);
    let level = this.parents(device);
    if (level.length === 0) return;
    const seen = new Set([device]);
    for (let depth = 0; level.length > 0 && depth < HANG_DEPTH_MAX; depth++) {
      if (depth > 0) level = level.flatMap((below) => this.parents(below));
      level = level.filter((above) => !seen.has(above));
      for (const above of level) {
        seen.add(above);
        const on = this.downstream.get(above) ?? new Set<string>();
        on.add(device);
        this.downstream.set(above, on);
      }
    }
  }

  private withAffected(asset: string, evidence: Evidence, folded: readonly (readonly [string, string])[]): Evidence {
    const below = [...(this.downstream.get(asset) ?? [])].filter((device) => device !== asset);
    const words: [string, string][] = [];
    if (below.length > 0) words.push([`${below.length} devices behind it`, `影响 ${below.length} 台设备`]);
    if (folded.length > 0)
      words.push([
        `explains ${folded.length} earlier alarm${folded.length === 1 ? '' : 's'}`,
        `解释此前 ${folded.length} 条告警`,
      ]);
    if (words.length === 0) return evidence;
    const byClass = new Map<string, string[]>();
    for (const device of below) {
      const of = this.where(device)?.class ?? 'generic';
      const names = byClass.get(of) ?? [];
      names.push(device);
      byClass.set(of, names);
    }
    const against = [evidence.against, ...words.map(([word]) => word)].filter((part) => part !== undefined);
    const againstZh = [evidence.againstZh, ...words.map(([, word]) => word)].filter((part) => part !== undefined);
    return {
      ...evidence,
      against: against.join(', '),
      againstZh: againstZh.join('，'),
      details: {
        ...evidence.details,
        ...(below.length === 0
          ? {}
          : {
              affected: below.length,
              devices: below.slice(0, NAMES_MAX),
              affectedByClass: Object.fromEntries(
                [...byClass].map(([of, names]) => [of, { count: names.length, first: names.slice(0, FIRST_NAMES) }]),
              ),
            }),
        ...(folded.length === 0
          ? {}
          : { explainedBefore: folded.length, explained: folded.slice(0, NAMES_MAX).map(([key]) => key) }),
      },
    };
  }

  update(ruleKey: string, evidence: Evidence): void {
    this.ledger.update(ruleKey, evidence, this.verdict);
  }

  clear(ruleKey: string, at: Millis): void {
    this.ledger.clear(ruleKey, at, this.wall, this.verdict);
  }

  /** Takes out what waits of a rule that is replaced. */
  takeOpening(row: number): Opening | undefined {
    const opening = this.openings.get(row);
    this.openings.delete(row);
    return opening;
  }

  putOpening(row: number, opening: Opening): void {
    this.openings.set(row, opening);
  }

  snapshot(keyOf: (row: number) => string) {
    return {
      episodes: [...this.episodes].map(([row, span]) => [keyOf(row), ...span]),
      openings: [...this.openings].map(([row, opening]) => [keyOf(row), opening]),
      suppression: this.suppression.snapshot(),
    };
  }

  /** After the ledger is back. */
  restore(
    state: {
      readonly episodes: readonly (readonly [string, Millis, Millis])[];
      readonly openings: readonly (readonly [string, ...unknown[]])[];
      readonly suppression: unknown;
    },
    rowOf: (key: string) => number | undefined,
  ): void {
    const active = this.ledger.open().filter(({ rule, isActive }) => isActive && this.suppression.isRoot(rule));
    this.suppression.restore(
      state.suppression,
      active.map(({ rule }) => rule),
    );
    this.openings.clear();
    for (const [key, opening] of state.openings) {
      const row = rowOf(key);
      if (row !== undefined) this.openings.set(row, opening as Opening);
    }
    this.episodes.clear();
    for (const [key, since, returned] of state.episodes) {
      const row = rowOf(key);
      if (row !== undefined) this.episodes.set(row, [since, returned]);
    }
  }
}
