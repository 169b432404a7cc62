import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { ManySeries, POINTS_PER_DEVICE } from './series.ts';

/** Contract, Delivery: at most this many batches without an acknowledgement. */
const IN_FLIGHT_MAX = 16;
const DEVICES_PER_BATCH = 100;
/** The sender looks what is due this often. */
const TURN_MS = 20;
/** At the end it waits this long for the last acknowledgements. */
const LAST_WAIT_MS = 10_000;

export interface LoadOptions {
  readonly url: string;
  readonly points: number;
  /** Each point gives a value every so many milliseconds. */
  readonly everyMs: number;
  /** Edges to play, each with its own connection, credentials and lane. */
  readonly edges: readonly { readonly id: string; readonly password: string }[];
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Called about every ten seconds. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface LoadProgress {
  readonly sent: number;
  readonly acknowledged: number;
  readonly readingsPerS: number;
  /** How far the slowest edge is behind its plan, ms: the gateway pushed back, or this machine is too slow. */
  readonly behindMs: number;
}

/** One edge's share: its devices, its connection and its lane. */
interface Sender {
  readonly id: string;
  readonly client: MqttClient;
  readonly firstDevice: number;
  readonly devices: number;
  readonly lane: string;
  seq: number;
  made: number;
  inFlight: number;
  /** Batches sent since the start: round and position follow from it. */
  batches: number;
}

const REPORT_EVERY_MS = 10_000;

/**
 * Loads a gateway with realistic series through real MQTT, as edges do, until the signal aborts.
 *
 * @throws Error when an edge can't connect
 */
export async function runLoad(options: LoadOptions): Promise<LoadProgress> {
  const { points, everyMs, signal, onProgress } = options;
  const series = new ManySeries(points, options.seed);
  const senders = await connectAll(options);
  const totals = { sent: 0, acknowledged: 0, behindMs: 0 };
  const began = performance.now();
  const progress = (): LoadProgress => ({
    ...totals,
    readingsPerS: Math.round((1000 * totals.acknowledged) / Math.max(1, performance.now() - began)),
  });
  let reportedAt = began;
  while (!signal.aborted) {
    const elapsedMs = performance.now() - began;
    totals.behindMs = 0;
    for (const sender of senders) {
      const perRound = Math.ceil(sender.devices / DEVICES_PER_BATCH);
      const due = Math.floor((elapsedMs / everyMs) * perRound) + 1;
      while (sender.batches < due && sender.inFlight < IN_FLIGHT_MAX)
        send(sender, { series, everyMs, perRound, totals });
      totals.behindMs = Math.max(totals.behindMs, Math.round(((due - sender.batches) / perRound) * everyMs));
    }
    if (performance.now() - reportedAt > REPORT_EVERY_MS) {
      reportedAt = performance.now();
      onProgress?.(progress());
    }
    await sleep(TURN_MS, undefined, { signal }).catch(() => undefined);
  }
  const last = progress();
  const until = performance.now() + LAST_WAIT_MS;
  while (senders.some(({ inFlight }) => inFlight > 0) && performance.now() < until) await sleep(TURN_MS);
  await Promise.all(senders.map(({ client }) => client.endAsync()));
  return { ...last, ...totals };
}

function connectAll({ url, points, edges }: LoadOptions): Promise<Sender[]> {
  const devices = Math.ceil(points / POINTS_PER_DEVICE);
  const share = Math.ceil(devices / edges.length);
  return Promise.all(
    edges.map(async ({ id, password }, index): Promise<Sender> => {
      const client = await connectAsync(url, {
        clientId: id,
        username: id,
        password,
        keepalive: 60,
        reconnectPeriod: 0,
      });
      return {
        id,
        client,
        firstDevice: index * share,
        devices: Math.max(0, Math.min(share, devices - index * share)),
        lane: `load-${Date.now().toString(36)}`,
        seq: 0,
        made: 0,
        inFlight: 0,
        batches: 0,
      };
    }),
  );
}

function send(
  sender: Sender,
  {
    series,
    everyMs,
    perRound,
    totals,
  }: {
    readonly series: ManySeries;
    readonly everyMs: number;
    readonly perRound: number;
    readonly totals: { sent: number; acknowledged: number };
  },
): void {
  const now = Date.now();
  const ts = now - (now % everyMs);
  const from = (sender.batches % perRound) * DEVICES_PER_BATCH;
  const to = Math.min(sender.devices, from + DEVICES_PER_BATCH);
  const hour = ((now / 3_600_000) % 24) + 8;
  const readings = [];
  for (let device = from; device < to; device++) {
    const first = (sender.firstDevice + device) * POINTS_PER_DEVICE;
    const values: Record<string, number> = {};
    for (let point = first; point < first + POINTS_PER_DEVICE; point++)
      values[ManySeries.measurement(point)] = Number(series.value(point, hour % 24).toFixed(3));
    readings.push({ device: `load-${sender.firstDevice + device}`, ts, values });
  }
  const count = readings.length * POINTS_PER_DEVICE;
  sender.batches++;
  sender.seq++;
  sender.made += count;
  sender.inFlight++;
  totals.sent += count;
  const batch = {
    outbox: sender.lane,
    seq: sender.seq,
    made: sender.made,
    sentAt: now,
    clock: 'synced',
    upTo: { load: ts },
    readings,
  };
  sender.client
    .publishAsync(`hf/v1/edge/${sender.id}/batch`, JSON.stringify(batch), { qos: 1 })
    .then(() => {
      totals.acknowledged += count;
    })
    // A lost connection shows as readings sent and never acknowledged.
    .catch(() => undefined)
    .finally(() => {
      sender.inFlight--;
    });
}
