import { z } from 'zod';
import type { Column } from './column-text.ts';

/** Raised when what stands in a snapshot changes its meaning; a snapshot of another format is not used. */
export const STATE_FORMAT = 3;

const pairs = z.array(z.tuple([z.string()], z.unknown()));
const momentOrNull = z.number().nullable();
const ruleSchema = z.looseObject({
  key: z.string(),
  kind: z.string(),
  asset: z.string(),
  onDelayMs: z.number(),
  offDelayMs: z.number(),
  title: z.string(),
});
const occurrenceSchema = z.looseObject({
  rule: ruleSchema,
  id: z.string(),
  life: z.looseObject({ state: z.string(), active: z.boolean(), holds: z.array(z.string()) }),
  since: z.number(),
  raisedAt: z.number(),
});
/** Not looked into: 329,000 numbers each. */
const column = z.custom<Column>(
  (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
  'not a column',
);

/** Shape of a snapshot, as far as a wrong one would break the judge. Long columns are only checked to be columns. */
const stateSchema = z.looseObject({
  format: z.literal(STATE_FORMAT),
  clock: z.number(),
  lastTick: z.number().optional(),
  wall: z.number(),
  sources: z.array(z.tuple([z.number(), momentOrNull])),
  points: z.looseObject({
    newest: column,
    value: column,
    heard: column,
    floor: column,
    quality: column,
    reason: column,
    busy: column,
  }),
  builtIn: z.array(z.object({ rule: ruleSchema, point: z.number() })),
  conditions: z.array(z.tuple([z.string(), z.number(), z.number(), z.number()])),
  devices: z.array(z.tuple([z.number(), z.string()])),
  intervals: z
    .array(z.tuple([z.number(), z.looseObject({ since: z.number(), intervals: z.array(z.number()) })]))
    .optional(),
  edges: pairs,
  late: z.array(z.looseObject({ key: z.string() })),
  evaluations: pairs,
  episodes: z.array(z.tuple([z.string(), z.number(), z.number()])),
  openings: pairs,
  suppression: z.object({
    settling: z.array(z.tuple([z.string(), z.string(), z.array(z.string()).nullable(), z.number()])).default([]),
    seenUntil: momentOrNull,
  }),
  ledger: z.object({ open: z.array(occurrenceSchema), closed: z.array(occurrenceSchema) }),
});
export type JudgeState = z.output<typeof stateSchema>;

/**
 * @throws Error saying why a snapshot can't be used: no JSON, another format, another shape
 */
export function parseState(text: string): JudgeState {
  const json: unknown = JSON.parse(text);
  const { format } = (json ?? {}) as { format?: unknown };
  if (format !== STATE_FORMAT) throw new Error(`snapshot of format ${String(format)}, this is ${STATE_FORMAT}`);
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) throw new Error(`snapshot of a wrong shape: ${z.prettifyError(parsed.error).slice(0, 300)}`);
  // The text as it was: checking re-orders keys.
  return json as JudgeState;
}
