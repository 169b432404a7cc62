/**
 * Work of one turn of the event loop before the others get theirs: 47 edges may all have sent 16 batches since the last.
 * A commit under way waits for a few turns.
 */
export const TURN_MS = 2;
/** Most bytes read from a connection at once: some 150 messages of one reading, or 3 batches of 100. */
export const READ_BYTES_MAX = 16 * 1024;

interface Source {
  readonly readableLength: number;
  emit(event: 'readable'): boolean;
}

/**
 * Shares the event loop between connections: when a turn has had its {@link TURN_MS}, those that come later wait for the
 * next one, in the order they came. Bytes that wait stay in their socket, so nothing grows and senders slow down.
 */
export class Turns {
  private readonly nowMs: () => number;
  private readonly soon: (run: () => void) => void;
  private readonly waiting = new Set<Source>();
  private endsAt = 0;
  private open = false;

  /** @param nowMs - monotonic milliseconds */
  constructor(nowMs: () => number = () => performance.now(), soon: (run: () => void) => void = setImmediate) {
    this.nowMs = nowMs;
    this.soon = soon;
  }

  /** Connections that wait for their turn. */
  get waitingCount(): number {
    return this.waiting.size;
  }

  /** Whether this connection may be read now; otherwise it is told `readable` again in its turn. */
  mayRead(source: Source): boolean {
    if (!this.open) this.begin();
    if (this.nowMs() < this.endsAt) {
      this.waiting.delete(source);
      return true;
    }
    this.waiting.add(source);
    return false;
  }

  /** Something is left in this connection's buffer: it is told `readable` again, after those that wait already. */
  later(source: Source): void {
    if (!this.open) this.begin();
    this.waiting.add(source);
  }

  forget(source: Source): void {
    this.waiting.delete(source);
  }

  private begin(): void {
    this.open = true;
    this.endsAt = this.nowMs() + TURN_MS;
    this.soon(() => this.turn());
  }

  private turn(): void {
    this.open = false;
    if (this.waiting.size === 0) return;
    this.begin();
    for (const source of this.waiting) {
      if (this.nowMs() >= this.endsAt) return;
      this.waiting.delete(source);
      source.emit('readable');
    }
  }
}
