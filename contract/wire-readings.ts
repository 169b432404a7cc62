import { DEPTH_MAX, isDeeper } from './json-depth.ts';
import { BAD, GOOD, ID_PATTERN, QUALITIES, type Quality, type QualityCode, reasonCode } from './reading.ts';
import { type Millis, parseTime } from './time.ts';

/** Largest batch payload we take, before and after inflating: 8 MiB holds some 100,000 readings. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Most readings of one message; a bigger one is refused whole as too large. */
export const READINGS_MAX = 100_000;

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
  if (isDeeper(payload, DEPTH_MAX))
    return { ok: false, reason: 'wrong-shape', detail: `more than ${DEPTH_MAX} levels of arrays and objects` };
  try {
    return { ok: true, value: JSON.parse(payload) as unknown };
  } catch (error) {
    return { ok: false, reason: 'not-json', detail: (error as Error).message };
  }
}

/**
 * Checks what a field device publishes: one `{"ts", "values"}` or an array of them; never throws.
 *
 * @param device - whose topic this is; an object that names another device is nothing to file under this one
 */
export function decodeDeviceReadings(payload: string, device: string): Decoded<readonly unknown[]> {
  const json = parseJson(payload);
  if (!json.ok) return json;
  const list = Array.isArray(json.value) ? (json.value as unknown[]) : [json.value];
  if (list.length > READINGS_MAX)
    return { ok: false, reason: 'too-large', detail: `${list.length} readings, at most ${READINGS_MAX}` };
  if (list.length === 0) return { ok: false, reason: 'wrong-shape', detail: 'no readings' };
  if (!list.some(isObject))
    return { ok: false, reason: 'wrong-shape', detail: 'expected {"ts", "values"} or an array of such objects' };
  const readings: unknown[] = [];
  for (const entry of list) {
    if (!isObject(entry)) {
      // Costs itself only: walkReadings says so.
      readings.push(entry);
      continue;
    }
    const { device: named = device } = entry;
    if (typeof named === 'string' && named !== device)
      return { ok: false, reason: 'not-allowed', detail: `readings of ${describe(named)} on the topic of ${device}` };
    readings.push(
      typeof entry.device === 'string' ? entry : 'device' in entry ? { ...entry, device } : { device, ...entry },
    );
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
    if (!isObject(entry)) {
      sink.rejected('wrong-shape', `an entry is ${describe(entry)}, expected {"device", "ts", "values"}`, entry);
      continue;
    }
    const { device, ts, values } = entry;
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A short, safe picture of foreign input for error texts. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
