import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import { countSchema, cursorSchema, isoSchema, mustBeInOrder, present, rangeFields } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

const auditView = z.object({
  at: isoSchema,
  who: z.string(),
  what: z.string(),
  target: z.string(),
  detail: z.string().optional(),
});

export function auditRoutes({ store }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/audit',
      access: 'admin',
      tag: 'audit',
      summary: 'Who signed in, and who changed what; newest first',
      query: z.strictObject({
        ...rangeFields,
        limit: countSchema(1, 1000).default(100),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ audit: z.array(auditView), cursor: z.string().optional() }),
      async handle({ query }) {
        const { limit, ...rest } = query;
        mustBeInOrder(rest);
        const page = await store.audit({ limit, ...present(rest) });
        return {
          audit: page.items.map((entry) => ({ ...entry, at: formatTime(entry.at) })),
          ...present({ cursor: page.cursor }),
        };
      },
    }),
  ];
}
