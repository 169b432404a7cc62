import type { Limit } from './model.ts';

/** Where things stand on an indicator, as fractions 0..1 of its track. */
export interface Indicator {
  readonly band?: readonly [from: number, to: number];
  readonly ticks: readonly number[];
  readonly pointer?: number;
  /** Where any value of the same quantity stands. */
  place(value: number): number;
  /** The value is outside the normal band (or beyond a limit where there is no band). */
  readonly outside: boolean;
}

/**
 * Lays out the indicator: the track spans the band and the limits with room on both sides, so that an abnormal value
 * has somewhere to go; a value beyond the track sticks to its end.
 *
 * @param usual - a value the point is known to have had; keeps it on the track where there are limits only
 * @returns undefined when neither a band nor a limit is known: then there is nothing to compare with
 */
export function indicatorOf(
  value: number | undefined,
  normal: readonly [number, number] | undefined,
  limits: readonly Limit[],
  usual?: number,
): Indicator | undefined {
  const span = spanOf(normal, limits, usual);
  if (span === undefined) return undefined;
  const [low, high] = span;
  const at = (place: number) => Math.min(1, Math.max(0, (place - low) / (high - low)));
  return {
    place: at,
    ticks: [...new Set(limits.map(({ setpoint }) => setpoint))].map(at),
    outside: value !== undefined && isOutside(value, normal, limits),
    ...(normal === undefined ? {} : { band: [at(normal[0]), at(normal[1])] as const }),
    ...(value === undefined ? {} : { pointer: at(value) }),
  };
}

export function isOutside(
  value: number,
  normal: readonly [number, number] | undefined,
  limits: readonly Limit[],
): boolean {
  if (normal !== undefined) return value < normal[0] || value > normal[1];
  return limits.some(({ kind, setpoint }) => (kind.startsWith('low') ? value < setpoint : value > setpoint));
}

function spanOf(
  normal: readonly [number, number] | undefined,
  limits: readonly Limit[],
  usual: number | undefined,
): readonly [number, number] | undefined {
  const places = [...(normal ?? []), ...limits.map(({ setpoint }) => setpoint)];
  if (places.length === 0) return undefined;
  if (normal === undefined && usual !== undefined) places.push(usual);
  const low = Math.min(...places);
  const high = Math.max(...places);
  const width = high > low ? high - low : Math.abs(high) || 1;
  // Room beyond the marks: a third of their width, but a quantity that is never negative starts at zero.
  const room = width * (normal === undefined ? 0.6 : 0.34);
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** The value with which the number of digits of a point is decided: see `writingOf`. */
export function referenceOf(
  normal: readonly [number, number] | undefined,
  limits: readonly Limit[],
  first: number | undefined,
): number {
  if (normal !== undefined) return Math.max(...normal.map(Math.abs));
  if (first !== undefined && first !== 0) return Math.abs(first);
  return Math.max(0, ...limits.map(({ setpoint }) => Math.abs(setpoint)));
}
