import { createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** A request as the slave saw it. */
export interface Seen {
  readonly unit: number;
  readonly functionCode: number;
  readonly address: number;
  readonly count: number;
  readonly transactionId: number;
  readonly atMs: number;
  /** Requests before this one, on all connections. */
  readonly index: number;
  /** The whole request as it came. */
  readonly bytes: Buffer;
}

/** What the slave does about a request: any number of byte strings, each after a time. */
export type Behaviour = (seen: Seen, honest: Buffer) => readonly { readonly afterMs: number; readonly bytes: Buffer }[];

/** A Modbus server with the manners of a test, written apart from our own framing. */
export interface MisbehavingSlave {
  readonly port: number;
  readonly seen: Seen[];
  readonly connections: () => number;
  behave(behaviour: Behaviour): void;
  /** Closes every connection, or stops reading from them without a word. */
  drop(how: 'close' | 'freeze'): void;
  close(): Promise<void>;
}

/** CRC-16 of Modbus, bit by bit as the standard prints it. */
function crc(bytes: Buffer): Buffer {
  let value = 0xffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xa001 : value >>> 1;
  }
  return Buffer.from([value & 0xff, value >>> 8]);
}

/** Unit and PDU as a frame of the given kind. */
export function frameOf(kind: 'mbap' | 'rtu', body: Buffer, transactionId = 0): Buffer {
  if (kind === 'rtu') return Buffer.concat([body, crc(body)]);
  const head = Buffer.alloc(6);
  head.writeUInt16BE(transactionId, 0);
  head.writeUInt16BE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** The true answer: holding register N holds N, input register N holds 10000 + N, odd bits are on. */
export function honestBody({
  unit,
  functionCode,
  address,
  count,
}: Pick<Seen, 'unit' | 'functionCode' | 'address' | 'count'>): Buffer {
  if (functionCode <= 2) {
    const bits = Buffer.alloc(Math.ceil(count / 8));
    for (let index = 0; index < count; index++) {
      if ((address + index) % 2 === 1) bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
    }
    return Buffer.concat([Buffer.from([unit, functionCode, bits.length]), bits]);
  }
  const body = Buffer.alloc(3 + 2 * count);
  body.set([unit, functionCode, 2 * count]);
  for (let index = 0; index < count; index++) {
    body.writeUInt16BE((functionCode === 4 ? 10_000 : 0) + address + index, 3 + 2 * index);
  }
  return body;
}

export function exceptionBody(seen: Pick<Seen, 'unit' | 'functionCode'>, code: number): Buffer {
  return Buffer.from([seen.unit, seen.functionCode | 0x80, code]);
}

export const honestly: Behaviour = (_, honest) => [{ afterMs: 0, bytes: honest }];

export function startMisbehavingSlave(kind: 'mbap' | 'rtu', first: Behaviour = honestly): Promise<MisbehavingSlave> {
  let behaviour = first;
  let connections = 0;
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const frozen = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    connections++;
    sockets.add(socket);
    let buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      if (frozen.has(socket)) return;
      buffer = Buffer.concat([buffer, chunk]);
      const length = kind === 'mbap' ? 12 : 8;
      // Requests that read have one length; nothing else is sent to this slave.
      while (buffer.length >= length) {
        const bytes = buffer.subarray(0, length);
        buffer = buffer.subarray(length);
        const at = kind === 'mbap' ? 6 : 0;
        const one: Seen = {
          unit: bytes[at] as number,
          functionCode: bytes[at + 1] as number,
          address: bytes.readUInt16BE(at + 2),
          count: bytes.readUInt16BE(at + 4),
          transactionId: kind === 'mbap' ? bytes.readUInt16BE(0) : 0,
          atMs: performance.now(),
          index: seen.length,
          bytes,
        };
        seen.push(one);
        const honest = frameOf(kind, honestBody(one), one.transactionId);
        for (const { afterMs, bytes: answer } of behaviour(one, honest)) {
          const send = () => {
            if (!socket.destroyed && !frozen.has(socket)) socket.write(answer);
          };
          if (afterMs === 0) send();
          else setTimeout(send, afterMs);
        }
      }
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: address !== null && typeof address === 'object' ? address.port : 0,
        seen,
        connections: () => connections,
        behave(next) {
          behaviour = next;
        },
        drop(how) {
          for (const socket of sockets) {
            if (how === 'close') socket.destroy();
            else frozen.add(socket);
          }
        },
        close: () =>
          new Promise((done) => {
            for (const socket of sockets) socket.destroy();
            server.close(() => done());
          }),
      });
    });
  });
}
