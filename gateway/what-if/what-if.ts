import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Millis } from '../../contract/time.ts';
import { pointsWanted } from '../domain/leakage/locate/locate.ts';
import type { ZoneModel } from '../domain/leakage/network.ts';
import type { WhatIfAnswer, WhatIfTask } from '../domain/leakage/what-if.ts';
import type { QuarterHistory } from '../locate/leak-places.ts';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
/** Read before the range, so that the zones have learned when it begins. */
const LEARN_MS = 35 * DAY_MS;
export const RANGE_MAX_MS = 366 * DAY_MS;
/** Quarters of all points that are read. */
const VALUES_MAX = 4_000_000;
const TIMEOUT_MS = 120_000;
const HEAP_MAX_MB = 512;
/** Points read at once. */
const POINTS_AT_ONCE = 8;

export class WhatIfError extends Error {
  readonly code: 'what-if-busy' | 'query-too-large' | 'query-timeout';
  constructor(code: WhatIfError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Judges stored history with another setting, in a thread of its own, one question at a time. */
export class WhatIf {
  private readonly zones: readonly ZoneModel[];
  private readonly timezone: string;
  private readonly history: QuarterHistory;
  private isBusy = false;
  private worker: Worker | undefined;

  constructor(options: { zones: readonly ZoneModel[]; timezone: string; history: QuarterHistory }) {
    this.zones = options.zones;
    this.timezone = options.timezone;
    this.history = options.history;
  }

  /**
   * @param question - `zone` and what lies within it, or all
   * @throws WhatIfError
   */
  async ask(question: {
    readonly zone?: string;
    readonly from: Millis;
    readonly to: Millis;
    readonly sensitivity: number;
  }): Promise<WhatIfAnswer> {
    if (this.isBusy) throw new WhatIfError('what-if-busy', 'another question is being worked on');
    const zones = this.zones.filter(({ id, within }) => [undefined, id, within].includes(question.zone));
    const points = [...new Set(zones.flatMap(pointsWanted))];
    const historyFrom = Math.floor((question.from - LEARN_MS) / QUARTER_MS) * QUARTER_MS;
    const to = Math.floor(question.to / QUARTER_MS) * QUARTER_MS;
    const values = ((to - historyFrom) / QUARTER_MS) * points.length;
    if (values > VALUES_MAX)
      throw new WhatIfError(
        'query-too-large',
        `${values} quarters of an hour: at most ${VALUES_MAX}; ask for one zone or a shorter range`,
      );
    this.isBusy = true;
    try {
      const history: Record<string, Float64Array> = {};
      for (let at = 0; at < points.length; at += POINTS_AT_ONCE)
        Object.assign(history, await this.history.quarters(points.slice(at, at + POINTS_AT_ONCE), historyFrom, to));
      const { from, sensitivity } = question;
      return await this.work({ zones, timezone: this.timezone, history, historyFrom, from, sensitivity });
    } finally {
      this.isBusy = false;
    }
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private work(task: WhatIfTask): Promise<WhatIfAnswer> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(workerFile(), {
        workerData: task,
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
      });
      this.worker = worker;
      const timer = setTimeout(() => {
        void worker.terminate();
        reject(
          new WhatIfError(
            'query-timeout',
            `no answer within ${TIMEOUT_MS / 1000} s; ask for one zone or a shorter range`,
          ),
        );
      }, TIMEOUT_MS);
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => {
        clearTimeout(timer);
        this.worker = undefined;
        reject(new WhatIfError('query-timeout', 'the question was ended'));
      });
    });
  }
}

/** Beside this file once it is built; the tests run from the sources and take the built one. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('./worker.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/gateway/what-if/worker.js', import.meta.url));
}
