import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError, type Mistake } from '../contract/mistakes.ts';
import { idSchema } from '../contract/reading.ts';
import { durationSchema } from '../contract/settings.ts';
import { readYaml } from '../contract/yaml.ts';
import { commandsSchema } from './command.ts';
import { localSchema } from './local.ts';
import { outboxSchema } from './outbox/settings.ts';
import { uplinkSchema } from './uplink-settings.ts';

const DAY_MS = 86_400_000;
const shortSchema = durationSchema({ minMs: 0, maxMs: 60_000 });
const everySchema = durationSchema({ minMs: 20, maxMs: DAY_MS });

const reportSchema = z
  .strictObject({
    points: z.array(idSchema).min(1).describe('Measurements sent only when they change'),
    deadband: z
      .union([
        z.number().positive(),
        z.string().regex(/^\d+(?:\.\d+)?\s*%$/, 'a number in the unit of the point, or a percentage such as 1%'),
      ])
      .describe('Smallest change worth sending, in the unit of the point or in percent of the last sent value'),
    maxSilence: everySchema.prefault('5m').describe('Sent at least this often, changed or not'),
    frozenAfter: everySchema.optional().describe('Marked uncertain/frozen when exactly the same for so long'),
  })
  .describe('Report by exception; never for what feeds leakage or balance');

const deviceSchema = z.strictObject({
  id: idSchema,
  model: idSchema.describe('A file of edge/devices/ or of models:'),
  unitId: z.number().int().min(0).max(255).default(1),
  every: everySchema.prefault('10s').describe('How often its points are read'),
  groups: z.record(idSchema, everySchema).default({}).describe('Other rates for point groups of the model'),
  points: z
    .union([z.array(idSchema).min(1), z.record(idSchema, idSchema)])
    .optional()
    .describe('Only these measurements; as a map: own name -> name in the model'),
  timeout: durationSchema({ minMs: 10, maxMs: 60_000 }).optional().describe('Instead of the one of the line'),
  retries: z.number().int().min(0).max(5).optional(),
  pauseBeforeRequest: shortSchema.optional().describe('Silence the device needs before each request'),
  maxRegisters: z.number().int().min(1).max(125).optional().describe('Fewer than its model says'),
  gap: z.number().int().min(0).max(124).optional(),
  report: z.array(reportSchema).default([]),
});

const lineBase = {
  id: idSchema,
  devices: z.array(deviceSchema).max(5000).default([]),
  timeout: durationSchema({ minMs: 10, maxMs: 60_000 })
    .prefault('1s')
    .describe('Longest wait for an answer; through a TCP-to-RTU gateway longer than its own'),
  retries: z.number().int().min(0).max(5).default(1),
  pauseAfterConnect: shortSchema.prefault('0ms').describe('Some devices drop the first request after connecting'),
  worstLateReply: durationSchema({ minMs: 100, maxMs: 600_000 })
    .prefault('10s')
    .describe('Longer than the latest answer ever seen after a time-out'),
};
const socketKeys = {
  host: z.string().min(1).max(255),
  port: z.number().int().min(1).max(65_535).default(502),
  connectTimeout: durationSchema({ minMs: 100, maxMs: 60_000 }).prefault('5s'),
  closeWhenIdle: z
    .boolean()
    .default(false)
    .describe('For devices that serve a single connection: close after each round'),
};
const serialKeys = {
  path: z.string().min(1).describe('/dev/serial/by-id/… or by-path: ttyUSB numbers change'),
  baud: z.number().int().min(300).max(921_600).default(9600),
  parity: z.enum(['none', 'even', 'odd']).default('none'),
  dataBits: z.union([z.literal(7), z.literal(8)]).default(8),
  stopBits: z.union([z.literal(1), z.literal(2)]).default(1),
};
const interFrameSchema = shortSchema.prefault('20ms').describe('Silence between frames, never below 3.5 characters');

const lineSchema = z.discriminatedUnion('transport', [
  z.strictObject({
    ...lineBase,
    ...socketKeys,
    transport: z.literal('tcp'),
    interFrame: shortSchema.prefault('0ms'),
    maxInFlight: z.number().int().min(1).max(16).default(1).describe('More than one only where the device takes it'),
    ignoreTransactionId: z.boolean().default(false).describe('The gateway does not echo the transaction id'),
  }),
  z.strictObject({ ...lineBase, ...serialKeys, transport: z.literal('rtu'), interFrame: interFrameSchema }),
  z.strictObject({
    ...lineBase,
    ...socketKeys,
    transport: z.literal('rtu-over-tcp'),
    baud: z.number().int().min(300).max(921_600).default(9600).describe('Of the serial side, for the time budget'),
    interFrame: interFrameSchema,
  }),
  z.strictObject({ ...lineBase, ...serialKeys, transport: z.literal('ascii') }),
  z.strictObject({ ...lineBase, ...socketKeys, transport: z.literal('ascii-over-tcp') }),
]);

const edgeSchema = z.strictObject({
  edge: idSchema.describe('Id of this edge; also its MQTT user name'),
  gateways: z
    .array(z.strictObject({ id: idSchema }))
    .default([])
    .describe('Who must have stored a batch before it is freed'),
  dataDir: z.string().default('./data'),
  mqtt: z
    .strictObject({
      url: z
        .string()
        .regex(/^(?:mqtts?|tcp|ssl|wss?):\/\//, 'mqtt://host:port or mqtts://host:port')
        .default('mqtt://127.0.0.1:1883'),
      username: idSchema.optional().describe('The id of the edge unless said otherwise'),
      passwordFile: z.string().optional(),
    })
    .prefault({}),
  outbox: outboxSchema.prefault({}),
  uplink: uplinkSchema.prefault({}),
  commands: commandsSchema.prefault({}),
  local: localSchema.prefault({}),
  models: z.array(z.string()).default([]).describe('Folders with further device models'),
  lines: z.array(lineSchema).max(5000).default([]),
});

/** One device on a line as configured; durations in milliseconds. */
export type DeviceConfig = z.output<typeof deviceSchema>;
/** One physical line or connection as configured. */
export type LineConfig = z.output<typeof lineSchema>;
export type ReportConfig = z.output<typeof reportSchema>;

type ParsedEdge = z.output<typeof edgeSchema>;

/** Everything an edge process runs on, checked, with defaults; paths absolute, durations in milliseconds. */
export interface EdgeConfig extends Omit<ParsedEdge, 'mqtt' | 'models'> {
  readonly mqtt: { readonly url: string; readonly username: string; readonly password?: string };
  /** Folders with device models, the shipped ones first. */
  readonly modelFolders: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks an edge's configuration.
 *
 * @param file - path of edge.yaml; password files and model folders are relative to it, `dataDir` to the working folder
 * @param root - folder of package.json, where the shipped device models are
 * @param env - HANFENG_DATA_DIR, HANFENG_MQTT_URL, HANFENG_MQTT_PASSWORD override the file
 * @throws ConfigError with every mistake
 */
export function loadEdgeConfig(file: string, root: string, env: Env): EdgeConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([{ file, path: '', found: (error as Error).message, allowed: 'a readable file' }]);
  }
  const { value, mistakes } = parseEdgeConfig(text, file);
  if (value === undefined) throw new ConfigError(mistakes);
  const beside = (path: string) => (isAbsolute(path) ? path : resolve(dirname(file), path));
  const more: Mistake[] = [...mistakes];
  let password = env.HANFENG_MQTT_PASSWORD;
  if (password === undefined && value.mqtt.passwordFile !== undefined) {
    try {
      password = readFileSync(beside(value.mqtt.passwordFile), 'utf8').trim();
    } catch (error) {
      const found = (error as Error).message;
      more.push({ file, path: 'mqtt.passwordFile', found, allowed: 'a readable file with the password' });
    }
  }
  if (more.length > 0) throw new ConfigError(more);
  const { mqtt, models, ...rest } = value;
  return {
    ...rest,
    dataDir: resolve(env.HANFENG_DATA_DIR ?? rest.dataDir),
    mqtt: {
      url: env.HANFENG_MQTT_URL ?? mqtt.url,
      username: mqtt.username ?? rest.edge,
      ...(password !== undefined && { password }),
    },
    modelFolders: [join(root, 'edge/devices'), ...models.map(beside)],
  };
}

/** YAML text to a configuration and every mistake in it; no value where its shape is wrong. Touches no file. Model names are checked by `check.ts`. */
export function parseEdgeConfig(
  text: string,
  file: string,
): { readonly value?: ParsedEdge; readonly mistakes: readonly Mistake[] } {
  const parsed = readYaml(edgeSchema, text, file);
  if (parsed.value === undefined) return { mistakes: parsed.mistakes };
  const mistakes = [...duplicates(parsed.value, file), ...unitMistakes(parsed.value, file)];
  return { value: parsed.value, mistakes };
}

/** What a line holds: two lines on one port or address would talk into each other. */
export function lineAddress(line: LineConfig): string {
  return 'path' in line ? line.path : `${line.host}:${line.port}`;
}

function duplicates(config: ParsedEdge, file: string): Mistake[] {
  const mistakes: Mistake[] = [];
  const seen = new Map<string, string>();
  const once = (kind: string, name: string, path: string) => {
    const before = seen.get(`${kind} ${name}`);
    if (before === undefined) seen.set(`${kind} ${name}`, path);
    else mistakes.push({ file, path, found: `${kind} ${name} again`, allowed: `one, it stands at ${before}` });
  };
  config.lines.forEach((line, index) => {
    once('line', line.id, `lines[${index}].id`);
    once('address', lineAddress(line), `lines[${index}]`);
    line.devices.forEach((device, at) => {
      once('device', device.id, `lines[${index}].devices[${at}].id`);
    });
  });
  return mistakes;
}

/** On a serial line 0 is a broadcast nobody answers and 248-255 are reserved (Modbus over serial line V1.02, 2.2). */
function unitMistakes(config: ParsedEdge, file: string): Mistake[] {
  return config.lines.flatMap((line, index) =>
    line.transport === 'tcp' || line.transport === 'ascii' || line.transport === 'ascii-over-tcp'
      ? []
      : line.devices.flatMap((device, at) =>
          device.unitId >= 1 && device.unitId <= 247
            ? []
            : [
                {
                  file,
                  path: `lines[${index}].devices[${at}].unitId`,
                  found: String(device.unitId),
                  allowed: '1..247 on a serial line',
                },
              ],
        ),
  );
}
