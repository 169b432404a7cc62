import { z } from 'zod';
import { type Millis, parseDuration, parseTime } from '../../contract/time.ts';
import { Problem } from './problem.ts';

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
  return z
    .union([z.string(), z.array(z.string())])
    .transform((value) => (Array.isArray(value) ? value : [value]).flatMap((text) => text.split(',')))
    .pipe(z.array(z.enum(words, { error: `one or more of ${words.join(', ')}` })).min(1));
}

/** `from` and `to` of a question about the past; both may be left out. */
export const rangeFields = {
  from: momentSchema.optional(),
  to: momentSchema.optional(),
};

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
  if (typeof position === kind) return position as K extends 'string' ? string : number;
  throw new Problem('input-invalid', 'query.cursor is none of ours', {
    errors: [{ path: 'query.cursor', found: text.slice(0, 60), allowed: 'the cursor of the page before' }],
  });
}

export const cursorSchema = z.string().min(1).max(500);
export const isoSchema = z.iso.datetime().meta({ description: 'ISO 8601, UTC' });
