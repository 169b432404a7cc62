import { z } from 'zod';
import { idSchema } from '../../contract/reading.ts';
import { formatTime } from '../../contract/time.ts';
import { type Asset, type AssetBook, assetSchema, type Binding } from '../assets.ts';
import { inWgs84 } from '../domain/coordinates.ts';
import { converted } from './asset-points.ts';
import type { Identity } from './auth.ts';
import {
  countSchema,
  cursorSchema,
  decodeCursor,
  encodeCursor,
  isoSchema,
  momentSchema,
  pageFields,
  pageOf,
  present,
} from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { lastView, viewLast } from './views.ts';

const bindingView = z.object({
  measurement: z.string(),
  point: z.string().meta({ description: '`<device>/<measurement>` that measures it' }),
  from: isoSchema,
  to: isoSchema.optional(),
  scale: z.number(),
  offset: z.number(),
  finalReading: z.number().optional(),
  firstReading: z.number().optional(),
  who: z.string(),
  at: isoSchema,
  note: z.string().optional(),
});

const assetView = z.object({
  ...assetSchema.shape,
  openAlarms: z.object({ 1: z.number(), 2: z.number(), 3: z.number(), 4: z.number() }),
  children: z.array(z.string()),
  points: z.array(
    z.object({
      id: z.string(),
      measurement: z.string(),
      boundTo: z.string().optional(),
      unit: z.string().optional(),
      last: lastView.optional(),
    }),
  ),
});

const bindSchema = z.strictObject({
  measurement: idSchema,
  point: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>, or null to end the binding')
    .nullable(),
  from: momentSchema.optional().meta({ description: 'when the change was made; now when left out' }),
  scale: z
    .number()
    .refine((scale) => scale !== 0, 'not 0')
    .default(1),
  finalReading: z.number().optional().meta({ description: 'counters: what the old meter showed at the end' }),
  firstReading: z.number().optional().meta({ description: 'counters: what the new meter showed at the start' }),
  note: z.string().trim().min(1).max(1000).optional(),
});

/** What stays while instruments change: the asset tree, and which device points measure it. */
export function assetRoutes(door: Door): readonly Route[] {
  const { assets, registry, ingest, now } = door;
  const find = (id: string): Asset => {
    const asset = assets.asset(id);
    if (asset === undefined) throw new Problem('asset-unknown', `There is no asset ${id.slice(0, 100)}.`);
    return asset;
  };
  const audit = (identity: Identity | undefined, what: string, target: string, detail: unknown) =>
    ingest.audit({
      at: now(),
      who: (identity as Identity).name,
      what,
      target,
      detail: JSON.stringify(detail).slice(0, 1000),
    });
  const view = (asset: Asset) => viewAsset(door, asset);
  /** A device and an asset of one id would make `<id>/<measurement>` mean two things. */
  const mustBeFree = (id: string) => {
    if (registry.device(id) !== undefined)
      throw new Problem('asset-taken', `${id} is a device, and so an asset of its own already.`);
  };
  /** Whose points are judged by this asset now. */
  const devicesOf = (asset: string) =>
    assets.measurements(asset).flatMap((name) =>
      assets
        .of(asset, name)
        .slice(-1)
        .map(({ device }) => device),
    );

  return [
    route({
      method: 'GET',
      path: '/api/v1/assets',
      access: 'viewer',
      tag: 'assets',
      summary: 'Declared assets by id; a device that belongs to none is an asset of its own and not listed here',
      query: z.strictObject({
        parent: z.string().max(64).optional(),
        class: z.string().max(64).optional(),
        limit: countSchema(1, 1000).default(100),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ assets: z.array(assetView), cursor: z.string().optional() }),
      handle({ query }) {
        const after = decodeCursor(query.cursor, 'string');
        const found = [...assets.all()].filter(
          (asset) =>
            (after === undefined || asset.id > after) &&
            (query.parent === undefined || asset.parent === query.parent) &&
            (query.class === undefined || asset.class === query.class),
        );
        found.sort((a, b) => (a.id < b.id ? -1 : 1));
        const page = found.slice(0, query.limit);
        const last = page.at(-1);
        return {
          assets: page.map(view),
          ...(found.length > page.length && last !== undefined ? { cursor: encodeCursor(last.id) } : {}),
        };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/assets',
      access: 'admin',
      tag: 'assets',
      summary: 'Declare an asset',
      body: assetSchema,
      answer: assetView,
      status: 201,
      async handle({ body: given, identity }) {
        const body = inWgs84(given);
        mustBeFree(body.id);
        await assets.put(body, 'add');
        await audit(identity, 'add-asset', body.id, body);
        return view(body);
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/assets/{asset}',
      access: 'viewer',
      tag: 'assets',
      summary: 'One asset with its points, children and open alarms',
      params: z.object({ asset: z.string() }),
      answer: assetView,
      handle: ({ params }) => view(find(params.asset)),
    }),
    route({
      method: 'PUT',
      path: '/api/v1/assets/{asset}',
      access: 'admin',
      tag: 'assets',
      summary: 'Change an asset; its bindings stay',
      params: z.object({ asset: z.string() }),
      body: assetSchema.omit({ id: true }),
      answer: assetView,
      async handle({ params, body, identity }) {
        const asset = { ...inWgs84(body), id: find(params.asset).id };
        await assets.put(asset, 'change');
        await ingest.renewRules(devicesOf(asset.id));
        await audit(identity, 'change-asset', asset.id, body);
        return view(asset);
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/assets/{asset}/bindings',
      access: 'viewer',
      tag: 'assets',
      summary: 'What measured the asset, and when',
      params: z.object({ asset: z.string() }),
      query: z.strictObject(pageFields),
      answer: z.object({ bindings: z.array(bindingView), cursor: z.string().optional() }),
      handle({ params, query }) {
        const keyOf = ({ measurement, from }: z.infer<typeof bindingView>) => `${measurement} ${from}`;
        const sorted = bindingsOf(assets, find(params.asset).id).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
        const { page, ...cursor } = pageOf(sorted, keyOf, query);
        return { bindings: [...page], ...cursor };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/assets/{asset}/bindings',
      access: 'operator',
      tag: 'assets',
      summary:
        'Bind a device point to a measurement of the asset, replace the one that is bound, or end it (`point: null`)',
      params: z.object({ asset: z.string() }),
      body: bindSchema,
      answer: z.object({ bindings: z.array(bindingView) }),
      async handle({ params, body, identity }) {
        const { id } = find(params.asset);
        const [device, source] = body.point?.split('/') ?? [];
        const { measurement, from = now(), scale } = body;
        if (from > now() + CLOCK_SKEW_MS)
          throw new Problem('binding-not-possible', 'A change is told when it was made, not before.');
        const changed = await assets.bind({
          asset: id,
          measurement,
          to: device === undefined || source === undefined ? undefined : { device, source },
          from,
          scale,
          who: (identity as Identity).name,
          at: now(),
          ...present({ finalReading: body.finalReading, firstReading: body.firstReading, note: body.note }),
        });
        door.feed.rebound();
        await ingest.renewRules(changed);
        await audit(identity, body.point === null ? 'unbind' : 'bind', `${id}/${measurement}`, body);
        return { bindings: bindingsOf(assets, id) };
      },
    }),
  ];
}

/** A person's watch may be this much ahead of ours. */
const CLOCK_SKEW_MS = 60_000;

function bindingsOf(assets: AssetBook, asset: string): z.infer<typeof bindingView>[] {
  return assets.measurements(asset).flatMap((measurement) => assets.of(asset, measurement).map(viewBinding));
}

function viewBinding({ device, source, from, to, at, ...rest }: Binding): z.infer<typeof bindingView> {
  return {
    ...rest,
    point: `${device}/${source}`,
    from: formatTime(from),
    at: formatTime(at),
    ...(to === undefined ? {} : { to: formatTime(to) }),
  };
}

function viewAsset(door: Door, asset: Asset): z.infer<typeof assetView> {
  const { assets, registry, openAlarms, now } = door;
  const points = assets.measurements(asset.id).map((measurement) => {
    const binding = assets.of(asset.id, measurement).at(-1);
    const current = binding !== undefined && binding.to === undefined ? binding : undefined;
    const id = current === undefined ? undefined : registry.pointId(current.device, current.source);
    const info = id === undefined ? undefined : registry.point(id);
    const last = id === undefined ? undefined : registry.last(id);
    return {
      id: `${asset.id}/${measurement}`,
      measurement,
      ...present({
        boundTo: current === undefined ? undefined : `${current.device}/${current.source}`,
        unit: info?.unit,
        last:
          info === undefined || last === undefined || current === undefined
            ? undefined
            : viewLast(info, converted(last, current), now()),
      }),
    };
  });
  const children = [...assets.all()].filter(({ parent }) => parent === asset.id).map(({ id }) => id);
  return { ...asset, openAlarms: { ...openAlarms.of(asset.id) }, children: children.sort(), points };
}
