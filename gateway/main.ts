import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError } from '../contract/mistakes.ts';
import { openAccounts } from './accounts.ts';
import { whereaboutsOf } from './asset-catalog.ts';
import { startBroker } from './broker.ts';
import { CommandBook } from './commands.ts';
import type { GatewayConfig } from './config.ts';
import { openDesk } from './desk.ts';
import { createJudge } from './domain/judge.ts';
import { CustomerWatch } from './domain/leakage/customer-watch.ts';
import type { DeviceInfo } from './domain/plant.ts';
import { startExternalBroker } from './external-broker.ts';
import { keepHeapSmall } from './heap.ts';
import { createHttpServer } from './http/server.ts';
import { openInfluxClient, openInfluxCopy, withArchive } from './influxdb/open.ts';
import { type Ingest, IngestPath } from './ingest.ts';
import { showIngest } from './ingest-metrics.ts';
import { detectorsOf, modelSettings, zonesOf } from './leakage-config.ts';
import { LeakageFigures } from './leakage-figures.ts';
import { storeHistory } from './locate/histories.ts';
import { startLocating } from './locate/live.ts';
import { openModels } from './locate/models.ts';
import { openLeakPlaces } from './locate/open.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { startDispatch } from './notify/dispatch.ts';
import { makeChannels } from './notify/index.ts';
import { planNotifications } from './notify/plan.ts';
import { operatorGroups } from './operator-groups.ts';
import { loadPlant } from './plant-files.ts';
import { showProcess } from './process-metrics.ts';
import { startRuleExpiry } from './rule-expiry.ts';
import { type Beginning, type GatewayOptions, READY_LINE, SOCKET_VARIABLE } from './run.ts';
import { createSubscriber, type MqttOut, type Subscriber } from './subscriber.ts';
import { startTeaching } from './teaching.ts';
import { WhatIf } from './what-if/what-if.ts';

const TICK_EVERY_MS = 1000;

/** Joins the parts, nothing else, and runs until `signal`. */
export async function joinParts(
  { configFile, root, env, signal, log, onReady }: GatewayOptions,
  { config, registry, openStore, newId }: Beginning,
  atEnd: (close: () => unknown) => void,
): Promise<void> {
  const plant = loadPlant(config, root);
  const opened = await openModels(modelSettings(config.leakage, configFile), config.leakage.zones, configFile);
  if (opened.mistakes.length > 0) throw new ConfigError(opened.mistakes);
  for (const note of opened.notes) log.info(note);
  const { site, dataDir } = config;
  const now = Date.now;
  // Only what is stored is asked for: no field, no messages, no time that passes.
  const socket = env[SOCKET_VARIABLE];
  const isSilent = socket !== undefined;
  const broken = new AbortController();
  let fault: unknown;
  const onBroken = (error: unknown) => {
    fault = error;
    broken.abort();
  };

  const metrics = createMetrics();
  atEnd(showProcess(metrics));
  const { history: kept } = config;
  const { local, copied } = await openStore();
  if (signal.aborted) return;
  const client = kept.kind === 'influxdb' ? openInfluxClient(kept, config.notify) : undefined;
  if (client !== undefined) atEnd(() => client.close());
  // What the local history has forgotten InfluxDB still knows.
  const store = client === undefined ? local : withArchive(local, client, registry);
  const accounts = await openAccounts(dataDir, now, (error) =>
    log.error({ err: error }, 'accounts file not readable; the last good one stays valid'),
  );
  for (const { name, role, password } of config.users) {
    if (accounts.find(name) === undefined) await accounts.addUser({ name, role, password });
  }
  await announceFirstAdmin(await accounts.ensureFirstAdmin(config.adminPassword), dataDir, log);

  const desk = openDesk(plant, dataDir);
  const detectors = detectorsOf(config);
  const groupOf = operatorGroups(config.alarms.groups);
  const judge = createJudge({
    timezone: config.timezone,
    maintenance: config.maintenance,
    groupOf,
    detectors: [...detectors, new CustomerWatch((id) => registry.device(id))],
    device: whereaboutsOf((id) => registry.device(id), desk.assets),
  });
  const planFor = { id: site.id, name: site.name, publicUrl: config.http.publicUrl };
  const ingest = await IngestPath.open({
    store,
    judge,
    registry,
    catalog: desk.catalog,
    discovery: config.discovery,
    planNotifications: (alarms, journal, floods) =>
      planNotifications({ channels: config.notify.channels }, alarms, journal, planFor, floods),
    now,
    newId,
    log,
    onBroken,
  });
  atEnd(() => ingest.close());
  if (signal.aborted) return;
  // Now the heap holds the plant; earlier it would be collected again and again while it grows.
  keepHeapSmall();
  const history = storeHistory(store, (point) => registry.point(registry.pointId(...splitPoint(point)) ?? -1));
  const located = openLeakPlaces(config, opened.models, {
    history,
    placeOf: (point) => placeOf(registry.device(splitPoint(point)[0])),
    log,
  });
  atEnd(() => located.close());
  if (!isSilent) atEnd(await startLocating({ places: located.places, store, ingest, now, log }));
  showIngest(metrics, ingest, registry, local);
  const copy =
    kept.kind === 'influxdb' && copied !== undefined && client !== undefined && !isSilent
      ? openInfluxCopy({
          ...kept,
          client,
          position: copied,
          store: local,
          registry,
          site: site.id,
          ingest,
          metrics,
          now,
          newId,
          log,
        })
      : undefined;
  if (copy !== undefined) atEnd(() => copy.close());
  const monotonicMs = () => performance.now();
  const commands = await CommandBook.open({ ingest, store, registry, now, monotonicMs, newId, metrics, log });
  atEnd(() => commands.close());
  const subscriber = createSubscriber({
    ingest,
    onCommandResult: (edge, result) => commands.take(edge, result),
    marks: () => registry.marks(),
    store: store.id,
    gateway: config.gateway,
    now,
    newId,
    metrics,
    log,
  });
  atEnd(() => subscriber.close());
  const broker = isSilent ? NO_BROKER : await connectBroker({ config, accounts, subscriber, now, metrics, log });
  atEnd(() => broker.close());
  commands.start(broker);
  const outgoing = makeChannels(config.notify, { now, secret: (file) => readFileSync(file, 'utf8').trimEnd() });
  atEnd(() => outgoing.close());
  if (!isSilent) {
    const { channels } = outgoing;
    const dispatch = startDispatch({ channels, store, ingest, now, random: Math.random, metrics, log });
    atEnd(() => dispatch.stop());
  }
  const whatIf = new WhatIf({ zones: zonesOf(config.leakage), timezone: config.timezone, history });
  atEnd(() => whatIf.close());
  const webRoot = join(root, 'dist', 'web');
  const http = await createHttpServer({
    config: {
      dataDir,
      publicUrl: config.http.publicUrl,
      metricsToken: config.metricsToken,
      requireReason: config.alarms.requireReason,
    },
    ingest,
    store,
    registry,
    accounts,
    desk,
    groupOf,
    commands,
    whatIf,
    figures: new LeakageFigures({
      zones: zonesOf(config.leakage),
      timezone: config.timezone,
      night: config.leakage.nightWindow,
      store,
      registry,
      now,
    }),
    ...(copy === undefined ? {} : { historyCopy: copy }),
    ...(config.ground === undefined ? {} : { ground: config.ground }),
    leakage: () => detectors.flatMap((detector) => detector.status()),
    metrics,
    site: { ...site, name: site.name ?? site.id, timezone: config.timezone },
    version: (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    now,
    log,
    ...(existsSync(join(webRoot, 'index.html')) ? { webRoot } : {}),
  });
  atEnd(() => http.close());
  await http.listen(isSilent ? { path: socket } : { host: config.http.host, port: config.http.port });
  if (isSilent) {
    log.info({ socket, site: site.id, dataDir }, READY_LINE);
    return ended(signal, broken.signal);
  }
  atEnd(startRuleExpiry({ desk, registry, ingest, now, log }));
  const teaching = startTeaching({
    detectors: () => detectorsOf(config),
    isLearning: () => detectors.some((detector) => detector.status().some(({ state }) => state === 'learning')),
    store,
    ingest,
    registry,
    now,
    log,
  });
  atEnd(() => teaching.stop());
  const clock = startClock(ingest, log);
  atEnd(() => clearInterval(clock));
  const { port: httpPort } = http.server.address() as AddressInfo;
  const ports = { httpPort, ...(broker.port === undefined ? {} : { mqttPort: broker.port }) };
  const address = `http://${config.http.host}:${httpPort}`;
  log.info({ address, mqttPort: ports.mqttPort, site: site.id, dataDir }, READY_LINE);
  onReady?.(ports);

  await ended(signal, broken.signal);
  log.info(
    fault === undefined ? {} : { err: fault },
    fault === undefined ? 'gateway stopping' : 'gateway stopping: the store is broken',
  );
  if (fault !== undefined) throw fault;
}

/** `<device>/<measurement>` */
function splitPoint(point: string): [device: string, measurement: string] {
  const at = point.indexOf('/');
  return [point.slice(0, at), point.slice(at + 1)];
}

const placeOf = (device: DeviceInfo | undefined) =>
  device?.latitude === undefined || device.longitude === undefined
    ? undefined
    : { latitude: device.latitude, longitude: device.longitude };

interface BrokerParts {
  readonly config: GatewayConfig;
  readonly accounts: Awaited<ReturnType<typeof openAccounts>>;
  readonly subscriber: Subscriber;
  readonly now: () => number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

type Broker = MqttOut & { readonly port?: number; close(): Promise<void> };

/** Where nobody may hear or be heard. */
const NO_BROKER: Broker = { publish: async () => {}, close: async () => {} };

/** The embedded broker, or a connection to somebody else's. */
async function connectBroker({ config, ...parts }: BrokerParts): Promise<Broker> {
  const { mqtt } = config;
  if ('url' in mqtt) return startExternalBroker({ ...parts, gateway: config.gateway, ...mqtt });
  const broker = await startBroker({ ...parts, ...mqtt.embedded });
  parts.subscriber.start(broker);
  return broker;
}

/** The generated password is shown to a terminal, or kept in a file that only its owner reads: never in a log. */
async function announceFirstAdmin(
  made: { readonly name: string; readonly password: string } | undefined,
  dataDir: string,
  log: Logger,
): Promise<void> {
  if (made === undefined) return;
  if (process.stdout.isTTY) {
    process.stdout.write(`First administrator: ${made.name}, password: ${made.password}\n`);
    return;
  }
  const file = join(dataDir, 'first-password');
  writeFileSync(file, `${made.password}\n`, { mode: 0o600 });
  log.info({ name: made.name, file }, 'first administrator made; the password is in the file');
}

/** Once a second the judge hears what time it is; a tick that comes while the last one waits for its commit is left out. */
function startClock(ingest: Ingest, log: Logger): NodeJS.Timeout {
  let waiting = false;
  return setInterval(() => {
    if (waiting) return;
    waiting = true;
    ingest
      .tick(Date.now())
      .catch((error: unknown) => log.error({ err: error }, 'tick not committed'))
      .finally(() => {
        waiting = false;
      });
  }, TICK_EVERY_MS);
}

async function ended(...signals: readonly AbortSignal[]): Promise<void> {
  await new Promise<void>((done) => {
    for (const signal of signals) {
      if (signal.aborted) done();
      else signal.addEventListener('abort', () => done(), { once: true });
    }
  });
}
