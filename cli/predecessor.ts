import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** A district that was killed ends by itself when its starter is gone; longer than this takes none. */
const PREDECESSOR_WAIT_MS = 15_000;
const LOOK_EVERY_MS = 100;

/**
 * Waits until the processes of a demo that was killed have ended: they still hold its ports and its data folder.
 *
 * @param file - where {@link rememberChildren} wrote their pids
 */
export async function waitForPredecessor(file: string, say: (text: string) => void): Promise<void> {
  if (!existsSync(file)) return;
  const pids = JSON.parse(readFileSync(file, 'utf8')) as readonly number[];
  const deadline = performance.now() + PREDECESSOR_WAIT_MS;
  for (let said = false; pids.some(isOurs) && performance.now() < deadline; said = true) {
    if (!said) say('waiting for the last demo to end');
    await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
  }
}

export function rememberChildren(file: string, pids: readonly number[]): void {
  writeFileSync(file, JSON.stringify(pids));
}

/** A pid may belong to somebody else by now; where the system tells, only a process of ours counts. */
function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  return (
    !existsSync('/proc/self') || (existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes('hanfeng'))
  );
}
