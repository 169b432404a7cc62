import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { zh } from '../../../dashboards/web/text/zh.ts';

const CLASSES = resolve(import.meta.dirname, '../../../gateway/classes');

it('every kind of alarm that the classes bring has a word in Chinese', () => {
  const kinds = readdirSync(CLASSES)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => [...readFileSync(resolve(CLASSES, file), 'utf8').matchAll(/\bkind: ([a-z0-9-]+)/g)])
    .map(([, kind]) => kind as string);
  expect(kinds.length).toBeGreaterThan(50);
  expect([...new Set(kinds)].filter((kind) => zh.kinds[kind] === undefined)).toEqual([]);
});
