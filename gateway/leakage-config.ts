import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Mistake } from '../contract/mistakes.ts';
import { idSchema } from '../contract/reading.ts';
import { LeakageDetector } from './domain/leakage/leakage.ts';
import { checkZones, type ZoneModel } from './domain/leakage/network.ts';
import type { ModelSetting } from './locate/models.ts';

const pointSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>');
const pointsSchema = z.array(pointSchema).max(500).default([]);

/** EPANET files are relative to the file that names them. */
const modelSchema = z
  .union(
    [
      z
        .string()
        .min(1)
        .transform((file) => ({ file, names: {} as Record<string, string>, ifPresent: false })),
      z.strictObject({
        file: z.string().min(1),
        names: z
          .record(idSchema, z.string().min(1).max(64))
          .default({})
          .describe('Device -> node, pump or tank of the model, where they are not called the same'),
        ifPresent: z.boolean().default(false).describe('A file that is not there is no mistake'),
      }),
    ],
    { error: 'an EPANET input file, or {file, names, ifPresent}' },
  )
  .optional()
  .describe('Hydraulic model (EPANET .inp) that leaks are located with');

const zoneSchema = z.strictObject({
  id: idSchema.describe('Name of the zone, as alarms tell it'),
  name: z.string().min(1).max(200).optional().describe('For people'),
  nameZh: z.string().min(1).max(200).optional().describe('For people who read Chinese'),
  inlets: pointsSchema.describe('Flow into the zone, m3/h'),
  outlets: pointsSchema.describe('Flow out of the zone, into other zones or pumps, m3/h'),
  tanks: z
    .array(z.strictObject({ level: pointSchema.describe('Level, m'), areaM2: z.number().positive().max(1e6) }))
    .max(50)
    .default([])
    .describe('Tanks that only this zone empties'),
  customers: pointsSchema.describe('Metered demand of customers, m3/h; a sample of them is enough'),
  registered: pointsSchema
    .optional()
    .describe('The same for the figures alone, where it comes too late or too coarse to look for leaks with'),
  pressures: pointsSchema.describe('Pressures in the zone, m'),
  within: idSchema.optional().describe('The metered zone this one is a part of; it then needs pressures only'),
  model: modelSchema,
  pricePerM3: z.number().positive().max(1e6).optional().describe('Value of a m3 of lost water'),
  sensitivity: z
    .number()
    .min(0.25)
    .max(4)
    .optional()
    .describe('Above 1 rings sooner and for less; 1 unless said. Try it with POST /api/v1/leakage/what-if'),
  coverage: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('Part of the demand that customers meter; all unless said'),
  population: z.number().int().positive().max(1e8).optional().describe('People, for the legitimate night use'),
  mainsKm: z.number().positive().max(1e6).optional(),
  connections: z.number().int().positive().max(1e8).optional(),
  privateKm: z.number().min(0).max(1e6).optional().describe('Private pipe beyond the boundary, all together'),
  pressureM: z.number().positive().max(1000).optional().describe('Mean pressure, where no sensor tells it'),
  pressureExponent: z
    .number()
    .min(0.5)
    .max(2.5)
    .optional()
    .describe('How leakage follows pressure: 0.5 fixed holes, 1 unless said, 1.5 cracks and joints'),
  totalizers: z
    .record(pointSchema, pointSchema)
    .optional()
    .describe('Counter (m3) by flow point, where it is not the total of the same device'),
  boundaryValves: z.array(idSchema).max(500).optional().describe('Valves that are shut around the zone'),
  pumps: z.array(idSchema).max(500).optional().describe('Pumps inside'),
  unbilledM3PerDay: z.number().min(0).max(1e7).optional().describe('Authorised but free: fire flow, flushing, own use'),
  apparentPercent: z
    .number()
    .min(0)
    .max(50)
    .optional()
    .describe('Theft and meters that read low, percent of the registered volume; 0 unless said'),
  corrections: z
    .strictObject({
      households: z.number().min(-20).max(20).default(0),
      pipeLength: z.number().min(-20).max(20).default(0),
      pressure: z.number().min(-20).max(20).default(0),
      frost: z.number().min(-20).max(20).default(0),
    })
    .optional()
    .describe('Corrections of CJJ 92 to the loss rate, percentage points'),
});

/** The `leakage:` key of gateway.yaml. */
export const leakageSchema = z
  .strictObject({
    zones: z.array(zoneSchema).max(500).default([]).describe('Metered districts and their parts'),
    model: modelSchema,
    nightWindow: z
      .tuple([z.number().int().min(0).max(23), z.number().int().min(1).max(24)])
      .refine(([from, to]) => to > from, 'from before to')
      .default([2, 5])
      .describe('Local hours [from, to) in which the least flow of a night is looked for'),
  })
  .describe('Where leaks are looked for');

export type LeakageConfig = z.output<typeof leakageSchema>;

/** Zones as the detectors know them. */
export function zonesOf(config: LeakageConfig): readonly ZoneModel[] {
  return config.zones.map(
    (zone) =>
      Object.fromEntries(
        Object.entries(zone).filter(([key, value]) => value !== undefined && key !== 'model'),
      ) as unknown as ZoneModel,
  );
}

/** Every hydraulic model that is named, and by which zones; files absolute. */
export function modelSettings(config: LeakageConfig, file: string): readonly ModelSetting[] {
  return [
    ...(config.model === undefined ? [] : [{ ...config.model, path: 'leakage.model' }]),
    ...config.zones.flatMap(({ model }, index) =>
      model === undefined ? [] : [{ ...model, path: `leakage.zones[${index}].model` }],
    ),
  ].map((setting) => ({ ...setting, file: resolve(dirname(file), setting.file) }));
}

/** The model a zone's leaks are located with. */
export function modelOf(config: LeakageConfig, zone: string, file: string): ModelSetting | undefined {
  const index = config.zones.findIndex(({ id }) => id === zone);
  const own = config.zones[index]?.model;
  const path = own === undefined ? 'leakage.model' : `leakage.zones[${index}].model`;
  return modelSettings(config, file).find((setting) => setting.path === path);
}

/** What the judge of this configuration watches besides single points. */
export function detectorsOf(config: {
  readonly leakage: LeakageConfig;
  readonly timezone: string;
}): readonly LeakageDetector[] {
  return config.leakage.zones.length === 0 ? [] : [new LeakageDetector(zonesOf(config.leakage), config.timezone)];
}

/** Signs and nesting that can't be. */
export function leakageMistakes(config: LeakageConfig, file: string): Mistake[] {
  const index = new Map(config.zones.map(({ id }, at) => [id, at]));
  return checkZones(zonesOf(config)).map(({ zone, key, found, allowed }) => ({
    file,
    path: `leakage.zones[${index.get(zone)}].${key}`,
    found,
    allowed,
  }));
}
