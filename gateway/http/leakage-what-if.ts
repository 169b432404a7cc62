import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import type { WhatIfAlarm } from '../domain/leakage/what-if.ts';
import { RANGE_MAX_MS, WhatIfError } from '../what-if/what-if.ts';
import { isoSchema, momentSchema, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

const MONTH_MS = 31 * 86_400_000;

const alarmView = z.object({
  zone: z.string(),
  kind: z.enum(['abrupt', 'slow']),
  raisedAt: isoSchema,
  since: isoSchema,
  sizeM3PerH: z.number(),
  location: z.string(),
  closedAt: isoSchema.optional(),
});

/** An engineer tries another sensitivity on what was recorded. */
export function whatIfRoutes({ whatIf, figures, now }: Door): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/leakage/what-if',
      access: 'operator',
      tag: 'leakage',
      summary: 'Leak alarms that stored history would have raised with another sensitivity, beside those as it is set',
      body: z.strictObject({
        sensitivity: z
          .number()
          .min(0.25)
          .max(4)
          .meta({ description: 'times the setting; above 1 rings sooner and for less' }),
        zone: z.string().optional(),
        from: momentSchema.optional().meta({ description: '31 days before `to` when left out' }),
        to: momentSchema.optional(),
      }),
      answer: z.object({
        from: isoSchema,
        to: isoSchema,
        usual: z.number().meta({ description: 'alarms as it is set' }),
        changed: z.number().meta({ description: 'alarms with the other sensitivity' }),
        rows: z
          .array(z.object({ usual: alarmView.optional(), changed: alarmView.optional() }))
          .meta({ description: 'side by side: one row a leak, in the order of time' }),
        learning: z.array(z.string()).meta({ description: 'zones that lack history to learn from' }),
      }),
      async handle({ body }) {
        const { sensitivity, zone } = body;
        const to = Math.min(body.to ?? now(), now());
        const from = body.from ?? to - MONTH_MS;
        if (from >= to || to - from > RANGE_MAX_MS)
          throw new Problem('input-invalid', 'body.from must be before body.to, and at most 366 days', {
            errors: [{ path: 'body.from', found: formatTime(from), allowed: 'a time within 366 days before `to`' }],
          });
        if (zone !== undefined && figures?.zones.some(({ id }) => id === zone) !== true)
          throw new Problem('zone-unknown', `No zone ${zone.slice(0, 100)} in which leaks are looked for.`);
        const found = await whatIf?.ask({ from, to, sensitivity, ...present({ zone }) }).catch((error: unknown) => {
          if (error instanceof WhatIfError) throw new Problem(error.code, error.message);
          throw error;
        });
        const { rows = [], learning = [] } = found ?? {};
        return {
          from: formatTime(from),
          to: formatTime(to),
          usual: rows.filter((row) => row.usual !== undefined).length,
          changed: rows.filter((row) => row.changed !== undefined).length,
          rows: rows.map(({ usual, changed }) => present({ usual: view(usual), changed: view(changed) })),
          learning,
        };
      },
    }),
  ];
}

function view(alarm: WhatIfAlarm | undefined) {
  if (alarm === undefined) return undefined;
  const { raisedAt, since, closedAt, ...rest } = alarm;
  return {
    ...rest,
    raisedAt: formatTime(raisedAt),
    since: formatTime(since),
    ...(closedAt === undefined ? {} : { closedAt: formatTime(closedAt) }),
  };
}
