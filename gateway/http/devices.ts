import { z } from 'zod';
import { QUALITIES } from '../../contract/reading.ts';
import { formatTime } from '../../contract/time.ts';
import type { DeviceInfo } from '../domain/plant.ts';
import { lineOf } from './edges.ts';
import { countSchema, cursorSchema, decodeCursor, encodeCursor, isoSchema, present } from './inputs.ts';
import type { AlarmCounts } from './open-alarms.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { deviceView, pointView, viewDevice, viewPoint } from './views.ts';
import { walk } from './walk.ts';

const countsView = z.object({ 1: z.number(), 2: z.number(), 3: z.number(), 4: z.number() });

const deviceWithState = deviceView.extend({
  state: z.enum(['live', 'partly', 'silent', 'offline', 'unknown']).meta({
    description:
      'live: every point is fresh and not bad; partly: some are; silent: none; offline: its edge is; unknown: no reading yet',
  }),
  worst: z.enum(QUALITIES).optional().meta({ description: 'worst quality among its newest values' }),
  lastAt: isoSchema.optional(),
  online: z.boolean().optional().meta({ description: 'whether its edge is' }),
  openAlarms: countsView.meta({ description: 'alarms that want attention, by priority' }),
  lineHealth: z.record(z.string(), z.unknown()).optional(),
  points: z.array(pointView),
});

export function deviceRoutes(door: Door): readonly Route[] {
  const { registry } = door;
  return [
    route({
      method: 'GET',
      path: '/api/v1/devices',
      access: 'viewer',
      tag: 'devices',
      summary: 'Devices by id, with points, newest values and open alarms',
      query: z.strictObject({
        class: z.string().max(64).optional(),
        site: z.string().max(64).optional(),
        edge: z.string().max(64).optional(),
        q: z.string().max(100).optional(),
        limit: countSchema(1, 1000).default(100),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ devices: z.array(deviceWithState), cursor: z.string().optional() }),
      async handle({ query }) {
        const after = decodeCursor(query.cursor, 'string');
        const text = query.q?.toLowerCase();
        const says = (word: string | undefined) => word?.toLowerCase().includes(text ?? '') === true;
        const found: DeviceInfo[] = [];
        await walk(registry.devices(), (device) => {
          const { id, name, nameZh, location, locationZh } = device;
          if (
            (after === undefined || id > after) &&
            (query.class === undefined || device.class === query.class) &&
            (query.site === undefined || device.site === query.site) &&
            (query.edge === undefined || device.edge === query.edge) &&
            (text === undefined || says(id) || says(name) || says(nameZh) || says(location) || says(locationZh))
          )
            found.push(device);
          return true;
        });
        found.sort((a, b) => (a.id < b.id ? -1 : 1));
        const page = found.slice(0, query.limit);
        const last = page.at(-1);
        return {
          devices: page.map((device) => viewWithState(door, device)),
          ...(found.length > page.length && last !== undefined ? { cursor: encodeCursor(last.id) } : {}),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/devices/{device}',
      access: 'viewer',
      tag: 'devices',
      summary: 'One device',
      params: z.object({ device: z.string() }),
      answer: deviceWithState,
      handle({ params }) {
        const device = registry.device(params.device);
        if (device === undefined) throw new Problem('device-unknown', `${params.device} is not known here.`);
        return viewWithState(door, device);
      },
    }),
  ];
}

function viewWithState(door: Door, device: DeviceInfo) {
  const { registry, openAlarms, now, rulesOf } = door;
  const at = now();
  const edge = device.edge === undefined ? undefined : registry.edge(device.edge);
  let fresh = 0;
  let known = 0;
  let worst = -1;
  let lastAt = -1;
  const points = registry.pointsOf(device.id).map((point) => {
    const last = registry.last(point.id);
    const view = viewPoint(point, device, last, rulesOf(point.id), at);
    if (last !== undefined) {
      known++;
      if (view.last?.stale === false && last.quality !== 'bad') fresh++;
      worst = Math.max(worst, QUALITIES.indexOf(last.quality));
      lastAt = Math.max(lastAt, last.ts);
    }
    return view;
  });
  const counts: AlarmCounts = openAlarms.of(device.id);
  return {
    ...viewDevice(device),
    state: stateOf({ fresh, known, points: points.length, edgeOnline: edge?.online }),
    openAlarms: { ...counts },
    points,
    ...present({
      worst: QUALITIES[worst],
      lastAt: lastAt < 0 ? undefined : formatTime(lastAt),
      online: edge?.online,
      lineHealth: edge === undefined || device.line === undefined ? undefined : lineOf(edge, device.line),
    }),
  };
}

function stateOf({
  fresh,
  known,
  points,
  edgeOnline,
}: {
  readonly fresh: number;
  readonly known: number;
  readonly points: number;
  readonly edgeOnline: boolean | undefined;
}) {
  if (edgeOnline === false) return 'offline' as const;
  if (known === 0) return 'unknown' as const;
  if (fresh === 0) return 'silent' as const;
  return fresh === points ? ('live' as const) : ('partly' as const);
}
