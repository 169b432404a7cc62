import { z } from 'zod';
import { formatDuration, parseDuration } from './time.ts';

/**
 * A length of time in a configuration file, `30s` or `1h30m`; milliseconds after parsing.
 *
 * @param range - allowed milliseconds, inclusive
 */
export function durationSchema(range: { readonly minMs: number; readonly maxMs: number }) {
  const words = `a time such as 30s or 2m, ${formatDuration(range.minMs)} to ${formatDuration(range.maxMs)}`;
  return z.string({ error: words }).transform((text, context) => {
    const durationMs = parseDuration(text);
    if (durationMs !== undefined && durationMs >= range.minMs && durationMs <= range.maxMs) return durationMs;
    context.addIssue({ code: 'custom', message: words });
    return z.NEVER;
  });
}

const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** Parses `64 MiB`, `500kB` or `1 GB`; bytes, or undefined when the text is no size. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)\s*$/i.exec(text);
  const factor = BYTES[(match?.[2] ?? '').toLowerCase()];
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
}

/** A size in a configuration file, `64 MiB`; bytes after parsing. */
export function bytesSchema(range: { readonly min: number; readonly max: number; readonly words: string }) {
  const words = `a size such as 64 MiB, ${range.words}`;
  return z.string({ error: words }).transform((text, context) => {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes >= range.min && bytes <= range.max) return bytes;
    context.addIssue({ code: 'custom', message: words });
    return z.NEVER;
  });
}
