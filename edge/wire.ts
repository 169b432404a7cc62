import type { Batch } from '../contract/batch.ts';
import type { DeviceReadings } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { type Clock, isFreeTime } from './clock.ts';
import type { SealedBatch } from './outbox/record.ts';

/** What the outbox and the clock add to a batch at the moment it is sent. */
export interface Sending {
  readonly lane: string;
  readonly clock: Clock;
  /** Values some gateway lacks, all lanes. */
  readonly unstored: { readonly values: number; readonly oldestAt?: Millis };
}

/**
 * A batch from disk as it goes on the wire now. What was recorded before the clock was set gets its real times as soon as
 * they are known; until then it goes out as `free`, with a `sentAt` of the same clock, so that the gateway can shift it.
 */
export function wireBatch(sealed: SealedBatch, { lane, clock, unstored }: Sending): Batch {
  const { seq, made, count, freeBoot, overflow } = sealed;
  const offsetMs = freeBoot === clock.boot ? clock.freeOffsetMs() : undefined;
  const isKnown = freeBoot === undefined || offsetMs !== undefined;
  // Recorded in an earlier start of the machine and never dated: the best guess is "sealed just before it is sent".
  const sentAt = isKnown || freeBoot === clock.boot ? clock.now() : sealed.sealedAt;
  const shift = (timeMs: Millis) => (offsetMs !== undefined && isFreeTime(timeMs) ? timeMs + offsetMs : timeMs);
  return {
    outbox: lane,
    seq,
    made,
    sentAt,
    clock: isKnown ? clock.state() : 'free',
    upTo: Object.fromEntries(Object.entries(sealed.upTo).map(([line, timeMs]) => [line, shift(timeMs)])),
    ...(overflow === true ? { dropped: { from: seq, to: seq, readings: count, counts: [count] } } : {}),
    ...unsent(unstored, shift),
    readings: offsetMs === undefined ? sealed.readings : sealed.readings.map((reading) => restamp(reading, shift)),
  };
}

/** Explains numbers that are no longer on disk. */
export function wireTombstone(
  range: { readonly from: number; readonly to: number; readonly counts: readonly number[]; readonly made: number },
  { lane, clock, unstored }: Sending,
): Batch {
  const { from, to, counts, made } = range;
  return {
    outbox: lane,
    seq: to,
    made,
    sentAt: clock.now(),
    clock: clock.state(),
    upTo: {},
    dropped: { from, to, readings: counts.reduce((sum, count) => sum + count, 0), counts },
    ...unsent(unstored, (timeMs) => timeMs),
    readings: [],
  };
}

function restamp(reading: DeviceReadings, shift: (timeMs: Millis) => Millis): DeviceReadings {
  return reading.ts === undefined ? reading : { ...reading, ts: shift(reading.ts) };
}

function unsent({ values, oldestAt }: Sending['unstored'], shift: (timeMs: Millis) => Millis): Partial<Batch> {
  return values === 0 || oldestAt === undefined ? {} : { unsent: { readings: values, oldestAt: shift(oldestAt) } };
}
