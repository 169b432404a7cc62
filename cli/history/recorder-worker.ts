import { parentPort, workerData } from 'node:worker_threads';
import { PARTS, type RecordOptions, record } from './recorder.ts';

// Thread that records the parts of the district one after another; each is handed over as soon as it is whole.
const options = workerData as Omit<RecordOptions, 'plants'>;
for (const plants of PARTS) {
  const recordings = await record({ ...options, plants });
  const buffers = recordings.flatMap(({ columns, tail }) =>
    [...columns, ...(tail?.columns ?? [])].map(({ buffer }) => buffer as ArrayBuffer),
  );
  parentPort?.postMessage(recordings, buffers);
}
