import type { Millis } from '../../contract/time.ts';
import type { LiveReading } from './model.ts';

/** Slots of a sparkline over its range. */
export const SHAPE_SLOTS = 120;

/** The recent shape of a point: means of equal slots, absent where there was nothing. Oldest first. */
export interface Shape {
  readonly stepMs: number;
  readonly slots: readonly { readonly ts: Millis; readonly value: number; readonly count: number }[];
}

export function shapeOf(values: readonly { readonly ts: Millis; readonly value: number }[], stepMs: number): Shape {
  return { stepMs, slots: values.map(({ ts, value }) => ({ ts, value, count: 1 })) };
}

/** Lets a shape grow with the live feed; the oldest slots fall off. Bad values draw nothing. */
export function extendShape(shape: Shape, { ts, value, quality }: LiveReading): Shape {
  const { stepMs, slots } = shape;
  const last = slots.at(-1);
  if (value === undefined || quality === 'bad') return shape;
  if (last !== undefined && ts < last.ts) return shape;
  if (last === undefined || ts >= last.ts + stepMs) {
    const phase = last?.ts ?? Math.floor(ts / stepMs) * stepMs;
    const fresh = { ts: phase + Math.floor((ts - phase) / stepMs) * stepMs, value, count: 1 };
    return { stepMs, slots: [...slots.filter((slot) => slot.ts > ts - SHAPE_SLOTS * stepMs), fresh] };
  }
  const count = last.count + 1;
  const mean = last.value + (value - last.value) / count;
  return { stepMs, slots: [...slots.slice(0, -1), { ts: last.ts, value: mean, count }] };
}

/**
 * Consecutive slots without a gap between them: each is one stroke of the sparkline.
 *
 * @param silenceMs - how long a point may be silent before it is a gap
 */
export function strokesOf(
  { stepMs, slots }: Shape,
  silenceMs: number,
): readonly (readonly { ts: Millis; value: number }[])[] {
  const strokes: { ts: Millis; value: number }[][] = [];
  let next: Millis | undefined;
  for (const { ts, value } of slots) {
    const stroke = strokes.at(-1);
    if (stroke === undefined || next === undefined || ts > next + Math.max(stepMs, silenceMs))
      strokes.push([{ ts, value }]);
    else stroke.push({ ts, value });
    next = ts + stepMs;
  }
  return strokes;
}
