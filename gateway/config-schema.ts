import { z } from 'zod';
import { idSchema } from '../contract/reading.ts';
import { bytesSchema, durationSchema } from '../contract/settings.ts';
import { parseTime } from '../contract/time.ts';
import { CRS } from './domain/coordinates.ts';
import { historySchema } from './influxdb/settings.ts';
import { leakageSchema } from './leakage-config.ts';
import { notifySchema } from './notify/index.ts';
import { operatorGroupsSchema } from './operator-groups.ts';
import { alarmOverrideSchema } from './plant-schema.ts';
import { calendarsSchema, schedulesSchema } from './schedule-config.ts';

const DAY_MS = 86_400_000;
/** A TCP port; 0 takes any free one. */
export const portSchema = z.number().int().min(0).max(65_535);
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
  memoryLimitMb: z.number().int().min(100).max(65_536).default(350).describe('What the database aims to stay below'),
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

const mapSchema = z
  .union(
    [
      pathSchema.transform((file) => ({ file, crs: undefined })),
      z.strictObject({
        file: pathSchema.describe('GeoJSON with a `kind` per feature: docs/map.md'),
        crs: z.enum(CRS).optional().describe('System of its coordinates; that of this file unless said'),
      }),
    ],
    { error: 'a GeoJSON file, or {file, crs}' },
  )
  .optional()
  .describe('Background of the district map, relative to this file; the map is on plain ground without it');

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
  map: mapSchema,
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

/** The file's values with their defaults; secrets are still paths. */
export type ParsedGateway = z.output<typeof gatewaySchema>;

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
