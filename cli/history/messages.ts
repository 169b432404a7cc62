import { EVERY_MS, type HistoryPlan, TAIL_MS, TAIL_STEP_MS } from './plan.ts';
import type { Recording } from './recorder.ts';

/** Values of one message: it is decoded in a few hundredths of a second, so that live readings slip in between. */
const VALUES_PER_MESSAGE = 10_000;

/** Of a device's own topic: each is looked up beside its live readings, so the messages are smaller. */
const LOGGED_PER_MESSAGE = 2000;

/** A numbered batch of an edge's lane, as JSON text but for the moment it is sent at. */
export interface HistoryBatch {
  readonly seq: number;
  /** Readings of the lane up to and including this batch. */
  readonly made: number;
  readonly readings: number;
  body(sentAt: number): string;
}

/**
 * An edge's past as batches of its lane, oldest first. The text is made when it is asked for, by hand: 21 million values
 * through objects would take half a minute.
 *
 * @param seqBefore - last number of the lane that is taken already, and its count of readings
 */
export function* batchesOf(
  recordings: readonly Recording[],
  {
    plan,
    seqBefore,
    madeBefore,
  }: { readonly plan: HistoryPlan; readonly seqBefore: number; readonly madeBefore: number },
): Generator<HistoryBatch> {
  const devices = recordings.map((recording) => ({
    ...recording,
    keys: keysOf(recording),
    tailByMinute: byMinute(recording.tail?.times ?? [], plan),
  }));
  const minutes = Math.round((plan.to - plan.from) / EVERY_MS);
  const perMinute = devices.reduce((sum, { columns, stride }) => sum + columns.length / stride, 0);
  const step = Math.max(1, Math.floor(VALUES_PER_MESSAGE / Math.max(1, perMinute)));
  const tailStep = Math.max(1, Math.floor((step * TAIL_STEP_MS) / EVERY_MS));
  const tailFrom = minutes - TAIL_MS / EVERY_MS;
  let seq = seqBefore;
  let made = madeBefore;
  let until: number;
  for (let from = 0; from < minutes; from = until) {
    until = from < tailFrom ? Math.min(tailFrom, from + step) : Math.min(minutes, from + tailStep);
    let readings = 0;
    for (const { columns, stride, tailByMinute } of devices) {
      readings += columns.length * (Math.ceil(until / stride) - Math.ceil(from / stride));
      for (let minute = from; minute < until; minute++)
        readings += columns.length * (tailByMinute.get(minute)?.length ?? 0);
    }
    seq++;
    made += readings;
    const head = { outbox: plan.lane, seq, made };
    yield {
      seq,
      made,
      readings,
      body(sentAt) {
        const parts: string[] = [];
        for (let minute = from; minute < until; minute++)
          for (const { device, keys, columns, stride, tail, tailByMinute } of devices) {
            const add = (ts: number, values: string) =>
              parts.push(`{"device":"${device}","ts":${ts},"values":{${values}}}`);
            if (minute % stride === 0) add(plan.from + minute * EVERY_MS, valuesAt(minute / stride, keys, columns));
            for (const row of tailByMinute.get(minute) ?? [])
              add(tail?.times[row] as number, valuesAt(row, keys, tail?.columns ?? []));
          }
        return `${JSON.stringify({ ...head, sentAt, clock: 'synced', upTo: {} }).slice(0, -1)},"readings":[${parts.join(',')}]}`;
      },
    };
  }
}

/** Rows of a tail by the minute of the plan they lie in. */
function byMinute(times: readonly number[], { from }: HistoryPlan): ReadonlyMap<number, readonly number[]> {
  const rows = new Map<number, number[]>();
  times.forEach((ts, row) => {
    const minute = Math.floor((ts - from) / EVERY_MS);
    const known = rows.get(minute);
    if (known === undefined) rows.set(minute, [row]);
    else known.push(row);
  });
  return rows;
}

/** The past of a device that publishes by itself, as messages of its own topic, oldest first. */
export function* messagesOf(
  recording: Recording,
  plan: HistoryPlan,
): Generator<{ readonly readings: number; body(): string }> {
  const { columns, stride } = recording;
  const keys = keysOf(recording);
  const rows = columns[0]?.length ?? 0;
  const step = Math.max(1, Math.floor(LOGGED_PER_MESSAGE / Math.max(1, columns.length)));
  for (let from = 0; from < rows; from += step) {
    const until = Math.min(rows, from + step);
    yield {
      readings: columns.length * (until - from),
      body() {
        const parts: string[] = [];
        for (let row = from; row < until; row++)
          parts.push(`{"ts":${plan.from + row * stride * EVERY_MS},"values":{${valuesAt(row, keys, columns)}}}`);
        return `[${parts.join(',')}]`;
      },
    };
  }
}

const keysOf = ({ measurements }: Recording): readonly string[] =>
  measurements.map((measurement, index) => `${index === 0 ? '' : ','}${JSON.stringify(measurement)}:`);

function valuesAt(row: number, keys: readonly string[], columns: readonly Float64Array[]): string {
  let text = '';
  for (let at = 0; at < keys.length; at++) {
    const value = (columns[at] as Float64Array)[row] as number;
    text += keys[at] as string;
    text += Number.isNaN(value) ? NO_VALUE : value;
  }
  return text;
}

const NO_VALUE = '{"quality":"bad","reason":"no-value"}';
