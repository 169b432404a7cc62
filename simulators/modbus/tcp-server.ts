import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import jsmodbus from 'jsmodbus';
import { requestOf, responseOf } from './frames.ts';
import { replyTo, type SimulatedLine } from './line.ts';

/** Clients at once on one port: an edge, a second one, and a few curious laptops. */
const CLIENTS_MAX = 16;
/** A client that says nothing for this long is dropped, as serial gateways do. */
const IDLE_MS = 120_000;

type Body = jsmodbus.ModbusAbstractRequest['body'];

/** What the library hands us with each request, whatever the function code. */
export interface LibraryRequest {
  readonly unitId: number;
  readonly body: Body;
}

/** The library's request events; without a buffer of its own for a table it asks us. */
export const REQUEST_EVENTS = [
  'readCoils',
  'readDiscreteInputs',
  'readHoldingRegisters',
  'readInputRegisters',
  'writeSingleCoil',
  'writeSingleRegister',
  'writeMultipleRegisters',
] as const;

/** No buffers of the library's own: every request comes to us with its unit id. */
export const NO_BUFFERS = { coils: undefined, discrete: undefined, holding: undefined, input: undefined } as never;

/** A line served over Modbus TCP: many units behind one port, as behind a serial gateway in the field. */
export interface LineServer {
  /** The port it really listens on. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves a line on a TCP port.
 *
 * @param port - 0 takes a free one
 */
export async function serveTcp(
  line: SimulatedLine,
  { host, port, signal }: { readonly host: string; readonly port: number; readonly signal: AbortSignal },
): Promise<LineServer> {
  const server = createServer({ noDelay: true });
  server.maxConnections = CLIENTS_MAX;
  const sockets = keepSockets(server);
  const modbus = new jsmodbus.server.TCP(server, NO_BUFFERS);
  const handle = async (request: LibraryRequest & { readonly id: number }, send: (frame: Buffer) => void) => {
    const known = requestOf(request.body);
    if (known === undefined) return;
    const reply = replyTo(line, request.unitId, known);
    if (reply.kind === 'silence') return;
    const body = responseOf(request.body, reply.answer);
    const frame = new jsmodbus.ModbusTCPResponse(request.id, 0, body.byteCount + 1, reply.unitId, body).createPayload();
    if (reply.delayMs > 0) await sleep(reply.delayMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    // TCP has no check sum of ours to spoil: a torn frame is what a bad radio link behind a gateway makes of it.
    send(reply.spoil === undefined ? frame : frame.subarray(0, Math.max(6, frame.length - 3)));
  };
  for (const event of REQUEST_EVENTS) modbus.on(event as 'readCoils', handle as never);
  await listen(server, host, port);
  return {
    port: (server.address() as { port: number }).port,
    close: () => closeServer(server, sockets),
  };
}

/** Keeps the open sockets of a server, so that closing does not wait for its clients; a broken client ends only itself. */
export function keepSockets(server: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}

export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}
