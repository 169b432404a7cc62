import { z } from 'zod';
import { EARLIEST_TIME_MS, LATEST_TIME_MS, type Millis, parseTime } from './time.ts';

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

/** Largest batch payload we take, before and after inflating: 8 MiB holds some 100,000 readings. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Most readings of one message; a bigger one is refused whole as too large. */
export const READINGS_MAX = 100_000;

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

/** Readings of a message as they came, or taken apart already. */
export type WireReadings = readonly unknown[] | ReadingColumns;

/** Readings of a message without an object for each: names and times are good, values may be anything. */
export interface ReadingColumns {
  /** Of each entry of the message, in order. */
  readonly devices: readonly string[];
  /** Source time of each entry; NaN = none. */
  readonly timesMs: readonly number[];
  /** Where the values of each entry end: they begin where those before it end. */
  readonly ends: readonly number[];
  /** Of each value. */
  readonly measurements: readonly string[];
  /** NaN where the message has something other than a number. */
  readonly values: readonly number[];
  /** What it has instead, by place in `values`. */
  readonly odd?: ReadonlyMap<number, unknown>;
}

/** Why a message or reading could not be taken; the words of the dead-letter table. */
export type RejectReason =
  | 'not-json'
  | 'wrong-shape'
  | 'too-large'
  | 'bad-id'
  | 'bad-time'
  | 'not-a-number'
  | 'unknown-device'
  | 'unknown-point'
  | 'not-allowed';

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: RejectReason; readonly detail: string };

/** Bytes or text to a JSON value; never throws. */
export function parseJson(payload: string, bytesMax = BATCH_BYTES_MAX): Decoded<unknown> {
  if (payload.length > bytesMax)
    return { ok: false, reason: 'too-large', detail: `${payload.length} characters, at most ${bytesMax}` };
  try {
    return { ok: true, value: JSON.parse(payload) as unknown };
  } catch (error) {
    return { ok: false, reason: 'not-json', detail: (error as Error).message };
  }
}

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

/**
 * Checks what a field device publishes: one `{"ts", "values"}` or an array of them; never throws.
 *
 * @param device - whose topic or request this is; the objects themselves name no device
 */
export function decodeDeviceReadings(payload: string, device: string): Decoded<readonly unknown[]> {
  const json = parseJson(payload);
  if (!json.ok) return json;
  const list = Array.isArray(json.value) ? (json.value as unknown[]) : [json.value];
  if (list.length > READINGS_MAX)
    return { ok: false, reason: 'too-large', detail: `${list.length} readings, at most ${READINGS_MAX}` };
  if (list.length === 0) return { ok: false, reason: 'wrong-shape', detail: 'no readings' };
  const readings: unknown[] = [];
  for (const entry of list) {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      return { ok: false, reason: 'wrong-shape', detail: 'expected {"ts", "values"} or an array of such objects' };
    }
    readings.push({ ...entry, device });
  }
  return { ok: true, value: readings };
}

/** Receives each value of a message in order; codes instead of words, NaN for "no value". */
export interface ReadingSink {
  /**
   * @param ts - source time, or undefined when the device gave none
   * @param value - finite, or NaN when there is none (then quality is bad)
   */
  reading(
    device: string,
    measurement: string,
    ts: Millis | undefined,
    value: number,
    quality: QualityCode,
    reason: number,
  ): void;
  /** One entry that can't be taken; the others still are. */
  rejected(reason: RejectReason, detail: string, entry: unknown): void;
}

/** Walks the readings of a checked envelope in a plain loop; never throws, whatever is inside. */
export function walkReadings(readings: WireReadings, sink: ReadingSink): void {
  if (isColumns(readings)) return walkColumns(readings, sink);
  for (const entry of readings) {
    const { device, ts, values } = (entry ?? {}) as { device?: unknown; ts?: unknown; values?: unknown };
    if (typeof device !== 'string' || !ID_PATTERN.test(device)) {
      sink.rejected('bad-id', `device ${describe(device)}`, entry);
      continue;
    }
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      sink.rejected('wrong-shape', `values of ${device} are ${describe(values)}, expected an object`, entry);
      continue;
    }
    let timeMs: Millis | undefined;
    if (ts !== undefined && ts !== null) {
      timeMs = parseTime(ts);
      if (timeMs === undefined) {
        sink.rejected(
          'bad-time',
          `ts of ${device} is ${describe(ts)}, expected epoch milliseconds or ISO 8601, 2000..2100`,
          entry,
        );
        continue;
      }
    }
    for (const measurement in values)
      walkValue(device, measurement, timeMs, (values as Record<string, unknown>)[measurement], sink);
  }
}

function walkColumns({ devices, timesMs, ends, measurements, values, odd }: ReadingColumns, sink: ReadingSink): void {
  let at = 0;
  for (let entry = 0; entry < devices.length; entry++) {
    const device = devices[entry] as string;
    const time = timesMs[entry] as number;
    const ts = Number.isNaN(time) ? undefined : time;
    for (const end = ends[entry] as number; at < end; at++) {
      const value = values[at] as number;
      const measurement = measurements[at] as string;
      if (Number.isNaN(value)) walkValue(device, measurement, ts, odd?.get(at), sink);
      else sink.reading(device, measurement, ts, value, GOOD, 0);
    }
  }
}

/** How many values a message holds, whatever they are. */
export function countValues(readings: WireReadings): number {
  if (isColumns(readings)) return readings.values.length;
  let count = 0;
  for (const entry of readings) {
    const values = (entry as { values?: unknown } | null | undefined)?.values;
    if (typeof values === 'object' && values !== null) for (const _ in values) count++;
  }
  return count;
}

function isColumns(readings: WireReadings): readings is ReadingColumns {
  return !Array.isArray(readings);
}

function walkValue(device: string, measurement: string, ts: Millis | undefined, raw: unknown, sink: ReadingSink): void {
  if (!ID_PATTERN.test(measurement)) {
    sink.rejected('bad-id', `measurement ${describe(measurement)} of ${device}`, {
      device,
      ts,
      values: { [measurement]: raw },
    });
    return;
  }
  if (typeof raw === 'number' && Number.isFinite(raw)) return sink.reading(device, measurement, ts, raw, GOOD, 0);
  if (typeof raw === 'boolean') return sink.reading(device, measurement, ts, raw ? 1 : 0, GOOD, 0);
  const refuse = (why: RejectReason, detail: string) =>
    sink.rejected(why, `${device}/${measurement}: ${detail}`, { device, ts, values: { [measurement]: raw } });
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    return refuse('not-a-number', `value is ${describe(raw)}, expected a number`);
  const { value, quality = 'good', reason } = raw as { value?: unknown; quality?: unknown; reason?: unknown };
  const code = QUALITIES.indexOf(quality as Quality);
  if (code < 0) return refuse('wrong-shape', `quality is ${describe(quality)}, expected good, uncertain or bad`);
  const why = typeof reason === 'string' ? reasonCode(reason) : 0;
  if (value === undefined || value === null) {
    if (code === BAD) return sink.reading(device, measurement, ts, Number.NaN, BAD, why || reasonCode('no-value'));
    return refuse('not-a-number', 'no value, though quality is not bad');
  }
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number))
    return refuse('not-a-number', `value is ${describe(value)}, expected a number`);
  sink.reading(device, measurement, ts, number, code as QualityCode, why);
}

/** A short, safe picture of foreign input for error texts. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
