import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError } from '../contract/mistakes.ts';
import { type Acquisition, createAcquisition } from './acquire.ts';
import { createClock, machineTime } from './clock.ts';
import { CommandDesk, type CommandTarget } from './command.ts';
import { checkCommands } from './command-check.ts';
import { loadEdgeConfig } from './config.ts';
import { serveLocal, socketPath } from './local.ts';
import { Outbox } from './outbox.ts';
import { createOwnReadings, OWN_LINE, OWN_LOOK_EVERY_MS, ownDevice } from './own-readings.ts';
import { watchConfig } from './reload.ts';
import { ServiceMode } from './service.ts';
import { commissioningSheet } from './sheet.ts';
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
const RESEND_LOOK_EVERY_MS = 1000;
/** Taken only at the start; lines, devices and models are taken over while running. */
const RESTART_KEYS = ['edge', 'gateways', 'dataDir', 'mqtt', 'outbox', 'uplink', 'commands', 'local'] as const;

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
  const mistakes = checkCommands(config.commands, acquisition.point, configFile);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  outbox = await Outbox.open({
    folder: join(config.dataDir, 'outbox'),
    settings: config.outbox,
    gateways,
    clock,
    newId: () => `l${Date.now().toString(36)}-${randomBytes(6).toString('hex')}`,
    log,
  });
  const service = new ServiceMode({
    file: join(config.dataDir, 'service.json'),
    clock,
    apply: acquisition.setService,
    log,
  });
  const commands = new CommandDesk({
    settings: config.commands,
    target: commandTarget(acquisition),
    clock,
    inService: (device) => service.covers(device),
    publish: (result, confirmed) => uplink.publishResult(result, confirmed),
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
      service: [...service.active()],
      commandsEnabled: commands.enabled,
      heartbeatMs: config.outbox.heartbeat,
    }),
    onCommand: (payload) => void commands.take(payload),
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
    setInterval(() => commands.resend(), RESEND_LOOK_EVERY_MS),
  ];
  const closeLocal = await serveLocal({
    path: socketPath(config),
    status: () => ({
      edge: config.edge,
      version,
      at: clock.now(),
      clock: clock.state(),
      outbox: outbox.status(),
      uplink: uplink.status(),
      lines: acquisition.lines(),
      service: service.active(),
      commandsEnabled: commands.enabled,
      values: [...acquisition.values()],
    }),
    sheet: () => commissioningSheet(acquisition.values(), acquisition.point),
    service,
    knowsDevice: (device) => acquisition.devices().some(({ id }) => id === device),
    setCommands: (enabled, who) => commands.setEnabled(enabled, who),
    log,
  }).catch((error: unknown) => {
    // Reading goes on without it: the cabinet's face is a convenience, the readings are not.
    log.error({ code: 'local-failed', err: error }, 'no local face');
    return async () => undefined;
  });
  const stopWatching = watchConfig({
    files: () => [configFile],
    folders: () => config.modelFolders,
    changed: async () => {
      const fresh = loadEdgeConfig(configFile, root, env);
      await acquisition.reload(fresh);
      const waits = RESTART_KEYS.filter((key) => JSON.stringify(fresh[key]) !== JSON.stringify(config[key]));
      if (waits.length > 0) log.warn({ code: 'restart-needed', keys: waits }, 'these settings wait for a restart');
    },
    log,
  });
  acquisition.start();
  uplink.start();
  log.info({ edge: config.edge, lines: config.lines.length, clock: clock.state() }, 'edge started');

  await aborted(signal);

  stopWatching();
  await closeLocal();
  await acquisition.stop();
  for (const timer of timers) clearInterval(timer);
  if (!(await outbox.settled())) log.error({ code: 'outbox-unwritten' }, 'the disk does not take the last readings');
  await uplink.stop();
  await outbox.close();
  log.info({ edge: config.edge }, 'edge stopped');
}

function commandTarget(acquisition: Acquisition): CommandTarget {
  return {
    point: acquisition.point,
    latest(point) {
      for (const value of acquisition.values()) if (`${value.device}/${value.measurement}` === point) return value;
      return undefined;
    },
    write: acquisition.write,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
