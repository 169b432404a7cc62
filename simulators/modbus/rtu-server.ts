import { EventEmitter } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import jsmodbus from 'jsmodbus';
import { requestOf, responseOf } from './frames.ts';
import { type Reply, replyTo, type SimulatedLine } from './line.ts';
import {
  closeServer,
  keepSockets,
  type LibraryRequest,
  type LineServer,
  listen,
  NO_BUFFERS,
  REQUEST_EVENTS,
} from './tcp-server.ts';

/** Bits of one character on the wire: start, eight data, parity or a second stop, stop (MODBUS over Serial Line V1.02, 2.5.1). */
const BITS_PER_CHARACTER = 11;
/** A frame ends with this much silence; above 19200 baud a fixed 1.75 ms (the same document, 2.5.1.1). */
const SILENT_CHARACTERS = 3.5;
const FIXED_SILENCE_MS = 1.75;
/** TCP and pseudo terminals deliver a frame in pieces without keeping its timing: wait at least this long for the rest. */
const SILENCE_LEAST_MS = 4;
/** Longest legal frame; whatever grows beyond is noise (the same document, 2.5.1). */
const FRAME_BYTES_MAX = 256;
const NOISE_BYTES_MAX = 6;

/** How long `bytes` take on the wire. */
export function wireTimeMs(bytes: number, baud: number): number {
  return (bytes * BITS_PER_CHARACTER * 1000) / baud;
}

/** A byte stream with RTU frames on it: a serial port, or a TCP connection to a transparent converter. */
export interface ByteStream {
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  write(bytes: Buffer): unknown;
}

export interface RtuOptions {
  /** The pace of the wire: neither TCP nor a pseudo terminal keeps it, so answers wait as long as a real wire would take. */
  readonly baud: number;
  readonly signal: AbortSignal;
}

/** Answers RTU requests on one stream. Frames are told apart by silence, as devices do it; a bad check sum gets no answer. */
export function attachRtu(line: SimulatedLine, stream: ByteStream, { baud, signal }: RtuOptions): void {
  const silenceMs = Math.max(SILENCE_LEAST_MS, baud > 19_200 ? FIXED_SILENCE_MS : wireTimeMs(SILENT_CHARACTERS, baud));
  let received = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    const frame = received;
    received = Buffer.alloc(0);
    if (frame.length <= FRAME_BYTES_MAX && !signal.aborted) takeFrame(line, stream, frame, { baud, signal });
  };
  stream.on('data', (bytes) => {
    received = Buffer.concat([received, bytes.subarray(0, FRAME_BYTES_MAX + 1)]);
    clearTimeout(timer);
    timer = setTimeout(end, silenceMs);
  });
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** One frame through the library, which checks it and tells us what was asked. A fresh parser each time: noise leaves no rest. */
function takeFrame(line: SimulatedLine, stream: ByteStream, frame: Buffer, options: RtuOptions): void {
  const port = new EventEmitter();
  const modbus = new jsmodbus.server.RTU(port as never, NO_BUFFERS);
  for (const event of REQUEST_EVENTS)
    modbus.on(
      event as 'readCoils',
      ((request: LibraryRequest) => {
        const known = requestOf(request.body);
        if (known === undefined) return;
        const reply = replyTo(line, request.unitId, known);
        if (reply.kind === 'silence') return;
        const body = responseOf(request.body, reply.answer);
        const bytes = new jsmodbus.ModbusRTUResponse(reply.unitId, undefined as never, body).createPayload();
        void send(stream, reply, bytes, { ...options, asked: frame.length, chance: line.chance });
      }) as never,
    );
  port.emit('data', frame);
}

async function send(
  stream: ByteStream,
  reply: Extract<Reply, { readonly kind: 'reply' }>,
  bytes: Buffer,
  { baud, signal, asked, chance }: RtuOptions & { readonly asked: number; readonly chance: () => number },
): Promise<void> {
  const onWireMs = wireTimeMs(asked + bytes.length, baud);
  await sleep(onWireMs + reply.delayMs, undefined, { signal }).catch(() => undefined);
  if (signal.aborted) return;
  if (reply.spoil === 'bad-crc') bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 0x5a;
  stream.write(reply.spoil === 'noise' ? Buffer.concat([noise(chance), bytes]) : bytes);
}

function noise(chance: () => number): Buffer {
  const length = 1 + Math.floor(chance() * NOISE_BYTES_MAX);
  return Buffer.from(Array.from({ length }, () => Math.floor(chance() * 256)));
}

/** Serves a line as RTU frames inside TCP: what a transparent serial converter in the field offers. */
export async function serveRtuOverTcp(
  line: SimulatedLine,
  { host, port, baud, signal }: { readonly host: string; readonly port: number } & RtuOptions,
): Promise<LineServer> {
  const server = createServer({ noDelay: true }, (socket: Socket) => attachRtu(line, socket, { baud, signal }));
  const sockets = keepSockets(server);
  await listen(server, host, port);
  return {
    port: (server.address() as { port: number }).port,
    close: () => closeServer(server, sockets),
  };
}
