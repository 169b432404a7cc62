import modbusSerial from 'modbus-serial';
import type { Dropped } from './frame.ts';
import { type Framing, ReplyPort, type Wire } from './port.ts';

/** One request on the wire. */
export type Request =
  | {
      readonly kind: 'read';
      readonly unitId: number;
      readonly functionCode: 1 | 2 | 3 | 4;
      readonly address: number;
      readonly count: number;
    }
  | { readonly kind: 'write-coil'; readonly unitId: number; readonly address: number; readonly on: boolean }
  | { readonly kind: 'write-register'; readonly unitId: number; readonly address: number; readonly value: number }
  | {
      readonly kind: 'write-registers';
      readonly unitId: number;
      readonly address: number;
      readonly values: Uint16Array;
    };

/** What became of a request. Never an error thrown: all of this is everyday life on a line. */
export type Reply =
  /** Registers as they came, two bytes each; bits one byte each, 0 or 1. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'written' }
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'timeout'; readonly badCrc: boolean }
  | { readonly kind: 'disconnected'; readonly detail: string };

/** An open connection with modbus-serial on top of our port. */
export interface ModbusClient {
  request(request: Request, timeoutMs: number): Promise<Reply>;
  readonly isOpen: boolean;
  /** When bytes last arrived, monotonic ms; 0 = never. */
  lastByteMs(): number;
  readonly dropped: Dropped;
  onClose(listener: (reason: string) => void): void;
  /** Told of each whole reply nobody waited for. */
  onForeign(listener: (unitId: number, functionCode: number, dataBytes: number) => void): void;
  close(): void;
}

interface LibraryReply {
  readonly data?: readonly boolean[];
  readonly buffer?: Buffer;
}
type LibraryError = Error & { readonly modbusCode?: number; readonly errno?: unknown };
type Callback = (error: LibraryError | null, result: LibraryReply) => void;

/** The library's callback face; its types leave the callback's error without the exception code. */
interface Library {
  open(callback: (error?: Error) => void): void;
  setTimeout(timeoutMs: number): void;
  on(event: 'error', listener: (error: unknown) => void): void;
  writeFC1(unitId: number, address: number, count: number, next: Callback): void;
  writeFC2(unitId: number, address: number, count: number, next: Callback): void;
  writeFC3(unitId: number, address: number, count: number, next: Callback): void;
  writeFC4(unitId: number, address: number, count: number, next: Callback): void;
  writeFC5(unitId: number, address: number, state: boolean, next: Callback): void;
  writeFC6(unitId: number, address: number, value: number, next: Callback): void;
  writeFC16(unitId: number, address: number, values: Buffer, next: Callback): void;
  _cancelPendingTransactions(): void;
}
const ModbusRTU = modbusSerial.default as unknown as new (port: ReplyPort) => Library;

/** Puts modbus-serial on an open wire. */
export function createModbusClient(wire: Wire, framing: Framing, monotonicMs: () => number): ModbusClient {
  const port = new ReplyPort(wire, framing, monotonicMs);
  const library = new ModbusRTU(port);
  // An emitter without a listener for `error` would end the process.
  library.on('error', () => {});
  library.open(() => {});
  const waiting = new Map<number, (reply: Reply) => void>();
  const closeListeners: ((reason: string) => void)[] = [];
  port.on('close', (reason: string) => {
    library._cancelPendingTransactions();
    for (const settle of [...waiting.values()]) settle({ kind: 'disconnected', detail: reason });
    for (const listener of closeListeners) listener(reason);
  });

  return {
    request(request, timeoutMs) {
      return new Promise<Reply>((resolve) => {
        const slot = port.freeSlot();
        if (!port.isOpen || slot === undefined)
          return resolve({ kind: 'disconnected', detail: port.isOpen ? 'too many requests in flight' : 'closed' });
        const settle = (reply: Reply) => {
          if (!waiting.delete(slot)) return;
          resolve(reply);
        };
        waiting.set(slot, settle);
        port._transactionIdWrite = slot;
        library.setTimeout(timeoutMs);
        try {
          send(library, request, (error, result) => settle(replyOf(error, result, request, () => port.abandon(slot))));
        } catch (error) {
          port.abandon(slot);
          settle({ kind: 'disconnected', detail: (error as Error).message });
        }
      });
    },
    get isOpen() {
      return port.isOpen;
    },
    lastByteMs: () => port.lastByteMs,
    dropped: port.dropped,
    onClose: (listener) => closeListeners.push(listener),
    onForeign(listener) {
      port.onForeign = listener;
    },
    close: () => port.destroy(),
  };
}

function send(library: Library, request: Request, next: Callback): void {
  const { unitId, address } = request;
  switch (request.kind) {
    case 'read':
      if (request.functionCode === 1) return library.writeFC1(unitId, address, request.count, next);
      if (request.functionCode === 2) return library.writeFC2(unitId, address, request.count, next);
      if (request.functionCode === 3) return library.writeFC3(unitId, address, request.count, next);
      return library.writeFC4(unitId, address, request.count, next);
    case 'write-coil':
      return library.writeFC5(unitId, address, request.on, next);
    case 'write-register':
      return library.writeFC6(unitId, address, request.value, next);
    case 'write-registers': {
      const buffer = Buffer.alloc(request.values.length * 2);
      request.values.forEach((value, index) => {
        buffer.writeUInt16BE(value, index * 2);
      });
      return library.writeFC16(unitId, address, buffer, next);
    }
  }
}

function replyOf(
  error: LibraryError | null,
  result: LibraryReply,
  request: Request,
  abandon: () => { readonly badCrc: boolean },
): Reply {
  if (error !== null && error !== undefined) {
    const { badCrc } = abandon();
    if (error.modbusCode !== undefined) return { kind: 'exception', code: error.modbusCode };
    if (error.errno === 'ETIMEDOUT') return { kind: 'timeout', badCrc };
    return { kind: 'disconnected', detail: error.message };
  }
  if (request.kind !== 'read') return { kind: 'written' };
  if (request.functionCode >= 3) return { kind: 'data', bytes: result.buffer ?? new Uint8Array(0) };
  return { kind: 'data', bytes: Uint8Array.from(result.data ?? [], Number) };
}
