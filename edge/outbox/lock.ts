import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another running process owns this folder. */
export class FolderInUseError extends Error {
  readonly code = 'folder-in-use';
}

/**
 * Keeps a second process off a folder. A lock left by a killed process is taken over.
 *
 * @returns releases the lock
 * @throws FolderInUseError
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock');
  const mine = `${process.pid} ${startOf(process.pid) ?? ''}`;
  // Two rounds: the second after clearing away what a dead owner left.
  for (let round = 0; round < 2; round++) {
    try {
      writeFileSync(path, mine, { flag: 'wx', mode: 0o640 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error;
    }
    const [pid = '', started = ''] = readFileSync(path, 'utf8').split(' ');
    // A process id alone says little in a container, where every start gets the same one.
    if (startOf(Number(pid)) !== undefined && startOf(Number(pid)) === started && `${pid} ${started}` !== mine)
      throw new FolderInUseError(`${folder} is in use by process ${pid}`);
    rmSync(path, { force: true });
  }
  throw new FolderInUseError(`${folder} is in use`);
}

/** When a process began, in clock ticks since the start of the machine; undefined when it does not run (or no Linux). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22; the name in field 2 may hold blanks and brackets. proc(5)
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
