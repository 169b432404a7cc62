import { z } from 'zod';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** What a collector that speaks InfluxDB asks before it writes: are you there, are you well, make a database. */
export function collectorRoutes({ ingest }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/ping',
      access: 'public',
      tag: 'readings',
      summary: 'For InfluxDB collectors: the process is up',
      query: z.looseObject({}),
      status: 204,
      handle({ reply }) {
        // The version whose protocol we speak at /write; clients choose their words by it.
        reply.headers({ 'x-influxdb-version': '1.8.0', 'x-influxdb-build': 'hanfeng' });
      },
    }),
    route({
      method: 'GET',
      path: '/health',
      access: 'public',
      tag: 'readings',
      summary: 'For InfluxDB collectors: whether the gateway can store; 503 if not',
      answer: z.object({ name: z.string(), status: z.enum(['pass', 'fail']), message: z.string() }),
      handle({ reply }) {
        const { ready } = ingest.ready();
        if (!ready) reply.status(503);
        return ready
          ? { name: 'hanfeng', status: 'pass', message: 'ready for writes' }
          : { name: 'hanfeng', status: 'fail', message: 'not ready for writes' };
      },
    }),
    route({
      method: 'POST',
      path: '/query',
      access: 'operator',
      tag: 'readings',
      summary: 'For version 1 collectors: CREATE DATABASE is answered with yes, nothing else is understood',
      query: z.looseObject({ q: z.string().max(1000).optional() }),
      body: z.instanceof(Buffer).optional().meta({ description: 'form with `q`' }),
      bodyTypes: ['application/x-www-form-urlencoded'],
      answer: z.object({ results: z.array(z.object({ statement_id: z.number() })) }),
      handle({ query, body }) {
        const statement = query.q ?? new URLSearchParams(body?.toString('utf8') ?? '').get('q') ?? '';
        if (!/^\s*CREATE\s+DATABASE\b/i.test(statement)) {
          const detail = 'Only CREATE DATABASE is understood here; readings are read at POST /api/v1/query.';
          throw new Problem('request-invalid', detail, { members: { error: detail } });
        }
        return { results: [{ statement_id: 0 }] };
      },
    }),
  ];
}
