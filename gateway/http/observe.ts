import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';
import type { Feed } from './feed.ts';
import type { OpenAlarms } from './open-alarms.ts';
import type { Sessions } from './sessions.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Observed {
  readonly metrics: Metrics;
  readonly feed: Feed;
  readonly sessions: Sessions;
  readonly openAlarms: OpenAlarms;
}

/** Counts every request by route and status, and what streams and sessions there are. */
export function observe(app: FastifyInstance, { metrics, feed, sessions, openAlarms }: Observed): void {
  const requests = metrics.counters('hanfeng_http_requests_total', 'Requests answered.', ['method', 'route', 'status']);
  const seconds = metrics.histograms('hanfeng_http_seconds', 'From a request to its answer.', ['route'], SECONDS);
  metrics.gauge('hanfeng_http_sessions', 'Signed-in browsers.', () => sessions.size);
  metrics.gauge('hanfeng_live_streams', 'Open live streams.', () => feed.size.streams);
  metrics.gauge(
    'hanfeng_live_subscriptions',
    'Live subscriptions, with a stream or waiting for one.',
    () => feed.size.subscriptions,
  );
  const alarms = metrics.gauges('hanfeng_alarms_open', 'Alarms that want attention, under no hold.', ['priority']);
  metrics.beforeScrape(() => {
    for (const [priority, count] of Object.entries(openAlarms.total())) alarms.with(priority).value = count;
  });
  app.addHook('onResponse', async (request, reply) => {
    // The address as documented, never as asked: foreign words must not become labels.
    const route = request.routeOptions.config?.path ?? 'other';
    requests.with(request.method, route, String(reply.statusCode)).value++;
    if (route !== '/api/v1/live') seconds.with(route).observe(reply.elapsedTime / 1000);
  });
}
