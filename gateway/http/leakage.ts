import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import type { ZoneStatus } from '../domain/leakage/zone-status.ts';
import { isoSchema, pageFields, pageOf, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

const zoneView = z.object({
  zone: z.string(),
  name: z.string().optional(),
  state: z.enum(['learning', 'watching', 'leak', 'unmetered']),
  reason: z.string().optional().meta({ description: 'why it has no water balance of its own' }),
  daysLeft: z.number().meta({ description: 'days of data still wanted before leaks are looked for; 0: learned' }),
  at: isoSchema.optional().meta({ description: 'until when the zone is balanced' }),
  nightFlow: z.number().optional().meta({ description: 'm3/h, least mean over an hour of the last local night' }),
  since: isoSchema.optional().meta({ description: 'when the oldest open leak began' }),
  size: z.number().meta({ description: 'm3/h, all open leaks together' }),
  lostM3: z.number().meta({ description: 'water that the open leaks have lost so far' }),
});

/** What the search for leaks is doing. */
export function leakageRoutes({ leakage = () => [] }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/leakage',
      access: 'viewer',
      tag: 'leakage',
      summary: 'Zones in which leaks are looked for: learning, watching, or a leak is open',
      query: z.strictObject(pageFields),
      answer: z.object({ zones: z.array(zoneView), cursor: z.string().optional() }),
      handle({ query }) {
        const sorted = [...leakage()].sort((a, b) => (a.zone < b.zone ? -1 : 1));
        const { page, ...cursor } = pageOf(sorted, ({ zone }) => zone, query);
        return { zones: page.map(viewZone), ...cursor };
      },
    }),
  ];
}

function viewZone({ at, since, nightFlow, size, lostM3, ...zone }: ZoneStatus): z.infer<typeof zoneView> {
  return {
    ...zone,
    ...present({
      at: at === undefined ? undefined : formatTime(at),
      since: since === undefined ? undefined : formatTime(since),
      nightFlow: nightFlow === undefined ? undefined : rounded(nightFlow),
    }),
    size: rounded(size),
    lostM3: Math.round(lostM3),
  };
}

const rounded = (value: number): number => Number(value.toPrecision(4));
