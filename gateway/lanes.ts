import type { DroppedRange } from '../contract/batch.ts';
import type { Millis } from '../contract/time.ts';
import type { LaneMark } from './store/store.ts';

/**
 * Numbers kept above the mark of one lane. An edge keeps 16 batches in flight, so a gap is short;
 * a number further ahead is not taken, and the edge sends it again once the gap is filled.
 */
export const AHEAD_MAX = 4096;

type Tombstone = Omit<DroppedRange, 'counts'> & { readonly counts?: readonly number[] | undefined };

/** What a batch says about its place in its lane. */
export interface LaneStep {
  readonly seq: number;
  readonly made: number;
  /** A tombstone: these numbers were dropped by the edge, and its own number stands for them. */
  readonly dropped?: Tombstone | undefined;
  readonly at: Millis;
  readonly unsent?: LaneMark['unsent'];
}

export type LaneVerdict =
  /** Take its readings, then add what became of them with {@link countReadings}. */
  | { readonly kind: 'new'; readonly lane: LaneMark }
  /** Stored already: nothing but the counts change; add its readings with {@link countDuplicates}. */
  | { readonly kind: 'duplicate'; readonly lane: LaneMark }
  /** Too many numbers are missing before it: not taken. */
  | { readonly kind: 'too-far'; readonly lane: LaneMark };

export function newLane(edge: string, lane: string): LaneMark {
  return {
    edge,
    lane,
    mark: 0,
    ahead: [],
    made: 0,
    stored: 0,
    rejected: 0,
    dropped: 0,
    duplicateBatches: 0,
    duplicateReadings: 0,
    lastAt: 0,
    unsent: undefined,
  };
}

/** Places a batch in its lane: in any order, with losses and repetitions, each number is `new` exactly once. */
export function placeBatch(lane: LaneMark, step: LaneStep): LaneVerdict {
  const made = Math.max(lane.made, step.made);
  const from = Math.min(step.seq, step.dropped?.from ?? step.seq);
  const to = Math.max(step.seq, step.dropped?.to ?? step.seq);
  if (storedIn(lane, from, to) === to - from + 1) {
    const duplicateBatches = lane.duplicateBatches + 1;
    return { kind: 'duplicate', lane: changed(lane, { made, lastAt: step.at, duplicateBatches }, step.unsent) };
  }
  const reached = advance(lane, from, to);
  if (reached === undefined) return { kind: 'too-far', lane };
  const dropped = lane.dropped + droppedReadings(lane, step.dropped);
  const { mark, ahead } = reached;
  return { kind: 'new', lane: changed(lane, { mark, ahead, made, dropped, lastAt: step.at }, step.unsent) };
}

/** Field by field: to spread so many of them, three times for each batch, was a twentieth of what a batch costs. */
function changed(
  lane: LaneMark,
  changes: Partial<Omit<LaneMark, 'edge' | 'lane' | 'unsent'>>,
  unsent: LaneMark['unsent'],
): LaneMark {
  return {
    edge: lane.edge,
    lane: lane.lane,
    mark: changes.mark ?? lane.mark,
    ahead: changes.ahead ?? lane.ahead,
    made: changes.made ?? lane.made,
    stored: changes.stored ?? lane.stored,
    rejected: changes.rejected ?? lane.rejected,
    dropped: changes.dropped ?? lane.dropped,
    duplicateBatches: changes.duplicateBatches ?? lane.duplicateBatches,
    duplicateReadings: changes.duplicateReadings ?? lane.duplicateReadings,
    lastAt: changes.lastAt ?? lane.lastAt,
    unsent,
  };
}

/** Adds what became of the readings of a `new` batch. */
export function countReadings(
  lane: LaneMark,
  counts: { readonly stored: number; readonly rejected: number },
): LaneMark {
  const { stored, rejected } = counts;
  return changed(lane, { stored: lane.stored + stored, rejected: lane.rejected + rejected }, lane.unsent);
}

/** Adds the readings of a `duplicate` batch. */
export function countDuplicates(lane: LaneMark, readings: number): LaneMark {
  return changed(lane, { duplicateReadings: lane.duplicateReadings + readings }, lane.unsent);
}

/** How many readings the edge made that are neither stored nor accounted for. */
export function missingReadings({ made, stored, rejected, dropped }: LaneMark): number {
  return Math.max(0, made - stored - rejected - dropped);
}

/** What became of the readings an edge made, over its lanes. */
export interface Ledger {
  readonly made: number;
  readonly stored: number;
  /** made - stored - rejected - dropped: on their way, or lost. */
  readonly missing: number;
  /** Came again and were not stored again. */
  readonly duplicate: number;
  /** Dropped by the edge for lack of space, with a tombstone. */
  readonly dropped: number;
  readonly rejected: number;
}

export const NO_LEDGER: Ledger = { made: 0, stored: 0, missing: 0, duplicate: 0, dropped: 0, rejected: 0 };

export function ledgerOf(mark: LaneMark): Ledger {
  const { made, stored, rejected, dropped, duplicateReadings } = mark;
  return { made, stored, missing: missingReadings(mark), duplicate: duplicateReadings, dropped, rejected };
}

export function addLedgers(a: Ledger, b: Ledger): Ledger {
  return {
    made: a.made + b.made,
    stored: a.stored + b.stored,
    missing: a.missing + b.missing,
    duplicate: a.duplicate + b.duplicate,
    dropped: a.dropped + b.dropped,
    rejected: a.rejected + b.rejected,
  };
}

/** The ledger of each edge. */
export function ledgersOf(marks: Iterable<LaneMark>): Map<string, Ledger> {
  const ledgers = new Map<string, Ledger>();
  for (const mark of marks) ledgers.set(mark.edge, addLedgers(ledgers.get(mark.edge) ?? NO_LEDGER, ledgerOf(mark)));
  return ledgers;
}

/** Numbers of [from, to] that are stored already. */
function storedIn({ mark, ahead }: LaneMark, from: number, to: number): number {
  let count = Math.max(0, Math.min(mark, to) - from + 1);
  for (const seq of ahead) if (seq >= from && seq <= to) count++;
  return count;
}

/** Mark and numbers ahead once [from, to] is stored too; undefined when too many would be ahead. */
function advance(lane: LaneMark, from: number, to: number): Pick<LaneMark, 'mark' | 'ahead'> | undefined {
  if (from > lane.mark + 1) {
    if (lane.ahead.length + (to - from + 1) > AHEAD_MAX) return undefined;
    const ahead = new Set(lane.ahead);
    for (let seq = from; seq <= to; seq++) ahead.add(seq);
    return { mark: lane.mark, ahead: [...ahead].sort((a, b) => a - b) };
  }
  let mark = Math.max(lane.mark, to);
  if (lane.ahead.length === 0) return { mark, ahead: lane.ahead };
  let next = 0;
  while (next < lane.ahead.length && (lane.ahead[next] as number) <= mark + 1) {
    mark = Math.max(mark, lane.ahead[next] as number);
    next++;
  }
  return { mark, ahead: lane.ahead.slice(next) };
}

/** Readings a tombstone accounts for: those of its numbers that we don't have. */
function droppedReadings({ mark, ahead }: LaneMark, dropped: Tombstone | undefined): number {
  if (dropped === undefined) return 0;
  const { from, counts } = dropped;
  if (counts === undefined) return dropped.readings;
  return counts.reduce((sum, count, index) => {
    const seq = from + index;
    return seq <= mark || ahead.includes(seq) ? sum : sum + count;
  }, 0);
}
