import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { type GatewayConfig, loadGatewayConfig } from './config.ts';
import { PositionFile } from './influxdb/position.ts';
import { targetName } from './influxdb/settings.ts';
import { PlantRegistry } from './registry.ts';
import { retentionPolicy } from './retention-policy.ts';
import { databaseFile } from './store/database.ts';
import { DuckDbStore } from './store/duckdb.ts';

/** What the log says when the gateway serves, with the address: whoever starts it on port 0 finds it by this line. */
export const READY_LINE = 'gateway ready';

/**
 * Set to the path of a unix socket: the API of a stopped gateway's data folder is served there and nowhere else. No port is
 * opened, nothing is taken in, nobody is called and no time passes for its alarms. For `hanfeng backup` and `export`.
 */
export const SOCKET_VARIABLE = 'HANFENG_API_SOCKET';

export interface GatewayOptions {
  readonly configFile: string;
  /** Folder of package.json. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted: end in order. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called once, when it serves. */
  readonly onReady?: (ports: GatewayPorts) => void;
}

/** What it listens on: where the configuration says 0, the port it got. */
export interface GatewayPorts {
  readonly httpPort: number;
  /** Of the embedded broker. */
  readonly mqttPort?: number;
}

/** What is there before the rest of the program is loaded. */
export interface Beginning {
  readonly config: GatewayConfig;
  readonly registry: PlantRegistry;
  /** The same however often it is called. @throws StoreError */
  readonly openStore: () => Promise<OpenedStore>;
  readonly newId: () => string;
}

export interface OpenedStore {
  readonly local: DuckDbStore;
  /** How far history is copied elsewhere, where it is. */
  readonly copied: PositionFile | undefined;
}

/**
 * Runs a gateway until `signal`. Whatever was opened is closed again, last first, also when a later part could not start.
 * After a crash the database reads its log on a thread of its own, for half a second at full load: meanwhile the rest of
 * the program is loaded. In a new folder nothing is made before the configuration is known to be right.
 *
 * @throws ConfigError, StoreError
 */
export async function runGateway(options: GatewayOptions): Promise<void> {
  const closers: (() => unknown)[] = [];
  try {
    const beginning = begin(options, (close) => closers.push(close));
    const { joinParts } = await import('./main.ts');
    if (!options.signal.aborted) await joinParts(options, beginning, (close) => closers.push(close));
  } finally {
    for (const close of closers.reverse()) {
      try {
        await close();
      } catch (error) {
        options.log.error({ err: error }, 'a part did not close');
      }
    }
  }
  options.log.info('gateway stopped');
}

function begin({ configFile, env }: GatewayOptions, atEnd: (close: () => unknown) => void): Beginning {
  const config = loadGatewayConfig(configFile, env);
  const registry = new PlantRegistry();
  const newId = () => randomBytes(12).toString('hex');
  let opening: Promise<OpenedStore> | undefined;
  const openStore = () => {
    opening ??= open(config, registry, newId);
    return opening;
  };
  atEnd(async () => (await opening?.catch(() => undefined))?.local.close());
  // Whoever asks for the store hears what went wrong.
  if (existsSync(databaseFile(config.dataDir))) openStore().catch(() => {});
  return { config, registry, openStore, newId };
}

async function open(config: GatewayConfig, registry: PlantRegistry, newId: () => string): Promise<OpenedStore> {
  const { dataDir, history } = config;
  const { retention, ...settings } = config.store.embedded;
  const copied = history.kind === 'influxdb' ? new PositionFile(dataDir, targetName(history.target)) : undefined;
  const local = await DuckDbStore.open({
    dataDir,
    newId,
    ...settings,
    retention: () => retentionPolicy(retention, registry),
    ...(copied === undefined ? {} : { copiedUpTo: () => copied.record.position.commit }),
  });
  return { local, copied };
}
