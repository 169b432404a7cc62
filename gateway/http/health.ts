import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import type { OutletStatus } from '../influxdb/outlet.ts';
import { isoSchema, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** How the copy of all readings in InfluxDB goes. */
export const copyView = z
  .object({
    target: z.string(),
    state: z.enum(['new', 'ok', 'behind', 'away', 'refused', 'failed']),
    problem: z.string().optional(),
    lagS: z.number().meta({ description: 'seconds since everything was there; 0 while it is' }),
    commitsWaiting: z.number(),
    bytesWaiting: z.number().meta({ description: 'disk taken by what waits for a longer outage to end' }),
    written: z.number().meta({ description: 'readings since the start' }),
    lost: z.number().meta({ description: 'readings given up for lack of room, ever' }),
    rejected: z.number().meta({ description: 'readings that it did not take, ever: in the dead letters' }),
  })
  .meta({ description: 'with `history: influxdb`' });

export function viewCopy({ problem, ...status }: OutletStatus): z.infer<typeof copyView> {
  return { ...status, ...present({ problem }) };
}

/** For load balancers, supervisors and Prometheus. */
export function healthRoutes({ ingest, store, metrics, log, now, version, historyCopy }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/healthz',
      access: 'public',
      tag: 'health',
      summary: 'The process is up',
      answerTypes: ['text/plain'],
      handle: ({ reply }) => reply.type('text/plain').send('ok\n'),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      access: 'public',
      tag: 'health',
      summary: 'The gateway can store; 503 if not',
      answerTypes: ['text/plain'],
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
        historyCopy: copyView.optional(),
        version: z.string(),
        now: isoSchema,
      }),
      handle: () => {
        const copy = historyCopy?.status();
        const away = copy?.problem === undefined ? [] : [`no copy to ${copy.target}: ${copy.problem}`];
        return {
          ...ingest.ready(),
          problems: [...store.problems, ...away],
          version,
          now: formatTime(now()),
          ...(copy === undefined ? {} : { historyCopy: viewCopy(copy) }),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      access: 'metrics',
      tag: 'health',
      summary: 'Metrics in the Prometheus text format',
      answerTypes: ['text/plain'],
      handle: ({ reply }) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.render()),
    }),
  ];
}
