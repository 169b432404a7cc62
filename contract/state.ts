import { z } from 'zod';
import { idSchema } from './reading.ts';

/** Retained on `hf/v1/edge/<edge>/state`; the last will is `{"online": false}`. */
export const edgeStateSchema = z.object({
  online: z.boolean(),
  outbox: idSchema.optional(),
  version: z.string().max(64).optional(),
  devices: z
    .array(
      z.object({
        id: idSchema,
        model: z.string().max(64).optional(),
        line: idSchema.optional(),
        points: z
          .array(
            z.object({
              measurement: idSchema,
              unit: z.string().max(32).optional(),
              everyMs: z.number().positive().optional(),
            }),
          )
          .max(2000)
          .optional(),
      }),
    )
    .max(20_000)
    .optional(),
  /** Line health as the edge sees it (budget, round trips, back-off); shown as it is in the API. */
  lines: z.array(z.record(z.string(), z.unknown())).max(1000).optional(),
});
export type EdgeState = z.infer<typeof edgeStateSchema>;

/** Retained on `hf/v1/edge/<edge>/stored/<gateway>`: everything up to these numbers is on this gateway's disk. */
export const storedMarkSchema = z.object({
  /** Id of the gateway's data folder; a new one means: its store is another, send what it lacks again. */
  store: idSchema,
  marks: z.record(idSchema, z.number().int().min(0)),
  at: z.union([z.number(), z.string()]),
});
export type StoredMark = z.infer<typeof storedMarkSchema>;

/** Gateway to edge on `…/command`; time to live counts from receipt. */
export const commandSchema = z.object({
  id: idSchema,
  device: idSchema,
  point: idSchema,
  value: z.number(),
  ttlMs: z.number().int().min(1).max(3_600_000),
});
export type Command = z.infer<typeof commandSchema>;

/** Edge to gateway on `…/command/<id>/result`. */
export const commandResultSchema = z.object({
  id: idSchema,
  status: z.enum(['done', 'rejected', 'expired', 'failed']),
  readBack: z.number().optional(),
  reason: z.string().max(500).optional(),
});
export type CommandResult = z.infer<typeof commandResultSchema>;
