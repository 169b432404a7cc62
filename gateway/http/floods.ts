import { z } from 'zod';
import { type Flood, floodToWire } from '../../contract/alarm.ts';
import { countSchema, cursorSchema, isoSchema, mustBeInOrder, present, rangeFields } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

const groupsView = z.array(z.object({ name: z.string(), alarms: z.number() }));

export const floodView = z.object({
  id: z.string(),
  group: z.string().meta({ description: 'operator group; `all` where the site has one' }),
  state: z.enum(['active', 'over']),
  from: isoSchema.meta({ description: 'first alarm of the ten minutes that made it one' }),
  beganAt: isoSchema.meta({ description: 'when it was recognised' }),
  endedAt: isoSchema.optional(),
  alarms: z.number(),
  peak: z.number().meta({ description: 'most alarms in any ten minutes of it' }),
  priorities: z.object({ 1: z.number(), 2: z.number(), 3: z.number(), 4: z.number() }),
  standing: z.number().meta({ description: 'raised in it and not back to normal yet; of a past one: as it ended' }),
  explained: z.number().meta({ description: 'alarms that a root explained meanwhile: they did not ring' }),
  roots: groupsView,
  assets: groupsView,
  classes: groupsView,
});

export function floodRoutes({ store }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/alarms/floods',
      access: 'viewer',
      tag: 'alarms',
      summary: 'Floods, the latest first: those that go on and those of the past, each with what its alarms hang on',
      query: z.strictObject({
        state: z.enum(['active', 'over']).optional(),
        ...rangeFields,
        limit: countSchema(1, 1000).default(100),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ floods: z.array(floodView), cursor: z.string().optional() }),
      async handle({ query: { state, limit, ...rest } }) {
        mustBeInOrder(rest);
        const page = await store.floods({
          limit,
          ...present({ ...rest, active: state === undefined ? undefined : state === 'active' }),
        });
        return { floods: page.items.map(viewFlood), ...present({ cursor: page.cursor }) };
      },
    }),
  ];
}

function viewFlood(flood: Flood): z.infer<typeof floodView> {
  return floodToWire(flood) as z.infer<typeof floodView>;
}
