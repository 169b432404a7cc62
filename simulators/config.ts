import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { ConfigError, type Mistake, mistakesOf } from '../contract/mistakes.ts';
import { parseTime } from '../contract/time.ts';
import { REGISTER_MODELS } from './registers/index.ts';

const idSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, '1-64 of A-Z a-z 0-9 . _ -');
const addressSchema = z
  .string()
  .regex(/^[^\s:]+:\d{1,5}$/, 'host:port, for example 127.0.0.1:15020')
  .transform((text) => {
    const [host, port] = text.split(':') as [string, string];
    return { host, port: Number(port) };
  });
const modelNames = [...REGISTER_MODELS.keys()];

const deviceSchema = z.strictObject({
  id: idSchema,
  model: z
    .string()
    .refine((name) => REGISTER_MODELS.has(name), `one of ${modelNames.join(', ')}`)
    .describe('Real device model whose registers it shows'),
  unitId: z.number().int().min(1).max(247).default(1),
  place: z
    .string()
    .regex(/^[a-z-]+\/\S+$/, 'plant/place, for example water/dma-1/inlet')
    .describe('What it measures'),
});

const lineSchema = z.strictObject({
  id: idSchema,
  transport: z.enum(['tcp']).default('tcp'),
  listen: addressSchema.describe('Where it is served; port 0 takes a free one'),
  turnaround: z.number().min(0).max(10_000).default(5).describe('How long a device thinks before it answers, ms'),
  devices: z.array(deviceSchema).min(1).max(5000),
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
});

export type SimulationConfig = z.output<typeof simulationSchema>;
export type LineConfig = SimulationConfig['lines'][number];
export type DeviceConfig = LineConfig['devices'][number];

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
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    const mistakes = document.errors.map(({ message }) => ({
      file,
      path: '',
      found: message.split('\n')[0] as string,
      allowed: 'YAML',
    }));
    return { mistakes };
  }
  const input: unknown = document.toJS() ?? {};
  const parsed = simulationSchema.safeParse(input);
  if (!parsed.success) return { mistakes: mistakesOf(file, parsed.error, input) };
  return { config: parsed.data, mistakes: doubles(parsed.data, file) };
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
  return mistakes;
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
