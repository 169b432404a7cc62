import type { Millis } from '../../../contract/time.ts';

/** Samples that wait for their bin to close; beyond, the oldest is dropped and counted. */
export const PENDING_MAX = 4096;
/** A value holds until the next one for this many of its usual intervals, then it is a gap. */
const HOLD_INTERVALS = 2.6;
const HOLD_MIN_MS = 60_000;
const HOLD_MAX_MS = 2 * 3_600_000;
/** A bin is told when at least this part of it is covered. */
const COVER_PART = 0.6;
/** Nothing is called stuck before so many samples have shown how long values stand still by themselves. */
const STUCK_LEARN_SAMPLES = 300;
const STUCK_MIN_RUN = 5;

export interface SignalState {
  pending: [Millis, number][];
  lastTs: Millis | null;
  lastValue: number;
  intervalMs: number;
  run: number;
  naturalRun: number;
  samples: number;
  late: number;
}

/** One point on its way into bins of even width: holds, averages, and leaves out what stands still unnaturally. */
export class Signal {
  state: SignalState = {
    pending: [],
    lastTs: null,
    lastValue: 0,
    intervalMs: 0,
    run: 0,
    naturalRun: 1,
    samples: 0,
    late: 0,
  };

  /** A good sample; older ones than the bin that is open are counted and left. */
  take(ts: Millis, value: number, openFrom: Millis): void {
    const { state } = this;
    const { pending } = state;
    const newest = pending.at(-1)?.[0] ?? state.lastTs ?? Number.NEGATIVE_INFINITY;
    if (ts < openFrom || (state.lastTs !== null && ts <= state.lastTs)) {
      state.late++;
      return;
    }
    if (ts > newest) pending.push([ts, value]);
    else {
      const place = pending.findIndex(([at]) => at >= ts);
      if (pending[place]![0] === ts) pending[place]![1] = value;
      else pending.splice(place, 0, [ts, value]);
    }
    if (pending.length > PENDING_MAX) {
      pending.shift();
      state.late++;
    }
  }

  isStuck(): boolean {
    const { run, naturalRun, samples } = this.state;
    return samples > STUCK_LEARN_SAMPLES && run > Math.max(STUCK_MIN_RUN, 2 * naturalRun + 2);
  }

  /** The newest value at that moment of the open bin or before it, no older than `heldMs`; undefined: none. */
  at(moment: Millis, heldMs: number): number | undefined {
    const { pending, lastTs, lastValue } = this.state;
    for (let index = pending.length - 1; index >= 0; index--) {
      const [ts, value] = pending[index]!;
      if (ts < moment) return moment - ts <= heldMs ? value : undefined;
    }
    return lastTs !== null && moment - lastTs <= heldMs ? lastValue : undefined;
  }

  /** Closes the bin [from, to): time-weighted mean and the value at its end, or undefined where it has too many holes. */
  close(from: Millis, to: Millis): { readonly mean: number | undefined; readonly end: number | undefined } {
    const { state } = this;
    let area = 0;
    let covered = 0;
    const hold = (until: Millis): void => {
      if (state.lastTs === null || this.isStuck()) return;
      const start = Math.max(from, state.lastTs);
      const end = Math.min(until, state.lastTs + this.holdMs());
      if (end <= start) return;
      area += state.lastValue * (end - start);
      covered += end - start;
    };
    while (state.pending.length > 0 && state.pending[0]![0] < to) {
      const [ts, value] = state.pending.shift()!;
      hold(ts);
      this.note(ts, value);
    }
    hold(to);
    const isHeld = state.lastTs !== null && !this.isStuck() && to - state.lastTs <= this.holdMs();
    return {
      mean: covered >= COVER_PART * (to - from) ? area / covered : undefined,
      end: isHeld ? state.lastValue : undefined,
    };
  }

  private note(ts: Millis, value: number): void {
    const { state } = this;
    if (state.lastTs !== null) {
      const interval = ts - state.lastTs;
      // The usual interval: follows down at once and up slowly, so that gaps don't stretch it.
      state.intervalMs =
        state.intervalMs === 0 || interval < state.intervalMs ? interval : Math.min(interval, state.intervalMs * 1.02);
      if (value === state.lastValue) state.run++;
      else {
        if (!this.isStuck()) state.naturalRun = Math.max(state.naturalRun * 0.999, state.run);
        state.run = 1;
      }
    }
    state.lastTs = ts;
    state.lastValue = value;
    state.samples++;
  }

  private holdMs(): number {
    return Math.max(HOLD_MIN_MS, Math.min(HOLD_MAX_MS, HOLD_INTERVALS * Math.max(this.state.intervalMs, 300_000)));
  }
}
