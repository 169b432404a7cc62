#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --v8-pool-size=1
// The command as it is installed: `hanfeng`. CommonJS on purpose: Node starts the threads of its pool to read its first ES
// module, so their number is said before. Eight: commits, a checkpoint, sealing and two queries each hold one.
// One helper for V8: four would mark the heap at once and keep the two cores of a small machine from what is to be done.
// Two heaps of the C library: it would have one for each thread, each with what a merge once needed (decision 0034).
process.env.UV_THREADPOOL_SIZE ??= '8';
import('./hanfeng.mjs');
