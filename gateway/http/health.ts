import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import { isoSchema } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** For load balancers, supervisors and Prometheus. */
export function healthRoutes({ ingest, store, metrics, log, now, version }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/healthz',
      access: 'public',
      tag: 'health',
      summary: 'The process is up',
      answerType: 'text/plain',
      handle: ({ reply }) => reply.type('text/plain').send('ok\n'),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      access: 'public',
      tag: 'health',
      summary: 'The gateway can store; 503 if not',
      answerType: 'text/plain',
      handle({ reply }) {
        const { ready, reason } = ingest.ready();
        if (ready) return reply.type('text/plain').send('ready\n');
        log.warn({ reason }, 'not ready');
        throw new Problem('not-ready', 'Sign in and see /api/v1/health for the reason.');
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/health',
      access: 'viewer',
      tag: 'health',
      summary: 'Whether the gateway can store, and what an operator should know of',
      answer: z.object({
        ready: z.boolean(),
        reason: z.string().optional(),
        problems: z.array(z.string()),
        version: z.string(),
        now: isoSchema,
      }),
      handle: () => ({ ...ingest.ready(), problems: [...store.problems], version, now: formatTime(now()) }),
    }),
    route({
      method: 'GET',
      path: '/metrics',
      access: 'metrics',
      tag: 'health',
      summary: 'Metrics in the Prometheus text format',
      answerType: 'text/plain',
      handle: ({ reply }) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.render()),
    }),
  ];
}
