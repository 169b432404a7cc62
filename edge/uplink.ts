import { gzipSync } from 'node:zlib';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { type Batch, encodeBatch } from '../contract/batch.ts';
import { type CommandResult, type EdgeState, storedMarkSchema } from '../contract/state.ts';
import { buildTopic, DELIVERY, parseTopic, type Topic } from '../contract/topics.ts';
import type { Clock } from './clock.ts';
import { Delivery, type DeliveryAction, type DeliveryEvent } from './delivery.ts';
import type { Outbox } from './outbox.ts';
import type { UplinkSettings } from './uplink-settings.ts';
import { type Sending, wireBatch, wireTombstone } from './wire.ts';

/** Smaller payloads gain nothing from gzip: a batch of 30 values (786 bytes) becomes 330. */
export const GZIP_MIN_BYTES = 256;
const CONNECT_TIMEOUT_MS = 10_000;
/** Waits between connection attempts double from the first to the longest; each is drawn from the upper half. */
const RECONNECT_FIRST_MS = 500;
const RECONNECT_LONGEST_MS = 10_000;
/** A connection that lasted so long was a good one. */
const STEADY_AFTER_MS = 10_000;
/** How long the last words may take. */
const FAREWELL_MS = 2000;
const TICK_MS = 250;
/** Whether devices came or went, or a line opened or closed, is looked at this often. */
const STATE_LOOK_EVERY_MS = 10_000;
/** The largest mark or command we read; both are small. */
const INCOMING_BYTES_MAX = 256 * 1024;

export interface UplinkOptions {
  readonly edge: string;
  readonly mqtt: { readonly url: string; readonly username: string; readonly password?: string };
  readonly gateways: readonly string[];
  readonly settings: UplinkSettings;
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** What the retained birth says beside `online` and `outbox`. */
  readonly state: () => Omit<EdgeState, 'online' | 'outbox'>;
  /** A message on the command topic, not yet checked. */
  readonly onCommand: (payload: string) => void;
  readonly random: () => number;
  readonly log: Logger;
}

/** What the local face shows of the link. */
export interface UplinkStatus {
  readonly connected: boolean;
  readonly since: number;
  readonly reconnects: number;
  readonly lastError?: string;
  readonly inFlight: number;
  /** Gateways not waited for at the moment. */
  readonly away: readonly string[];
  readonly sentBatches: number;
  readonly sentBytes: number;
}

/**
 * The link to the broker: retained birth, last will, batches out, stored marks and commands in. Publishes only while
 * connected; what is not covered by a stored mark is sent again from the outbox, never from the MQTT client's memory.
 */
export class Uplink {
  private readonly options: UplinkOptions;
  private readonly delivery: Delivery;
  private client: MqttClient | undefined;
  /** Counts connections; work begun for an earlier one is dropped. */
  private connection = 0;
  private connected = false;
  private connectedSince = 0;
  private reconnects = 0;
  private waitMs = RECONNECT_FIRST_MS;
  private retryTimer: NodeJS.Timeout | undefined;
  private tickTimer: NodeJS.Timeout | undefined;
  private work: Promise<void> = Promise.resolve();
  private lastError: string | undefined;
  private sentBatches = 0;
  private sentBytes = 0;
  /** What of the state must be told soon, as it was told last. */
  private toldState = '';
  private toldStateAtMs = Number.NEGATIVE_INFINITY;
  private lookedAtStateMs = Number.NEGATIVE_INFINITY;
  private stopping = false;
  private readonly forgetOutbox: () => void;

  constructor(options: UplinkOptions) {
    this.options = options;
    this.delivery = new Delivery({
      gateways: options.gateways,
      known: options.outbox.marksOf(),
      backlogBytesPerSecond: options.settings.backlogBytesPerSecond,
    });
    this.forgetOutbox = options.outbox.onChanged(() => this.step({ kind: 'lanes', lanes: options.outbox.laneViews() }));
    this.step({ kind: 'lanes', lanes: options.outbox.laneViews() });
    options.outbox.setLinked(false);
  }

  start(): void {
    this.tickTimer = setInterval(() => {
      this.step({ kind: 'tick' });
      this.publishState();
    }, TICK_MS);
    this.connect();
  }

  status(): UplinkStatus {
    return {
      connected: this.connected,
      since: this.connectedSince,
      reconnects: this.reconnects,
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
      inFlight: this.delivery.inFlight(),
      away: this.delivery.away(),
      sentBatches: this.sentBatches,
      sentBytes: this.sentBytes,
    };
  }

  /** Publishes the result of a command; false when there is no connection to take it. */
  publishResult(result: CommandResult, confirmed: () => void): boolean {
    const { edge } = this.options;
    return this.publish({ kind: 'edge-command-result', edge, command: result.id }, JSON.stringify(result), confirmed);
  }

  /** Sends what is sealed for as long as `withinMs` allows, says `offline` and disconnects. */
  async stop(withinMs = FAREWELL_MS): Promise<void> {
    this.stopping = true;
    clearTimeout(this.retryTimer);
    clearInterval(this.tickTimer);
    this.forgetOutbox();
    const { client } = this;
    if (client !== undefined && this.connected) {
      const done = this.work.then(
        () =>
          new Promise<void>((resolve) => {
            this.publish({ kind: 'edge-state', edge: this.options.edge }, JSON.stringify({ online: false }), () =>
              resolve(),
            );
          }),
      );
      await within(done, withinMs);
      await within(client.endAsync(), withinMs);
    }
    this.connection++;
    this.connected = false;
    client?.end(true);
  }

  private connect(): void {
    const { edge, settings, log } = this.options;
    const { url, username, password } = this.options.mqtt;
    const connection = ++this.connection;
    const options: IClientOptions = {
      clientId: username,
      username,
      ...(password === undefined ? {} : { password }),
      protocolVersion: 4,
      // A session kept by the broker would hand over commands that grew old while we were away.
      clean: true,
      keepalive: Math.round(settings.keepAlive / 1000),
      connectTimeout: CONNECT_TIMEOUT_MS,
      // One client per connection: what an old one still holds in memory must not be sent again behind our back.
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      will: {
        topic: buildTopic({ kind: 'edge-state', edge }),
        payload: Buffer.from(JSON.stringify({ online: false })),
        qos: DELIVERY['edge-state'].qos,
        retain: DELIVERY['edge-state'].retained,
      },
    };
    let client: MqttClient;
    try {
      client = mqtt.connect(url, options);
    } catch (error) {
      this.failed(connection, error);
      return;
    }
    this.client = client;
    client.on('error', (error) => this.failed(connection, error));
    client.on('close', () => this.lost(connection));
    client.on('message', (topic, payload, packet) => {
      if (connection === this.connection) this.receive(topic, payload, packet.retain);
    });
    client.on('connect', () => {
      if (connection !== this.connection) return;
      const filters = [
        `${buildTopic({ kind: 'edge-command', edge })}`,
        buildTopic({ kind: 'edge-stored', edge, gateway: '+' }),
      ];
      client.subscribe(filters, { qos: 1 }, (error) => {
        if (connection !== this.connection) return;
        if (error) {
          const what = `the broker refuses ${username} the topics of edge ${edge}`;
          return this.failed(connection, new Error(`${what}: ${error.message}`));
        }
        this.connected = true;
        this.options.outbox.setLinked(true);
        this.connectedSince = this.options.clock.now();
        this.lastError = undefined;
        log.info({ url, edge }, 'connected to the broker');
        this.publishState(true);
        this.step({ kind: 'connected' });
      });
    });
  }

  private failed(connection: number, error: unknown): void {
    if (connection !== this.connection) return;
    const text =
      error instanceof Error ? error.message || ((error as { code?: string }).code ?? 'unknown') : String(error);
    if (text !== this.lastError)
      this.options.log.warn({ code: 'uplink-failed', reason: text }, 'no link to the broker');
    this.lastError = text;
    this.lost(connection);
  }

  private lost(connection: number): void {
    if (connection !== this.connection || this.stopping) return;
    this.connection++;
    this.client?.end(true);
    this.client = undefined;
    if (this.connected) this.options.log.warn({ code: 'uplink-lost' }, 'connection to the broker lost');
    // A broker that takes us and at once lets go is not back yet.
    if (this.connected && this.options.clock.now() - this.connectedSince >= STEADY_AFTER_MS)
      this.waitMs = RECONNECT_FIRST_MS;
    this.connected = false;
    this.options.outbox.setLinked(false);
    this.reconnects++;
    this.step({ kind: 'disconnected' });
    // A whole district that lost its broker must not come back in the same second.
    const waitMs = this.waitMs * (0.5 + this.options.random() / 2);
    this.waitMs = Math.min(this.waitMs * 2, RECONNECT_LONGEST_MS);
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), waitMs);
  }

  private receive(topicText: string, payload: Buffer, retained: boolean): void {
    const topic = parseTopic(topicText);
    if (payload.length > INCOMING_BYTES_MAX) return;
    if (topic?.kind === 'edge-command' && topic.edge === this.options.edge) {
      // A retained command would be carried out again at every connect.
      if (!retained) this.options.onCommand(payload.toString('utf8'));
    } else if (topic?.kind === 'edge-stored' && topic.edge === this.options.edge) {
      this.takeMark(topic.gateway, payload.toString('utf8'), retained);
    }
  }

  private takeMark(gateway: string, payload: string, retained: boolean): void {
    const { gateways, outbox, log } = this.options;
    if (gateways.length > 0 && !gateways.includes(gateway)) return;
    let json: unknown;
    try {
      json = JSON.parse(payload);
    } catch {
      json = undefined;
    }
    const mark = storedMarkSchema.safeParse(json);
    if (!mark.success) {
      log.warn({ code: 'mark-malformed', gateway }, 'a stored mark could not be read');
      return;
    }
    outbox.setMarks(gateway, mark.data);
    const { store, marks } = mark.data;
    this.step({ kind: 'marks', gateway, store, marks, retained });
  }

  private step(event: DeliveryEvent): void {
    const actions = this.delivery.on(event, this.options.clock.monotonicMs());
    for (const action of actions) this.act(action);
  }

  private act(action: DeliveryAction): void {
    const { connection } = this;
    if (action.kind === 'roll') return this.options.outbox.roll();
    if (action.kind === 'reconnect') return this.failed(connection, new Error('the broker confirms nothing'));
    // One after another: within a lane the order on the wire is the order of the numbers.
    this.work = this.work
      .then(() => (connection === this.connection ? this.send(action, connection) : undefined))
      .catch((error: unknown) => this.options.log.error({ code: 'uplink-send-failed', err: error }, 'uplink'));
  }

  private async send(action: Extract<DeliveryAction, { kind: 'send' | 'explain' }>, connection: number): Promise<void> {
    const { edge, settings } = this.options;
    const batch = await this.compose(action);
    if (connection !== this.connection) return;
    const text = encodeBatch(batch);
    const payload = settings.gzip && text.length > GZIP_MIN_BYTES ? gzipSync(text) : text;
    const confirmed = () => {
      if (connection === this.connection) this.step({ kind: 'confirmed', lane: batch.outbox, to: batch.seq });
    };
    if (!this.publish({ kind: 'edge-batch', edge }, payload, confirmed)) return;
    this.sentBatches++;
    this.sentBytes += payload.length;
    if (action.kind === 'explain' || !action.live) this.step({ kind: 'sent-bytes', bytes: payload.length });
  }

  private async compose(action: Extract<DeliveryAction, { kind: 'send' | 'explain' }>): Promise<Batch> {
    const { outbox, clock, log } = this.options;
    const sending: Sending = { lane: action.lane, clock, unstored: outbox.unstored() };
    let { from, to } = action.kind === 'explain' ? action : { from: action.seq, to: action.seq };
    if (action.kind === 'send') {
      const sealed = await outbox.read(action.lane, action.seq).catch((error: unknown) => {
        log.error(
          { code: 'outbox-read-failed', lane: action.lane, seq: action.seq, err: error },
          'a batch is unreadable',
        );
        return undefined;
      });
      if (sealed !== undefined) return wireBatch(sealed, sending);
      from = action.seq;
      to = action.seq;
    }
    const { values, made } = await outbox.count(action.lane, from, to);
    return wireTombstone({ from, to, counts: values, made }, sending);
  }

  private publishState(atOnce = false): void {
    const nowMs = this.options.clock.monotonicMs();
    if (!this.connected || (!atOnce && nowMs - this.lookedAtStateMs < STATE_LOOK_EVERY_MS)) return;
    this.lookedAtStateMs = nowMs;
    const state: EdgeState = { online: true, outbox: this.options.outbox.liveLane, ...this.options.state() };
    const lines = state.lines?.map(({ id, open }) => ({ id, open }));
    const urgent = JSON.stringify({ ...state, lines });
    const isDue = nowMs - this.toldStateAtMs >= this.options.settings.healthEvery;
    if (!atOnce && !isDue && urgent === this.toldState) return;
    if (!this.publish({ kind: 'edge-state', edge: this.options.edge }, JSON.stringify(state))) return;
    this.toldState = urgent;
    this.toldStateAtMs = nowMs;
  }

  /** @returns false when there is no connection; then nothing was taken */
  private publish(topic: Topic, payload: string | Buffer, confirmed: () => void = () => undefined): boolean {
    const { client } = this;
    if (client === undefined || !client.connected) return false;
    const { qos, retained } = DELIVERY[topic.kind];
    client.publish(buildTopic(topic), payload, { qos, retain: retained }, (error) => {
      if (error === null || error === undefined) confirmed();
    });
    return true;
  }
}

/** Resolves with the work or after the time, whichever is first. */
async function within(work: Promise<unknown>, timeMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeMs);
  });
  await Promise.race([
    work.then(
      () => undefined,
      () => undefined,
    ),
    late,
  ]);
  clearTimeout(timer);
}
