import { setImmediate as pause } from 'node:timers/promises';

/**
 * Work at a stretch before others get their turn, far below what a person or a sender notices; a page of a thousand is made
 * in one on a busy machine, too, where a turn takes longer than the page.
 */
const STRETCH_MS = 15;
/** Items between two looks at the clock. */
const LOOK_EVERY = 256;

/**
 * Visits items in order without holding up the process: a walk over a whole district takes longer than anybody may wait.
 *
 * @param visit - false ends the walk
 */
export async function walk<T>(items: Iterable<T>, visit: (item: T) => boolean | undefined): Promise<void> {
  let count = 0;
  let since = performance.now();
  for (const item of items) {
    if (visit(item) === false) return;
    count++;
    if (count % LOOK_EVERY !== 0 || performance.now() - since < STRETCH_MS) continue;
    await pause();
    since = performance.now();
  }
}
