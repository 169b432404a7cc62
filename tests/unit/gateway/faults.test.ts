import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDuration } from '../../../contract/time.ts';
import { shippedPlant } from '../../../gateway/plant-files.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const FILE = join(ROOT, 'docs/faults.md');
const MARK = '<!-- written by tests/unit/gateway/faults.test.ts with HANFENG_WRITE_DOCS=1 -->\n';

const { classes } = shippedPlant(ROOT);
const cell = (text: string) => text.replaceAll('|', '\\|');

function table(): string {
  const rows = [...classes.values()].flatMap(({ class: name, alarms }) =>
    alarms.map(({ point, kind, name: which, priority, onDelay, title, titleZh, basis }) => {
      const full = which === undefined ? kind : `${kind}.${which}`;
      const words = titleZh === undefined ? title : `${title} ${titleZh}`;
      const delay = onDelay === 0 ? '0' : formatDuration(onDelay);
      return `| ${name} | ${point} | ${full} | ${priority} | ${delay} | ${cell(words)} | ${cell(basis ?? 'E')} |`;
    }),
  );
  return `\n| class | point | kind | P | on-delay | words | basis |\n|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`;
}

describe('docs/faults.md', () => {
  it('names every alarm of every class, with what its numbers rest on', () => {
    const [head = ''] = readFileSync(FILE, 'utf8').split(MARK);
    const text = `${head}${MARK}${table()}`;
    if (process.env.HANFENG_WRITE_DOCS === '1') writeFileSync(FILE, text);
    expect(readFileSync(FILE, 'utf8')).toBe(text);
  });

  /** `class` kinds, kinds; `class` …: which alarms a row of the table means. */
  const rows = [...readFileSync(FILE, 'utf8').matchAll(/^\| ([^|`]+) \| ([^|]+) \|$/gm)].map(([, fault, where]) => ({
    fault: fault as string,
    named: [...(where as string).matchAll(/`([a-z0-9-]+)`((?: [a-z0-9-]+,)* [a-z0-9-]+(?=;|$| ;))?/g)].map((match) => ({
      name: match[1] as string,
      kinds: (match[2] ?? '').split(',').flatMap((kind) => (kind.trim() === '' ? [] : [kind.trim()])),
    })),
  }));

  it('names only classes and kinds that exist, row by row', () => {
    expect(rows.length).toBeGreaterThan(60);
    for (const { fault, named } of rows)
      for (const { name, kinds } of named.filter(({ name }) => name !== 'maxSilence' && name !== 'deviationFrom')) {
        const known = classes.get(name)?.alarms.map(({ kind }) => kind) ?? [];
        if (name !== 'rate') expect(known.length, `${fault}: ${name}`).toBeGreaterThan(0);
        for (const kind of kinds) expect(known, `${fault}: ${name}`).toContain(kind);
      }
  });

  it('has a row for every kind of every class', () => {
    const told = rows.flatMap(({ named }) => named);
    for (const { class: name, alarms } of classes.values())
      for (const { kind } of alarms) {
        const isTold = told.some((one) => one.name === name && (one.kinds.length === 0 || one.kinds.includes(kind)));
        expect(isTold, `${name} ${kind}`).toBe(true);
      }
  });

  it('says of every number whether it is a standard, from memory, or a default', () => {
    for (const { class: name, alarms } of classes.values())
      for (const { kind, basis } of alarms)
        expect(basis ?? '', `${name} ${kind}`).toMatch(/^(?:[SEM]\b|Device manual|Manual of|LonMark)/);
  });

  it('says in both languages what to do, and what is behind it and what follows', () => {
    for (const { class: name, alarms } of classes.values())
      for (const { point, kind, titleZh, responseZh, cause, causeZh, consequence, consequenceZh } of alarms)
        for (const [key, text] of Object.entries({
          ...{ titleZh, responseZh, cause, causeZh },
          ...{ consequence, consequenceZh },
        }))
          expect(text ?? '', `${name} ${point} ${kind} ${key}`).not.toBe('');
  });

  it('gives every priority 1 alarm something to do', () => {
    for (const { class: name, alarms } of classes.values())
      for (const { kind, priority, response } of alarms)
        if (priority === 1) expect(response.length, `${name} ${kind}`).toBeGreaterThan(5);
  });
});
