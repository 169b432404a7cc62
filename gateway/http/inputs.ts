import { z } from 'zod';
import {
  EARLIEST_TIME_MS,
  formatTime,
  LATEST_TIME_MS,
  type Millis,
  parseDuration,
  parseTime,
} from '../../contract/time.ts';
import { foreignCursor, Problem } from './problem.ts';

/** A moment as ISO 8601 or epoch milliseconds; UTC milliseconds after. */
export const momentSchema = z
  .union([z.number(), z.string()])
  .transform((value, context) => {
    const timeMs = parseTime(value);
    if (timeMs !== undefined) return timeMs;
    context.addIssue({ code: 'custom', message: 'a time as ISO 8601 or epoch milliseconds, 2000..2100' });
    return z.NEVER;
  })
  .meta({ description: 'ISO 8601 (UTC when it names no zone) or epoch milliseconds' });

/** Before and after every reading: what people write who want everything. */
const EPOCH_MS = 0;
const FAR_END_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** An edge of a range. 1970-01-01 (0) is "from the beginning", a time after 2100 "to the end"; in between it is a moment. */
const edgeSchema = z
  .union([z.number(), z.string()])
  .transform((value, context) => {
    const timeMs = typeof value === 'string' && !/^\d+$/.test(value) ? Date.parse(value) : Number(value);
    if (timeMs === EPOCH_MS) return EARLIEST_TIME_MS;
    if (timeMs > LATEST_TIME_MS && timeMs <= FAR_END_MS) return LATEST_TIME_MS;
    const moment = parseTime(value);
    if (moment !== undefined) return moment;
    context.addIssue({ code: 'custom', message: 'a time as ISO 8601 or epoch milliseconds, 2000..2100' });
    return z.NEVER;
  })
  .meta({ description: 'ISO 8601 (UTC when it names no zone) or epoch milliseconds; 0 = from the beginning' });

/** A length of time as `30s`, `2h` or milliseconds; milliseconds after. */
export const durationSchema = z
  .union([z.number(), z.string()])
  .transform((value, context) => {
    const durationMs = typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : parseDuration(value);
    if (durationMs !== undefined && Number.isFinite(durationMs) && durationMs >= 1) return Math.round(durationMs);
    context.addIssue({ code: 'custom', message: 'a length of time such as 30s, 15m, 1h, or milliseconds' });
    return z.NEVER;
  })
  .meta({ description: 'a length of time such as `30s`, `15m`, `1h`, or milliseconds' });

/** A whole number from a query text. */
export function countSchema(min: number, max: number) {
  return z.coerce
    .number({ error: `a whole number, ${min}..${max}` })
    .int(`a whole number, ${min}..${max}`)
    .min(min, `a whole number, ${min}..${max}`)
    .max(max, `a whole number, ${min}..${max}`);
}

/** One or more words, given again or with commas between: `state=a,b` or `state=a&state=b`. */
export function wordsSchema<const W extends readonly [string, ...string[]]>(words: W) {
  return z.union([z.string(), z.array(z.string())]).transform((value, context) => {
    const given = (Array.isArray(value) ? value : [value]).flatMap((text) => text.split(','));
    const known = given.filter((text): text is W[number] => words.includes(text));
    if (known.length > 0 && known.length === given.length) return known;
    context.addIssue({ code: 'custom', message: `one or more of ${words.join(', ')}` });
    return z.NEVER;
  });
}

/** `from` and `to` of a question about the past; both may be left out. */
export const rangeFields = {
  from: edgeSchema.optional(),
  to: edgeSchema.optional(),
};

/** @throws Problem when the range ends before it begins: an empty answer would look like a quiet time */
export function mustBeInOrder({
  from,
  to,
}: {
  readonly from?: Millis | undefined;
  readonly to?: Millis | undefined;
}): void {
  if (from !== undefined && to !== undefined && from > to)
    throw new Problem('input-invalid', 'query.from must not be after query.to', {
      errors: [{ path: 'query.from', found: formatTime(from), allowed: 'a time before `to`' }],
    });
}

const DAY_MS = 86_400_000;

/** Fills in the range: until now, the last 24 h. */
export function rangeOf(query: { readonly from?: Millis | undefined; readonly to?: Millis | undefined }, now: Millis) {
  // A reading sampled this very millisecond belongs to "until now".
  const to = query.to ?? Math.max(now + 1, query.from === undefined ? 0 : query.from + 1);
  const from = query.from ?? to - DAY_MS;
  if (from >= to)
    throw new Problem('input-invalid', 'query.from must be before query.to', {
      errors: [{ path: 'query.from', found: String(from), allowed: 'a time before `to`' }],
    });
  return { from, to };
}

/** Only the keys that have a value: absent stays absent under exactOptionalPropertyTypes. */
export function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Opaque text that says where the next page begins. */
export function encodeCursor(position: string | number): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @throws Problem when the text was not made by {@link encodeCursor} for the same kind of list */
export function decodeCursor<K extends 'string' | 'number'>(
  text: string | undefined,
  kind: K,
): (K extends 'string' ? string : number) | undefined {
  if (text === undefined) return undefined;
  let position: unknown;
  try {
    position = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown;
  } catch {
    position = undefined;
  }
  if (kind === 'number' ? Number.isSafeInteger(position) : typeof position === 'string')
    return position as K extends 'string' ? string : number;
  throw foreignCursor(text.slice(0, 60));
}

export const cursorSchema = z.string().min(1).max(500);
export const isoSchema = z.iso.datetime().meta({ description: 'ISO 8601, UTC' });

/** `limit` and `cursor` of a list that is in memory. */
export const pageFields = { limit: countSchema(1, 1000).default(1000), cursor: cursorSchema.optional() };

/**
 * One page of a list that is in memory.
 *
 * @param items - in ascending order of `keyOf`, no key twice
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): { readonly page: readonly T[]; readonly cursor?: string } {
  const after = decodeCursor(query.cursor, 'string');
  const rest = after === undefined ? items : items.filter((item) => keyOf(item) > after);
  const page = rest.slice(0, query.limit);
  const last = page.at(-1);
  return rest.length > page.length && last !== undefined ? { page, cursor: encodeCursor(keyOf(last)) } : { page };
}
