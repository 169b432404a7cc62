import type { Millis } from '../../../contract/time.ts';

/** A register value with how it came to be. */
export interface RegisterReading {
  readonly ts: Millis;
  readonly total: number;
  /** Read by a person, put in for a missing one, or estimated; absent: measured. */
  readonly origin?: 'manual' | 'substituted' | 'estimated';
}

export interface Volume {
  readonly volume: number;
  /** Time the volume is known for, of the time asked for. */
  readonly coveredMs: number;
  readonly resets: number;
  /** Readings that were not measured. */
  readonly notMeasured: number;
}

/**
 * Volume between two moments out of a register's readings, in order of time. Differences carry it over gaps in
 * between; a register that turns over (`wrapAt`) goes on, one that was set back starts anew and is counted.
 *
 * @param wrapAt - figure at which it starts from zero, for example 1e8
 */
export function volumeOf(readings: readonly RegisterReading[], from: Millis, to: Millis, wrapAt?: number): Volume {
  let volume = 0;
  let coveredMs = 0;
  let resets = 0;
  let notMeasured = 0;
  let last: RegisterReading | undefined;
  for (const reading of readings) {
    if (reading.ts >= from && reading.ts <= to && reading.origin !== undefined) notMeasured++;
    if (last !== undefined && reading.ts > from && reading.ts > last.ts) {
      const by = difference(last.total, reading.total, wrapAt);
      const spanMs = reading.ts - last.ts;
      const part = (Math.min(to, reading.ts) - Math.max(from, last.ts)) / spanMs;
      if (by === undefined) resets++;
      else if (part > 0) {
        volume += by * part;
        coveredMs += spanMs * part;
      }
    }
    last = reading;
    // The step that leads out of the range tells the rest of it.
    if (reading.ts >= to) break;
  }
  return { volume, coveredMs, resets, notMeasured };
}

function difference(before: number, after: number, wrapAt: number | undefined): number | undefined {
  if (after >= before) return after - before;
  // A rollover leaves the end of the range and comes up at its start.
  if (wrapAt !== undefined && before > 0.9 * wrapAt && after < 0.1 * wrapAt) return after + wrapAt - before;
  return undefined;
}
