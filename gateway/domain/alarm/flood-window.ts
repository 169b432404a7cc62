import type { Millis } from '../../../contract/time.ts';

/** A flood begins above ten annunciated alarms in ten minutes and ends below five (prosys.com on ISA-18.2 and EEMUA 191). */
export const FLOOD_BEGINS_ABOVE = 10;
export const FLOOD_ENDS_BELOW = 5;
export const FLOOD_WINDOW_MS: Millis = 10 * 60_000;
/** Alarms of one second are counted together, so the window never holds more than this many counts. */
const COUNT_EVERY_MS = 1000;

/** What people were told in the last ten minutes, as counts per second: bounded by the window, not by the alarms. */
export class FloodWindow {
  private readonly counts: [at: Millis, alarms: number][] = [];
  private sum = 0;

  /** @param at - never before what was added last, or it counts as then */
  add(at: Millis): void {
    const last = this.counts.at(-1);
    const second = Math.floor(Math.max(at, last?.[0] ?? at) / COUNT_EVERY_MS) * COUNT_EVERY_MS;
    if (last?.[0] === second) last[1]++;
    else this.counts.push([second, 1]);
    this.sum++;
    this.forget(second);
  }

  /** Alarms in the ten minutes before `at`. */
  countAt(at: Millis): number {
    this.forget(at);
    return this.sum;
  }

  /** The oldest alarm that counts. */
  get first(): Millis | undefined {
    return this.counts[0]?.[0];
  }

  /** When fewer than `below` will be left if nothing comes. */
  endsAt(below: number): Millis {
    let left = 0;
    for (let index = this.counts.length - 1; index >= 0; index--) {
      const [at, alarms] = this.counts[index] as [Millis, number];
      left += alarms;
      if (left >= below) return at + FLOOD_WINDOW_MS;
    }
    return Number.NEGATIVE_INFINITY;
  }

  private forget(at: Millis): void {
    let gone = 0;
    for (const [second, alarms] of this.counts) {
      if (second > at - FLOOD_WINDOW_MS) break;
      this.sum -= alarms;
      gone++;
    }
    if (gone > 0) this.counts.splice(0, gone);
  }

  snapshot(): readonly (readonly [Millis, number])[] {
    return this.counts.map(([at, alarms]) => [at, alarms]);
  }

  restore(counts: readonly (readonly [Millis, number])[]): void {
    this.counts.splice(0, this.counts.length, ...counts.map(([at, alarms]): [Millis, number] => [at, alarms]));
    this.sum = counts.reduce((sum, [, alarms]) => sum + alarms, 0);
  }
}
