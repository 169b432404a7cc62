import { rmSync } from 'node:fs';

const RETRIES_MAX = 20;
const RETRY_DELAY_MS = 100;

/**
 * Removes a folder and all in it; nothing happens when it is not there. A process that ended a moment ago may still have
 * put a file into it, so a folder that is not empty is tried again (at most 21 s; the delay grows).
 */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: RETRIES_MAX, retryDelay: RETRY_DELAY_MS });
}
