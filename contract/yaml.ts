import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Checked, checkedAgainst, type Mistake, type TextPlace } from './mistakes.ts';

/** YAML text, `<<` merged, to plain values; an empty file is `{}`. Every mistake of its form, also aliases that blow it up. */
export function parseYaml(text: string, file: string): { readonly input?: unknown; readonly mistakes: Mistake[] } {
  const document = parseDocument(text, { merge: true });
  const wrong = (message: string, at?: TextPlace): Mistake => ({
    file,
    path: '',
    found: message.split('\n')[0] || 'broken YAML',
    allowed: 'YAML',
    ...(at === undefined ? {} : { at }),
  });
  if (document.errors.length > 0)
    return {
      mistakes: document.errors.map(({ message, linePos }) =>
        linePos === undefined
          ? wrong(message)
          : wrong(message.replace(/ at line \d+, column \d+:?/, ''), { line: linePos[0].line, column: linePos[0].col }),
      ),
    };
  try {
    return { input: document.toJS() ?? {}, mistakes: [] };
  } catch (error) {
    return { mistakes: [wrong((error as Error).message)] };
  }
}

/** YAML text as the schema wants it, or every mistake in it. */
export function readYaml<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  file: string,
): Checked<z.output<Schema>> {
  const { input, mistakes } = parseYaml(text, file);
  if (mistakes.length > 0) return { mistakes };
  return checkedAgainst(schema, file, input);
}
