/** What one request must be answered with; everything else is not its answer. */
export interface Expectation {
  readonly unitId: number;
  readonly functionCode: number;
  /** The request as an RTU frame: unit, function, data, CRC. */
  readonly request: Buffer;
  /** Length of the good reply as an RTU frame, bytes. */
  readonly replyLength: number;
}

/** What was received and not used, per line. */
export interface Dropped {
  /** Frames of another unit, function, length or transaction: late replies and replies to others. */
  foreign: number;
  /** Frames that fit but for their checksum. */
  badCrc: number;
  /** Our own request, handed back by the adapter. */
  echoes: number;
  /** Bytes that belong to no frame. */
  strayBytes: number;
}

/** Longest RTU frame (Modbus over serial line V1.02, 2.3). */
export const RTU_FRAME_MAX = 256;
/** Bytes kept while looking for a reply: no honest line has more between two requests. */
const BUFFER_MAX = 4 * RTU_FRAME_MAX;
/** Unit and PDU of a Modbus TCP frame (MODBUS Messaging on TCP/IP V1.0b, 4.1). */
const MBAP_PDU_MAX = 254;
const EXCEPTION_LENGTH = 5;
const WRITE_REPLY_LENGTH = 8;
const MBAP_LENGTH = 6;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  return crc;
});

/** CRC-16 of Modbus over a range of bytes (Modbus over serial line V1.02, 6.2.2). */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff;
  for (let index = start; index < end; index++) {
    crc = (crc >> 8) ^ (CRC_TABLE[(crc ^ (bytes[index] as number)) & 0xff] as number);
  }
  return crc;
}

function crcFits(bytes: Buffer, start: number, length: number): boolean {
  return bytes.readUInt16LE(start + length - 2) === crc16(bytes, start, start + length - 2);
}

/** Length of the good reply to a request, as an RTU frame with CRC; undefined for a function we never send. */
export function replyLength(request: Buffer): number | undefined {
  switch (request[1]) {
    case 1:
    case 2:
      return 5 + Math.ceil(request.readUInt16BE(4) / 8);
    case 3:
    case 4:
      return 5 + 2 * request.readUInt16BE(4);
    case 5:
    case 6:
    case 15:
    case 16:
      return WRITE_REPLY_LENGTH;
    default:
      return undefined;
  }
}

/** True if a frame with a good checksum answers the request: same unit, function, length, and for writes the same address and value. */
export function answers(frame: Buffer, expected: Expectation): boolean {
  if (frame[0] !== expected.unitId) return false;
  if (frame[1] === (expected.functionCode | 0x80)) return frame.length === EXCEPTION_LENGTH;
  if (frame[1] !== expected.functionCode || frame.length !== expected.replyLength) return false;
  if (expected.functionCode <= 4) return frame[2] === expected.replyLength - 5;
  return frame.compare(expected.request, 2, 6, 2, 6) === 0;
}

/** Finds RTU replies in a stream of bytes. */
export interface RtuStream {
  push(chunk: Buffer): void;
  /**
   * The reply to a request, once it has wholly arrived; everything before it is dropped. Without a request: drops what
   * has arrived.
   */
  take(expected: Expectation | undefined): Buffer | undefined;
  /** Forgets what has arrived and belongs to no request. */
  flush(): void;
}

/**
 * Looks for the one frame that answers: by unit, function, length and checksum, not by silence, since a converter may
 * cut and join frames as it likes.
 *
 * @param dropped - counted into
 * @param onForeign - told of each whole frame that answers nobody: a late reply, or a reply to somebody else
 */
export function createRtuStream(dropped: Dropped, onForeign: (frame: Buffer) => void): RtuStream {
  let buffer: Buffer = Buffer.alloc(0);
  let echoDroppedOf: Buffer | undefined;
  /** The adapter hands back what we send: seen once on a read, then expected on each write. */
  let lineEchoes = false;

  const skip = (length: number) => {
    buffer = buffer.subarray(length);
  };
  const stray = (length: number) => {
    dropped.strayBytes += length;
    skip(length);
  };

  /** A read's answer differs from its request, a write's does not: there it takes a line known to echo. */
  function echoAt(expected: Expectation): 'whole' | 'wait' | 'none' {
    const { request } = expected;
    if (echoDroppedOf === request || (expected.functionCode > 4 && !lineEchoes)) return 'none';
    const length = Math.min(buffer.length, request.length);
    if (buffer.compare(request, 0, length, 0, length) !== 0) return 'none';
    return length === request.length ? 'whole' : 'wait';
  }

  return {
    push(chunk) {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
      if (buffer.length > BUFFER_MAX) stray(buffer.length - RTU_FRAME_MAX);
    },
    take(expected) {
      while (buffer.length > 0) {
        const echo = expected === undefined ? 'none' : echoAt(expected);
        if (echo === 'whole' && expected !== undefined) {
          lineEchoes = true;
          echoDroppedOf = expected.request;
          dropped.echoes++;
          skip(expected.request.length);
          continue;
        }
        const head = expected === undefined ? undefined : replyAt(buffer, 0, expected);
        if (head instanceof Buffer) {
          skip(head.length);
          return head;
        }
        if (head === 'bad-crc') {
          dropped.badCrc++;
          stray(1);
          continue;
        }
        const foreign = head === 'wait' || echo === 'wait' ? 'wait' : foreignAt(buffer, 0);
        if (typeof foreign === 'number') {
          dropped.foreign++;
          onForeign(buffer.subarray(0, foreign));
          skip(foreign);
          continue;
        }
        // Something else may be arriving at the head, but it may also be noise with our reply right behind it.
        const reply = expected === undefined ? undefined : lookAhead(buffer, expected);
        if (reply !== undefined) {
          stray(reply.byteOffset - buffer.byteOffset);
          skip(reply.length);
          return reply;
        }
        if (foreign === 'wait') return undefined;
        stray(1);
      }
      return undefined;
    },
    flush() {
      stray(buffer.length);
    },
  };
}

/** The reply at a place; 'wait' while it may still be arriving, 'bad-crc' if only its checksum is wrong. */
function replyAt(buffer: Buffer, at: number, expected: Expectation): Buffer | 'wait' | 'bad-crc' | undefined {
  if (buffer[at] !== expected.unitId) return undefined;
  const code = buffer[at + 1];
  const third = buffer[at + 2];
  let length = EXCEPTION_LENGTH;
  if (code === expected.functionCode) {
    if (third !== undefined && expected.functionCode <= 4 && third !== expected.replyLength - 5) return undefined;
    length = expected.replyLength;
  } else if (code !== undefined && code !== (expected.functionCode | 0x80)) return undefined;
  if (buffer.length - at < length) return 'wait';
  if (!crcFits(buffer, at, length)) return 'bad-crc';
  const frame = buffer.subarray(at, at + length);
  return answers(frame, expected) ? frame : undefined;
}

function lookAhead(buffer: Buffer, expected: Expectation): Buffer | undefined {
  for (let at = 1; at <= buffer.length - EXCEPTION_LENGTH; at++) {
    const found = replyAt(buffer, at, expected);
    if (found instanceof Buffer) return found;
  }
  return undefined;
}

/** Length of a whole frame of somebody else with a good checksum, 'wait' while one may be arriving, else undefined. */
function foreignAt(buffer: Buffer, at: number): number | 'wait' | undefined {
  const code = buffer[at + 1];
  if (code === undefined) return 'wait';
  let length: number | undefined;
  if (code >= 0x81 && code <= 0x90) length = EXCEPTION_LENGTH;
  else if (code >= 1 && code <= 4) {
    const bytes = buffer[at + 2];
    if (bytes === undefined) return 'wait';
    if (buffer.length - at >= WRITE_REPLY_LENGTH && crcFits(buffer, at, WRITE_REPLY_LENGTH)) return WRITE_REPLY_LENGTH;
    length = bytes > 0 && bytes <= 250 ? 5 + bytes : undefined;
  } else if (code === 5 || code === 6 || code === 15 || code === 16) length = WRITE_REPLY_LENGTH;
  if (length === undefined) return undefined;
  if (buffer.length - at < length) return 'wait';
  return crcFits(buffer, at, length) ? length : undefined;
}

/** One frame of Modbus TCP: transaction id, and unit and PDU with a CRC added so that both worlds look alike. */
export interface MbapFrame {
  readonly transactionId: number;
  readonly frame: Buffer;
}

/** Cuts a TCP stream into frames by their length field, never by packet. */
export interface MbapStream {
  push(chunk: Buffer): void;
  /** The next frame; 'broken' when the stream makes no sense any more: only a new connection helps. */
  next(): MbapFrame | 'broken' | undefined;
}

export function createMbapStream(): MbapStream {
  let buffer: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    },
    next() {
      if (buffer.length < MBAP_LENGTH) return undefined;
      const length = buffer.readUInt16BE(4);
      if (buffer.readUInt16BE(2) !== 0 || length < 3 || length > MBAP_PDU_MAX) return 'broken';
      if (buffer.length < MBAP_LENGTH + length) return undefined;
      const frame = withCrc(buffer.subarray(MBAP_LENGTH, MBAP_LENGTH + length));
      const transactionId = buffer.readUInt16BE(0);
      buffer = buffer.subarray(MBAP_LENGTH + length);
      return { transactionId, frame };
    },
  };
}

/** An RTU frame as Modbus TCP: without CRC, behind a header (MODBUS Messaging on TCP/IP V1.0b, 3.1.3). */
export function toMbap(request: Buffer, transactionId: number): Buffer {
  const length = request.length - 2;
  const packet = Buffer.allocUnsafe(MBAP_LENGTH + length);
  packet.writeUInt16BE(transactionId, 0);
  packet.writeUInt16BE(0, 2);
  packet.writeUInt16BE(length, 4);
  request.copy(packet, MBAP_LENGTH, 0, length);
  return packet;
}

function withCrc(bytes: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(bytes.length + 2);
  bytes.copy(frame);
  frame.writeUInt16LE(crc16(frame, 0, bytes.length), bytes.length);
  return frame;
}
