import { z } from 'zod';
import type { Millis } from './time.ts';

/** How far a value can be trusted; the code on the wire of our stores is the index. Append only. */
export const QUALITIES = ['good', 'uncertain', 'bad'] as const;
export type Quality = (typeof QUALITIES)[number];
export type QualityCode = 0 | 1 | 2;
export const GOOD: QualityCode = 0;
export const UNCERTAIN: QualityCode = 1;
export const BAD: QualityCode = 2;

/**
 * Why a value is not good; the stored code is the index. Append only, never re-order: stored rows hold the index.
 * `exception-N` are the Modbus exception codes (MODBUS Application Protocol V1.1b3, 7).
 */
export const REASONS = [
  '',
  'other',
  'timeout',
  'disconnected',
  'crc',
  'exception-1',
  'exception-2',
  'exception-3',
  'exception-4',
  'exception-5',
  'exception-6',
  'exception-7',
  'exception-8',
  'exception-10',
  'exception-11',
  'out-of-range',
  'not-a-number',
  'sensor-fault',
  'no-value',
  'clock',
  'receive-time',
  'stale',
  'frozen',
  'substituted',
  'estimated',
  'manual',
  'maintenance',
  'configuration',
  'parse',
] as const;
export type Reason = (typeof REASONS)[number];
const REASON_CODES: ReadonlyMap<string, number> = new Map(REASONS.map((reason, code) => [reason, code]));

/** Stored code of a reason; a word we don't know becomes `other`. */
export function reasonCode(reason: string | undefined): number {
  return reason === undefined ? 0 : (REASON_CODES.get(reason) ?? 1);
}

/** A reading stamped further ahead of its receipt than this comes from a clock that is wrong: it is taken as of its receipt. */
export const AHEAD_MAX_MS = 5 * 60_000;

/** Ids of devices, measurements, edges, lanes, assets: 1-64 of `A-Z a-z 0-9 . _ -`. */
export const ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;
export const idSchema = z.string().regex(ID_PATTERN, '1-64 of A-Z a-z 0-9 . _ -');

/** `<device>/<measurement>` or `<asset>/<measurement>`, for example `fm-12/flow`. */
export type PointId = string;

/** One value as it travels: a bare number is good; without `value` the quality must say why there is none. */
export type WireValue = number | { readonly value?: number; readonly quality: Quality; readonly reason?: Reason };

/** What one device measured at one moment. `ts` is source time; missing means: stamp on receipt. */
export interface DeviceReadings {
  readonly device: string;
  readonly ts?: Millis;
  readonly values: Readonly<Record<string, WireValue>>;
}
