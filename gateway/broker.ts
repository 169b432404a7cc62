import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type AuthenticateError, type Client, type ConnectPacket, type PublishPacket } from 'aedes';
import type { Logger } from 'pino';
import { parseTopic } from '../contract/topics.ts';
import { isGenerated, SecretsBusyError } from './accounts/secrets.ts';
import type { Accounts } from './accounts.ts';
import { CLIENT_ID_PATTERN, mayLeaveAsWill, mayPublish, maySubscribe, type Peer, topicFault } from './broker/access.ts';
import { Attempts } from './broker/attempts.ts';
import { FrameGate } from './broker/frames.ts';
import { READ_BYTES_MAX, Turns } from './broker/turns.ts';
import { AckWindow, MESSAGE_BYTES, Waiting } from './broker/window.ts';
import type { Metrics } from './metrics.ts';
import type { MqttOut, Subscriber } from './subscriber.ts';

export interface BrokerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** A second listener with TLS; PEM texts. */
  readonly tls?: { readonly port: number; readonly cert: string; readonly key: string };
  readonly accounts: Pick<Accounts, 'verifyCredential' | 'onRevoked' | 'refresh'>;
  readonly subscriber: Pick<Subscriber, 'take' | 'refuse' | 'tooLarge'>;
  readonly now: () => number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * The embedded MQTT 3.1.1 broker. What clients publish goes to the gateway and to nobody else; what the gateway
 * publishes (marks, commands) goes to the edges. A QoS 1 message is acknowledged once it is on disk.
 */
export interface Broker extends MqttOut {
  readonly port: number;
  readonly tlsPort: number | undefined;
  /** Ends all connections; their last wills say nothing, since it is we who leave. */
  close(): Promise<void>;
}

/** A storm of 10,000 clients must find room in the queue of not yet accepted connections. */
const BACKLOG = 4096;
/** Below the usual file limit of 20,000 with room for everything else. */
const CONNECTIONS_MAX = 16_000;
/** Time from the connection to a complete CONNECT. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long a subscriber may leave its socket full before it is dropped: it holds up the others. */
const DRAIN_TIMEOUT_MS = 15_000;
/** Packets a client may send before our CONNACK. */
const EARLY_PACKETS_MAX = 200;
/** Connections of one user at a time; a further one ends the oldest, which is mostly a dead one. */
const CONNECTIONS_PER_USER_MAX = 8;
/** A client that asks for no keep-alive, or a longer one, is dropped after one and a half times this silence. */
const KEEP_ALIVE_MAX_S = 1200;
/** A client that never reads its acknowledgements is dropped at this many unsent bytes. */
const UNREAD_BYTES_MAX = 1024 * 1024;
/** How often a removed credential is looked for. */
const REVOCATION_EVERY_MS = 1000;

interface Session {
  readonly peer: Peer;
  readonly window: AckWindow;
}

/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const IDENTIFIER_REJECTED = 2;
const SERVER_UNAVAILABLE = 3;
const BAD_USER_OR_PASSWORD = 4;
const NOT_AUTHORIZED = 5;

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { accounts, subscriber, now, metrics, log } = options;
  const refusals = metrics.counters('hanfeng_broker_refused_total', 'Connections and subscriptions refused.', ['why']);
  const waiting = new Waiting();
  const turns = new Turns();
  const attempts = new Attempts();
  const connects = new WeakMap<Client, ConnectPacket>();
  const sessions = new WeakMap<Client, Session>();
  const live = new Set<Client>();
  const byUser = new Map<string, Set<Client>>();
  let closing = false;

  const broker = new Aedes({
    connectTimeout: CONNECT_TIMEOUT_MS,
    drainTimeout: DRAIN_TIMEOUT_MS,
    queueLimit: EARLY_PACKETS_MAX,
    maxClientsIdLength: 128,

    preConnect(client, packet, done) {
      const fault = connectFault(packet);
      if (fault !== undefined) {
        refusals.with('malformed').value += 1;
        done(new Error(fault), false);
        return;
      }
      // Sessions end with the connection: an embedded broker that queues for absent clients grows without bound, and
      // an edge subscribes again at every connect anyway.
      packet.clean = true;
      if (!packet.keepalive || packet.keepalive > KEEP_ALIVE_MAX_S) packet.keepalive = KEEP_ALIVE_MAX_S;
      connects.set(client, packet);
      done(null, true);
    },

    authenticate(client, username, password, done) {
      admit(client, username, password).then(
        (peer) => {
          // Gone while its password was checked.
          if (client.closed || client.conn.destroyed) return done(refusal('gone', SERVER_UNAVAILABLE), false);
          enter(client, peer);
          done(null, true);
        },
        (error: AuthenticateError) => {
          const expected = error.returnCode !== undefined;
          refusals.with(expected ? error.message : 'error').value += 1;
          if (!expected) log.error({ err: error }, 'credentials not checked');
          done(error, false);
        },
      );
    },

    authorizeSubscribe(client, subscription, done) {
      const session = sessions.get(client);
      const filter = subscription.topic;
      if (topicFault(filter.replaceAll(/[+#]/g, '').replace(/^\$/, '') || 'x') !== undefined) {
        done(new Error('malformed topic filter'));
      } else if (session !== undefined && maySubscribe(session.peer, filter)) done(null, subscription);
      else {
        refusals.with('foreign subscription').value += 1;
        log.warn({ client: client.id, filter: filter.slice(0, 200) }, 'subscription refused');
        // SUBACK 0x80.
        done(null, null);
      }
    },

    authorizePublish(client, packet, done) {
      const session = client === null ? undefined : sessions.get(client);
      if (client === null || session === undefined) return done(new Error('no session'));
      if (client.closed) return lastWill(client, session.peer, packet, done);
      const id = (packet as { messageId?: number }).messageId;
      const fault = packet.qos > 0 && !id ? 'packet id 0' : topicFault(packet.topic);
      if (fault !== undefined) return done(new Error(fault));
      const stored = hand(session.peer, packet);
      // QoS 2: what the client gets after the commit is the PUBREC.
      if (packet.qos === 2) {
        stored.then(() => done(), done);
        return;
      }
      const size = packet.payload.length + packet.topic.length + MESSAGE_BYTES;
      const qos = packet.qos;
      // From here on the acknowledgement is ours: the parser goes on at once, so that a stalled store stops neither
      // pings nor the messages behind this one.
      packet.qos = 0;
      session.window.add(qos === 1 ? id : undefined, size, stored, () => done());
    },
  });

  // What a client publishes has been handed to the gateway; nobody else is to get it, and nothing is retained.
  const publishOwn = broker.publish.bind(broker) as (packet: PublishPacket, done: (error?: Error) => void) => void;
  broker.publish = (packet: PublishPacket, ...rest: unknown[]) => {
    const done = rest.at(-1) as (error?: Error) => void;
    if (rest.length > 1 && rest[0] !== null) setImmediate(done);
    else publishOwn(packet, done);
  };

  /** @throws AuthenticateError */
  async function admit(client: Client, username: string | undefined, password: Buffer | undefined): Promise<Peer> {
    const packet = connects.get(client);
    if (packet === undefined || !CLIENT_ID_PATTERN.test(packet.clientId))
      throw refusal('client id', IDENTIFIER_REJECTED);
    if (closing) throw refusal('closing', SERVER_UNAVAILABLE);
    const secret = password?.toString('utf8') ?? '';
    const name = username ?? '';
    const guessable = !isGenerated(secret);
    const key = `${name.slice(0, 64)} ${(client.conn as Socket).remoteAddress}`;
    if (guessable && attempts.blocked(key, now())) throw refusal('too many attempts', BAD_USER_OR_PASSWORD);
    const credential = await accounts.verifyCredential(name, secret).catch((error: Error) => {
      throw error instanceof SecretsBusyError ? refusal('busy', SERVER_UNAVAILABLE) : error;
    });
    if (credential === undefined) {
      if (guessable) attempts.failed(key, now());
      throw refusal('credentials', BAD_USER_OR_PASSWORD);
    }
    const will = packet.will;
    if (will !== undefined) {
      const topic = topicFault(will.topic) === undefined ? parseTopic(will.topic) : undefined;
      if (topic === undefined || !mayLeaveAsWill(credential, topic)) throw refusal('foreign last will', NOT_AUTHORIZED);
    }
    return credential;
  }

  function enter(client: Client, peer: Peer): void {
    // Two users may use the same client id; only the same user's newer connection takes over.
    (client as { id: string }).id = `${peer.id}/${client.id}`;
    const window = new AckWindow(
      waiting,
      (pubacks) => {
        if (client.closed || client.conn.destroyed) return;
        client.conn.write(pubacks);
        if (client.conn.writableLength > UNREAD_BYTES_MAX) client.conn.destroy(new Error('acknowledgements not read'));
      },
      (error) => {
        log.error({ client: client.id, err: error }, 'message not stored: connection ended, the sender sends it again');
        client.close();
      },
    );
    sessions.set(client, { peer, window });
    live.add(client);
    const clients = byUser.get(peer.id) ?? new Set();
    byUser.set(peer.id, clients.add(client));
    if (clients.size > CONNECTIONS_PER_USER_MAX) (clients.values().next().value as Client).close();
    // Also reached when the connection breaks before it is complete, which the broker does not announce.
    client.conn.once('close', () => leave(client, peer));
  }

  function leave(client: Client, peer: Peer): void {
    live.delete(client);
    const clients = byUser.get(peer.id);
    clients?.delete(client);
    if (clients?.size === 0) byUser.delete(peer.id);
  }

  /** "I am gone" counts only when no other connection of the same user is up, and not when it is we who close. */
  function lastWill(client: Client, peer: Peer, will: PublishPacket, done: (error?: Error | null) => void): void {
    const topic = parseTopic(will.topic);
    const others = [...(byUser.get(peer.id) ?? [])].some((other) => other !== client && !other.closed);
    if (closing || others || topic === undefined || !mayLeaveAsWill(peer, topic)) return done(new Error('no will'));
    hand(peer, will).then(() => done(), done);
  }

  function hand(peer: Peer, packet: PublishPacket): Promise<void> {
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    const topic = parseTopic(packet.topic);
    if (topic !== undefined && mayPublish(peer, topic)) return subscriber.take(packet.topic, payload, peer.id);
    log.debug({ peer: peer.id, topic: packet.topic.slice(0, 200) }, 'message on a foreign topic');
    return subscriber.refuse(packet.topic, payload, peer.id);
  }

  broker.on('clientError', (client, error) => log.debug({ client: client.id, err: error }, 'client dropped'));
  broker.on('connectionError', (_, error) => log.debug({ err: error }, 'connection dropped before it was complete'));
  broker.on('keepaliveTimeout', () => {
    refusals.with('silent').value += 1;
  });
  metrics.gauge('hanfeng_broker_clients', 'Connected MQTT clients.', () => live.size);
  metrics.gauge('hanfeng_broker_waiting_messages', 'Messages that wait for their commit.', () => waiting.messages);
  metrics.gauge('hanfeng_broker_waiting_bytes', 'Bytes that wait for their commit.', () => waiting.bytes);
  metrics.gauge(
    'hanfeng_broker_waiting_connections',
    'Connections that wait for their turn to be read.',
    () => turns.waitingCount,
  );

  const stopRevoking = accounts.onRevoked((ids) => {
    for (const id of ids) {
      for (const client of byUser.get(id) ?? []) {
        log.info({ client: client.id }, 'credential removed or replaced: connection ended');
        client.close();
      }
    }
  });
  const revocation = setInterval(() => {
    accounts.refresh().catch((error: Error) => log.error({ err: error }, 'accounts not readable'));
  }, REVOCATION_EVERY_MS);
  revocation.unref();

  await broker.listen();
  const accept = (socket: Socket) => {
    let client: Client | undefined;
    gate(socket, turns, (fault, isTooLarge) => {
      refusals.with('malformed').value += 1;
      const session = client === undefined ? undefined : sessions.get(client);
      if (!isTooLarge || session === undefined) return;
      subscriber.tooLarge(fault, session.peer.id).catch((error: Error) => log.error({ err: error }, 'no dead letter'));
    });
    client = broker.handle(socket);
  };
  const servers: Server[] = [createServer({ noDelay: true, keepAlive: true }, accept)];
  if (options.tls !== undefined) {
    const { cert, key } = options.tls;
    servers.push(
      createTlsServer({ cert, key, noDelay: true, keepAlive: true, handshakeTimeout: CONNECT_TIMEOUT_MS }, accept),
    );
  }
  const ports: number[] = [];
  for (const [i, server] of servers.entries()) {
    server.maxConnections = CONNECTIONS_MAX;
    ports.push(await listen(server, options.host, i === 0 ? options.port : (options.tls?.port ?? 0)));
    server.on('error', (error) => log.error({ err: error }, 'broker listener'));
  }

  return {
    port: ports[0] as number,
    tlsPort: ports[1],
    publish: (topic, payload, { qos, retained }) =>
      new Promise((resolve, reject) => {
        const packet: PublishPacket = { cmd: 'publish', topic, payload, qos, retain: retained, dup: false };
        publishOwn(packet, (error) => (error ? reject(error) : resolve()));
      }),
    async close() {
      closing = true;
      stopRevoking();
      clearInterval(revocation);
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      for (const client of live) client.conn.destroy();
      await Promise.race([Promise.all(closed), new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    },
  };
}

/** What the parser tolerates in a CONNECT though MQTT 3.1.1 (3.1.2, 3.1.3) forbids it. */
function connectFault(packet: ConnectPacket): string | undefined {
  if (packet.will !== undefined && (packet.will.qos as number) > 2) return 'last will with QoS 3';
  if (packet.password !== undefined && packet.username === undefined) return 'password without user name';
  if (packet.clientId === '' && packet.clean === false) return 'no client id for a lasting session';
  const texts = [packet.clientId, packet.username ?? ''];
  if (texts.some((text) => text !== '' && topicFault(text.replaceAll(/[$+#]/g, 'x')) !== undefined))
    return 'control character or no UTF-8 in client id or user name';
  return undefined;
}

function refusal(message: string, returnCode: number): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}

/**
 * Looks at every byte before the broker's parser does, which pulls with `read()`; hands over little at a time, and only
 * in this connection's turn.
 */
function gate(socket: Socket, turns: Turns, onFault: (fault: string, isTooLarge: boolean) => void): void {
  const frames = new FrameGate();
  const read = socket.read.bind(socket);
  socket.read = (size?: number) => {
    // Only a hint to the socket to fetch more.
    if (size === 0) return read(0);
    if (!turns.mayRead(socket)) return null;
    const available = socket.readableLength;
    const chunk = read(available > READ_BYTES_MAX ? READ_BYTES_MAX : size) as Buffer | null;
    if (chunk === null) return null;
    const fault = frames.check(chunk);
    if (fault === undefined) {
      // The parser reads on when it is done with a packet; without one it would wait for bytes that are here already.
      if (available > READ_BYTES_MAX && frames.packetsEnded === 0) turns.later(socket);
      return chunk;
    }
    onFault(fault, frames.isTooLarge);
    socket.destroy(new Error(fault));
    return null;
  };
  socket.once('close', () => turns.forget(socket));
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
