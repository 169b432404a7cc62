import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

/** Delays shorter than this are the timer's own. */
const RESOLUTION_MS = 10;

/** What the process itself is like: its memory, and how long the event loop was held up since the last scrape. */
export function showProcess(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  metrics.gauge('hanfeng_process_resident_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  metrics.gauge('hanfeng_process_heap_bytes', 'Of that, objects of the program.', () => process.memoryUsage().heapUsed);
  metrics.gauge(
    'hanfeng_event_loop_delay_p99_seconds',
    'Delay of the event loop since the last scrape, 99th percentile.',
    () => delay.percentile(99) / 1e9,
  );
  // Asked last, so that both figures are of the same time.
  metrics.gauge('hanfeng_event_loop_delay_max_seconds', 'The longest since the last scrape.', () => {
    const max = delay.max / 1e9;
    delay.reset();
    return max;
  });
  return () => delay.disable();
}
