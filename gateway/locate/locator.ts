import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Located, LocateTask } from '../domain/leakage/locate/locate.ts';
import type { WorkerAnswer, WorkerStart } from './worker.ts';

/** Leaks that wait for their turn; one more is answered with a reason instead. */
export const WAITING_MAX = 64;
/** One leak of a network of some thousand nodes takes seconds; beyond this the thread is ended. */
const TIMEOUT_MS = 180_000;
/** The thread ends when nothing was asked for so long: a model holds tens of megabytes. */
const IDLE_MS = 60_000;
const HEAP_MAX_MB = 512;

interface Waiting {
  readonly task: LocateTask;
  readonly resolve: (located: Located) => void;
}

/** Finds leaks with one hydraulic model, in a thread of its own, one at a time. Never throws: what goes wrong is a reason. */
export class Locator {
  private readonly inp: string;
  private readonly log: Pick<Logger, 'warn'>;
  private readonly timeoutMs: number;
  private readonly waiting: Waiting[] = [];
  private worker: Worker | undefined;
  private current: Waiting | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @param inp - text of a model that was opened before: see openModels */
  constructor(inp: string, log: Pick<Logger, 'warn'>, timeoutMs = TIMEOUT_MS) {
    this.inp = inp;
    this.log = log;
    this.timeoutMs = timeoutMs;
  }

  locate(task: LocateTask): Promise<Located> {
    if (this.isClosed) return Promise.resolve({ found: false, reason: 'the gateway ends' });
    if (this.waiting.length >= WAITING_MAX)
      return Promise.resolve({ found: false, reason: `more than ${WAITING_MAX} leaks wait to be located` });
    return new Promise((resolve) => {
      this.waiting.push({ task, resolve });
      this.next();
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const left = [...(this.current === undefined ? [] : [this.current]), ...this.waiting.splice(0)];
    this.current = undefined;
    await this.end();
    for (const { resolve } of left) resolve({ found: false, reason: 'the gateway ends' });
  }

  private next(): void {
    if (this.current !== undefined) return;
    clearTimeout(this.timer);
    this.current = this.waiting.shift();
    if (this.current === undefined) {
      this.timer = setTimeout(() => void this.end(), IDLE_MS);
      this.timer.unref();
      this.worker?.unref();
      return;
    }
    const worker = this.worker ?? this.start();
    worker.ref();
    this.timer = setTimeout(() => {
      void this.end();
      this.answer({ error: `not solved within ${this.timeoutMs / 1000} s` });
    }, this.timeoutMs);
    worker.postMessage(this.current.task);
  }

  private start(): Worker {
    const worker = new Worker(workerFile(), {
      workerData: { inp: this.inp } satisfies WorkerStart,
      // EPANET's warnings about single candidates are no news to anybody.
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
    });
    this.worker = worker;
    worker.stderr.resume();
    worker.on('message', (answer: WorkerAnswer) => {
      if (this.worker === worker) this.answer(answer);
    });
    worker.on('error', (error) => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.answer({ error: error.message });
    });
    return worker;
  }

  private answer(answer: WorkerAnswer): void {
    const done = this.current;
    this.current = undefined;
    if ('error' in answer) this.log.warn({ reason: answer.error }, 'a leak could not be located');
    done?.resolve('located' in answer ? answer.located : { found: false, reason: answer.error });
    this.next();
  }

  private async end(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }
}

/** Beside this file once it is built; the tests run from the sources and take the built one. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('./worker.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/gateway/locate/worker.js', import.meta.url));
}
