import { z } from 'zod';
import type { Mistake } from '../contract/mistakes.ts';
import { idSchema } from '../contract/reading.ts';
import { LeakageDetector } from './domain/leakage/leakage.ts';
import { checkZones, type ZoneModel } from './domain/leakage/network.ts';

const pointSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>');
const pointsSchema = z.array(pointSchema).max(500).default([]);

const zoneSchema = z.strictObject({
  id: idSchema.describe('Name of the zone, as alarms tell it'),
  name: z.string().min(1).max(200).optional().describe('For people'),
  inlets: pointsSchema.describe('Flow into the zone, m3/h'),
  outlets: pointsSchema.describe('Flow out of the zone, into other zones or pumps, m3/h'),
  tanks: z
    .array(z.strictObject({ level: pointSchema.describe('Level, m'), areaM2: z.number().positive().max(1e6) }))
    .max(50)
    .default([])
    .describe('Tanks that only this zone empties'),
  customers: pointsSchema.describe('Metered demand of customers, m3/h; a sample of them is enough'),
  pressures: pointsSchema.describe('Pressures in the zone, m'),
  within: idSchema.optional().describe('The metered zone this one is a part of; it then needs pressures only'),
  pricePerM3: z.number().positive().max(1e6).optional().describe('Value of a m3 of lost water'),
});

/** The `leakage:` key of gateway.yaml. */
export const leakageSchema = z
  .strictObject({ zones: z.array(zoneSchema).max(500).default([]).describe('Metered districts and their parts') })
  .describe('Where leaks are looked for');

export type LeakageConfig = z.output<typeof leakageSchema>;

/** Zones as the detectors know them. */
export function zonesOf(config: LeakageConfig): readonly ZoneModel[] {
  return config.zones.map(
    (zone) =>
      Object.fromEntries(Object.entries(zone).filter(([, value]) => value !== undefined)) as unknown as ZoneModel,
  );
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
