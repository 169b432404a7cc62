import type { Metrics } from '../metrics.ts';
import { Problem } from './problem.ts';

/** Bytes of bodies that all requests with readings together may hold while they wait for their commits. */
export const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** What a client is told to wait, seconds. */
const RETRY_AFTER_S = 1;

/** Keeps requests that bring readings from piling up while the store is slow or full: those beyond are sent away. */
export class DoorRoom {
  private bytes = 0;
  private readonly refused: { value: number };

  constructor(metrics: Metrics) {
    metrics.gauge(
      'hanfeng_http_waiting_bytes',
      'Bytes of bodies with readings that wait for their commit.',
      () => this.bytes,
    );
    this.refused = metrics.counter(
      'hanfeng_http_busy_total',
      'Requests with readings sent away because too much waited for the store.',
    );
  }

  /** @throws Problem `readings-busy`, with `Retry-After` */
  async hold<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.bytes > 0 && this.bytes + bytes > WAITING_BYTES_MAX) {
      this.refused.value += 1;
      throw new Problem('readings-busy', 'Too much waits for the store already; send it again.', {
        headers: { 'retry-after': String(RETRY_AFTER_S) },
      });
    }
    this.bytes += bytes;
    try {
      return await work();
    } finally {
      this.bytes -= bytes;
    }
  }
}
