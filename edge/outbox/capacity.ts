import type { DeviceReadings } from '../../contract/reading.ts';
import { encodeRecord } from './record.ts';
import type { OutboxSettings } from './settings.ts';

/** Something that is read at a rate: values per reading, and how often. */
export interface ReadRate {
  readonly values: number;
  readonly everyMs: number;
}

/** What the outbox holds while no gateway takes anything. */
export interface Capacity {
  readonly valuesPerSecond: number;
  readonly bytesPerHour: number;
  /** Until the oldest is dropped, by size or by age. */
  readonly hours: number;
}

/** A sample long enough to show what deflating gains. */
const SAMPLE_BATCHES = 8;
const HOUR_MS = 3_600_000;

/**
 * How long the buffer lasts, from batches of the configured size encoded as they would be: measurement names and values as
 * long as common ones, values that wander in their third digit.
 */
export function outboxCapacity(settings: OutboxSettings, rates: readonly ReadRate[]): Capacity {
  const { flushEvery, heartbeat, batchReadings, compress } = settings;
  const valuesPerSecond = rates.reduce((sum, { values, everyMs }) => sum + (values * 1000) / everyMs, 0);
  const readsPerSecond = rates.reduce((sum, { everyMs }) => sum + 1000 / everyMs, 0);
  const valuesPerRead = readsPerSecond === 0 ? 0 : valuesPerSecond / readsPerSecond;
  // One flush holds what came in one interval, at most a full batch; when reads are rarer than flushes, one read.
  const readsPerBatch =
    valuesPerRead === 0
      ? 0
      : Math.max(1, Math.min((readsPerSecond * flushEvery) / 1000, batchReadings / Math.max(1, valuesPerRead)));
  const batchesPerHour =
    readsPerBatch === 0 ? HOUR_MS / heartbeat : Math.max(HOUR_MS / heartbeat, (readsPerSecond * 3600) / readsPerBatch);
  const bytesPerHour = batchesPerHour * sampleBytes(readsPerBatch, valuesPerRead, compress);
  return {
    valuesPerSecond,
    bytesPerHour,
    hours: Math.min(settings.bytes / bytesPerHour, settings.age / HOUR_MS),
  };
}

/** One line for `hanfeng check`. */
export function capacityNote(settings: OutboxSettings, rates: readonly ReadRate[]): string {
  const { valuesPerSecond, bytesPerHour, hours } = outboxCapacity(settings, rates);
  const length = hours >= 48 ? `${Math.floor(hours / 24)} days` : `${hours.toFixed(1)} hours`;
  const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  const limit = hours * bytesPerHour < settings.bytes * 0.999 ? ', then they reach outbox.age' : '';
  return `outbox: ${mebibytes(settings.bytes)} MiB hold ${length} without a gateway (${valuesPerSecond.toFixed(1)} values/s, ${mebibytes(bytesPerHour)} MiB an hour)${limit}; a power cut costs at most ${settings.flushEvery / 1000} s`;
}

const NAMES = ['flow', 'pressure', 'total', 'voltageA', 'currentA', 'power', 'temperature', 'energy'];

function sampleBytes(readsPerBatch: number, valuesPerRead: number, compress: boolean): number {
  let state = 1;
  // Park-Miller: the same sample every time.
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let bytes = 0;
  for (let batch = 0; batch < SAMPLE_BATCHES; batch++) {
    const readings: DeviceReadings[] = [];
    for (let read = 0; read < Math.round(readsPerBatch); read++) {
      const values: Record<string, number> = {};
      for (let index = 0; index < Math.max(1, Math.round(valuesPerRead)); index++) {
        const name = `${NAMES[index % NAMES.length]}${index < NAMES.length ? '' : index}`;
        values[name] = Math.round((10 + 7 * index) * (1 + random() / 50) * 1000) / 1000;
      }
      readings.push({
        device: `dev-${String(read).padStart(4, '0')}`,
        ts: 1_795_000_000_000 + batch * 1000 + read,
        values,
      });
    }
    const upTo = { 'line-1': 1_795_000_000_000 + batch * 1000 };
    bytes += encodeRecord({ seq: batch + 1, made: 1, count: 1, sealedAt: 1, upTo, readings }, compress).length;
  }
  return bytes / SAMPLE_BATCHES;
}
