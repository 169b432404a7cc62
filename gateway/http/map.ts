import { z } from 'zod';
import { groundSchema } from '../map-ground.ts';
import { present } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

/** Assets of one answer; devices bring their own places in `GET /api/v1/devices`. */
const ASSETS_MAX = 20_000;

const answer = z.object({
  ground: groundSchema.optional().meta({ description: 'background of the map as GeoJSON, where `map:` names one' }),
  zones: z
    .array(
      z.object({
        zone: z.string(),
        name: z.string().optional(),
        nameZh: z.string().optional(),
        devices: z.array(z.string()).meta({ description: 'what measures it: inlets, outlets, pressures, customers' }),
      }),
    )
    .meta({ description: 'metered areas; the outline of one is the feature of `ground` with its id as `zone`' }),
  assets: z
    .array(
      z.object({
        id: z.string(),
        class: z.string(),
        latitude: z.number(),
        longitude: z.number(),
        name: z.string().optional(),
        nameZh: z.string().optional(),
      }),
    )
    .meta({ description: `assets with a place of their own, at most ${ASSETS_MAX}` }),
});

/** What the district map draws beside devices. */
export function mapRoutes({ ground, figures, assets }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/map',
      access: 'viewer',
      tag: 'map',
      summary: 'Background of the district map, metered areas and assets with a place; WGS-84',
      answer,
      handle() {
        const placed: z.output<typeof answer>['assets'] = [];
        for (const { id, class: assetClass, latitude, longitude, name, nameZh } of assets.all()) {
          if (latitude === undefined || longitude === undefined) continue;
          placed.push({ id, class: assetClass, latitude, longitude, ...present({ name, nameZh }) });
          if (placed.length >= ASSETS_MAX) break;
        }
        return {
          ...present({ ground }),
          zones: (figures?.zones ?? []).map((zone) => ({
            zone: zone.id,
            devices: devicesOf([
              ...zone.inlets,
              ...zone.outlets,
              ...zone.pressures,
              ...zone.customers,
              ...(zone.registered ?? []),
            ]),
            ...present({ name: zone.name, nameZh: zone.nameZh }),
          })),
          assets: placed,
        };
      },
    }),
  ];
}

const devicesOf = (points: readonly string[]) => [...new Set(points.map((point) => point.split('/')[0] as string))];
