import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { closeServer, keepSockets, type LineServer, listen } from './modbus/tcp-server.ts';
import { FaultError, type FaultOrder, type Simulation } from './simulation.ts';

/** An order is a line of JSON. */
const BODY_BYTES_MAX = 16_384;

/**
 * The local face of the simulated district: `GET /status`, `POST /faults`. Loopback only and without a token, so it refuses
 * what a web page of somebody else could send: a foreign Origin, a Host that is no loopback name, a body that is not JSON.
 */
export async function serveControl(
  simulation: Simulation,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<LineServer> {
  const server: Server = createServer((request, response) => {
    answer(simulation, request, response).catch((error: unknown) => {
      send(response, 500, { code: 'failed', message: error instanceof Error ? error.message : String(error) });
    });
  });
  server.requestTimeout = 10_000;
  const sockets = keepSockets(server);
  await listen(server, host, port);
  return { port: (server.address() as { port: number }).port, close: () => closeServer(server, sockets) };
}

async function answer(simulation: Simulation, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const refusal = refuse(request);
  if (refusal !== undefined) return send(response, 403, { code: 'refused', message: refusal });
  const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (request.method === 'GET' && pathname === '/status') return send(response, 200, status(simulation));
  if (request.method !== 'POST' || pathname !== '/faults')
    return send(response, 404, { code: 'not-found', message: 'GET /status, POST /faults' });
  const order = orderOf(await bodyOf(request));
  if (typeof order === 'string') return send(response, 400, { code: 'wrong-shape', message: order });
  try {
    send(response, 200, { ...simulation.order(order), on: order.on });
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    send(response, 404, { code: error.code, message: error.message });
  }
}

/** Why a request is not taken; undefined when it is. */
export function refuse({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): string | undefined {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  if (host !== '127.0.0.1' && host !== 'localhost') return 'only for this machine';
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`) return 'not from another site';
  if (headers['sec-fetch-site'] !== undefined && !['same-origin', 'none'].includes(headers['sec-fetch-site'] as string))
    return 'not from another site';
  if (method === 'POST' && !(headers['content-type'] ?? '').startsWith('application/json'))
    return 'the body must be application/json';
  return undefined;
}

export function orderOf(text: string | undefined): FaultOrder | string {
  if (text === undefined) return `more than ${BODY_BYTES_MAX} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  const { name, device, on, value: amount } = (value ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || typeof device !== 'string' || typeof on !== 'boolean')
    return '{"name": text, "device": text, "on": true or false, "value"?: number}';
  if (amount === undefined) return { name, device, on };
  if (typeof amount !== 'number' || !Number.isFinite(amount)) return 'value must be a number';
  return { name, device, on, value: amount };
}

function status(simulation: Simulation): unknown {
  return {
    now: new Date(simulation.district.now()).toISOString(),
    faults: simulation.activeFaults(),
    lines: [...simulation.lines.keys()],
    devices: Object.fromEntries(
      [...simulation.instruments.values()].map((instrument) => [
        instrument.id,
        {
          model: instrument.model.name,
          place: instrument.place,
          values: instrument.values(),
          faults: simulation.faultsOf(instrument.id).map(({ name }) => name),
        },
      ]),
    ),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
  response.end(JSON.stringify(body));
}
