import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { type Checked, ConfigError, type Mistake } from '../contract/mistakes.ts';
import { idSchema } from '../contract/reading.ts';
import { bytesSchema, durationSchema } from '../contract/settings.ts';
import { parseTime } from '../contract/time.ts';
import { readYaml } from '../contract/yaml.ts';
import { CRS } from './domain/coordinates.ts';
import { addressMistakes, type HistoryConfig, historyOf, historySchema } from './influxdb/settings.ts';
import { leakageMistakes, leakageSchema } from './leakage-config.ts';
import { type NotifyConfig, notifySchema } from './notify/index.ts';
import { operatorGroupsSchema } from './operator-groups.ts';
import { alarmOverrideSchema } from './plant-schema.ts';
import { calendarsSchema, schedulesSchema, timetableOf } from './schedule-config.ts';

const DAY_MS = 86_400_000;
const portSchema = z.number().int().min(0).max(65_535);
const textSchema = z.string().min(1).max(200);
const pathSchema = z.string().min(1);
const webAddressSchema = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    'an address such as https://host/path',
  );

const timezoneSchema = z
  .string()
  .refine(isTimezone, 'a name of the IANA time zone database, for example Asia/Shanghai');

const momentSchema = z.unknown().transform((value, context) => {
  const timeMs = parseTime(value instanceof Date ? value.getTime() : value);
  if (timeMs !== undefined) return timeMs;
  context.addIssue({ code: 'custom', message: 'a moment such as 2026-11-23T08:00+08:00' });
  return z.NEVER;
});

const siteSchema = z
  .union(
    [
      idSchema.transform((id) => ({ id })),
      z.strictObject({
        id: idSchema.describe('Short name, in topics and file names'),
        name: textSchema.optional().describe('For people'),
        nameZh: textSchema.optional().describe('For people who read Chinese'),
        latitude: z
          .number()
          .min(-90)
          .max(90)
          .optional()
          .describe('Where the sun is looked at, for devices without a place'),
        longitude: z.number().min(-180).max(180).optional().describe('East is positive'),
      }),
    ],
    { error: 'an id, or {id, name, nameZh, latitude, longitude}' },
  )
  .describe('The site this gateway watches');

const httpSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; HANFENG_HOST overrides it'),
  port: portSchema.default(8080).describe('0 takes any free port; HANFENG_HTTP_PORT overrides it'),
  publicUrl: webAddressSchema.optional().describe('How people reach the page, for links in messages'),
  metricsTokenFile: pathSchema.optional().describe('File with a token that may read /metrics and nothing else'),
});

const tlsSchema = z
  .strictObject({ port: portSchema.default(8883), certFile: pathSchema, keyFile: pathSchema })
  .describe('A second listener with TLS; PEM files');

const embeddedBrokerSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; HANFENG_HOST overrides it'),
  port: portSchema.default(1883).describe('0 takes any free port; HANFENG_MQTT_PORT overrides it'),
  tls: tlsSchema.optional(),
});

const mqttSchema = z
  .union(
    [
      z.literal('embedded').transform(() => ({ embedded: embeddedBrokerSchema.parse({}) })),
      z.strictObject({ embedded: embeddedBrokerSchema.prefault({}) }),
      z.strictObject({
        url: z.string().regex(/^(?:mqtts?|tcp|ssl):\/\/[^\s]+$/, 'mqtt://host:port or mqtts://host:port'),
        username: textSchema.optional(),
        passwordFile: pathSchema.optional().describe('HANFENG_MQTT_PASSWORD overrides it'),
        caFile: pathSchema.optional().describe('PEM file to check the broker with'),
      }),
    ],
    { error: 'embedded, {embedded: {host, port}} or {url, username, passwordFile}' },
  )
  .describe('The broker in this process, or one elsewhere');

/** History goes by whole days. */
const ageSchema = durationSchema({ minMs: DAY_MS, maxMs: 36_525 * DAY_MS });

const embeddedStoreSchema = z.strictObject({
  memoryLimitMb: z.number().int().min(100).max(65_536).default(500).describe('What the database aims to stay below'),
  threads: z.number().int().min(1).max(64).default(1),
  retention: z
    .strictObject({
      maxAge: ageSchema.optional().describe('Whole days older than this go; kept for ever unless said'),
      maxDisk: bytesSchema({ min: 10_000_000, max: 1e15, words: 'at least 10 MB' })
        .optional()
        .describe('Of sealed history; the oldest days go first'),
      classes: z.record(idSchema, ageSchema).default({}).describe('Asset classes that are kept for less: class -> age'),
    })
    .prefault({})
    .describe('How long readings are kept'),
});

const storeSchema = z
  .union(
    [
      z.literal('embedded').transform(() => ({ embedded: embeddedStoreSchema.parse({}) })),
      z.strictObject({ embedded: embeddedStoreSchema.prefault({}) }),
    ],
    { error: 'embedded, or {embedded: {memoryLimitMb, threads, retention}}' },
  )
  .describe('What the gateway commits to');

const alarmsSchema = z
  .union(
    [
      z
        .array(alarmOverrideSchema)
        .transform((rules) => ({ rules, groups: operatorGroupsSchema.parse([]), requireReason: false })),
      z.strictObject({
        rules: z.array(alarmOverrideSchema).default([]).describe('Limits beside those of classes and device files'),
        groups: operatorGroupsSchema,
        requireReason: z.boolean().default(false).describe('Shelving and taking out of service must say why'),
      }),
    ],
    { error: 'a list of limits, or {rules: [...], groups: [...], requireReason: true}' },
  )
  .describe('Limits by point, `<device>/<measurement>`');

const columnSchema = z.union(
  [
    z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>')
      .transform((point) => ({ point, scale: 1, offset: 0 })),
    z.strictObject({
      point: z.string().regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>'),
      scale: z.number().default(1).describe('value = column * scale + offset'),
      offset: z.number().default(0),
      unit: z.string().max(32).optional().describe('Unit of the value after scaling'),
    }),
  ],
  { error: '<device>/<measurement>, or {point, scale, offset, unit}' },
);

/** The whole of gateway.yaml. */
export const gatewaySchema = z.strictObject({
  site: siteSchema.prefault('site'),
  gateway: idSchema.optional().describe('Id of this gateway, in topics; the id of the site unless said otherwise'),
  timezone: timezoneSchema
    .optional()
    .describe('IANA zone of the site, for night windows and messages; the zone of the machine unless said otherwise'),
  crs: z
    .enum(CRS)
    .default('WGS-84')
    .describe('System of all coordinates in this file and the device files that name none of their own'),
  dataDir: pathSchema.default('./data').describe('Everything on disk; HANFENG_DATA_DIR overrides it'),
  http: httpSchema.prefault({}),
  mqtt: mqttSchema.prefault('embedded'),
  store: storeSchema.prefault('embedded'),
  history: historySchema.prefault('parquet'),
  discovery: z
    .enum(['accept', 'dead-letter'])
    .default('accept')
    .describe('What becomes of readings of devices and points that no file declares'),
  devices: z
    .array(pathSchema)
    .default([])
    .describe('Device files, YAML or CSV, `*` in the file name allowed; relative to this file'),
  classes: z.array(pathSchema).default([]).describe('Folders with further asset classes, relative to this file'),
  alarms: alarmsSchema.prefault({}),
  maintenance: z
    .array(
      z
        .strictObject({
          asset: idSchema.describe('Device or edge at which work is planned'),
          from: momentSchema,
          to: momentSchema,
          subtree: z.boolean().default(true).describe('Also all that hangs on it'),
          reason: textSchema.optional(),
        })
        .refine(({ from, to }) => to > from, { error: 'to later than from', path: ['to'] }),
    )
    .max(1000)
    .default([])
    .describe('Planned work: alarms raised meanwhile are suppressed'),
  calendars: calendarsSchema.default({}),
  schedules: schedulesSchema.default({}),
  leakage: leakageSchema.prefault({}),
  notify: notifySchema.prefault({}),
  users: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9._-]{1,64}$/i, '1-64 of A-Z a-z 0-9 . _ -'),
        role: z.enum(['admin', 'operator', 'viewer']),
        passwordFile: pathSchema,
      }),
    )
    .default([])
    .describe('Accounts made at the start if they are missing; more with `hanfeng user add`'),
  columns: z
    .record(z.string().min(1), columnSchema)
    .default({})
    .describe('Only for `hanfeng replay`: column of a wide file -> point'),
});

type ParsedGateway = z.output<typeof gatewaySchema>;
type Env = Readonly<Record<string, string | undefined>>;

/** Everything a gateway process runs on, checked, with defaults; paths absolute. */
export interface GatewayConfig
  extends Omit<ParsedGateway, 'gateway' | 'timezone' | 'mqtt' | 'notify' | 'users' | 'site' | 'history'> {
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
export function loadGatewayConfig(file: string, _root: string, env: Env): GatewayConfig {
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
  const { site, gateway, timezone, mqtt, notify, users, history: historySettings, ...rest } = value;
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
    ...without({ metricsToken, adminPassword: env.HANFENG_ADMIN_PASSWORD }),
  };
  return more.length > 0 ? { mistakes: more } : { config, mistakes: more };
}

/** YAML text to the values of the file, or every mistake in it; touches no other file. */
export function parseGatewayConfig(text: string, file: string): Checked<ParsedGateway> {
  return readYaml(gatewaySchema, text, file);
}

/** Names that stand there a second time. */
export function twice(file: string, names: readonly { readonly name: string; readonly path: string }[]): Mistake[] {
  const seen = new Map<string, string>();
  return names.flatMap(({ name, path }) => {
    const before = seen.get(name);
    if (before !== undefined) return [{ file, path, found: `${name} again`, allowed: `one, it stands at ${before}` }];
    seen.set(name, path);
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

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
