import { rmSync } from 'node:fs';

const TRIES_MAX = 100;
const BETWEEN_TRIES_MS = 100;

/**
 * Removes a folder and all in it; nothing happens when it is not there. A process that was killed a moment ago may still
 * put files into it, so all of it is tried again, for at most 10 s. (`maxRetries` of rmSync repeats only the last step, the
 * empty folder's own removal, so it never succeeds over a file that came in between.)
 */
export function removeFolder(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (tries === TRIES_MAX || (error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_TRIES_MS);
    }
  }
}
