import { gunzipSync } from 'node:zlib';
import mqtt, { type MqttClient } from 'mqtt';
import { type BatchEnvelope, decodeBatch } from '../../contract/batch.ts';
import { buildTopic } from '../../contract/topics.ts';

interface ModelLane {
  mark: number;
  readonly ahead: Set<number>;
  made: number;
  stored: number;
  dropped: number;
}

/** One value as the model stored it. */
export interface StoredValue {
  readonly point: string;
  readonly ts: number;
  readonly value: number;
  readonly receivedAt: number;
}

interface ModelReading {
  readonly device: string;
  readonly ts: number;
  readonly values: Readonly<Record<string, number | { readonly value?: number; readonly reason?: string }>>;
}

interface ModelDisk {
  readonly lanes: Map<string, ModelLane>;
  readonly values: StoredValue[];
}

/** Two seconds of a source of 200 values a second: on their way, not a backlog. */
const UNSENT_LIVE_MAX = 400;

/**
 * The gateway's side of the contract in a hundred lines: stores each number once, publishes its marks. It shares no code with
 * the real one, so that the edge is not tested against our own misunderstanding.
 */
export class GatewayModel {
  readonly id: string;
  private readonly edge: string;
  private disk: ModelDisk = { lanes: new Map(), values: [] };
  private client: MqttClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private mustTell = false;
  private unsent = 0;
  store = 'store-1';
  online: boolean | undefined;
  /** The edge's retained state as it came, and the results of commands. */
  state = '';
  readonly results: string[] = [];
  /** Values marked as maintenance. */
  maintenance = 0;
  batches = 0;
  duplicates = 0;

  constructor(id: string, edge: string) {
    this.id = id;
    this.edge = edge;
  }

  start(url: string): void {
    const client = mqtt.connect(url, { clientId: this.id, reconnectPeriod: 200, clean: true });
    this.client = client;
    client.on('error', () => undefined);
    client.on('connect', () => {
      const own = `hf/v1/edge/${this.edge}`;
      client.subscribe([`${own}/batch`, `${own}/state`, `${own}/command/+/result`], { qos: 1 });
      this.tell();
    });
    client.on('message', (topic, payload) => {
      if (topic.endsWith('/state')) {
        this.state = payload.toString();
        this.online = (JSON.parse(this.state) as { online: boolean }).online;
      } else if (topic.endsWith('/result')) this.results.push(payload.toString());
      else this.take(payload);
    });
    // At most once a second, as the contract says.
    this.timer = setInterval(() => {
      if (this.mustTell) this.tell();
    }, 1000);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.client?.endAsync(true);
    this.client = undefined;
  }

  /** A copy of everything on its disk. */
  backup(): ModelDisk {
    return structuredClone(this.disk);
  }

  /** Comes back with an older copy under a new store id; only while stopped. */
  restore(copy: ModelDisk): void {
    this.disk = structuredClone(copy);
    this.store = `${this.store}-restored`;
  }

  publishCommand(payload: string): void {
    this.client?.publish(`hf/v1/edge/${this.edge}/command`, payload, { qos: 1 });
  }

  get values(): readonly StoredValue[] {
    return this.disk.values;
  }

  ledger(): { made: number; stored: number; dropped: number; unexplained: number } {
    const sum = { made: 0, stored: 0, dropped: 0, unexplained: 0 };
    for (const { made, stored, dropped, ahead } of this.disk.lanes.values()) {
      sum.made += made;
      sum.stored += stored;
      sum.dropped += dropped;
      sum.unexplained += ahead.size;
    }
    return sum;
  }

  /** Nothing missing in any lane, and the edge holds no more than its newest second. */
  isComplete(): boolean {
    if (this.unsent > UNSENT_LIVE_MAX) return false;
    const { made, stored, dropped, unexplained } = this.ledger();
    return unexplained === 0 && made === stored + dropped;
  }

  private take(payload: Buffer): void {
    const text = payload[0] === 0x1f && payload[1] === 0x8b ? gunzipSync(payload).toString() : payload.toString();
    const decoded = decodeBatch(text);
    if (!decoded.ok) throw new Error(`the edge sent what nobody can read: ${decoded.detail}`);
    this.batches++;
    this.mustTell = true;
    const batch = decoded.value;
    this.unsent = batch.unsent?.readings ?? 0;
    const lane = this.lane(batch.outbox);
    lane.made = Math.max(lane.made, batch.made);
    const has = (seq: number) => seq <= lane.mark || lane.ahead.has(seq);
    if (batch.dropped !== undefined) this.takeDropped(lane, batch.dropped, has);
    else if (has(batch.seq)) this.duplicates++;
    else {
      lane.stored += this.storeValues(batch);
      lane.ahead.add(batch.seq);
    }
    while (lane.ahead.delete(lane.mark + 1)) lane.mark++;
  }

  private takeDropped(
    lane: ModelLane,
    dropped: NonNullable<BatchEnvelope['dropped']>,
    has: (seq: number) => boolean,
  ): void {
    for (let seq = dropped.from; seq <= dropped.to; seq++) {
      if (has(seq)) continue;
      lane.dropped += dropped.counts?.[seq - dropped.from] ?? 0;
      lane.ahead.add(seq);
    }
  }

  private storeValues(batch: BatchEnvelope): number {
    let count = 0;
    for (const entry of batch.readings as ModelReading[]) {
      for (const [measurement, value] of Object.entries(entry.values)) {
        count++;
        if (typeof value !== 'number' && value.reason === 'maintenance') this.maintenance++;
        this.disk.values.push({
          point: `${entry.device}/${measurement}`,
          ts: entry.ts,
          value: (typeof value === 'number' ? value : value.value) ?? Number.NaN,
          receivedAt: Date.now(),
        });
      }
    }
    return count;
  }

  private lane(id: string): ModelLane {
    let lane = this.disk.lanes.get(id);
    if (lane === undefined) {
      lane = { mark: 0, ahead: new Set(), made: 0, stored: 0, dropped: 0 };
      this.disk.lanes.set(id, lane);
    }
    return lane;
  }

  private tell(): void {
    this.mustTell = false;
    const marks = Object.fromEntries([...this.disk.lanes].map(([id, { mark }]) => [id, mark]));
    const topic = buildTopic({ kind: 'edge-stored', edge: this.edge, gateway: this.id });
    this.client?.publish(topic, JSON.stringify({ store: this.store, marks, at: Date.now() }), { qos: 1, retain: true });
  }
}
