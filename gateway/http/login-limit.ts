import type { Millis } from '../../contract/time.ts';

/** Failures a person may make from one address, and one address over all names, within the window. */
const FAILURES_PER_NAME_MAX = 10;
const FAILURES_PER_ADDRESS_MAX = 100;
const WINDOW_MS = 15 * 60_000;
/** Counters kept; beyond, the longest untouched one goes, so that a flood of names can't fill the memory. */
const COUNTERS_MAX = 10_000;

interface Counter {
  readonly failures: number;
  readonly since: Millis;
}

/** Slows down guessing of passwords: counts failures by name and address, and by address. */
export class LoginLimit {
  private readonly counters = new Map<string, Counter>();

  /** @returns how long to wait in ms, 0 = go on */
  waitMs(name: string, address: string, now: Millis): number {
    return Math.max(
      this.waitOf(pairKey(name, address), FAILURES_PER_NAME_MAX, now),
      this.waitOf(address, FAILURES_PER_ADDRESS_MAX, now),
    );
  }

  /** Counts a try as a failure before its outcome is known: many at once must not slip through together. */
  tried(name: string, address: string, now: Millis): void {
    this.count(pairKey(name, address), now);
    this.count(address, now);
  }

  /** A person who got in starts anew; the address gets this try back. */
  succeeded(name: string, address: string): void {
    this.counters.delete(pairKey(name, address));
    const counter = this.counters.get(address);
    if (counter !== undefined) this.counters.set(address, { ...counter, failures: counter.failures - 1 });
  }

  get size(): number {
    return this.counters.size;
  }

  private waitOf(key: string, failuresMax: number, now: Millis): number {
    const counter = this.counters.get(key);
    if (counter === undefined || counter.failures < failuresMax) return 0;
    return Math.max(0, counter.since + WINDOW_MS - now);
  }

  private count(key: string, now: Millis): void {
    const before = this.counters.get(key);
    const current = before === undefined || now - before.since >= WINDOW_MS ? { failures: 0, since: now } : before;
    this.counters.delete(key);
    this.counters.set(key, { ...current, failures: current.failures + 1 });
    if (this.counters.size > COUNTERS_MAX) {
      const [oldest] = this.counters.keys();
      if (oldest !== undefined) this.counters.delete(oldest);
    }
  }
}

function pairKey(name: string, address: string): string {
  return `${address} ${name}`;
}
