import { z } from 'zod';
import type { PointInfo } from '../domain/plant.ts';
import type { Identity } from './auth.ts';
import type { PointName, Sink, Wishes } from './feed-subscription.ts';
import { pointFilter } from './points.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** Points named one by one in a subscription; more than that is a class, a site or `*`. */
const POINTS_MAX = 20_000;
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** A stream that was told goodbye has so long to read it. */
const GOODBYE_MS = 5000;

const wishesSchema = z.strictObject({
  points: z
    .union([
      z.literal('*'),
      z.array(z.string().max(129)).max(POINTS_MAX),
      z.strictObject({
        device: z.string().optional(),
        class: z.string().optional(),
        site: z.string().optional(),
        measurement: z.string().optional(),
      }),
    ])
    .default([]),
  alarms: z.boolean().default(false),
  devices: z.boolean().default(false),
});

/** The screens' one live connection: server-sent events. */
export function liveRoutes({ feed, registry, assets }: Door): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/live/subscriptions',
      access: 'viewer',
      tag: 'live',
      summary: 'Say what to be told; lives 5 minutes without a stream',
      body: wishesSchema,
      bodyBytesMax: BODY_BYTES_MAX,
      answer: z.object({ subscription: z.string() }),
      status: 201,
      handle({ body, identity }) {
        const held = feed.subscribe((identity as Identity).name, {
          names: namesOf(body.points, { registry, assets }),
          ...(Array.isArray(body.points)
            ? { candidates: () => idsOf(body.points as string[], { registry, assets }) }
            : {}),
          alarms: body.alarms,
          devices: body.devices,
        });
        if (held === undefined) throw new Problem('too-many-subscriptions', 'Close some screens first.');
        return { subscription: held.id };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/live',
      access: 'viewer',
      tag: 'live',
      summary: 'The stream: hello, reading, alarm, device, bye; `Last-Event-ID` goes on where it ended',
      query: z.strictObject({
        subscription: z.string().max(64),
        lastEventId: z.string().max(200).optional().meta({ description: 'for clients that can not set the header' }),
      }),
      answerTypes: ['text/event-stream'],
      handle({ query, identity, request, reply }) {
        const { name, session } = identity as Identity;
        // Another's subscription is as good as none: ids are no secret worth guessing.
        if (feed.find(query.subscription)?.owner !== name)
          throw new Problem('subscription-unknown', 'Make a new one at POST /api/v1/live/subscriptions.');
        const header = request.headers['last-event-id'];
        const lastEventId = typeof header === 'string' ? header : query.lastEventId;
        reply.hijack();
        const { raw } = reply;
        raw.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          'content-type': 'text/event-stream; charset=utf-8',
          'x-accel-buffering': 'no',
        });
        request.raw.socket.setNoDelay(true);
        const sink: Sink = {
          write: (text) => void raw.write(text),
          buffered: () => raw.writableLength,
          end() {
            raw.end();
            setTimeout(() => raw.destroy(), GOODBYE_MS).unref();
          },
        };
        const stream = feed.open(query.subscription, sink, session, lastEventId);
        // In a turn of its own: an emptied socket says so at once, and thousands of events would be made texts in one go.
        raw.on('drain', () => setImmediate(() => stream.drained()));
        raw.on('close', () => stream.closed());
        raw.on('error', () => stream.closed());
        return reply;
      },
    }),
  ];
}

/** A device point has its own name and, while it is bound, that of the asset's point; a selector means devices only. */
function namesOf(
  points: z.output<typeof wishesSchema>['points'],
  { registry, assets }: Pick<Door, 'registry' | 'assets'>,
): Wishes['names'] {
  const own = (point: PointInfo) => ({ id: `${point.device}/${point.measurement}`, scale: 1, offset: 0 });
  if (typeof points === 'object' && !Array.isArray(points)) {
    const matches = pointFilter(points);
    return (point) => (matches(point, registry.device(point.device)) ? [own(point)] : []);
  }
  const ids = points === '*' ? undefined : new Set(points);
  return (point) => {
    const names: PointName[] = [own(point)];
    const bound = assets.boundTo(point.device, point.measurement);
    if (bound !== undefined) {
      const { measurement, scale, offset } = bound.binding;
      names.push({ id: `${bound.asset.id}/${measurement}`, scale, offset });
    }
    return ids === undefined ? names : names.filter(({ id }) => ids.has(id));
  };
}

/** Dense ids of named points that are there now. */
function* idsOf(points: readonly string[], { registry, assets }: Pick<Door, 'registry' | 'assets'>): Generator<number> {
  for (const text of points) {
    const slash = text.indexOf('/');
    const [owner, measurement] = [text.slice(0, slash), text.slice(slash + 1)];
    const binding = assets.of(owner, measurement).at(-1);
    const bound = binding === undefined ? undefined : registry.pointId(binding.device, binding.source);
    const id = bound ?? registry.pointId(owner, measurement);
    if (id !== undefined) yield id;
  }
}
