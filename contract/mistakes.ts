import type { z } from 'zod';

/** One mistake in a configuration, device, class or scenario file; a report lists all of them. */
export interface Mistake {
  readonly file: string;
  /** Where in the file: `lines[0].devices[2].unitId`. */
  readonly path: string;
  /** What stands there, shortened. */
  readonly found: string;
  /** What may stand there. */
  readonly allowed: string;
}

/** A configuration that can't be used; carries every mistake. Commands print them and exit 2. */
export class ConfigError extends Error {
  readonly code = 'config-invalid';
  readonly mistakes: readonly Mistake[];
  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(formatMistake).join('\n'));
    this.mistakes = mistakes;
  }
}

export function formatMistake({ file, path, found, allowed }: Mistake): string {
  return `${file}: ${path === '' ? '(whole file)' : path}: found ${found}, allowed: ${allowed}`;
}

/** Turns zod's issues into our report, with what was found at each place. */
export function mistakesOf(file: string, error: z.ZodError, input: unknown): Mistake[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        file,
        path: formatPath([...issue.path, key]),
        found: 'an unknown key',
        allowed: 'only documented keys',
      }));
    }
    return [{ file, path: formatPath(issue.path), found: show(valueAt(input, issue.path)), allowed: issue.message }];
  });
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | undefined | null)?.[part];
  return value;
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
