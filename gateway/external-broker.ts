import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import type { Logger } from 'pino';
import { GATEWAY_FILTERS, parseTopic } from '../contract/topics.ts';
import { FrameGate } from './broker/frames.ts';
import { AckWindow, TOTAL_BYTES_MAX, Waiting } from './broker/window.ts';
import type { Metrics } from './metrics.ts';
import type { MqttOut, Subscriber } from './subscriber.ts';

export interface ExternalBrokerOptions {
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of the authority that signed the broker's certificate; the system's when absent. */
  readonly ca?: string | undefined;
  /** Id of this gateway; names the session the broker keeps for us. */
  readonly gateway: string;
  readonly subscriber: Pick<Subscriber, 'take' | 'start'>;
  readonly random?: () => number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** The gateway as a client of somebody else's broker; that broker's access rules must keep devices to their own topics. */
export interface ExternalBroker extends MqttOut {
  readonly connected: boolean;
  /** Leaves without ending the session: the broker keeps what comes meanwhile. */
  close(): Promise<void>;
}

const KEEP_ALIVE_S = 60;
/** No byte for this long: the connection is dead. */
const SILENCE_MAX_MS = 90_000;
const PING_EVERY_MS = 30_000;
/** From the connection to the answer to our SUBSCRIBE. */
const READY_TIMEOUT_MS = 10_000;
/** Reconnects wait at first, and at most, this long; a connection that lasted is a new start. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;
const LASTED_MS = 10_000;
/** Our own messages that wait for their PUBACK. */
const PUBLISHING_MAX = 1000;
/** Messages of all edges that wait for their commit; a broker limits them too (mosquitto: max_inflight_messages). */
const UNACKED_MAX = 10_000;

/**
 * Keeps a connection to an external MQTT 3.1.1 broker. MQTT.js handles messages strictly one after another, so an
 * acknowledgement after the commit would allow ten messages a second: this small client acknowledges each when its
 * own commit is done. A message that could not be stored is not acknowledged; the connection is made anew and the
 * broker sends it again.
 */
export async function startExternalBroker(options: ExternalBrokerOptions): Promise<ExternalBroker> {
  const { subscriber, metrics, log, random = Math.random } = options;
  const waiting = new Waiting();
  let link: Link | undefined;
  let closing = false;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  const connects = metrics.counter(
    'hanfeng_external_broker_connects_total',
    'Connections made to the external broker.',
  );
  metrics.gauge('hanfeng_external_broker_connected', '1 while connected.', () => (link?.ready === true ? 1 : 0));
  metrics.gauge('hanfeng_external_broker_waiting', 'Messages that wait for their commit.', () => waiting.messages);

  const out: ExternalBroker = {
    get connected() {
      return link?.ready === true;
    },
    publish(topic, payload, delivery) {
      return link?.ready === true
        ? link.publish(topic, payload, delivery)
        : Promise.reject(new Error('external broker not connected'));
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      await link?.end();
    },
  };

  const connect = () => {
    let readyAt = Number.POSITIVE_INFINITY;
    link = new Link(options, waiting, {
      ready() {
        readyAt = performance.now();
        connects.value += 1;
        log.info({ url: options.url }, 'external broker connected');
        subscriber.start(out);
      },
      closed(error) {
        if (closing) return;
        const lasted = performance.now() - readyAt > LASTED_MS;
        if (tries === 0 || lasted) log.warn({ url: options.url, err: error }, 'external broker away, trying again');
        tries = lasted ? 1 : tries + 1;
        timer = setTimeout(connect, retryAfterMs(tries, random()));
      },
    });
  };
  connect();
  return out;
}

/** Doubles up to the limit, and spreads over its upper half, so that gateways don't come back all at once. Pure. */
export function retryAfterMs(tries: number, random: number): number {
  const full = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(tries - 1, 16));
  return Math.round(full * (0.5 + random / 2));
}

interface LinkEvents {
  ready(): void;
  closed(error: Error): void;
}

/** One connection, from CONNECT to its end. */
class Link {
  ready = false;
  private readonly options: ExternalBrokerOptions;
  private readonly events: LinkEvents;
  private readonly socket: Socket;
  private readonly window: AckWindow;
  private readonly parser = parser({ protocolVersion: 4 });
  private readonly publishing = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  private readonly timers: NodeJS.Timeout[] = [];
  private nextId = 1;
  private heardAt = performance.now();
  /** Messages beyond the window: reading goes on when there are none. */
  private heldBack = 0;
  private error = new Error('connection closed');

  constructor(options: ExternalBrokerOptions, waiting: Waiting, events: LinkEvents) {
    this.options = options;
    this.events = events;
    const url = new URL(options.url);
    const secure = url.protocol === 'mqtts:' || url.protocol === 'ssl:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = Number(url.port) || (secure ? 8883 : 1883);
    const ca = options.ca === undefined ? {} : { ca: options.ca };
    this.socket = secure
      ? connectTls({ host, port, servername: host, ...ca }, () => this.hello())
      : connectTcp({ host, port, noDelay: true }, () => this.hello());
    this.window = new AckWindow(
      waiting,
      (pubacks) => {
        if (!this.socket.destroyed) this.socket.write(pubacks);
      },
      (error) => this.fail(error),
      { messages: UNACKED_MAX, bytes: TOTAL_BYTES_MAX },
    );
    const frames = new FrameGate('server');
    this.parser.on('packet', (packet) => this.packet(packet));
    this.parser.on('error', (error) => this.fail(error));
    this.socket.on('data', (bytes) => {
      this.heardAt = performance.now();
      const fault = frames.check(bytes);
      if (fault === undefined) this.parser.parse(bytes);
      else this.fail(new Error(fault));
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('close', () => this.closed());
    this.timers.push(
      setTimeout(() => {
        if (!this.ready) this.fail(new Error('no answer to CONNECT and SUBSCRIBE in time'));
      }, READY_TIMEOUT_MS),
      setInterval(() => {
        if (performance.now() - this.heardAt > SILENCE_MAX_MS) this.fail(new Error('no answer to pings'));
        else if (this.ready) this.write({ cmd: 'pingreq' });
      }, PING_EVERY_MS),
    );
  }

  publish(topic: string, payload: string, { qos, retained }: { qos: 0 | 1; retained: boolean }): Promise<void> {
    const packet = { cmd: 'publish', topic, payload, qos, retain: retained, dup: false } as const;
    if (qos === 0) {
      this.write(packet);
      return Promise.resolve();
    }
    if (this.publishing.size >= PUBLISHING_MAX)
      return Promise.reject(new Error(`${PUBLISHING_MAX} messages wait for the external broker`));
    const messageId = this.freeId();
    return new Promise((resolve, reject) => {
      this.publishing.set(messageId, { resolve, reject });
      this.write({ ...packet, messageId });
    });
  }

  async end(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = new Promise((resolve) => this.socket.once('close', resolve));
    if (this.ready) this.socket.end(generate({ cmd: 'disconnect' }));
    const late = setTimeout(() => this.socket.destroy(), 1000);
    if (!this.ready) this.socket.destroy();
    await closed;
    clearTimeout(late);
  }

  private hello(): void {
    const { gateway, username, password } = this.options;
    this.write({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: `hanfeng-gateway-${gateway}`,
      clean: false,
      keepalive: KEEP_ALIVE_S,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
    });
  }

  private packet(packet: Packet): void {
    switch (packet.cmd) {
      case 'connack':
        if (packet.returnCode !== 0)
          return this.fail(new Error(`external broker refused us, code ${packet.returnCode}`));
        // Also when the session is still there: filters may be new, and states come again.
        return this.write({
          cmd: 'subscribe',
          messageId: this.freeId(),
          subscriptions: GATEWAY_FILTERS.map((topic) => ({ topic, qos: 1 })),
        });
      case 'suback': {
        const refused = GATEWAY_FILTERS.filter((_, i) => packet.granted[i] === 128);
        if (refused.length > 0)
          this.options.log.error({ refused }, 'external broker refuses subscriptions: check its access rules');
        this.ready = true;
        return this.events.ready();
      }
      case 'publish':
        return this.message(packet);
      case 'puback':
        this.publishing.get(packet.messageId as number)?.resolve();
        this.publishing.delete(packet.messageId as number);
        return;
      default:
        return;
    }
  }

  private message(packet: IPublishPacket): void {
    const topic = parseTopic(packet.topic);
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    // Only a state means something when it is an old one kept by the broker; readings would be stored again and again.
    const useless = packet.retain && topic?.kind !== 'edge-state';
    const sender = topic === undefined ? 'external-broker' : 'edge' in topic ? topic.edge : topic.device;
    const stored = useless ? Promise.resolve() : this.options.subscriber.take(packet.topic, payload, sender);
    this.heldBack += 1;
    this.window.add(packet.qos > 0 ? packet.messageId : undefined, payload.length, stored, () => {
      this.heldBack -= 1;
      if (this.heldBack === 0) this.socket.resume();
    });
    if (this.heldBack > 0) this.socket.pause();
  }

  private freeId(): number {
    do this.nextId = (this.nextId % 65_535) + 1;
    while (this.publishing.has(this.nextId));
    return this.nextId;
  }

  private write(packet: Packet): void {
    if (!this.socket.destroyed) this.socket.write(generate(packet));
  }

  private fail(error: Error): void {
    this.error = error;
    this.socket.destroy();
  }

  private closed(): void {
    this.ready = false;
    for (const timer of this.timers) clearTimeout(timer);
    for (const { reject } of this.publishing.values()) reject(this.error);
    this.publishing.clear();
    this.events.closed(this.error);
  }
}
