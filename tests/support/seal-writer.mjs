// Run as a child process and killed: commits, seals and merges as fast as it can, prints each commit once it is acknowledged.
// node tests/support/seal-writer.mjs <dataDir>

import { ReadingBuffer } from '../../dist/gateway/domain/readings.js';
import { DuckDbStore } from '../../dist/gateway/store/duckdb.js';

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 10, 20);
// "Now" runs ahead of the data by days, so that days close and are merged again all the time.
let now = T0;
const store = await DuckDbStore.open({ dataDir: process.argv[2], newId: () => 'store', now: () => now });
const { lastCommit } = await store.recover();
console.log(`start ${lastCommit}`);
for (let number = lastCommit + 1; ; number++) {
  const readings = new ReadingBuffer();
  for (let index = 0; index < 60; index++)
    readings.push(index % 20, T0 + (index % 3) * DAY + number * 100 + Math.floor(index / 20), number, 0, 0);
  await store.commit({ number, at: now, inputs: [], readings });
  process.stdout.write(`ack ${number}\n`);
  if (number % 4 === 0) {
    await store.rotate();
    await store.saveSnapshot(number, '');
    now = T0 + (number % 8 === 0 ? 10 * DAY : 0);
    if (number % 20 === 0) await store.settle(now);
  }
}
