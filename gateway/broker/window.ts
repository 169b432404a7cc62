/** Messages and bytes one connection may have waiting for a commit; beyond that we stop reading from it. */
export const CLIENT_MESSAGES_MAX = 128;
export const CLIENT_BYTES_MAX = 16 * 1024 * 1024;
/** The same over all connections. */
export const TOTAL_BYTES_MAX = 64 * 1024 * 1024;
/** What a waiting message takes beside its bytes: promises, its row of the window, its inputs of the judge. */
export const MESSAGE_BYTES = 1024;

/** What all connections together have waiting for a commit. */
export class Waiting {
  messages = 0;
  bytes = 0;
  private readonly held: (() => void)[] = [];

  get full(): boolean {
    return this.bytes >= TOTAL_BYTES_MAX;
  }

  /** @param next - called once there is room */
  hold(next: () => void): void {
    this.held.push(next);
  }

  release(): void {
    while (this.held.length > 0 && !this.full) this.held.shift()?.();
  }
}

interface Entry {
  /** undefined: QoS 0, nothing to acknowledge. */
  readonly messageId: number | undefined;
  done: boolean;
}

/**
 * The messages of one connection that wait for their commit, in the order they came. PUBACKs go out in that order
 * (MQTT 3.1.1, 4.6), as many in one write as are due; a message that could not be stored ends the connection instead,
 * so that its sender sends it again.
 */
export class AckWindow {
  private readonly waiting: Waiting;
  private readonly acknowledge: (pubacks: Buffer) => void;
  private readonly fail: (error: Error) => void;
  private readonly limits: { readonly messages: number; readonly bytes: number };
  private readonly entries: Entry[] = [];
  private readonly held: (() => void)[] = [];
  private bytes = 0;
  private flushing = false;
  private failed = false;

  constructor(
    waiting: Waiting,
    acknowledge: (pubacks: Buffer) => void,
    fail: (error: Error) => void,
    limits = { messages: CLIENT_MESSAGES_MAX, bytes: CLIENT_BYTES_MAX },
  ) {
    this.waiting = waiting;
    this.acknowledge = acknowledge;
    this.fail = fail;
    this.limits = limits;
  }

  /**
   * @param messageId - of a QoS 1 message, undefined for QoS 0
   * @param stored - resolves after the commit
   * @param next - called when the connection may be read further: at once, unless too much is waiting
   */
  add(messageId: number | undefined, bytes: number, stored: Promise<void>, next: () => void): void {
    const entry: Entry = { messageId, done: false };
    this.entries.push(entry);
    this.bytes += bytes;
    this.waiting.bytes += bytes;
    this.waiting.messages += 1;
    const settle = () => {
      this.bytes -= bytes;
      this.waiting.bytes -= bytes;
      this.waiting.messages -= 1;
      this.waiting.release();
    };
    stored.then(
      () => {
        entry.done = true;
        settle();
        this.flushSoon();
      },
      (error: Error) => {
        settle();
        if (!this.failed) this.fail(error);
        this.failed = true;
      },
    );
    if (this.full) this.held.push(next);
    else if (this.waiting.full) this.waiting.hold(next);
    else next();
  }

  private get full(): boolean {
    return this.entries.length >= this.limits.messages || this.bytes >= this.limits.bytes;
  }

  /** One write for all messages of a commit: their promises resolve one after another in the same turn. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    let count = 0;
    while (this.entries[count]?.done === true) count += 1;
    const ready = this.entries.splice(0, count);
    const ids = ready.flatMap(({ messageId }) => (messageId === undefined ? [] : [messageId]));
    if (ids.length > 0 && !this.failed) {
      const pubacks = Buffer.allocUnsafe(ids.length * 4);
      // PUBACK: 0x40, length 2, packet id (MQTT 3.1.1, 3.4).
      for (const [i, id] of ids.entries()) pubacks.writeUInt32BE(0x40_02_00_00 + id, i * 4);
      this.acknowledge(pubacks);
    }
    while (this.held.length > 0 && !this.full) this.held.shift()?.();
  }
}
