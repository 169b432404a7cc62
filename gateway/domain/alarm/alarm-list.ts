import type { Millis } from '../../../contract/time.ts';
import { listAsJson } from '../json-pieces.ts';
import { isClosed } from './lifecycle.ts';
import type { Occurrence } from './occurrence.ts';

/** Closed occurrences kept in memory so that people can still comment, confirm or put them out of service. */
export const CLOSED_MAX = 2000;

/**
 * The open occurrences, at most one per rule, and those that closed lately. It knows where an occurrence belongs by its life;
 * what may happen to a life is said elsewhere.
 */
export class AlarmList {
  private readonly byRule = new Map<string, Occurrence>();
  private readonly byId = new Map<string, Occurrence>();
  /** Ids of closed occurrences in byId, oldest first. */
  private readonly closed: string[] = [];
  /** Open ones with something due on the gateway's clock. */
  private readonly timed = new Set<Occurrence>();
  /** How many are active, by asset. */
  private readonly activeOf = new Map<string, number>();

  /** The open one of a rule. */
  openOf(ruleKey: string): Occurrence | undefined {
    return this.byRule.get(ruleKey);
  }

  /** Open, or closed lately. */
  find(id: string): Occurrence | undefined {
    return this.byId.get(id);
  }

  /** In the order they were raised; what is closed meanwhile does no harm. */
  open(): IterableIterator<Occurrence> {
    return this.byRule.values();
  }

  /**
   * Something is due for these: see the `…At` and `shelvedUntil` of each. In the order of time, of one moment in the order of
   * their ids: the same after a restart, whatever began to wait first.
   */
  *due(now: Millis): Generator<Occurrence, void> {
    const due: Occurrence[] = [];
    for (const occurrence of this.timed) if (dueAt(occurrence) <= now) due.push(occurrence);
    due.sort((a, b) => dueAt(a) - dueAt(b) || (a.id < b.id ? -1 : 1));
    // What is done for one may end the waiting of another.
    for (const occurrence of due) if (this.timed.has(occurrence)) yield occurrence;
  }

  add(occurrence: Occurrence): void {
    this.byRule.set(occurrence.rule.key, occurrence);
    this.byId.set(occurrence.id, occurrence);
  }

  /** An occurrence that is over, also one that was never open. */
  close(occurrence: Occurrence): void {
    const { id, rule } = occurrence;
    this.byId.set(id, occurrence);
    if (this.byRule.get(rule.key) === occurrence) this.byRule.delete(rule.key);
    this.timed.delete(occurrence);
    this.closed.push(id);
    while (this.closed.length > CLOSED_MAX) this.byId.delete(this.closed.shift() as string);
  }

  /** Its life or its timers are others than before. */
  place(occurrence: Occurrence): void {
    this.watch(occurrence);
    const isListed = this.byRule.get(occurrence.rule.key) === occurrence;
    if (isClosed(occurrence.life)) {
      if (isListed) this.close(occurrence);
    } else if (!isListed) this.reopen(occurrence);
  }

  /** Whether any alarm of this asset is active. */
  isActiveAt(asset: string): boolean {
    return this.activeOf.has(asset);
  }

  countActive(asset: string, step: 1 | -1): void {
    const count = (this.activeOf.get(asset) ?? 0) + step;
    if (count > 0) this.activeOf.set(asset, count);
    else this.activeOf.delete(asset);
  }

  private watch(occurrence: Occurrence): void {
    if (dueAt(occurrence) < Number.POSITIVE_INFINITY) this.timed.add(occurrence);
    else this.timed.delete(occurrence);
  }

  /** A closed one that a person put on hold is open again. */
  private reopen(occurrence: Occurrence): void {
    const place = this.closed.indexOf(occurrence.id);
    if (place >= 0) this.closed.splice(place, 1);
    this.byRule.set(occurrence.rule.key, occurrence);
  }

  /** As of now, held fast at once and written as JSON piece by piece: fifty thousand take a tenth of a second. */
  freeze(): () => Iterable<string> {
    // Fields of an occurrence change in place, what they hold is replaced.
    const copies = (occurrences: Iterable<Occurrence | undefined>) =>
      Array.from(occurrences, (occurrence) => ({ ...occurrence }));
    const open = copies(this.byRule.values());
    const closed = copies(this.closed.map((id) => this.byId.get(id)));
    return function* () {
      yield '"open":[';
      yield* listAsJson(open);
      yield '],"closed":[';
      yield* listAsJson(closed);
      yield ']';
    };
  }

  restore({ open, closed }: { readonly open: readonly Occurrence[]; readonly closed: readonly Occurrence[] }): void {
    for (const map of [this.byRule, this.byId]) map.clear();
    this.timed.clear();
    this.activeOf.clear();
    this.closed.length = 0;
    for (const occurrence of open) this.adopt(occurrence);
    for (const occurrence of closed) {
      this.byId.set(occurrence.id, occurrence);
      this.closed.push(occurrence.id);
    }
  }

  /** An open one of which nobody has seen the beginning. */
  adopt(occurrence: Occurrence): void {
    this.add(occurrence);
    if (occurrence.life.active) this.countActive(occurrence.rule.asset, 1);
    this.watch(occurrence);
  }
}

/** The next moment at which something is due for it, on the gateway's clock; infinite = never. */
function dueAt({ life, reAlarmAt, escalateAt }: Occurrence): Millis {
  const never = Number.POSITIVE_INFINITY;
  return Math.min(life.shelvedUntil ?? never, reAlarmAt ?? never, escalateAt ?? never);
}
