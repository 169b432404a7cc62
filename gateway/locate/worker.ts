import { parentPort, workerData } from 'node:worker_threads';
import { type Located, type LocateTask, locate } from '../domain/leakage/locate/locate.ts';
import { NetworkModel } from './network-model.ts';

/** What the worker is given when it starts. */
export interface WorkerStart {
  /** Text of the EPANET input file. */
  readonly inp: string;
}

/** One answer per task, in order. */
export type WorkerAnswer = { readonly located: Located } | { readonly error: string };

/** A thread that solves one network: tasks come in one after another, answers go out in the same order. */
const { inp } = workerData as WorkerStart;
const opened = NetworkModel.open(inp);
const port = parentPort!;
port.on('message', (task: LocateTask) => {
  opened
    .then((model): WorkerAnswer => ({ located: locate(task, model) }))
    .catch((error: unknown): WorkerAnswer => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((answer) => port.postMessage(answer));
});
