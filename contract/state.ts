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
  /** Somebody works on a device, or (without `device`) on the whole cabinet, until then. */
  service: z
    .array(
      z.object({
        device: idSchema.optional(),
        since: z.number(),
        until: z.number(),
        who: z.string().max(64),
        why: z.string().max(200).optional(),
      }),
    )
    .max(1000)
    .optional(),
  /** A batch comes at least this often; absent: every 10 s. Longer only on links that are paid by the byte. */
  heartbeatMs: z.number().int().positive().max(3_600_000).optional(),
  /** False: the technician at the cabinet refuses all commands. */
  commandsEnabled: z.boolean().optional(),
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

/**
 * Gateway to edge on `…/command`; time to live counts from receipt. Where a point wants selection first, two commands are
 * needed: `select` reserves the point for this value, `operate` names the id of the select and carries it out.
 */
export const commandSchema = z
  .object({
    id: idSchema,
    device: idSchema,
    point: idSchema,
    value: z.number(),
    ttlMs: z.number().int().min(1).max(3_600_000),
    mode: z.enum(['direct', 'select', 'operate']).default('direct'),
    /** With `operate`: id of the select. */
    select: idSchema.optional(),
    /** Who asked for it, for the journal of the edge. */
    who: z.string().max(64).optional(),
  })
  .refine(
    ({ mode, select }) => (mode === 'operate') === (select !== undefined),
    'operate names its select, others none',
  );
export type Command = z.infer<typeof commandSchema>;

/** Edge to gateway on `…/command/<id>/result`. */
export const commandResultSchema = z.object({
  id: idSchema,
  status: z.enum(['selected', 'done', 'rejected', 'expired', 'failed']),
  readBack: z.number().optional(),
  /** A code of docs/commands.md, a colon and words. */
  reason: z.string().max(500).optional(),
});
export type CommandResult = z.infer<typeof commandResultSchema>;
