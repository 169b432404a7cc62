import type { Millis } from '../../../contract/time.ts';

/** A leak that was told of and not repaired yet. */
export interface OpenLeak {
  readonly kind: 'abrupt' | 'slow';
  readonly since: Millis;
  /** When it was raised; names it. */
  readonly at: Millis;
  /** m3/h, corrected as it is better known. */
  size: number;
  /** What a misjudged repair left behind: accounted for, never told of. */
  readonly isUntold?: boolean;
  /** The size it was raised with. */
  readonly found?: number;
  grownAt: Millis;
}

/** A leak whose size is within this part of a drop is the one that was repaired. */
const MATCH_PART = 0.45;
/** Of a leak that lost more than this nothing is left. */
const CLOSED_PART = 0.55;

export const knownOf = (leaks: readonly OpenLeak[]): number => leaks.reduce((sum, { size }) => sum + size, 0);

/**
 * Takes a drop of the flow out of the open leaks: the one it fits goes, otherwise the newest ones give way.
 *
 * @returns the leaks that are closed by it; the others stay in `leaks`, smaller where the drop came out of them
 */
export function closeByDrop(leaks: OpenLeak[], drop: number): OpenLeak[] {
  const fitting = leaks
    .filter(({ size }) => Math.abs(size - drop) <= MATCH_PART * Math.max(size, drop))
    .sort((a, b) => Math.abs(a.size - drop) - Math.abs(b.size - drop))[0];
  if (fitting !== undefined) {
    leaks.splice(leaks.indexOf(fitting), 1);
    return [fitting];
  }
  const closed: OpenLeak[] = [];
  let left = drop;
  for (const leak of [...leaks].sort((a, b) => b.size - a.size)) {
    if (left <= 0) break;
    const taken = Math.min(left, leak.size);
    left -= taken;
    if (taken > CLOSED_PART * leak.size) {
      leaks.splice(leaks.indexOf(leak), 1);
      closed.push(leak);
    } else leak.size -= taken;
  }
  return closed;
}
