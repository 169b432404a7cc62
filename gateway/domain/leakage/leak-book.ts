import type { Millis } from '../../../contract/time.ts';
import { liftPast } from './expectation.ts';
import type { FlowEvent } from './flow-state.ts';
import { DAY_MS, type FlowZone, type Sign } from './flow-zone.ts';
import { closeByDrop, type OpenLeak } from './open-leaks.ts';
import { resetSums } from './step-sums.ts';

/** Growth this long ago is another leak's when it starts again. */
export const SETTLED_DAYS = 14;
const YOUNG_DAYS = 7;
/** A rise this many times faster than an open leak has come is another leak. */
const GROWTH_FACTOR = 5;
/** What comes back of a leak may be estimated larger by this factor than what was taken off it. */
const BACK_PART = 1.5;
/** Open leaks told apart in one zone; beyond, the oldest two count as one. */
const OPEN_MAX = 8;

export interface Found {
  readonly kind: 'abrupt' | 'slow';
  readonly since: Millis;
  /** Bins it rests on. */
  readonly bins: number;
  /** m3/h, without its sign. */
  readonly size: number;
  /** One deviation of the size, m3/h. */
  readonly error: number;
  readonly score: number;
}

/** Tells of a step that is confirmed: a rise is a leak, or the growth of one; a drop is a repair. */
export function tell(zone: FlowZone, at: Millis, sign: Sign, found: Found): FlowEvent[] {
  const { since, size, bins } = found;
  learnIn(zone, sign * size, since, bins);
  return sign > 0 ? [raise(zone, at, found)] : repair(zone, at, since, size);
}

/** The step is part of what is expected from now on: after it, what is new counts. */
export function learnIn(zone: FlowZone, size: number, since: Millis, bins: number): void {
  liftPast(zone, size, bins);
  zone.nights.correct(since, size);
  resetSums(zone.state);
}

function raise(zone: FlowZone, at: Millis, { kind, since, size, error, score }: Found): FlowEvent {
  const { state } = zone;
  open(zone, { kind, since, at, size, found: size, grownAt: at });
  state.lastAlarmAt = at;
  state.slowDays = 0;
  return leakEvent(at, { kind, since, size, error, score });
}

export const leakEvent = (at: Millis, { kind, since, size, error, score }: Omit<Found, 'bins'>): FlowEvent => ({
  kind,
  since,
  at,
  size,
  low: Math.max(0, size - 2 * error),
  high: size + 2 * error,
  score,
});

/** Closes what the drop fits; a leak nobody was told of ends without a word. */
export function repair({ state }: FlowZone, at: Millis, since: Millis, size: number): FlowEvent[] {
  const all = closeByDrop(state.leaks, size);
  const closed = all.filter(({ isUntold }) => isUntold !== true);
  // What a repair left behind is over: no repair of its own, and that one may have left more.
  if (all.length > 0 && closed.length === 0) return [];
  state.lastRepairAt = at;
  state.lastRepairSize = size;
  return [{ kind: 'repair', since, at, size, closed }];
}

/**
 * Whether a rise within so many days is that of an open leak: it goes on as that one has come, or it is what was taken
 * off its size too soon.
 */
export function isGrowth({ state }: FlowZone, at: Millis, size: number, days: number): boolean {
  const newest = state.leaks.at(-1);
  if (newest !== undefined && at - newest.at < SETTLED_DAYS * DAY_MS && size < BACK_PART * takenOff(newest))
    return true;
  const rates = state.leaks
    .filter(({ kind, grownAt }) => at - grownAt < (kind === 'slow' ? SETTLED_DAYS : YOUNG_DAYS) * DAY_MS)
    .map((leak) => leak.size / Math.max(2, (at - leak.since) / DAY_MS));
  return rates.length > 0 && size < GROWTH_FACTOR * Math.max(...rates) * Math.max(1, days);
}

const takenOff = ({ found, size }: OpenLeak): number => (found ?? size) - size;

/** The newest leak that came slowly, or that was found suddenly and has grown since. */
export const growingLeak = (leaks: readonly OpenLeak[]): OpenLeak | undefined =>
  leaks.findLast(({ kind, at, grownAt }) => kind === 'slow' || grownAt > at);

/** What grows is the leak that does so, otherwise the newest. */
export function grow({ state }: FlowZone, at: Millis, size: number): FlowEvent {
  const growing = growingLeak(state.leaks) ?? state.leaks.at(-1)!;
  growing.size += size;
  state.grownTold += size;
  growing.grownAt = at;
  return { kind: 'growth', at, size: growing.size, leak: growing.at };
}

/** A leak is larger than was thought, since then. */
export function enlarge(zone: FlowZone, leak: OpenLeak, by: number, since: Millis): void {
  leak.size += by;
  zone.nights.correct(since, by);
}

export function open({ state: { leaks } }: FlowZone, leak: OpenLeak): void {
  leaks.push(leak);
  if (leaks.length <= OPEN_MAX) return;
  const [first, second] = leaks.splice(0, 2) as [OpenLeak, OpenLeak];
  leaks.unshift({ ...second, size: first.size + second.size });
}
