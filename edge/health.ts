/** Round trips remembered for percentiles: the last few minutes of a busy line. */
const SAMPLES_MAX = 256;

/** What happened on a line or to a device since the start. */
export interface Counters {
  requests: number;
  answered: number;
  timeouts: number;
  crcErrors: number;
  disconnects: number;
  /** By Modbus exception code. */
  exceptions: Record<string, number>;
}

export function createCounters(): Counters {
  return { requests: 0, answered: 0, timeouts: 0, crcErrors: 0, disconnects: 0, exceptions: {} };
}

/** The last round-trip times, for percentiles. */
export interface RoundTrips {
  add(milliseconds: number): void;
  /** @param share - 0..1; undefined before the first sample */
  percentile(share: number): number | undefined;
}

export function createRoundTrips(): RoundTrips {
  let samples = new Float32Array(8);
  let count = 0;
  return {
    add(milliseconds) {
      if (count === samples.length && count < SAMPLES_MAX) {
        const grown = new Float32Array(samples.length * 2);
        grown.set(samples);
        samples = grown;
      }
      samples[count % samples.length] = milliseconds;
      count++;
    },
    percentile(share) {
      if (count === 0) return undefined;
      const sorted = samples.slice(0, Math.min(count, samples.length)).sort();
      const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
      return Math.round(value * 10) / 10;
    },
  };
}

/** Counters and round trips as they are shown: `{"requests": …, "roundTripMs": {"p50", "p95", "p99"}}`. */
export function describeHealth(counters: Counters, roundTrips: RoundTrips): Record<string, unknown> {
  return {
    ...counters,
    exceptions: { ...counters.exceptions },
    roundTripMs: {
      p50: roundTrips.percentile(0.5),
      p95: roundTrips.percentile(0.95),
      p99: roundTrips.percentile(0.99),
    },
  };
}
