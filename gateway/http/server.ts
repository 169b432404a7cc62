import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import fastifyCookie from '@fastify/cookie';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { z } from 'zod';
import { type Desk, openDesk } from '../desk.ts';
import type { Rule } from '../domain/plant.ts';
import type { PlantCatalog } from '../plant-growth.ts';
import type { Registry } from '../registry.ts';
import { alarmRoutes } from './alarms.ts';
import { assetRoutes } from './assets.ts';
import { auditRoutes } from './audit.ts';
import { guard, identityOf } from './auth.ts';
import { backupRoutes } from './backup.ts';
import { inflateBodies, readBodies } from './body.ts';
import { collectorRoutes } from './collector.ts';
import { commandRoutes } from './commands.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { deliveryRoutes } from './delivery.ts';
import { deviceRoutes } from './devices.ts';
import { DoorRoom } from './door-room.ts';
import { edgeRoutes } from './edges.ts';
import { exportRoutes } from './export.ts';
import { Feed, FLUSH_EVERY_MS } from './feed.ts';
import { HEARTBEAT_MS } from './feed-subscription.ts';
import { floodRoutes } from './floods.ts';
import { healthRoutes } from './health.ts';
import { leakageRoutes } from './leakage.ts';
import { leakageFigureRoutes } from './leakage-figures.ts';
import { whatIfRoutes } from './leakage-what-if.ts';
import { liveRoutes } from './live.ts';
import { LoginLimit } from './login-limit.ts';
import { mapRoutes } from './map.ts';
import { observe } from './observe.ts';
import { OpenAlarms } from './open-alarms.ts';
import { openapi } from './openapi.ts';
import { Outgoing } from './outgoing.ts';
import { servePage } from './page.ts';
import { performanceRoutes } from './performance.ts';
import { onePointRoutes } from './point.ts';
import { pointRoutes } from './points.ts';
import type { Door, HttpOptions } from './ports.ts';
import { PROBLEMS, problemBody, problemOf } from './problem.ts';
import { queryRoutes } from './query.ts';
import { readingRoutes } from './readings.ts';
import { mount, type Route, route } from './route.ts';
import { ruleRoutes } from './rules.ts';
import { sessionRoutes } from './session.ts';
import { Sessions } from './sessions.ts';
import { openSettings } from './settings.ts';
import { writeRoutes } from './write.ts';

/** Bodies of routes that name no limit of their own. */
const BODY_BYTES_MAX = 1024 * 1024;
/** Headers and body must have come within this. */
const REQUEST_MS_MAX = 60_000;

const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ');

/** A plant without files: everything is as it is discovered. */
const NO_FILES: PlantCatalog = {
  declared: [],
  describeDevice: (id) => ({ id, class: 'generic', origin: 'discovered', attributes: {} }),
  describePoint: ({ id }, measurement) => ({ device: id, measurement, maxSilenceMs: 300_000, reportingDelayMs: 0 }),
  rulesFor: () => [],
};

function judgedRules(registry: Registry, desk: Desk, id: number): readonly Rule[] {
  const point = registry.point(id);
  const device = point === undefined ? undefined : registry.device(point.device);
  return point === undefined || device === undefined ? [] : desk.catalog.rulesFor(point, device);
}

/** @returns a function from a path to the methods taken there; HEAD comes with GET */
function methodsOf(routes: readonly Route[]): (path: string) => readonly string[] {
  const patterns = routes.map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));
  return (path) =>
    patterns.flatMap(({ method, pattern }) =>
      pattern.test(path) ? (method === 'GET' ? ['GET', 'HEAD'] : [method]) : [],
    );
}

/** The HTTP door: API, live feed and page. It listens where main.ts says. */
export async function createHttpServer(options: HttpOptions): Promise<FastifyInstance> {
  const { config, now, log, registry, ingest, accounts, site } = options;
  const sessions = new Sessions(
    config.dataDir === undefined ? undefined : join(config.dataDir, 'sessions.json'),
    now,
    (error) => log.error({ err: error }, 'sessions not written; they end with this process'),
  );
  const settings = openSettings(config.dataDir, { language: 'en', pressureUnit: 'MPa', timezone: site.timezone });
  const newId = () => randomBytes(16).toString('base64url');
  const feed = new Feed({ registry, now, run: randomBytes(6).toString('hex'), newId, metrics: options.metrics });
  const openAlarms = new OpenAlarms();
  const desk = options.desk ?? openDesk(NO_FILES, undefined);
  const rulesOf = (id: number) => judgedRules(registry, desk, id);
  const room = new DoorRoom(options.metrics);
  const groupOf = options.groupOf ?? (() => 'all');
  const shared = { sessions, settings, feed, openAlarms, room };
  const door: Door = { ...options, groupOf, desk, assets: desk.assets, rulesOf, ...shared };

  const outgoing = new Outgoing(config.dataDir, newId);
  await outgoing.clear();
  const unsubscribe = ingest.onCommitted((committed) => {
    openAlarms.committed(committed);
    feed.committed(committed);
  });
  await openAlarms.load(options.store);
  sessions.onEnded((key) => feed.sessionEnded(key));

  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    // Only a proxy on this machine may say for whom it asks.
    trustProxy: 'loopback',
    forceCloseConnections: true,
    return503OnClosing: true,
    // Alarm ids hold asset, measurement, kind and time.
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error, _request, reply) => answerProblem(error, reply),
  });
  const authOptions = { accounts, sessions, publicUrl: config.publicUrl, metricsToken: config.metricsToken };

  const answerProblem = (error: unknown, reply: FastifyReply) => {
    const problem = problemOf(error);
    const { status } = PROBLEMS[problem.code];
    if (status >= 500 && problem.code !== 'not-ready')
      log.error({ err: error, code: problem.code, path: reply.request.url }, 'request failed');
    return reply.status(status).headers(problem.headers).type('application/problem+json').send(problemBody(problem));
  };
  app.setErrorHandler((error: FastifyError, _request: FastifyRequest, reply: FastifyReply) =>
    answerProblem(error, reply),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
    if (request.url.startsWith('/api/') || request.url.startsWith('/metrics'))
      reply.header('cache-control', 'no-store');
    if (config.publicUrl?.startsWith('https:')) reply.header('strict-transport-security', 'max-age=31536000');
  });
  observe(app, { metrics: options.metrics, feed, sessions, openAlarms });
  await app.register(fastifyCookie);
  inflateBodies(app);
  readBodies(app);
  guard(app, authOptions);

  const routes: Route[] = [
    ...sessionRoutes(door, new LoginLimit()),
    ...healthRoutes(door),
    ...deviceRoutes(door),
    ...commandRoutes(door),
    ...pointRoutes(door),
    ...onePointRoutes(door),
    ...readingRoutes(door),
    ...writeRoutes(door),
    ...collectorRoutes(door),
    ...queryRoutes(door),
    ...exportRoutes(door, outgoing),
    ...backupRoutes(door, outgoing),
    ...edgeRoutes(door),
    ...alarmRoutes(door),
    ...floodRoutes(door),
    ...performanceRoutes(door),
    ...leakageRoutes(door),
    ...leakageFigureRoutes(door),
    ...whatIfRoutes(door),
    ...mapRoutes(door),
    ...assetRoutes(door),
    ...ruleRoutes(door),
    ...deliveryRoutes(door),
    ...deadLetterRoutes(door),
    ...auditRoutes(door),
    ...liveRoutes(door),
  ];
  let page: unknown;
  routes.push(
    route({
      method: 'GET',
      path: '/api/v1/openapi.json',
      access: 'viewer',
      tag: 'documentation',
      summary: 'This description',
      answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
      handle: () => {
        page ??= openapi(routes, options.version);
        return page;
      },
    }),
  );
  for (const definition of routes) mount(app, definition, { strictAnswers: options.strictAnswers === true });
  await servePage(app, options.webRoot, methodsOf(routes));

  const flushing = setInterval(() => feed.flush(), FLUSH_EVERY_MS).unref();
  const beating = setInterval(() => {
    feed.beat((owner, session) =>
      session === undefined
        ? accounts.find(owner) !== undefined || accounts.hasToken(owner)
        : identityOf(sessions.touch(session), authOptions) !== undefined,
    );
  }, HEARTBEAT_MS).unref();
  // Streams never end by themselves: they must be told before the server waits for its connections.
  app.addHook('preClose', async () => {
    clearInterval(flushing);
    clearInterval(beating);
    unsubscribe();
    feed.close();
    await sessions.close();
  });
  return app;
}
