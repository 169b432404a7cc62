import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { filesOf, tar, untar } from '../../../gateway/tar.ts';

let folder: string;
const deep = `${'long-folder-name/'.repeat(7)}segment.parquet`;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-tar-'));
  mkdirSync(join(folder, 'in', deep, '..'), { recursive: true });
  writeFileSync(join(folder, 'in/empty'), '');
  writeFileSync(join(folder, 'in/block'), Buffer.alloc(512, 7));
  writeFileSync(join(folder, 'in/odd'), Buffer.alloc(300_001, 3));
  writeFileSync(join(folder, 'in', deep), 'deep');
});

async function pack(): Promise<Buffer> {
  const parts = [];
  for await (const part of tar(await filesOf(join(folder, 'in')), 0)) parts.push(part);
  return Buffer.concat(parts);
}

/** The archive in pieces of this size, as a network brings it. */
async function* pieces(archive: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

function same(out: string): void {
  for (const name of ['empty', 'block', 'odd', deep])
    expect(readFileSync(join(out, name)).equals(readFileSync(join(folder, 'in', name))), name).toBe(true);
}

describe('an archive', () => {
  it.each([1000, 65_536, 512])('unpacks to what was packed, in pieces of %d bytes', async (size) => {
    expect(await untar(pieces(await pack(), size), join(folder, 'out'))).toHaveLength(4);
    same(join(folder, 'out'));
  });

  it('is read by the tar everybody has', async () => {
    writeFileSync(join(folder, 'a.tar'), await pack());
    mkdirSync(join(folder, 'out'));
    execFileSync('tar', ['-xf', join(folder, 'a.tar'), '-C', join(folder, 'out')]);
    same(join(folder, 'out'));
  });

  it('that is cut off or damaged is an error, wherever', async () => {
    const archive = await pack();
    for (const length of [0, 100, 511, 512, 700, 2000, archive.length - 1024])
      await expect(
        untar(pieces(archive.subarray(0, length), 4096), join(folder, 'cut')),
        String(length),
      ).rejects.toThrow('cut off');
    const damaged = Buffer.from(archive);
    damaged[3] = 0x41;
    await expect(untar(pieces(damaged, 4096), join(folder, 'bad'))).rejects.toThrow('damaged');
  });

  it('never writes outside of the folder', async () => {
    const parts = [];
    for await (const part of tar([{ file: join(folder, 'in/block'), name: '../evil' }], 0)) parts.push(part);
    await expect(untar(pieces(Buffer.concat(parts), 512), join(folder, 'out'))).rejects.toThrow('outside');
  });
});
