import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkedAgainst, formatMistake } from '../../../contract/mistakes.ts';
import { readYaml } from '../../../contract/yaml.ts';

const schema = z
  .strictObject({
    lasts: z.string(),
    every: z
      .union([z.string(), z.strictObject({ fast: z.string().optional(), slow: z.string().optional() })])
      .optional(),
    tags: z.array(z.strictObject({})).optional(),
  })
  .transform((value) => value);

const reportOf = (input: unknown) => {
  const result = checkedAgainst(schema, 'f.yaml', input);
  return result.value ?? result.mistakes.map(formatMistake);
};

describe('A file checked against its schema', () => {
  it('is returned when it is right', () => {
    expect(reportOf({ lasts: '5m' })).toEqual({ lasts: '5m' });
  });

  it('names the keys that are known where an unknown one stands, at every depth', () => {
    expect(reportOf({ lasts: '5m', colour: 1, every: { quick: '1s' }, tags: [{ a: 1 }] })).toEqual([
      'f.yaml: every.quick: found an unknown key, allowed: fast, slow',
      'f.yaml: tags[0].a: found an unknown key, allowed: nothing',
      'f.yaml: colour: found an unknown key, allowed: lasts, every, tags',
    ]);
  });

  it('says which key was probably meant, and what is missing for it', () => {
    expect(reportOf({ lastss: '5m', Evry: 1 })).toEqual([
      'f.yaml: lasts: found nothing, allowed: a text',
      'f.yaml: lastss: found an unknown key, allowed: lasts, every, tags (did you mean lasts?)',
      'f.yaml: Evry: found an unknown key, allowed: lasts, every, tags (did you mean every?)',
    ]);
  });

  it('stays quick on keys of any length', () => {
    const [line] = reportOf({ lasts: '5m', ['x'.repeat(100_000)]: 1 }) as string[];
    expect(line).toContain('an unknown key, allowed: lasts, every, tags');
  });
});

describe('YAML text', () => {
  it('is checked for its form, and for aliases that blow it up, before its values', () => {
    const mistakes = (text: string) => readYaml(schema, text, 'f.yaml').mistakes.map(formatMistake);
    expect(mistakes('lasts: [')).toHaveLength(1);
    expect(mistakes('lasts: 5m\nlasts: 6m').join()).toContain('Map keys must be unique');
    const doubled = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`);
    const [bomb = ''] = mistakes(['a0: &a0 [x]', ...doubled].join('\n'));
    expect(bomb).toMatch(/Excessive alias count.*allowed: YAML/);
    expect(mistakes('')).toEqual(['f.yaml: lasts: found nothing, allowed: a text']);
  });
});
