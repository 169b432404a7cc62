import { parentPort, workerData } from 'node:worker_threads';
import { type WhatIfTask, whatIf } from '../domain/leakage/what-if.ts';

/** One question, one answer, and the thread ends. */
parentPort!.postMessage(whatIf(workerData as WhatIfTask));
