import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CONTROL_PAGE } from './control-page.ts';
import { closeServer, keepSockets, type LineServer, listen } from './modbus/tcp-server.ts';
import type { ScenarioPlayer } from './scenario-player.ts';
import { FaultError, type FaultOrder, type Simulation } from './simulation.ts';

/** An order is a line of JSON. */
const BODY_BYTES_MAX = 16_384;

/**
 * The local face of the simulated district: a page, `GET /status`, `POST /faults`, `GET` and
 * `POST /scenarios`. Loopback only and without a token, so it refuses
 * what a web page of somebody else could send: a foreign Origin, a Host that is no loopback name, a body that is not JSON.
 */
export async function serveControl(
  simulation: Simulation,
  player: ScenarioPlayer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<LineServer> {
  const server: Server = createServer((request, response) => {
    answer({ simulation, player }, request, response).catch((error: unknown) => {
      send(response, 500, { code: 'failed', message: error instanceof Error ? error.message : String(error) });
    });
  });
  server.requestTimeout = 10_000;
  const sockets = keepSockets(server);
  await listen(server, host, port);
  return { port: (server.address() as { port: number }).port, close: () => closeServer(server, sockets) };
}

interface Controlled {
  readonly simulation: Simulation;
  readonly player: ScenarioPlayer;
}

async function answer(controlled: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const refusal = refuse(request);
  if (refusal !== undefined) return send(response, 403, { code: 'refused', message: refusal });
  const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (request.method === 'GET' && pathname === '/') return sendPage(response);
  if (request.method === 'GET' && pathname === '/status') return send(response, 200, status(controlled));
  if (request.method === 'GET' && pathname === '/scenarios') return send(response, 200, scenarios(controlled));
  const act = request.method === 'POST' ? ACTIONS[pathname] : undefined;
  if (act === undefined)
    return send(response, 404, { code: 'not-found', message: 'GET /, /status, /scenarios; POST /faults, /scenarios' });
  try {
    const outcome = act(controlled, await bodyOf(request));
    if (typeof outcome === 'string') send(response, 400, { code: 'wrong-shape', message: outcome });
    else send(response, 200, outcome);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    send(response, 404, { code: error.code, message: error.message });
  }
}

/** What can be posted, by path; a text says why not. */
const ACTIONS: Readonly<Record<string, (controlled: Controlled, body: string | undefined) => object | string>> = {
  '/faults': ({ simulation }, body) => {
    const order = orderOf(body);
    return typeof order === 'string' ? order : { ...simulation.order(order), on: order.on };
  },
  '/scenarios': ({ player }, body) => {
    const wish = recordOf(body);
    if (typeof wish === 'string') return wish;
    if (wish.stop === true) {
      player.stop();
      return { stopped: true };
    }
    const { name, speed = 1 } = wish;
    if (typeof name !== 'string' || typeof speed !== 'number' || !(speed > 0))
      return '{"name": text, "speed"?: number} or {"stop": true}';
    return player.start(name, speed);
  },
};

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
  const wish = recordOf(text);
  if (typeof wish === 'string') return wish;
  const { name, device, on, value: amount } = wish;
  if (typeof name !== 'string' || typeof device !== 'string' || typeof on !== 'boolean')
    return '{"name": text, "device": text, "on": true or false, "value"?: number}';
  if (amount === undefined) return { name, device, on };
  if (typeof amount !== 'number' || !Number.isFinite(amount)) return 'value must be a number';
  return { name, device, on, value: amount };
}

function recordOf(text: string | undefined): Readonly<Record<string, unknown>> | string {
  if (text === undefined) return `more than ${BODY_BYTES_MAX} bytes`;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : 'not an object';
  } catch {
    return 'not JSON';
  }
}

function scenarios({ player }: Controlled): object {
  return { scenarios: player.list().map(({ name, title, titleZh, see }) => ({ name, title, titleZh, see })) };
}

function status({ simulation, player }: Controlled): object {
  return {
    now: new Date(simulation.district.now()).toISOString(),
    playing: player.playing(),
    faults: simulation.activeFaults(),
    lines: [...simulation.lines.keys()],
    devices: Object.fromEntries(
      [...simulation.instruments.values()].map((instrument) => [
        instrument.id,
        {
          model: instrument.model.name,
          place: instrument.place,
          values: instrument.values(),
          faults: simulation.faultsOf(instrument.id),
        },
      ]),
    ),
  };
}

function sendPage(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  response.end(CONTROL_PAGE);
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

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
  response.end(JSON.stringify(body));
}
