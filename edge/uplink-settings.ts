import { z } from 'zod';
import { bytesSchema, durationSchema } from '../contract/settings.ts';

/** Key `uplink` of edge.yaml: how the link to the broker is used. */
export const uplinkSchema = z
  .strictObject({
    gzip: z.boolean().default(false).describe('Compress batches on the wire: a third to a seventh of the bytes'),
    keepAlive: durationSchema({ minMs: 60_000, maxMs: 3_600_000 }).prefault('60s').describe('MQTT keep-alive'),
    healthEvery: durationSchema({ minMs: 10_000, maxMs: 86_400_000 })
      .prefault('60s')
      .describe('Line health in the retained state this often; changed devices are told within 10s'),
    backlogBytesPerSecond: bytesSchema({ min: 100, max: 1024 ** 3, words: '100 B to 1 GiB' })
      .optional()
      .describe('Most bytes a second for what was recorded during an outage; without, what the link carries'),
  })
  .describe('Use of the link to the broker');

export type UplinkSettings = z.output<typeof uplinkSchema>;

export const UPLINK_DEFAULTS: UplinkSettings = uplinkSchema.parse({});
