import { z } from 'zod';
import type { DeviceInfo, PointInfo } from '../domain/plant.ts';
import { countSchema, cursorSchema, decodeCursor, encodeCursor } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { pointView, viewPoint } from './views.ts';
import { walk } from './walk.ts';

const POINTS_MAX = 10_000;

const filterFields = {
  device: z.string().max(64).optional(),
  class: z.string().max(64).optional(),
  site: z.string().max(64).optional(),
  q: z.string().max(100).optional().meta({ description: 'text in the id, the label, or the name of the device' }),
};

export function pointRoutes(door: Door): readonly Route[] {
  const { registry, now, rulesOf } = door;
  return [
    route({
      method: 'GET',
      path: '/api/v1/points',
      access: 'viewer',
      tag: 'points',
      summary: 'Points with their newest value, in the order they came into being',
      query: z.strictObject({
        ...filterFields,
        limit: countSchema(1, POINTS_MAX).default(1000),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ points: z.array(pointView), cursor: z.string().optional() }),
      async handle({ query }) {
        const after = decodeCursor(query.cursor, 'number') ?? -1;
        const matches = pointFilter(query);
        const points: z.infer<typeof pointView>[] = [];
        let last = after;
        let isMore = false;
        await walk(
          query.device === undefined ? pointsFrom(registry, after + 1) : registry.pointsOf(query.device),
          (point) => {
            if (point.id <= after) return true;
            const device = registry.device(point.device);
            if (!matches(point, device)) return true;
            isMore = points.length === query.limit;
            if (isMore) return false;
            points.push(viewPoint(point, device, registry.last(point.id), rulesOf(point.id), now()));
            last = point.id;
            return true;
          },
        );
        return { points, ...(isMore ? { cursor: encodeCursor(last) } : {}) };
      },
    }),
  ];
}

/** Points of a dense id and above: a page in the middle of a district begins there. */
function* pointsFrom(registry: Door['registry'], first: number): Iterable<PointInfo> {
  for (let point = registry.point(first); point !== undefined; point = registry.point(point.id + 1)) yield point;
}

/** @throws Problem point-unknown */
export function findPoint({ registry }: Pick<Door, 'registry'>, device: string, measurement: string): PointInfo {
  const id = registry.pointId(device, measurement);
  const point = id === undefined ? undefined : registry.point(id);
  if (point === undefined)
    throw new Problem('point-unknown', `${device}/${measurement} never sent a reading and is declared nowhere.`);
  return point;
}

export interface PointFilter {
  readonly device?: string | undefined;
  readonly class?: string | undefined;
  readonly site?: string | undefined;
  readonly measurement?: string | undefined;
  /** Text in ids, labels and names. */
  readonly q?: string | undefined;
}

/** Which points a filter means; what it leaves open matches all. */
export function pointFilter(filter: PointFilter): (point: PointInfo, device: DeviceInfo | undefined) => boolean {
  const text = filter.q?.toLowerCase();
  const says = (word: string | undefined) => word?.toLowerCase().includes(text ?? '') === true;
  // Points of one device follow each other: its own words are looked through once.
  let lastDevice: DeviceInfo | undefined;
  let isLastNamed = false;
  const isNamed = (device: DeviceInfo | undefined) => {
    if (device !== lastDevice)
      isLastNamed = says(device?.name) || says(device?.nameZh) || says(device?.location) || says(device?.locationZh);
    lastDevice = device;
    return device !== undefined && isLastNamed;
  };
  return (point, device) =>
    (filter.device === undefined || point.device === filter.device) &&
    (filter.measurement === undefined || point.measurement === filter.measurement) &&
    (filter.class === undefined || device?.class === filter.class) &&
    (filter.site === undefined || device?.site === filter.site) &&
    (text === undefined ||
      says(`${point.device}/${point.measurement}`) ||
      says(point.label) ||
      says(point.labelZh) ||
      isNamed(device));
}
