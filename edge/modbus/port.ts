import { EventEmitter } from 'node:events';
import {
  answers,
  createMbapStream,
  createRtuStream,
  type Dropped,
  type Expectation,
  replyLength,
  toMbap,
} from './frame.ts';

/** A connection that carries bytes both ways: a TCP socket or a serial port. */
export interface Wire {
  write(bytes: Buffer): void;
  /** Ends it at once; `onClose` follows. */
  destroy(): void;
  onData(listener: (chunk: Buffer) => void): void;
  onClose(listener: (reason: string) => void): void;
}

/** How requests travel on a wire. */
export interface Framing {
  readonly kind: 'mbap' | 'rtu';
  /** Requests that may be unanswered at a time; 1 on everything but a good TCP device. */
  readonly maxInFlight: number;
  /** For gateways that don't echo the transaction id; only with one request in flight. */
  readonly ignoreTransactionId: boolean;
}

interface Pending extends Expectation {
  readonly slot: number;
  readonly transactionId: number;
  badCrc: boolean;
}

/**
 * The port object under modbus-serial: it frames what arrives and hands up only the frame that answers a request still
 * waiting. The library takes whatever comes for the answer and stops its timer at any frame; here late and foreign
 * replies are dropped before it sees them, so the timer keeps running.
 *
 * Emits `data` with an RTU frame (CRC included), and `close`.
 */
export class ReplyPort extends EventEmitter {
  /** Read and set by modbus-serial: under which key a request waits. We use a few slots again and again. */
  _transactionIdRead = 1;
  _transactionIdWrite = 1;
  isOpen = true;
  /** Milliseconds on the monotonic clock when bytes last arrived; 0 = never. */
  lastByteMs = 0;
  readonly dropped: Dropped = { foreign: 0, badCrc: 0, echoes: 0, strayBytes: 0 };
  /** Told of each whole frame that answered nobody: its unit, function and number of data bytes. */
  onForeign: (unitId: number, functionCode: number, dataBytes: number) => void = () => {};
  readonly #wire: Wire;
  readonly #framing: Framing;
  readonly #pending = new Map<number, Pending>();
  readonly #receive: (chunk: Buffer) => void;
  readonly #flush: () => void;
  #nextTransactionId = 1;

  constructor(wire: Wire, framing: Framing, monotonicMs: () => number) {
    super();
    this.#wire = wire;
    this.#framing = framing;
    if (framing.kind === 'mbap') {
      const stream = createMbapStream();
      this.#flush = () => {};
      this.#receive = (chunk) => {
        stream.push(chunk);
        for (let next = stream.next(); next !== undefined; next = stream.next()) {
          if (next === 'broken') return wire.destroy();
          this.#answer(next.frame, next.transactionId);
        }
      };
    } else {
      const stream = createRtuStream(this.dropped, (frame) => this.#tellForeign(frame));
      this.#flush = () => stream.flush();
      this.#receive = (chunk) => {
        stream.push(chunk);
        const [pending] = this.#pending.values();
        const before = this.dropped.badCrc;
        const frame = stream.take(pending);
        if (pending === undefined) return;
        if (this.dropped.badCrc > before) pending.badCrc = true;
        if (frame !== undefined) this.#hand(pending, frame);
      };
    }
    wire.onData((chunk) => {
      this.lastByteMs = monotonicMs();
      this.#receive(chunk);
    });
    wire.onClose((reason) => {
      if (!this.isOpen) return;
      this.isOpen = false;
      this.#pending.clear();
      this.emit('close', reason);
    });
  }

  /** Called by modbus-serial; the wire is open already. */
  open(callback: (error?: Error) => void): void {
    callback();
  }

  close(callback?: () => void): void {
    this.#wire.destroy();
    callback?.();
  }

  destroy(): void {
    this.#wire.destroy();
  }

  /** A slot free for a request, or undefined when as many as allowed are waiting. */
  freeSlot(): number | undefined {
    for (let slot = 1; slot <= this.#framing.maxInFlight; slot++) if (!this.#pending.has(slot)) return slot;
    return undefined;
  }

  /** Called by modbus-serial with a request as an RTU frame. */
  write(request: Buffer): void {
    const length = replyLength(request);
    if (length === undefined) throw new Error(`function ${request[1]} is not one we send`);
    const slot = this._transactionIdWrite;
    const transactionId = this.#nextTransactionId;
    this.#nextTransactionId = (transactionId % 0xffff) + 1;
    this.#pending.set(slot, {
      slot,
      transactionId,
      unitId: request[0] as number,
      functionCode: request[1] as number,
      request,
      replyLength: length,
      badCrc: false,
    });
    this.#flush();
    this.#wire.write(this.#framing.kind === 'mbap' ? toMbap(request, transactionId) : request);
  }

  /** The request in a slot waits no longer; what arrives for it from now on is late. Returns if a damaged reply came. */
  abandon(slot: number): { readonly badCrc: boolean } {
    const badCrc = this.#pending.get(slot)?.badCrc ?? false;
    this.#pending.delete(slot);
    return { badCrc };
  }

  #answer(frame: Buffer, transactionId: number): void {
    for (const pending of this.#pending.values()) {
      if (!this.#framing.ignoreTransactionId && pending.transactionId !== transactionId) continue;
      if (!answers(frame, pending)) break;
      return this.#hand(pending, frame);
    }
    this.dropped.foreign++;
    this.#tellForeign(frame);
  }

  #tellForeign(frame: Buffer): void {
    this.onForeign(frame[0] as number, frame[1] as number, frame.length - 5);
  }

  #hand(pending: Pending, frame: Buffer): void {
    this.#pending.delete(pending.slot);
    this._transactionIdRead = pending.slot;
    this.emit('data', frame);
  }
}
