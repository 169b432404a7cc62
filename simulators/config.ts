import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, type Mistake } from '../contract/mistakes.ts';
import { durationSchema } from '../contract/settings.ts';
import { parseTime } from '../contract/time.ts';
import { readYaml } from '../contract/yaml.ts';
import { ASCII_MODELS } from './ascii/models.ts';
import { PUBLISHED_MODELS } from './published/models.ts';
import { REGISTER_MODELS } from './registers/index.ts';

const idSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, '1-64 of A-Z a-z 0-9 . _ -');
const addressSchema = z
  .string()
  .regex(/^[^\s:]+:\d{1,5}$/, 'host:port, for example 127.0.0.1:15020')
  .transform((text) => {
    const [host, port] = text.split(':') as [string, string];
    return { host, port: Number(port) };
  });
const placeSchema = z
  .string()
  .regex(/^[a-z-]+\/\S+$/, 'plant/place, for example water/dma-1/inlet')
  .describe('What it measures');
const nameIn = (models: ReadonlyMap<string, unknown>) =>
  z
    .string()
    .refine((name) => models.has(name), `one of ${[...models.keys()].join(', ')}`)
    .describe('Real device model whose language it speaks');

const deviceSchema = z.strictObject({
  id: idSchema,
  model: nameIn(REGISTER_MODELS),
  unitId: z.number().int().min(1).max(247).default(1),
  place: placeSchema,
});

const lineBase = {
  id: idSchema,
  turnaround: z.number().min(0).max(10_000).default(5).describe('How long a device thinks before it answers, ms'),
};
const modbusBase = { ...lineBase, devices: z.array(deviceSchema).min(1).max(5000) };
const baudSchema = z.number().int().min(300).max(921_600).default(9600);
const serialKeys = {
  path: z.string().min(1).describe('Serial port, or one end of a pseudo-terminal pair'),
  baud: baudSchema,
  parity: z.enum(['none', 'even', 'odd']).default('none'),
};
const listenSchema = addressSchema.describe('Where it is served; port 0 takes a free one');

const lineSchema = z.preprocess(
  (input) => (isRecord(input) && input.transport === undefined ? { ...input, transport: 'tcp' } : input),
  z.discriminatedUnion('transport', [
    z.strictObject({ ...modbusBase, transport: z.literal('tcp'), listen: listenSchema }),
    z.strictObject({ ...modbusBase, transport: z.literal('rtu-over-tcp'), listen: listenSchema, baud: baudSchema }),
    z.strictObject({ ...modbusBase, transport: z.literal('rtu'), ...serialKeys }),
    z.strictObject({
      ...lineBase,
      transport: z.literal('ascii'),
      ...serialKeys,
      devices: z
        .array(
          z.strictObject({
            id: idSchema,
            model: nameIn(ASCII_MODELS),
            unitId: z.literal(1).default(1),
            place: placeSchema,
          }),
        )
        .length(1)
        .describe('One instrument has the wire for itself'),
    }),
  ]),
);

const publisherSchema = z.strictObject({
  id: idSchema.describe('Device id; also its MQTT user name'),
  model: nameIn(PUBLISHED_MODELS),
  place: placeSchema,
  every: durationSchema({ minMs: 100, maxMs: 86_400_000 }).prefault('30s'),
});

const mqttSchema = z.strictObject({
  url: z
    .string()
    .regex(/^mqtts?:\/\//, 'mqtt://host:port')
    .default('mqtt://127.0.0.1:1883'),
  passwordsFile: z
    .string()
    .default('mqtt-passwords.json')
    .describe('JSON of device id to password, in the data folder; a device without one stays silent'),
});

const simulationSchema = z.strictObject({
  seed: z.number().int().min(0).max(0xffff_ffff).default(1).describe('The same seed gives the same run'),
  speed: z.number().positive().max(100_000).default(1).describe('Simulated seconds per second'),
  start: z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const at = parseTime(value);
      if (at !== undefined) return at;
      context.addIssue({ code: 'custom', message: 'a moment such as 2026-11-23T22:00:00+08:00' });
      return z.NEVER;
    })
    .optional()
    .describe('First simulated moment; now when absent'),
  timezone: z.string().refine(isTimezone, 'an IANA zone such as Asia/Shanghai').default('Asia/Shanghai'),
  latitude: z.number().min(-66).max(66).default(31.16),
  longitude: z.number().min(-180).max(180).default(108.39),
  control: addressSchema
    .refine(({ host }) => host === '127.0.0.1' || host === 'localhost', 'an address on 127.0.0.1')
    .optional()
    .describe('Local face for switching faults on and off; loopback only'),
  lines: z.array(lineSchema).max(2000).default([]),
  mqtt: mqttSchema.prefault({}),
  publishers: z.array(publisherSchema).max(100_000).default([]).describe('Devices that publish by themselves'),
});

export type SimulationConfig = z.output<typeof simulationSchema>;
export type LineConfig = SimulationConfig['lines'][number];
export type DeviceConfig = LineConfig['devices'][number];
export type PublisherConfig = SimulationConfig['publishers'][number];

/**
 * Reads simulate.yaml.
 *
 * @throws ConfigError with every mistake in it
 */
export function loadSimulation(file: string): SimulationConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([{ file, path: '', found: (error as Error).message, allowed: 'a file we can read' }]);
  }
  const { config, mistakes } = parseSimulation(text, file);
  if (config === undefined || mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

export function parseSimulation(
  text: string,
  file: string,
): { readonly config?: SimulationConfig; readonly mistakes: readonly Mistake[] } {
  const parsed = readYaml(simulationSchema, text, file);
  if (parsed.value === undefined) return { mistakes: parsed.mistakes };
  return { config: parsed.value, mistakes: doubles(parsed.value, file) };
}

/** Ids that stand twice, and unit ids that stand twice on one line. */
function doubles(config: SimulationConfig, file: string): Mistake[] {
  const mistakes: Mistake[] = [];
  const lines = new Set<string>();
  const devices = new Set<string>();
  config.lines.forEach((line, lineIndex) => {
    const at = `lines[${lineIndex}]`;
    if (lines.has(line.id))
      mistakes.push({ file, path: `${at}.id`, found: line.id, allowed: 'an id that stands once' });
    lines.add(line.id);
    const units = new Set<number>();
    line.devices.forEach(({ id, unitId }, deviceIndex) => {
      const path = `${at}.devices[${deviceIndex}]`;
      if (devices.has(id)) mistakes.push({ file, path: `${path}.id`, found: id, allowed: 'an id that stands once' });
      if (units.has(unitId))
        mistakes.push({
          file,
          path: `${path}.unitId`,
          found: String(unitId),
          allowed: 'a unit id that is free on its line',
        });
      devices.add(id);
      units.add(unitId);
    });
  });
  config.publishers.forEach(({ id }, index) => {
    const path = `publishers[${index}].id`;
    if (devices.has(id)) mistakes.push({ file, path, found: id, allowed: 'an id that stands once' });
    devices.add(id);
  });
  return mistakes;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
