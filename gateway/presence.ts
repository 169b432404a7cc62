import type { Millis } from '../contract/time.ts';
import { EDGE_SILENCE_MS, silenceAllowedMs } from './domain/fault/built-in.ts';

/** More between two ticks is a clock that was set, or a machine that slept: no silence of anybody. */
const TICK_MS_MAX = 5000;

interface Heard {
  clockMs: number;
  silenceMs: Millis;
}

/**
 * Which edges have fallen silent. Pure: time is the sum of the ticks, so that a clock that is set makes nobody silent, and
 * after a start everybody has as long as ever.
 */
export class EdgePresence {
  private readonly edges = new Map<string, Heard>();
  private clockMs = 0;
  private lastTickAt: Millis | undefined;

  tick(at: Millis): void {
    if (this.lastTickAt !== undefined) this.clockMs += Math.min(Math.max(0, at - this.lastTickAt), TICK_MS_MAX);
    this.lastTickAt = at;
  }

  heard(edge: string): void {
    this.known(edge).clockMs = this.clockMs;
  }

  /** A state is a sign of life, or a last will; and it says how often the edge sends. */
  state(edge: string, heartbeatMs: number | undefined): void {
    const known = this.known(edge);
    known.clockMs = this.clockMs;
    if (heartbeatMs !== undefined) known.silenceMs = silenceAllowedMs(heartbeatMs);
  }

  isSilent(edge: string): boolean {
    const { clockMs, silenceMs } = this.known(edge);
    return this.clockMs - clockMs >= silenceMs;
  }

  private known(edge: string): Heard {
    let heard = this.edges.get(edge);
    if (heard === undefined) {
      heard = { clockMs: this.clockMs, silenceMs: EDGE_SILENCE_MS };
      this.edges.set(edge, heard);
    }
    return heard;
  }
}
