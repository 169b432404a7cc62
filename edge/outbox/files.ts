import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a file so that after a crash it is the old one or the new one, never half of it. */
export async function writeAtomically(path: string, text: string | Buffer): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o640);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Makes created, renamed and removed names of a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.endsWith('.tmp')) await rm(`${folder}/${name}`, { force: true });
}

/** The system's code of a failed file operation: `ENOSPC`, `EIO`, …; `other` when it has none. */
export function fileErrorCode(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : 'other';
}

/** The disk, or our share of it, is full; any other failure leaves unknown what the disk holds. */
export function isDiskFull(error: unknown): boolean {
  const code = fileErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
