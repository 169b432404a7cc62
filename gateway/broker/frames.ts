import { BATCH_BYTES_MAX } from '../../contract/wire-readings.ts';

/** Largest packets we read, by what they may carry; a bigger announcement ends the connection before it is buffered. */
export const CONNECT_BYTES_MAX = 16 * 1024;
export const PUBLISH_BYTES_MAX = BATCH_BYTES_MAX + 1024;
export const CONTROL_BYTES_MAX = 64 * 1024;

const CONNECT = 1;
const CONNACK = 2;
const PUBLISH = 3;
const DISCONNECT = 14;
/** PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE carry a packet id, which is never 0 (MQTT 3.1.1, 2.3.1). */
const WITH_ID = new Set([4, 5, 6, 7, 8, 10]);

/**
 * Walks the packet boundaries of one connection's bytes, in front of the broker's parser, and keeps out what that
 * parser tolerates: huge announcements, a first packet that is no CONNECT, packet id 0. Copies nothing.
 */
export class FrameGate {
  private readonly opening: number;
  private first = true;
  private type = 0;
  private part: 'header' | 'length' | 'body' = 'header';
  private length = 0;
  private lengthBytes = 0;
  /** Bytes of the body still to come, and how many were seen. */
  private left = 0;
  private seen = 0;
  private ended = 0;
  private large = false;
  private id = 0;

  /** @param from - who sends these bytes: a client begins with CONNECT, a server with CONNACK */
  constructor(from: 'client' | 'server' = 'client') {
    this.opening = from === 'client' ? CONNECT : CONNACK;
  }

  /**
   * @param chunk - the next bytes, as they came
   * @returns why the connection must end, or undefined
   */
  check(chunk: Uint8Array): string | undefined {
    this.ended = 0;
    let at = 0;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      if (this.part === 'header') {
        const fault = this.header(byte);
        if (fault !== undefined) return fault;
        at += 1;
      } else if (this.part === 'length') {
        const fault = this.lengthByte(byte);
        if (fault !== undefined) return fault;
        at += 1;
      } else {
        const taken = Math.min(this.left, chunk.length - at);
        if (WITH_ID.has(this.type) && this.seen < 2) {
          for (let i = 0; i < taken && this.seen + i < 2; i++) this.id = this.id * 256 + (chunk[at + i] as number);
          if (this.seen + taken >= 2 && this.id === 0) return 'packet id 0';
        }
        this.seen += taken;
        this.left -= taken;
        at += taken;
        if (this.left === 0) this.endPacket();
      }
    }
    return undefined;
  }

  /** Packets that ended within the last chunk. */
  get packetsEnded(): number {
    return this.ended;
  }

  /** It ended because of a PUBLISH larger than we read. */
  get isTooLarge(): boolean {
    return this.large;
  }

  private endPacket(): void {
    this.part = 'header';
    this.ended += 1;
  }

  private header(byte: number): string | undefined {
    this.type = byte >> 4;
    if (this.first && this.type !== this.opening)
      return this.opening === CONNECT ? 'first packet is no CONNECT' : 'first packet is no CONNACK';
    if (!this.first && this.type === this.opening)
      return this.opening === CONNECT ? 'second CONNECT' : 'second CONNACK';
    if (this.type === 0 || this.type > DISCONNECT) return `packet type ${this.type}`;
    this.part = 'length';
    this.length = 0;
    this.lengthBytes = 0;
    return undefined;
  }

  /** Remaining length: 1-4 bytes, 7 bits each, least significant first (MQTT 3.1.1, 2.2.3). */
  private lengthByte(byte: number): string | undefined {
    this.length += (byte & 0x7f) * 128 ** this.lengthBytes;
    this.lengthBytes += 1;
    const max = this.first ? CONNECT_BYTES_MAX : this.type === PUBLISH ? PUBLISH_BYTES_MAX : CONTROL_BYTES_MAX;
    this.large = this.length > max && this.type === PUBLISH;
    if (this.length > max) return `packet of ${this.length} bytes or more announced, at most ${max}`;
    if ((byte & 0x80) !== 0) return this.lengthBytes === 4 ? 'malformed remaining length' : undefined;
    this.first = false;
    this.left = this.length;
    this.seen = 0;
    this.id = 0;
    if (this.length === 0) this.endPacket();
    else this.part = 'body';
    return undefined;
  }
}
