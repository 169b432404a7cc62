import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import type { Identity } from './auth.ts';
import { countSchema, cursorSchema, isoSchema, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { fingerprintOf } from './readings.ts';
import { type Route, route } from './route.ts';

const letterView = z.object({
  id: z.string(),
  at: isoSchema,
  door: z.string(),
  source: z.string(),
  reason: z.string(),
  detail: z.string(),
  payload: z.string(),
});

/** What could not be taken, and a second try once its cause is gone. */
export function deadLetterRoutes({ store, ingest, now, historyCopy }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/dead-letters',
      access: 'viewer',
      tag: 'dead letters',
      summary: 'Messages and readings that could not be taken, newest first',
      query: z.strictObject({
        reason: z.string().max(64).optional(),
        limit: countSchema(1, 1000).default(100),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ deadLetters: z.array(letterView), cursor: z.string().optional() }),
      async handle({ query }) {
        const { limit, ...rest } = query;
        const page = await store.deadLetters({ limit, ...present(rest) });
        return {
          deadLetters: page.items.map((letter) => ({ ...letter, at: formatTime(letter.at) })),
          ...present({ cursor: page.cursor }),
        };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/dead-letters/{id}/replay',
      access: 'operator',
      tag: 'dead letters',
      summary:
        'Give the readings of a dead letter to its door again, or to InfluxDB when it did not take them; twice does no harm',
      params: z.object({ id: z.string() }),
      answer: z.object({ stored: z.number(), duplicate: z.number(), corrected: z.number(), rejected: z.number() }),
      async handle({ params, identity }) {
        const letter = await store.deadLetter(params.id);
        if (letter === undefined) throw new Problem('dead-letter-unknown', 'It may have made room for newer ones.');
        const who = (identity as Identity).name;
        const audited = () =>
          ingest.audit({ at: now(), who, what: 'replay-dead-letter', target: letter.id, detail: letter.reason });
        if (letter.door === 'influxdb' && historyCopy !== undefined) {
          const stored = await historyCopy.resend(letter.payload).catch((error: Error) => {
            throw new Problem('not-replayable', `InfluxDB does not take it: ${error.message}`);
          });
          await audited();
          return { stored, duplicate: 0, corrected: 0, rejected: 0 };
        }
        const entries = readingsIn(letter.payload);
        if (entries === undefined)
          throw new Problem('not-replayable', 'Only letters that hold readings with a device can be replayed.');
        const receipt = await ingest.readings('http', entries, letter.at, {
          key: `replay:${letter.id}`,
          fingerprint: fingerprintOf(entries),
        });
        const { stored, duplicate, corrected, rejected } = receipt;
        await audited();
        return { stored, duplicate, corrected, rejected: rejected.length };
      },
    }),
  ];
}

/** The readings in a letter: one entry, a list of them, or a whole batch. */
function readingsIn(payload: string): readonly unknown[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload) as unknown;
  } catch {
    return undefined;
  }
  const inner = (value as { readings?: unknown } | null)?.readings;
  const entries = Array.isArray(inner) ? inner : Array.isArray(value) ? (value as unknown[]) : [value];
  const isEntry = (entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'device' in entry && 'values' in entry;
  return entries.length > 0 && entries.every(isEntry) ? entries : undefined;
}
