import { z } from 'zod';
import { bytesSchema, durationSchema } from '../../contract/settings.ts';

/** Key `outbox` of edge.yaml: how much is kept while the gateway is away, and what a power cut may cost. */
export const outboxSchema = z
  .strictObject({
    bytes: bytesSchema({ min: 256 * 1024, max: 1024 ** 4, words: '256 KiB to 1024 GiB' })
      .prefault('256 MiB')
      .describe('Most bytes on disk; the oldest goes first'),
    age: durationSchema({ minMs: 60_000, maxMs: 3650 * 86_400_000 })
      .prefault('30d')
      .describe('Older batches are freed, stored or not'),
    flushEvery: durationSchema({ minMs: 10, maxMs: 600_000 })
      .prefault('1s')
      .describe('Readings are written to disk this often: what a power cut can cost, against flash wear'),
    batchEvery: durationSchema({ minMs: 10, maxMs: 600_000 })
      .prefault('1s')
      .describe('A batch is sent this often; longer on links that are paid by the byte'),
    batchReadings: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(1000)
      .describe('Values in a batch; a source that makes thousands a second gets larger ones'),
    heartbeat: durationSchema({ minMs: 1000, maxMs: 600_000 })
      .prefault('10s')
      .describe('An empty batch at least this often; above 10s the gateway must be told to wait longer'),
    memory: z
      .number()
      .int()
      .min(1000)
      .max(10_000_000)
      .default(100_000)
      .describe('Most values kept in memory while the disk is full'),
    compress: z.boolean().default(true).describe('Deflate batches on disk: 5-10 times as many hours'),
    fsync: z
      .boolean()
      .default(true)
      .describe('Wait for the disk after each flush; without, a power cut can cost what the system had not written'),
  })
  .describe('Store and forward on disk');

export type OutboxSettings = z.output<typeof outboxSchema>;

export const OUTBOX_DEFAULTS: OutboxSettings = outboxSchema.parse({});
