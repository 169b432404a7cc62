import { chmodSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { idSchema } from '../contract/reading.ts';
import type { EdgeState } from '../contract/state.ts';
import type { PointValue } from './acquire.ts';
import type { OutboxStatus } from './outbox.ts';
import { SERVICE_MAX_MS, type ServiceEntry, type ServiceMode } from './service.ts';
import type { UplinkStatus } from './uplink.ts';

/** Key `local` of edge.yaml: the face for the technician at the cabinet. */
export const localSchema = z
  .strictObject({
    socket: z.string().max(100).optional().describe('Unix socket; <dataDir>/edge.sock unless said otherwise'),
  })
  .describe('hanfeng edge status, watch, service, sheet');

export function socketPath(config: {
  readonly dataDir: string;
  readonly local?: { readonly socket?: string | undefined };
}): string {
  return config.local?.socket ?? join(config.dataDir, 'edge.sock');
}

/** Longest path a unix socket may have (unix(7)); longer ones are cut by the system without a word. */
const SOCKET_PATH_MAX = 107;
const BODY_BYTES_MAX = 16 * 1024;

/** Everything the local face shows; times in UTC milliseconds. */
export interface LocalStatus {
  readonly edge: string;
  readonly version: string;
  readonly at: number;
  readonly clock: 'synced' | 'free';
  readonly outbox: OutboxStatus;
  readonly uplink: UplinkStatus;
  readonly lines: NonNullable<EdgeState['lines']>;
  readonly service: readonly ServiceEntry[];
  readonly commandsEnabled: boolean;
  readonly values: readonly PointValue[];
}

export interface LocalOptions {
  readonly path: string;
  readonly status: () => LocalStatus;
  readonly sheet: () => string;
  readonly service: ServiceMode;
  readonly knowsDevice: (device: string) => boolean;
  readonly setCommands: (enabled: boolean, who: string) => void;
  readonly log: Logger;
}

const serviceSchema = z.strictObject({
  device: idSchema.optional(),
  forMs: z.number().int().min(1000).max(SERVICE_MAX_MS),
  who: z.string().min(1).max(64),
  why: z.string().max(200).optional(),
});
const endSchema = z.strictObject({ device: idSchema.optional(), who: z.string().min(1).max(64) });
const commandsSchema = z.strictObject({ enabled: z.boolean(), who: z.string().min(1).max(64) });

/**
 * Serves the local face as HTTP over a unix socket; who may open the file may use it. The caller owns the data folder, so a
 * socket found there is a dead process's.
 *
 * @returns closes it
 */
export async function serveLocal(options: LocalOptions): Promise<() => Promise<void>> {
  const { path, log } = options;
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX)
    throw new Error(`local.socket: ${path} is longer than the ${SOCKET_PATH_MAX} bytes a socket's path may have`);
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      const isOurs = error instanceof BadRequest;
      if (!isOurs) log.error({ code: 'local-failed', err: error }, 'local face');
      send(response, isOurs ? 400 : 500, { error: isOurs ? error.message : 'failed' });
    });
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => log.error({ code: 'local-failed', err: error }, 'local face'));
  chmodSync(path, 0o660);
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

class BadRequest extends Error {}

async function answer(options: LocalOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { service } = options;
  switch (`${request.method} ${request.url}`) {
    case 'GET /status':
      return send(response, 200, options.status());
    case 'GET /sheet.csv':
      response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' });
      response.end(options.sheet());
      return;
    case 'POST /service': {
      const entry = await body(request, serviceSchema);
      if (entry.device !== undefined && !options.knowsDevice(entry.device))
        throw new BadRequest(`no device ${entry.device} on this edge`);
      return send(response, 200, await service.begin(entry));
    }
    case 'POST /service/end': {
      const { device, who } = await body(request, endSchema);
      return send(response, 200, { ended: await service.end(device, who) });
    }
    case 'POST /commands': {
      const { enabled, who } = await body(request, commandsSchema);
      options.setCommands(enabled, who);
      return send(response, 200, { enabled });
    }
    default:
      return send(response, 404, { error: `nothing at ${request.method} ${request.url}` });
  }
}

async function body<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new BadRequest(`more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BadRequest('not JSON');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new BadRequest(z.prettifyError(parsed.error));
  return parsed.data;
}

function send(response: ServerResponse, status: number, content: unknown): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(content));
}
