import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Aedes } from 'aedes';

/** What the load process is asked for. */
export interface EdgeLoadTask {
  readonly edge: string;
  readonly devices: number;
  readonly registers: number;
}

/** Where its servers listen. */
export interface EdgeLoadReady {
  readonly kind: 'ready';
  readonly ports: readonly number[];
  readonly mqttPort: number;
}

/** What has arrived since the start, sent on request. */
export interface EdgeLoadCount {
  readonly kind: 'count';
  readonly requests: number;
  readonly values: number;
  readonly bad: number;
}

let requests = 0;
let values = 0;
let bad = 0;

process.on('message', (message: EdgeLoadTask | 'count') => {
  if (message === 'count') process.send?.({ kind: 'count', requests, values, bad } satisfies EdgeLoadCount);
  else void serve(message);
});
process.once('disconnect', () => process.exit(0));

/** Modbus TCP devices with one port each, and a broker whose gateway stores everything at once. */
async function serve({ edge, devices, registers }: EdgeLoadTask): Promise<void> {
  const ports: number[] = [];
  for (let device = 0; device < devices; device++)
    ports.push(await listen(createTcpServer((socket) => answer(socket, registers))));
  const broker = await Aedes.createBroker();
  const marks: Record<string, number> = {};
  broker.on('publish', (packet) => {
    if (packet.topic !== `hf/v1/edge/${edge}/batch`) return;
    const payload = packet.payload as Buffer;
    const text = (payload[0] === 0x1f ? gunzipSync(payload) : payload).toString();
    const batch = JSON.parse(text) as { outbox: string; seq: number; readings?: { values: Record<string, unknown> }[] };
    marks[batch.outbox] = Math.max(marks[batch.outbox] ?? 0, batch.seq);
    for (const reading of batch.readings ?? []) {
      for (const value of Object.values(reading.values)) {
        values++;
        if (typeof value !== 'number') bad++;
      }
    }
  });
  setInterval(() => {
    const payload = Buffer.from(JSON.stringify({ store: 'bench', marks, at: Date.now() }));
    broker.publish(
      { cmd: 'publish', topic: `hf/v1/edge/${edge}/stored/bench`, payload, qos: 1, retain: true, dup: false },
      () => {},
    );
  }, 500);
  const mqttPort = await listen(createTcpServer({ noDelay: true }, broker.handle));
  process.send?.({ kind: 'ready', ports, mqttPort } satisfies EdgeLoadReady);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
}

/** Every request gets as many registers as it asks for; they change with each. */
function answer(socket: Socket, registers: number): void {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  const reply = Buffer.alloc(9 + 2 * registers);
  socket.on('data', (request) => {
    if (request.length < 12) return;
    const count = Math.min(registers, request.readUInt16BE(10));
    requests++;
    request.copy(reply, 0, 0, 2);
    reply.writeUInt16BE(3 + 2 * count, 4);
    reply[6] = request[6] as number;
    reply[7] = request[7] as number;
    reply[8] = 2 * count;
    for (let index = 0; index < count; index++) reply.writeUInt16BE((requests + index * 7) & 0xffff, 9 + 2 * index);
    socket.write(reply.subarray(0, 9 + 2 * count));
  });
}
