import type { Millis } from '../../contract/time.ts';
import type { Detector, Finding } from './detector.ts';

/** A source that is this far behind the others is not waited for. */
export const BEHIND_MAX_MS = 30 * 60_000;
/** Sources without `upTo` are taken to have told everything this long ago. */
export const RECEIPT_LAG_MS = 2 * 60_000;

/** The judge's detectors and how far the event time of their sources has come. */
export class Detectors {
  private readonly all: readonly Detector[];
  private readonly byPoint = new Map<number, readonly Detector[]>();
  /** Event time by source that feeds a detector. */
  private readonly upTo = new Map<number, Millis>();
  private reached = Number.NEGATIVE_INFINITY;

  constructor(all: readonly Detector[]) {
    this.all = all;
  }

  get areThere(): boolean {
    return this.all.length > 0;
  }

  /** @returns true when a detector wants the readings of this point */
  pointKnown(pointId: string, id: number, unit: string | undefined, source: number): boolean {
    const wanting = this.all.filter((detector) => detector.pointKnown(pointId, id, unit));
    if (wanting.length === 0) return false;
    this.byPoint.set(id, wanting);
    if (!this.upTo.has(source)) this.upTo.set(source, Number.NEGATIVE_INFINITY);
    return true;
  }

  reading(id: number, ts: Millis, value: number, quality: number): void {
    for (const detector of this.byPoint.get(id) ?? []) detector.reading(id, ts, value, quality);
  }

  /** A source told everything until then. */
  advance(source: number, upTo: Millis): readonly Finding[] {
    const before = this.upTo.get(source);
    if (before === undefined || upTo <= before) return [];
    this.upTo.set(source, upTo);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (const at of this.upTo.values()) {
      least = Math.min(least, at);
      most = Math.max(most, at);
    }
    const target = Math.max(least, most - BEHIND_MAX_MS);
    if (target <= this.reached) return [];
    this.reached = target;
    return this.all.flatMap((detector) => detector.advance(target));
  }

  feeds(source: number): boolean {
    return this.upTo.has(source);
  }

  /** State of the same detectors, as they came out of stored history; they go on from there. */
  teach(saved: unknown): void {
    const states = saved as readonly unknown[];
    // What learns comes first; what has nothing to learn is behind it and goes on as it is.
    if (states.length > this.all.length) return;
    states.forEach((state, index) => {
      this.all[index]?.restore(state);
    });
  }

  isOwn(key: string, isActive: boolean): boolean {
    return this.all.some((detector) => detector.isOwn(key, isActive));
  }

  snapshot(): unknown {
    const upTo = [...this.upTo].filter(([, at]) => Number.isFinite(at));
    return {
      upTo,
      reached: Number.isFinite(this.reached) ? this.reached : null,
      all: this.all.map((detector) => detector.snapshot()),
    };
  }

  /** State of an earlier start; absent or of other detectors: they learn anew. */
  restore(saved: unknown): void {
    const state = saved as { upTo: [number, Millis][]; reached: Millis | null; all: unknown[] } | undefined;
    if (state === undefined || state.all.length !== this.all.length) return;
    for (const [source, at] of state.upTo) this.upTo.set(source, at);
    this.reached = state.reached ?? Number.NEGATIVE_INFINITY;
    this.all.forEach((detector, index) => {
      detector.restore(state.all[index]);
    });
  }
}
