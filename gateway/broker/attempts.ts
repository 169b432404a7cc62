/** Wrong passwords we check per user and address within the span; a right one in between is refused as well. */
export const FAILURES_MAX = 10;
export const FAILURES_SPAN_MS = 60_000;
/** Pairs we remember; when full the oldest is forgotten. */
const PAIRS_MAX = 10_000;

/** Slows down guessing of passwords that people chose. Generated secrets need none of it. */
export class Attempts {
  private readonly failures = new Map<string, { count: number; readonly since: number }>();

  blocked(key: string, now: number): boolean {
    const entry = this.failures.get(key);
    return entry !== undefined && now - entry.since < FAILURES_SPAN_MS && entry.count >= FAILURES_MAX;
  }

  failed(key: string, now: number): void {
    const entry = this.failures.get(key);
    if (entry !== undefined && now - entry.since < FAILURES_SPAN_MS) {
      entry.count += 1;
      return;
    }
    this.failures.delete(key);
    this.failures.set(key, { count: 1, since: now });
    if (this.failures.size > PAIRS_MAX) this.failures.delete(this.failures.keys().next().value as string);
  }
}
