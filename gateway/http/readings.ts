import { createHash } from 'node:crypto';
import { z } from 'zod';
import { QUALITIES } from '../../contract/reading.ts';
import { formatTime } from '../../contract/time.ts';
import { READINGS_MAX } from '../../contract/wire-readings.ts';
import type { DoorReceipt } from '../ingest.ts';
import type { Bucket } from '../store/store.ts';
import { bucketsOf, measured, readingsOf } from './asset-points.ts';
import type { Identity } from './auth.ts';
import {
  countSchema,
  cursorSchema,
  decodeCursor,
  encodeCursor,
  isoSchema,
  present,
  rangeFields,
  rangeOf,
} from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { readingView, viewReading } from './views.ts';

const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** A guess for bodies that don't say how long they are. */
const ENTRY_BYTES = 200;
/** Rejections named in one answer; the dead letters hold them all. */
const REJECTIONS_SHOWN = 100;

const bucketView = z.object({
  ts: isoSchema,
  min: z.number().optional(),
  max: z.number().optional(),
  mean: z.number().optional().meta({ description: 'time-weighted' }),
  count: z.number(),
  worstQuality: z.enum(QUALITIES),
  held: z
    .literal(true)
    .optional()
    .meta({ description: 'no reading here: the last good value, not older than maxSilence' }),
});

const entrySchema = z.looseObject({ device: z.unknown(), ts: z.unknown().optional(), values: z.unknown() }).meta({
  description: '`{"device", "ts"?, "values": {"flow": 12.3, "pressure": {"value": 0.41, "quality": "uncertain"}}}`',
});
/** In a list a bad entry costs itself only: it is told and kept as one that can't be taken. */
const listedSchema = z.unknown().meta({
  type: 'object',
  required: ['device', 'values'],
  description: 'the same; one that is not costs itself only',
});

export function readingRoutes(door: Door): readonly Route[] {
  const { ingest, now } = door;
  return [
    route({
      method: 'GET',
      path: '/api/v1/points/{device}/{measurement}/readings',
      access: 'viewer',
      tag: 'readings',
      summary: 'The past of a point of a device or asset, oldest first: raw, or as equal time slots with `buckets`',
      params: z.object({ device: z.string(), measurement: z.string() }),
      query: z.strictObject({
        ...rangeFields,
        limit: countSchema(1, 10_000).optional().meta({ description: 'raw readings at most; default 1,000' }),
        buckets: countSchema(1, 5000).optional(),
        cursor: cursorSchema.optional(),
      }),
      answer: z.union([
        z.object({ readings: z.array(readingView), cursor: z.string().optional() }),
        z.object({ buckets: z.array(bucketView) }),
      ]),
      async handle({ params, query }) {
        const point = measured(door, params.device, params.measurement);
        const range = rangeOf(query, now());
        if (query.buckets !== undefined) {
          if (query.limit !== undefined || query.cursor !== undefined)
            throw new Problem('input-invalid', 'query.buckets stands alone: leave out limit and cursor.', {
              errors: [{ path: 'query.buckets', found: 'also limit or cursor', allowed: 'buckets alone' }],
            });
          const buckets = await bucketsOf(door, point, range, query.buckets);
          return { buckets: buckets.map(viewBucket) };
        }
        const limit = query.limit ?? 1000;
        const from = Math.max(decodeCursor(query.cursor, 'number') ?? range.from, range.from);
        if (from >= range.to) return { readings: [] };
        // One more than asked for says whether this was all.
        const found = await readingsOf(door, point, { from, to: range.to }, limit + 1);
        const readings = found.slice(0, limit);
        const last = readings.at(-1);
        return {
          readings: readings.map(viewReading),
          ...(found.length > limit && last !== undefined ? { cursor: encodeCursor(last.ts + 1) } : {}),
        };
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/readings',
      access: 'operator',
      tag: 'readings',
      summary:
        'Store readings; 204 once they are on disk. What can not be taken is named in a 400, the others are stored all the same',
      body: z.union([entrySchema, z.array(listedSchema).min(1).max(READINGS_MAX)]),
      bodyBytesMax: BODY_BYTES_MAX,
      status: 204,
      async handle({ body, identity, request, reply }) {
        const key = idempotencyKey(request.headers['idempotency-key'], identity as Identity);
        const entries = Array.isArray(body) ? body : [body];
        const bytes = Number(request.headers['content-length'] ?? entries.length * ENTRY_BYTES);
        const once = key === undefined ? undefined : { key, fingerprint: fingerprintOf(entries) };
        const receipt = await door.room.hold(bytes, () => ingest.readings('http', entries, now(), once));
        reply.headers(receiptHeaders(receipt));
        if (receipt.rejected.length > 0) throw rejection(receipt);
      },
    }),
  ];
}

export function receiptHeaders({ stored, duplicate, corrected, rejected }: DoorReceipt): Record<string, string> {
  return {
    'x-hanfeng-stored': String(stored),
    'x-hanfeng-duplicate': String(duplicate),
    'x-hanfeng-corrected': String(corrected),
    'x-hanfeng-rejected': String(rejected.length),
  };
}

/** A 400 even when most was taken: a collector must not believe that all is well. What was taken is stored. */
function rejection({ stored, duplicate, corrected, rejected }: DoorReceipt): Problem {
  const taken = stored + duplicate + corrected;
  return new Problem(
    'readings-rejected',
    taken === 0 ? 'None of it can be taken.' : `${rejected.length} can not be taken, ${taken} are stored.`,
    {
      errors: rejected.slice(0, REJECTIONS_SHOWN),
      members: { stored, duplicate, corrected, rejected: rejected.length },
    },
  );
}

/** Tells one body from another, so that a key does not swallow what it was not used for. */
export function fingerprintOf(entries: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(entries)).digest('base64url');
}

/** A person's keys are his own: nobody can use up another's. */
function idempotencyKey(header: string | string[] | undefined, { name }: Identity): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,128}$/.test(header)) return `${name}:${header}`;
  throw new Problem('input-invalid', 'Idempotency-Key is not usable.', {
    errors: [
      { path: 'header.idempotency-key', found: String(header).slice(0, 60), allowed: '1-128 printable characters' },
    ],
  });
}

function viewBucket({ ts, min, max, mean, count, worstQuality, held }: Bucket): z.infer<typeof bucketView> {
  return { ts: formatTime(ts), count, worstQuality, ...present({ min, max, mean, held }) };
}
