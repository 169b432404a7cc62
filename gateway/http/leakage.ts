import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import { pointsWanted } from '../domain/leakage/locate/locate.ts';
import type { ZoneStatus } from '../domain/leakage/zone-status.ts';
import { isoSchema, pageFields, pageOf, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

const zoneView = z.object({
  zone: z.string(),
  name: z.string().optional(),
  nameZh: z.string().optional().meta({ description: 'the same for people who read Chinese' }),
  state: z.enum(['learning', 'watching', 'leak', 'unmetered']),
  reason: z.string().optional().meta({ description: 'why it has no water balance, of its own or at present' }),
  silent: z
    .array(z.string())
    .optional()
    .meta({ description: 'its points that were never heard or are older than they may be' }),
  daysLeft: z.number().meta({ description: 'days of data still wanted before leaks are looked for; 0: learned' }),
  at: isoSchema.optional().meta({ description: 'until when the zone is balanced' }),
  nightFlow: z.number().optional().meta({ description: 'm3/h, least mean over an hour of the last local night' }),
  smallestLeak: z.number().optional().meta({
    description:
      'm3/h, the smallest sudden leak that the nights would confirm within three days, by the noise learned here',
  }),
  since: isoSchema.optional().meta({ description: 'when the oldest open leak began' }),
  size: z.number().meta({ description: 'm3/h, all open leaks together' }),
  lostM3: z.number().meta({ description: 'water that the open leaks have lost so far' }),
});

/** What the search for leaks is doing. */
export function leakageRoutes({ leakage = () => [], figures, registry, now }: Door): readonly Route[] {
  const isSilent = (point: string): boolean => {
    const at = point.indexOf('/');
    const id = registry.pointId(point.slice(0, at), point.slice(at + 1));
    const last = id === undefined ? undefined : registry.last(id);
    if (id === undefined || last === undefined) return true;
    const { maxSilenceMs = 0, reportingDelayMs = 0 } = registry.point(id) ?? {};
    return now() - last.ts > maxSilenceMs + reportingDelayMs;
  };
  const silence = (zone: string) => {
    const model = figures?.zones.find(({ id }) => id === zone);
    if (model === undefined) return {};
    const silent = pointsWanted(model).filter(isSilent);
    const meters = [...model.inlets, ...model.outlets].filter((point) => silent.includes(point));
    return {
      ...(silent.length === 0 ? {} : { silent }),
      ...(meters.length === 0 ? {} : { reason: `no balance at present: ${meters.join(', ')} tells nothing` }),
    };
  };
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
        return { zones: page.map((zone) => ({ ...silence(zone.zone), ...viewZone(zone) })), ...cursor };
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
