import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { type Checked, ConfigError, type Mistake } from '../contract/mistakes.ts';
import { readYaml } from '../contract/yaml.ts';
import { gatewaySchema, type ParsedGateway, portSchema } from './config-schema.ts';
import { addressMistakes, type HistoryConfig, historyOf } from './influxdb/settings.ts';
import { leakageMistakes } from './leakage-config.ts';
import { type Ground, readGround } from './map-ground.ts';
import type { NotifyConfig } from './notify/index.ts';
import { timetableOf } from './schedule-config.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Everything a gateway process runs on, checked, with defaults; paths absolute. */
export interface GatewayConfig
  extends Omit<ParsedGateway, 'gateway' | 'timezone' | 'mqtt' | 'notify' | 'users' | 'site' | 'history' | 'map'> {
  /** The file itself, for messages about it. */
  readonly file: string;
  readonly site: {
    readonly id: string;
    readonly name?: string;
    readonly nameZh?: string;
    readonly latitude?: number;
    readonly longitude?: number;
  };
  readonly gateway: string;
  readonly timezone: string;
  readonly mqtt:
    | {
        readonly embedded: {
          readonly host: string;
          readonly port: number;
          readonly tls?: { readonly port: number; readonly cert: string; readonly key: string };
        };
      }
    | { readonly url: string; readonly username?: string; readonly password?: string; readonly ca?: string };
  readonly history: HistoryConfig;
  readonly metricsToken?: string;
  /** Background of the district map. */
  readonly ground?: Ground;
  /** Secret files are absolute paths that can be read. */
  readonly notify: NotifyConfig;
  readonly users: readonly {
    readonly name: string;
    readonly role: 'admin' | 'operator' | 'viewer';
    readonly password: string;
  }[];
  /** Administrator's password for the first start; never logged. */
  readonly adminPassword?: string;
}

/**
 * Reads and checks a gateway's configuration.
 *
 * @param file - path of gateway.yaml; files named in it are relative to it, `dataDir` to the working folder
 * @param env - HANFENG_HTTP_PORT, HANFENG_MQTT_PORT, HANFENG_HOST, HANFENG_DATA_DIR, HANFENG_MQTT_PASSWORD,
 *   HANFENG_ADMIN_PASSWORD and HANFENG_INFLUXDB_URL, _TOKEN and _PASSWORD override the file
 * @throws ConfigError with every mistake
 */
export function loadGatewayConfig(file: string, env: Env): GatewayConfig {
  const { config, mistakes } = readGatewayConfig(file, env);
  if (config === undefined) throw new ConfigError(mistakes);
  return config;
}

/** As {@link loadGatewayConfig}, with the mistakes as a value. */
export function readGatewayConfig(
  file: string,
  env: Env,
): { readonly config?: GatewayConfig; readonly mistakes: readonly Mistake[] } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { mistakes: [{ file, path: '', found: (error as Error).message, allowed: 'a readable file' }] };
  }
  const { value, mistakes } = parseGatewayConfig(text, file);
  const more: Mistake[] = [...mistakes];
  const secrets = new SecretReader(file, more);
  const ports = portsOf(env, more);
  if (value === undefined) return { mistakes: more };
  more.push(...leakageMistakes(value.leakage, file));
  more.push(...timetableOf(value.calendars, value.schedules, file).mistakes);
  const { site, gateway, timezone, mqtt, notify, users, history: historySettings, map, ...rest } = value;
  const ground =
    map === undefined
      ? undefined
      : readGround(beside(file, map.file), {
          crs: map.crs ?? value.crs,
          zones: value.leakage.zones.map(({ id }) => id),
        });
  more.push(...(ground?.mistakes ?? []));
  const host = env.HANFENG_HOST;
  const history = historyOf(historySettings, env, (path, at) => secrets.read(path, at));
  more.push(...addressMistakes(history, notify, file));
  const metricsToken = secrets.read(rest.http.metricsTokenFile, 'http.metricsTokenFile');
  const config: GatewayConfig = {
    ...rest,
    file,
    site: without(site),
    gateway: gateway ?? site.id,
    timezone: timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    dataDir: resolve(env.HANFENG_DATA_DIR ?? rest.dataDir),
    http: { ...rest.http, host: host ?? rest.http.host, port: ports.http ?? rest.http.port },
    devices: rest.devices.map((path) => beside(file, path)),
    classes: rest.classes.map((path) => beside(file, path)),
    mqtt: mqttOf(mqtt, { host, port: ports.mqtt, password: env.HANFENG_MQTT_PASSWORD }, secrets),
    history,
    notify: withSecretFiles(notify, file, secrets),
    users: users.map(({ name, role, passwordFile }, index) => ({
      name,
      role,
      password: secrets.read(passwordFile, `users[${index}].passwordFile`) ?? '',
    })),
    ...without({ metricsToken, ground: ground?.value, adminPassword: env.HANFENG_ADMIN_PASSWORD }),
  };
  return more.length > 0 ? { mistakes: more } : { config, mistakes: more };
}

/** YAML text to the values of the file, or every mistake in it; touches no other file. */
export function parseGatewayConfig(text: string, file: string): Checked<ParsedGateway> {
  return readYaml(gatewaySchema, text, file);
}

/** Names that stand there a second time, in one file or in several. */
export function twice(names: readonly (Pick<Mistake, 'file' | 'path'> & { readonly name: string })[]): Mistake[] {
  const seen = new Map<string, Pick<Mistake, 'file' | 'path'>>();
  return names.flatMap(({ name, file, path }) => {
    const first = seen.get(name);
    if (first !== undefined) return [{ file, path, found: `${name} again`, allowed: 'one', first }];
    seen.set(name, { file, path });
    return [];
  });
}

function mqttOf(
  mqtt: ParsedGateway['mqtt'],
  given: {
    readonly host: string | undefined;
    readonly port: number | undefined;
    readonly password: string | undefined;
  },
  secrets: SecretReader,
): GatewayConfig['mqtt'] {
  if ('url' in mqtt) {
    const password = given.password ?? secrets.read(mqtt.passwordFile, 'mqtt.passwordFile');
    const ca = secrets.read(mqtt.caFile, 'mqtt.caFile');
    return { url: mqtt.url, ...without({ username: mqtt.username, password, ca }) };
  }
  const { host, port, tls } = mqtt.embedded;
  const cert = secrets.read(tls?.certFile, 'mqtt.embedded.tls.certFile');
  const key = secrets.read(tls?.keyFile, 'mqtt.embedded.tls.keyFile');
  const listener = { host: given.host ?? host, port: given.port ?? port };
  if (tls === undefined || cert === undefined || key === undefined) return { embedded: listener };
  return { embedded: { ...listener, tls: { port: tls.port, cert, key } } };
}

/** Every `…File` of a channel holds a secret: it must be readable, and its path becomes absolute. */
function withSecretFiles(notify: NotifyConfig, file: string, secrets: SecretReader): NotifyConfig {
  const channels = notify.channels.map((channel, index) => {
    const paths = Object.entries(channel).filter(([key, path]) => key.endsWith('File') && typeof path === 'string');
    for (const [key, path] of paths) secrets.read(path as string, `notify.channels[${index}].${key}`);
    return { ...channel, ...Object.fromEntries(paths.map(([key, path]) => [key, beside(file, path as string)])) };
  });
  return { ...notify, channels };
}

/** Reads the files that secrets stand in; what can't be read is a mistake. */
class SecretReader {
  private readonly file: string;
  private readonly mistakes: Mistake[];

  constructor(file: string, mistakes: Mistake[]) {
    this.file = file;
    this.mistakes = mistakes;
  }

  read(path: string | undefined, at: string): string | undefined {
    if (path === undefined) return undefined;
    try {
      return readFileSync(beside(this.file, path), 'utf8').trim();
    } catch (error) {
      this.mistakes.push({ file: this.file, path: at, found: (error as Error).message, allowed: 'a readable file' });
      return undefined;
    }
  }
}

function portsOf(env: Env, mistakes: Mistake[]): { readonly http?: number; readonly mqtt?: number } {
  const read = (name: 'HANFENG_HTTP_PORT' | 'HANFENG_MQTT_PORT'): number | undefined => {
    const text = env[name];
    if (text === undefined || text === '') return undefined;
    const port = portSchema.safeParse(Number(text));
    if (port.success) return port.data;
    mistakes.push({ file: 'environment', path: name, found: JSON.stringify(text), allowed: 'a port, 0..65535' });
    return undefined;
  };
  return without({ http: read('HANFENG_HTTP_PORT'), mqtt: read('HANFENG_MQTT_PORT') });
}

const beside = (file: string, path: string): string => (isAbsolute(path) ? path : resolve(dirname(file), path));

/** Leaves out what is undefined, which exact optional types ask for. */
function without<T extends object>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } & Pick<T, RequiredKeys<T>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
type RequiredKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T];
