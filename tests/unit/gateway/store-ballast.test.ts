import { existsSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ballast } from '../../../gateway/store/ballast.ts';
import { removeFolder } from '../../support/folders.ts';

const MB = 1024 * 1024;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanfeng-ballast-'));
});
afterEach(() => removeFolder(folder));

it('the ballast is taken on only where there is plenty of room, and really fills it', async () => {
  let free = 7 * MB;
  const ballast = new Ballast(folder, MB, async () => free);
  expect(await ballast.takeOn()).toBe(false);
  expect(existsSync(join(folder, 'ballast'))).toBe(false);
  free = 8 * MB;
  expect(await ballast.takeOn()).toBe(true);
  const { size, blocks } = statSync(join(folder, 'ballast'));
  expect(size).toBe(MB);
  expect(blocks * 512).toBeGreaterThanOrEqual(MB);
});

it('the ballast is given up once', async () => {
  const ballast = new Ballast(folder, MB, async () => 100 * MB);
  expect(await ballast.giveUp()).toBe(false);
  await ballast.takeOn();
  expect(await ballast.giveUp()).toBe(true);
  expect(await ballast.giveUp()).toBe(false);
  expect(existsSync(join(folder, 'ballast'))).toBe(false);
});
