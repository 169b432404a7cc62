import { createServer, type Server, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Aedes, type PublishPacket } from 'aedes';
import { type Batch, decodeBatch } from '../../contract/batch.ts';

/** A broker in this process that shows what passed, and can be cut off. */
export async function startBroker() {
  const broker = await Aedes.createBroker();
  const published: PublishPacket[] = [];
  const clients: string[] = [];
  broker.on('publish', (packet, client) => {
    if (client !== null) published.push(packet);
  });
  broker.on('client', ({ id }) => clients.push(id));
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    broker.handle(socket);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const on = (topic: string) => published.filter((packet) => packet.topic === topic);
  return {
    broker,
    clients,
    url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`,
    batches: () => on('hf/v1/edge/edge-1/batch').map(({ payload }) => readBatch(payload as Buffer)),
    states: () =>
      on('hf/v1/edge/edge-1/state').map(({ payload, retain }) => ({ ...JSON.parse(String(payload)), retain })),
    payloads: (topic: string) => on(topic).map(({ payload }) => payload as Buffer),
    say: (topic: string, payload: string, retain = false) =>
      new Promise<void>((done, failed) => {
        const packet = { cmd: 'publish' as const, topic, payload, qos: 1 as const, retain, dup: false };
        broker.publish(packet, (error) => (error == null ? done() : failed(error)));
      }),
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
      await new Promise<void>((done) => broker.close(() => done()));
    },
  };
}

function readBatch(payload: Buffer): Pick<Batch, 'seq' | 'outbox' | 'made'> & { readonly values: number[] } {
  const text = payload[0] === 0x1f ? gunzipSync(payload).toString() : payload.toString();
  const decoded = decodeBatch(text);
  if (!decoded.ok) throw new Error(decoded.detail);
  const { seq, outbox, made, readings } = decoded.value;
  return { seq, outbox, made, values: (readings as { values: { count: number } }[]).map(({ values }) => values.count) };
}
