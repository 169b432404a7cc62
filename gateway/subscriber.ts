import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Logger } from 'pino';
import { decodeBatch } from '../contract/batch.ts';
import { type CommandResult, commandResultSchema, type EdgeState, edgeStateSchema } from '../contract/state.ts';
import { buildTopic, DELIVERY, parseTopic, type Topic } from '../contract/topics.ts';
import { BATCH_BYTES_MAX, type Decoded, decodeDeviceReadings, parseJson } from '../contract/wire-readings.ts';
import { BatchDecoder } from './batch-decoder.ts';
import { MarkBook } from './broker/marks.ts';
import type { Ingest } from './ingest.ts';
import { type Counter, type Metrics, WAIT_BUCKETS_S } from './metrics.ts';
import type { LaneMark } from './store/store.ts';

/** How a message leaves the gateway, whichever broker carries it. */
export interface MqttOut {
  publish(topic: string, payload: string, delivery: { readonly qos: 0 | 1; readonly retained: boolean }): Promise<void>;
}

/** Turns MQTT messages into ingest calls, and commits into stored marks. */
export interface Subscriber {
  /**
   * Takes one message; never throws. The promise resolves when it may be acknowledged: its content is on disk, or it
   * was no use and is on disk as a dead letter. It rejects only when the store could not take it.
   *
   * @param from - credential id of the sender, or what the broker knows of it
   */
  take(topic: string, payload: Buffer, from: string): Promise<void>;
  /** A message that is not this sender's to send: kept as a dead letter, then acknowledged. */
  refuse(topic: string, payload: Buffer, from: string): Promise<void>;
  /** A message that was announced larger than we read: kept as a dead letter without its content; its sender is cut off. */
  tooLarge(detail: string, from: string): Promise<void>;
  /** Starts to publish marks: at once for all edges known, then after commits. Call again when the broker came back. */
  start(out: MqttOut): void;
  close(): void;
}

export interface SubscriberOptions {
  readonly ingest: Ingest;
  /** Marks as they are on disk at the start. */
  readonly marks: () => Iterable<LaneMark>;
  /** Id of the data folder, and of this gateway. */
  readonly store: string;
  readonly gateway: string;
  readonly now: () => number;
  readonly newId: () => string;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** What an edge answered to a command; acknowledged once this resolves, sent again when it rejects. */
  readonly onCommandResult?: (edge: string, result: CommandResult) => Promise<void>;
}

/** Marks that became due within this time go out together. */
const MARK_TICK_MS = 100;
/** Characters of a bad message kept in its dead letter. */
export const LETTER_LENGTH_MAX = 4096;

const gunzipAsync = promisify(gunzip);

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { ingest, store, gateway, now, newId, metrics, log } = options;
  const book = new MarkBook();
  const byKind = metrics.counters('hanfeng_mqtt_messages_total', 'MQTT messages taken, by kind of topic.', ['kind']);
  const received = Object.fromEntries(
    (Object.keys(DELIVERY) as Topic['kind'][]).map((kind) => [kind, byKind.with(kind)]),
  ) as Record<Topic['kind'], Counter>;
  const rejected = metrics.counters('hanfeng_mqtt_rejected_total', 'MQTT messages kept as dead letters.', ['reason']);
  const published = metrics.counter('hanfeng_stored_marks_total', 'Stored marks published.');
  const waits = metrics.histogram(
    'hanfeng_mqtt_commit_wait_seconds',
    'From receipt of a message to its commit.',
    WAIT_BUCKETS_S,
  );
  /** Senders with a packed message under way: what follows it waits, so that batches enter in order. */
  const unpacking = new Map<string, Promise<void>>();
  const batches = new BatchDecoder();
  let out: MqttOut | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopListening: (() => void) | undefined;

  const letter = (reason: string, detail: string, topic: string, payload: string, from: string) => {
    rejected.with(reason).value += 1;
    return ingest.deadLetter({
      id: newId(),
      at: now(),
      door: 'mqtt',
      source: from,
      reason,
      detail: `${topic}: ${detail}`.slice(0, 1000),
      payload: payload.slice(0, LETTER_LENGTH_MAX),
    });
  };

  /** Nothing of the message may be held by what waits for its commit: see {@link observed}. */
  const deliver = (
    topic: Topic,
    unpacked: Decoded<Buffer>,
    name: string,
    payload: Buffer,
    from: string,
  ): Promise<unknown> => {
    const receivedAt = now();
    if (!unpacked.ok) return letter(unpacked.reason, unpacked.detail, name, payload.toString('latin1'), from);
    if (topic.kind === 'edge-batch') {
      const usual = batches.decode(unpacked.value);
      if (usual !== undefined) return ingest.batch(topic.edge, usual, receivedAt);
    }
    return deliverText(topic, unpacked.value.toString('utf8'), name, from, receivedAt);
  };

  const deliverText = (
    topic: Topic,
    text: string,
    name: string,
    from: string,
    receivedAt: number,
  ): Promise<unknown> => {
    const fail = ({ reason, detail }: { readonly reason: string; readonly detail: string }) =>
      letter(reason, detail, name, text, from);
    switch (topic.kind) {
      case 'edge-batch': {
        const batch = decodeBatch(text);
        return batch.ok ? ingest.batch(topic.edge, batch.value, receivedAt) : fail(batch);
      }
      case 'device-readings': {
        const readings = decodeDeviceReadings(text, topic.device);
        return readings.ok ? ingest.readings('mqtt', readings.value, receivedAt) : fail(readings);
      }
      case 'edge-state': {
        // An empty payload only clears the broker's retained copy.
        if (text === '') return Promise.resolve();
        const state = decodeState(text);
        return state.ok ? takeState(topic.edge, state.value, receivedAt) : fail(state);
      }
      case 'edge-command-result': {
        const result = decodeResult(text);
        if (!result.ok) return fail(result);
        if (result.value.id !== topic.command)
          return fail({ reason: 'wrong-shape', detail: 'the id is not the one of the topic' });
        return options.onCommandResult?.(topic.edge, result.value) ?? Promise.resolve();
      }
      case 'edge-stored':
      case 'edge-command':
        return fail({ reason: 'not-allowed', detail: 'only a gateway publishes here' });
    }
  };

  const takeState = async (edge: string, state: EdgeState, receivedAt: number) => {
    await ingest.edgeState(edge, state, receivedAt);
    // It may have connected to a broker that forgot its mark.
    if (state.online) {
      book.touch(edge);
      publishSoon(0);
    }
  };

  /** A packed message, or one behind a packed one of the same sender: batches enter in order. */
  const takeLater = (
    topic: Topic,
    name: string,
    payload: Buffer,
    from: string,
    before: Promise<void> | undefined,
  ): Promise<void> => {
    const started = performance.now();
    const unpacked = unpackBytes(payload);
    let stored: Promise<void> = Promise.resolve();
    const entered = Promise.all([unpacked, before]).then(([value]) => {
      stored = observed(deliver(topic, value, name, payload, from), started);
    });
    unpacking.set(from, entered);
    return entered.then(() => {
      if (unpacking.get(from) === entered) unpacking.delete(from);
      return stored;
    });
  };

  /** Resolves when `stored` does; measures the wait. A function of its own, so that it keeps only these two. */
  const observed = (stored: Promise<unknown>, started: number): Promise<void> =>
    stored.then(() => waits.observe((performance.now() - started) / 1000));

  const publishDue = () => {
    timer = undefined;
    for (const { edge, marks } of book.takeDue(now())) {
      const topic = buildTopic({ kind: 'edge-stored', edge, gateway });
      published.value += 1;
      // When the broker is away the mark goes out again once it is back: see start().
      out
        ?.publish(topic, JSON.stringify({ store, marks, at: now() }), DELIVERY['edge-stored'])
        .catch((error: Error) => {
          log.debug({ edge, err: error }, 'stored mark not published');
        });
    }
    if (book.waiting) publishSoon(MARK_TICK_MS);
  };
  const publishSoon = (afterMs: number) => {
    if (out === undefined || timer !== undefined) return;
    timer = setTimeout(publishDue, afterMs);
  };

  return {
    take(name, payload, from) {
      const topic = parseTopic(name);
      if (topic === undefined) return letter('not-allowed', 'no topic of ours', name, payload.toString('latin1'), from);
      received[topic.kind].value += 1;
      const before = unpacking.get(from);
      const packed = isPacked(payload);
      if (before === undefined && !packed)
        return observed(deliver(topic, { ok: true, value: payload }, name, payload, from), performance.now());
      return takeLater(topic, name, payload, from, before);
    },

    refuse: (topic, payload, from) =>
      letter('not-allowed', `not a topic of ${from}`, topic, payload.toString('latin1'), from),
    tooLarge: (detail, from) => letter('too-large', detail, 'a message', '', from),

    start(to) {
      if (out === undefined) {
        for (const mark of options.marks()) book.note(mark);
        stopListening = ingest.onCommitted(({ marks }) => {
          if (marks.length === 0) return;
          for (const mark of marks) book.note(mark);
          publishSoon(0);
        });
      }
      out = to;
      book.touchAll();
      publishSoon(0);
    },

    close() {
      stopListening?.();
      clearTimeout(timer);
      out = undefined;
    },
  };
}

/** gzip: the first two bytes (RFC 1952, 2.3.1). */
export function isPacked(payload: Uint8Array): boolean {
  return payload[0] === 0x1f && payload[1] === 0x8b;
}

/** A payload as text. @see unpackBytes */
export async function unpack(payload: Buffer): Promise<Decoded<string>> {
  const bytes = await unpackBytes(payload);
  return bytes.ok ? { ok: true, value: bytes.value.toString('utf8') } : bytes;
}

/** A payload as it was before it was packed; the inflated size is bounded. Never throws. */
async function unpackBytes(payload: Buffer): Promise<Decoded<Buffer>> {
  if (!isPacked(payload)) return { ok: true, value: payload };
  try {
    return { ok: true, value: await gunzipAsync(payload, { maxOutputLength: BATCH_BYTES_MAX }) };
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return tooLarge
      ? { ok: false, reason: 'too-large', detail: `more than ${BATCH_BYTES_MAX} bytes when inflated` }
      : { ok: false, reason: 'not-json', detail: `gzip: ${(error as Error).message}` };
  }
}

function decodeState(text: string): Decoded<EdgeState> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const state = edgeStateSchema.safeParse(json.value);
  return state.success
    ? { ok: true, value: state.data }
    : { ok: false, reason: 'wrong-shape', detail: state.error.issues[0]?.message ?? 'no state' };
}

function decodeResult(text: string): Decoded<CommandResult> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const result = commandResultSchema.safeParse(json.value);
  return result.success
    ? { ok: true, value: result.data }
    : { ok: false, reason: 'wrong-shape', detail: result.error.issues[0]?.message ?? 'no result' };
}
