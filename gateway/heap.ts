import { setFlagsFromString } from 'node:v8';

/**
 * Given to Node where a gateway is started by ourselves, as cli/hanfeng.cjs does: V8 marks its heap with one helper. It
 * takes four otherwise, all at once, and on two cores leaves the event loop a quarter of its time.
 */
export const ONE_HELPER = '--v8-pool-size=1';

/**
 * The same for the environment, as cli/hanfeng.cjs has it. A thread of the pool for each piece of work of the database, and
 * two heaps of the C library: it would have one for each thread, each with what a merge once needed.
 */
export const START_ENV = {
  UV_THREADPOOL_SIZE: '8',
  MALLOC_ARENA_MAX: '2',
} as const;

/** The heap is collected when it has grown by this much since the last time, instead of to some three times its size. */
const HEAP_GROWING_PERCENT = 50;

/**
 * What waits for a commit outlives two collections of young objects and is garbage right after: among 25,000 single
 * messages a second the heap of 329,000 points swung between 230 and 605 MB, and the process with it. Read by V8 at each
 * collection, so it may be set while the process runs.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
}
