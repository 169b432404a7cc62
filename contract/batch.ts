import { z } from 'zod';
import { type DeviceReadings, ID_PATTERN, idSchema } from './reading.ts';
import { EARLIEST_TIME_MS, LATEST_TIME_MS, type Millis, parseTime } from './time.ts';
import { type Decoded, parseJson, READINGS_MAX, type WireReadings } from './wire-readings.ts';

/** A range of batches an edge had to drop for lack of space; travels as a batch in their place. */
export interface DroppedRange {
  /** First and last sequence number of the range, inclusive. */
  readonly from: number;
  readonly to: number;
  /** Exactly how many readings were in it. */
  readonly readings: number;
  /**
   * How many in each number of the range, `from` first; adds up to `readings`. A gateway that already has some of the
   * numbers counts only the others. Absent: it can have none of them.
   */
  readonly counts?: readonly number[];
}

/** Most numbers one tombstone with counts covers. */
export const DROPPED_COUNTS_MAX = 1000;

/** One numbered message of an edge's outbox (contract: MQTT, Delivery). */
export interface Batch {
  /** Lane of the outbox; `seq` counts from 1 within it and never skips. */
  readonly outbox: string;
  readonly seq: number;
  /** Readings ever put into this lane, up to and including this batch. */
  readonly made: number;
  /** The edge's wall clock when it sent this. */
  readonly sentAt: Millis;
  readonly clock: 'synced' | 'free';
  /** Per line: everything sampled until then has been sent. */
  readonly upTo: Readonly<Record<string, Millis>>;
  readonly dropped?: DroppedRange;
  /** What the whole outbox still holds beyond every stored mark, as of `sentAt`; absent when nothing. */
  readonly unsent?: Unsent;
  readonly readings: readonly DeviceReadings[];
}

/** Readings on an edge's disk that the gateway has not confirmed yet. */
export interface Unsent {
  readonly readings: number;
  /** When the oldest of them was sampled. */
  readonly oldestAt: Millis;
}

const countSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const momentSchema = z.union([z.number(), z.string()]).transform((value, context) => {
  const timeMs = parseTime(value);
  if (timeMs !== undefined) return timeMs;
  context.addIssue({ code: 'custom', message: 'epoch milliseconds or ISO 8601, 2000..2100' });
  return z.NEVER;
});

const envelopeSchema = z.object({
  outbox: idSchema,
  seq: countSchema.min(1),
  made: countSchema,
  sentAt: momentSchema,
  clock: z.enum(['synced', 'free']).default('synced'),
  upTo: z.record(idSchema, momentSchema).default({}),
  dropped: z
    .object({
      from: countSchema.min(1),
      to: countSchema.min(1),
      readings: countSchema,
      counts: z.array(countSchema).max(DROPPED_COUNTS_MAX).optional(),
    })
    .refine((range) => range.to >= range.from, 'to must not be before from')
    .refine(
      ({ from, to, counts }) => counts === undefined || counts.length === to - from + 1,
      'counts must name each number',
    )
    .optional(),
  unsent: z.object({ readings: countSchema, oldestAt: momentSchema }).optional(),
  readings: z.array(z.unknown()).max(READINGS_MAX).default([]),
});

/** What a batch says beside its readings, checked. */
type CheckedBatch = z.infer<typeof envelopeSchema>;

/** A batch whose envelope was checked; its readings are checked by {@link walkReadings}. */
export type BatchEnvelope = Omit<CheckedBatch, 'readings'> & { readonly readings: WireReadings };

/** Encodes a batch for the wire. */
export function encodeBatch(batch: Batch): string {
  return JSON.stringify(batch);
}

type Loose = Readonly<Record<string, unknown>>;

/** A batch of an edge that counts time from the start of its machine, not from 2000-01-01 as ours does. */
function isFree(batch: unknown): batch is Loose {
  const { clock, sentAt } = (batch ?? {}) as Loose;
  return clock === 'free' && typeof sentAt === 'number' && sentAt >= 0 && sentAt < EARLIEST_TIME_MS;
}

/** Its times from the base that free times have here; the gateway shifts them all by how far off `sentAt` is. */
function fromFreeBase(batch: Loose): Loose {
  const moved = (time: unknown) =>
    typeof time === 'number' && time >= 0 && time < EARLIEST_TIME_MS ? EARLIEST_TIME_MS + time : time;
  const { sentAt, upTo, readings } = batch;
  return {
    ...batch,
    sentAt: moved(sentAt),
    ...(typeof upTo === 'object' && upTo !== null
      ? { upTo: Object.fromEntries(Object.entries(upTo).map(([line, time]) => [line, moved(time)])) }
      : {}),
    ...(Array.isArray(readings)
      ? {
          readings: readings.map((one: unknown) =>
            typeof one === 'object' && one !== null && 'ts' in one ? { ...one, ts: moved(one.ts) } : one,
          ),
        }
      : {}),
  };
}

/** What the schema would leave as it is: a look at each field costs a twentieth of going through the schema. */
function isUsual(json: unknown): json is CheckedBatch {
  const { outbox, seq, made, sentAt, clock, upTo, dropped, unsent, readings } = (json ?? {}) as Loose;
  if (dropped !== undefined || unsent !== undefined || !isId(outbox) || !isCount(seq) || seq < 1 || !isCount(made))
    return false;
  if ((clock !== 'synced' && clock !== 'free') || !isMoment(sentAt)) return false;
  if (!Array.isArray(readings) || readings.length > READINGS_MAX) return false;
  if (typeof upTo !== 'object' || upTo === null || Array.isArray(upTo)) return false;
  for (const line in upTo) if (line === '__proto__' || !isId(line) || !isMoment((upTo as Loose)[line])) return false;
  return true;
}

const isId = (value: unknown): boolean => typeof value === 'string' && ID_PATTERN.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isMoment = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= EARLIEST_TIME_MS && (value as number) <= LATEST_TIME_MS;

/** A tombstone stands in its own range of numbers; with other figures there (times, say) it stands for its own number alone. */
function inItsPlace(envelope: CheckedBatch): CheckedBatch {
  const { seq, dropped } = envelope;
  if (dropped === undefined || (dropped.from <= seq && seq <= dropped.to)) return envelope;
  return { ...envelope, dropped: { from: seq, to: seq, readings: dropped.readings } };
}

/** Checks a batch's envelope once; never throws. Readings inside stay unchecked for {@link walkReadings}. */
export function decodeBatch(payload: string): Decoded<CheckedBatch> {
  const json = parseJson(payload);
  if (!json.ok) return json;
  return checkBatch(isFree(json.value) ? fromFreeBase(json.value) : json.value);
}

/**
 * The same for a batch whose readings were taken out and read already; never throws. One whose times are counted from
 * the start of a machine is refused: its readings have to be moved as well.
 */
export function decodeEnvelope(json: unknown): Decoded<CheckedBatch> {
  if (isFree(json)) return { ok: false, reason: 'bad-time', detail: 'times from the start of a machine' };
  return checkBatch(json);
}

function checkBatch(json: unknown): Decoded<CheckedBatch> {
  if (isUsual(json)) {
    const { outbox, seq, made, sentAt, clock, upTo, readings } = json;
    return { ok: true, value: { outbox, seq, made, sentAt, clock, upTo, readings } };
  }
  const envelope = envelopeSchema.safeParse(json);
  if (envelope.success) return { ok: true, value: inItsPlace(envelope.data) };
  return { ok: false, reason: 'wrong-shape', detail: z.prettifyError(envelope.error) };
}
