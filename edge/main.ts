import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Acquisition, createAcquisition } from './acquire.ts';
import { createClock, machineTime } from './clock.ts';
import { loadEdgeConfig } from './config.ts';
import { Outbox } from './outbox.ts';
import { createOwnReadings, OWN_LINE, OWN_LOOK_EVERY_MS, ownDevice } from './own-readings.ts';
import { Uplink } from './uplink.ts';

/** How the process was asked to run. */
export interface EdgeOptions {
  readonly configFile: string;
  /** Folder of package.json, where `edge/devices/` is. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGTERM. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Finer than the shortest flush interval would gain nothing. */
const OUTBOX_TICK_MAX_MS = 200;

/**
 * Runs an edge agent until the signal: acquisition -> outbox -> uplink. Stops in that order, within five seconds, so that
 * what was read last is on disk and the broker was told.
 *
 * @throws ConfigError with every mistake
 */
export async function runEdge({ configFile, root, env, signal, log }: EdgeOptions): Promise<void> {
  const config = loadEdgeConfig(configFile, root, env);
  const clock = createClock(machineTime());
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const gateways = config.gateways.map(({ id }) => id);
  // Checks the models before anything is opened.
  let outbox: Outbox | undefined;
  const acquisition: Acquisition = createAcquisition({
    config,
    clock,
    log,
    onReadings: (readings, upTo) => outbox?.append(readings, upTo),
  });
  outbox = await Outbox.open({
    folder: join(config.dataDir, 'outbox'),
    settings: config.outbox,
    gateways,
    clock,
    newId: () => `l${Date.now().toString(36)}-${randomBytes(6).toString('hex')}`,
    log,
  });
  const uplink = new Uplink({
    edge: config.edge,
    mqtt: config.mqtt,
    gateways,
    settings: config.uplink,
    outbox,
    clock,
    state: () => ({
      version,
      devices: [ownDevice(config.edge), ...acquisition.devices()],
      lines: acquisition.lines(),
    }),
    onCommand: () => undefined,
    random: Math.random,
    log,
  });
  const ownReadings = createOwnReadings(config.edge);
  const look = () => {
    const own = ownReadings(outbox.status(), clock);
    outbox.append(own === undefined ? [] : [own], { [OWN_LINE]: clock.now() });
  };
  look();
  const timers = [
    setInterval(() => outbox.tick(), Math.min(OUTBOX_TICK_MAX_MS, config.outbox.flushEvery)),
    setInterval(look, OWN_LOOK_EVERY_MS),
  ];
  acquisition.start();
  uplink.start();
  log.info({ edge: config.edge, lines: config.lines.length, clock: clock.state() }, 'edge started');

  await aborted(signal);

  await acquisition.stop();
  for (const timer of timers) clearInterval(timer);
  if (!(await outbox.settled())) log.error({ code: 'outbox-unwritten' }, 'the disk does not take the last readings');
  await uplink.stop();
  await outbox.close();
  log.info({ edge: config.edge }, 'edge stopped');
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
