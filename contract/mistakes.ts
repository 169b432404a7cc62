import { z } from 'zod';

/** One mistake in a configuration, device, class or scenario file; a report lists all of them. */
export interface Mistake {
  readonly file: string;
  /** Where in the file: `lines[0].devices[2].unitId`. */
  readonly path: string;
  /** What stands there, shortened. */
  readonly found: string;
  /** What may stand there. */
  readonly allowed: string;
  /** Where that is in the text, from 1; undefined where nobody looked, or where the text has no such place. */
  readonly at?: TextPlace;
  /** Where that stands already which may stand only once, in this file or in another. */
  readonly first?: Spot;
}

/** A place in a file, with its line where somebody looked. */
export type Spot = Pick<Mistake, 'file' | 'path' | 'at'>;

export interface TextPlace {
  readonly line: number;
  readonly column: number;
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

export function formatMistake({ found, allowed, first, ...spot }: Mistake): string {
  const before = first === undefined ? '' : `, it stands at ${formatSpot(first)}`;
  return `${formatSpot(spot)}: found ${found}, allowed: ${allowed}${before}`;
}

function formatSpot({ file, path, at }: Spot): string {
  const place = at === undefined ? file : `${file}:${at.line}:${at.column}`;
  return `${place}: ${path === '' ? '(whole file)' : path}`;
}

/** What a file says, and what is wrong with it; no value where its shape is wrong. */
export type Checked<T> = { readonly value?: T; readonly mistakes: readonly Mistake[] };

/** `input` as the schema wants it, or every mistake in it, with what was found and what is allowed at each place. */
export function checkedAgainst<Schema extends z.ZodType>(
  schema: Schema,
  file: string,
  input: unknown,
): Checked<z.output<Schema>> {
  const parsed = schema.safeParse(input, { error: nameKeys });
  if (parsed.success) return { value: parsed.data, mistakes: [] };
  return { mistakes: parsed.error.issues.flatMap((issue) => mistakesOfIssue(file, issue, [], input)) };
}

/** Lets an unknown key's issue carry the keys that are known there. */
function nameKeys(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys' || !(issue.inst instanceof z.ZodObject)) return undefined;
  return Object.keys(issue.inst.shape).join(', ') || 'nothing';
}

function mistakesOfIssue(
  file: string,
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[],
  input: unknown,
): Mistake[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      file,
      path: formatPath([...path, key]),
      found: 'an unknown key',
      allowed: withClosest(key, issue.message),
    }));
  }
  if (issue.code === 'invalid_union') {
    // The form that was meant is the one whose outside fits: then what is wrong inside it says more than the list of forms.
    const meant = issue.errors.filter((issues) => issues.every(isInside));
    if (meant.length === 1) return meant[0]!.flatMap((inner) => mistakesOfIssue(file, inner, path, input));
  }
  return [{ file, path: formatPath(path), found: show(valueAt(input, path)), allowed: inWords(issue.message) }];
}

/** A key that was probably meant is named behind all that are allowed. */
function withClosest(key: string, keys: string): string {
  const [closest] = keys
    .split(', ')
    .map((known) => ({ known, distance: editDistance(key.toLowerCase(), known.toLowerCase()) }))
    .filter(({ known, distance }) => distance <= Math.min(2, known.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return closest === undefined ? keys : `${keys} (did you mean ${closest.known}?)`;
}

/** How many letters must be put in, taken out or changed to make one text of the other; texts of up to 64 letters. */
function editDistance(from: string, to: string): number {
  if (from.length > 64 || to.length > 64) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [above, letter] of [...from].entries()) {
    const next = [above + 1];
    for (const [column, other] of [...to].entries())
      next.push(Math.min(row[column]! + (letter === other ? 0 : 1), row[column + 1]! + 1, next[column]! + 1));
    row = next;
  }
  return row[to.length]!;
}

/** zod says what it expected and what it got; ours says only what is allowed, in plain words. */
function inWords(message: string): string {
  return message
    .replace(/^Invalid input: expected (\w+), received .*$/, (_, type: string) => TYPE_WORDS[type] ?? type)
    .replace(/^Invalid input$/, 'one of the documented forms')
    .replace(
      /^Invalid option: expected one of (.*)$/,
      (_, list: string) => `one of ${list.replaceAll('"', '').replaceAll('|', ', ')}`,
    )
    .replace(/^Invalid input: expected "?([^"]*)"?$/, '$1')
    .replace(/^Too (?:small|big): expected \w+ to (?:be|have) (.*)$/, '$1');
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
  tuple: 'a list',
  nonoptional: 'a value',
};

function isInside(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys';
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
