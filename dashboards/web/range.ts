import type { Millis } from '../../contract/time.ts';

/** What the time-range picker offers; lengths in ms, ending now. */
export const RANGES = ['15m', '1h', '6h', '24h', '2d', '7d', '30d'] as const;
export type RangeName = (typeof RANGES)[number];

const LENGTH_MS: Readonly<Record<RangeName, number>> = {
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
  '24h': 86_400_000,
  '2d': 172_800_000,
  '7d': 604_800_000,
  '30d': 2_592_000_000,
};

/** A time range: relative ones end now and move on; fixed ones stand still. */
export type Range =
  | { readonly kind: 'relative'; readonly name: RangeName }
  | { readonly kind: 'fixed'; readonly from: Millis; readonly to: Millis };

export function boundsOf(range: Range, now: Millis): { readonly from: Millis; readonly to: Millis } {
  return range.kind === 'fixed' ? { from: range.from, to: range.to } : { from: now - LENGTH_MS[range.name], to: now };
}

export function lengthOf(range: Range): number {
  return range.kind === 'fixed' ? range.to - range.from : LENGTH_MS[range.name];
}

/** Moves a range by half its length; a fixed range that reaches now stays fixed, so that the view stands still. */
export function shiftRange(range: Range, now: Millis, direction: -1 | 1): Range {
  const { from, to } = boundsOf(range, now);
  const step = ((to - from) / 2) * direction;
  const shiftedTo = Math.min(now, to + step);
  return { kind: 'fixed', from: shiftedTo - (to - from), to: shiftedTo };
}

/** Shortest range a drag may zoom into. */
export const ZOOM_MIN_MS = 10_000;

export function isRangeName(text: string): text is RangeName {
  return (RANGES as readonly string[]).includes(text);
}
