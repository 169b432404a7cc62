import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { playStory } from './story.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const stories = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(import.meta.dirname, entry.name, 'story.txt')))
  .map(({ name }) => name);

/** `HANFENG_WRITE_CASES=1` writes what is told instead of comparing; read the difference before committing it. */
const isWriting = process.env.HANFENG_WRITE_CASES === '1';

describe('stories', () => {
  for (const name of stories) {
    it(name.replaceAll('-', ' '), () => {
      const folder = join(import.meta.dirname, name);
      const told = playStory(folder, ROOT);
      const expected = join(folder, 'expected.txt');
      if (isWriting) writeFileSync(expected, told);
      expect(told).toBe(readFileSync(expected, 'utf8'));
    });
  }

  it('are many', () => {
    expect(stories.length).toBeGreaterThanOrEqual(60);
  });
});
