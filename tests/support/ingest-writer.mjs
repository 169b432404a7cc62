// Run as a child process and killed: counts upwards through the ingest path, prints each number once it is acknowledged.
// node tests/support/ingest-writer.mjs <dataDir> <first number>

import { IngestPath } from '../../dist/gateway/ingest.js';
import { PlantRegistry } from '../../dist/gateway/registry.js';
import { DuckDbStore } from '../../dist/gateway/store/duckdb.js';

const [dataDir, first] = process.argv.slice(2);
const POINTS = 50;
let state = 0;
const store = await DuckDbStore.open({ dataDir, newId: () => `store-${process.pid}` });
const registry = new PlantRegistry();
const ingest = await IngestPath.open({
  store,
  registry,
  judge: {
    reserve() {},
    addPoint() {},
    addSource() {},
    reconcile() {},
    apply() {
      state++;
      return undefined;
    },
    snapshot: () => JSON.stringify(state),
    freeze: () => [JSON.stringify(state)],
    restore(text) {
      state = JSON.parse(text);
    },
  },
  catalog: {
    declared: [],
    describeDevice: (id) => ({ id, class: 'generic', origin: 'discovered', attributes: {} }),
    describePoint: ({ id }, measurement) => ({ device: id, measurement, maxSilenceMs: 1000, reportingDelayMs: 0 }),
    rulesFor: () => [],
  },
  discovery: 'accept',
  planNotifications: () => [],
  now: Date.now,
  newId: () => Math.random().toString(36).slice(2),
  log: { info() {}, warn: console.error, error: console.error },
  onBroken: () => process.exit(1),
});
const mark = registry.mark('e1', 'l1')?.mark ?? 0;
console.log(`start ${mark}`);
let acknowledged = mark;
// As an edge does: everything above the mark again, 16 batches in flight.
let next = Math.min(mark + 1, Number(first) + mark);
const inFlight = new Set();
for (;;) {
  while (inFlight.size < 16) {
    const seq = next++;
    const values = {};
    for (let index = 0; index < POINTS; index++) values[`m${index}`] = seq;
    const batch = ingest
      .batch(
        'e1',
        {
          outbox: 'l1',
          seq,
          made: seq * POINTS,
          sentAt: Date.now(),
          clock: 'synced',
          upTo: {},
          readings: [{ device: 'd1', ts: 1_763_877_600_000 + seq, values }],
        },
        Date.now(),
      )
      .then((lane) => {
        inFlight.delete(batch);
        if (lane.mark > acknowledged) {
          acknowledged = lane.mark;
          process.stdout.write(`ack ${acknowledged}\n`);
        }
      });
    inFlight.add(batch);
  }
  await Promise.race(inFlight);
}
