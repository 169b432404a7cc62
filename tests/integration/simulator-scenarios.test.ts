import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  batchesOf,
  judgeScenario,
  type RaisedAlarm,
  readAsserted,
  readScenarios,
  type Scenario,
} from '../../simulators/scenario.ts';
import { removeFolder } from '../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DIST = join(ROOT, 'dist');
/** Local times of the scenarios are those of the demo's zone, which has no summer time. */
const ZONE = '+08:00';
/** Bounds a run at full speed; a repeated one has as much more as it is slower. */
const RUN_MS = 300_000;

const { kinds } = readAsserted(ROOT);
const built = existsSync(join(DIST, 'simulators', 'fast-clock.js')) && existsSync(join(DIST, 'gateway', 'main.js'));

/**
 * A machine that stood still, even for a second of the run's own time, makes silences of its own. A failed run is then
 * repeated at half the speed: what is wrong with the product stays wrong, what the machine did goes away.
 */
const STALL_MS = 1000;
const ATTEMPTS_MAX = 3;

interface Outcome {
  readonly alarms: readonly RaisedAlarm[];
  readonly stalledMs: number;
}

type Batch = readonly Scenario[];

const verdictOf = (scenario: Scenario, batch: Batch, raised: readonly RaisedAlarm[]) =>
  judgeScenario(
    scenario,
    raised,
    kinds,
    batch.filter((other) => other !== scenario),
  );

const speedOf = ([first]: Batch, attempt: number) => (first as Scenario).speed / 2 ** (attempt - 1);

async function run(batch: Batch): Promise<readonly RaisedAlarm[]> {
  for (let attempt = 1; ; attempt++) {
    const { alarms, stalledMs } = await runOnceAt(batch, attempt);
    const failed = batch.some((scenario) => Object.values(verdictOf(scenario, batch, alarms)).flat().length > 0);
    if (!failed || stalledMs < STALL_MS || attempt === ATTEMPTS_MAX) return alarms;
    const names = batch.map(({ name }) => name).join(', ');
    console.warn(
      `${names}: failed at speed ${speedOf(batch, attempt)} with a stall of ${stalledMs} ms; once more, slower`,
    );
  }
}

/** Runs a batch in a process of its own that lives faster than we do; returns what was raised. */
function runOnceAt(batch: Batch, attempt: number): Promise<Outcome> {
  const name = batch.map((scenario) => scenario.name).join(',');
  const { start } = batch[0] as Scenario;
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-scenario-'));
  const clock = join(DIST, 'simulators', 'fast-clock.js');
  const host = join(ROOT, 'tests', 'support', 'scenario-host.mjs');
  const child = spawn(process.execPath, ['--import', clock, host, ROOT, DIST, name, folder], {
    env: {
      ...process.env,
      HANFENG_CLOCK_SPEED: String(speedOf(batch, attempt)),
      HANFENG_CLOCK_START: String(Date.parse(`${start}:00${ZONE}`)),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => {
    output += String(text);
  });
  child.stderr.on('data', (text) => {
    errors = (errors + String(text)).slice(-4000);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 2 ** (attempt - 1) * RUN_MS - 5000);
  return new Promise((done, fail) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      removeFolder(folder);
      if (code !== 0) return fail(new Error(`${name} ended with ${code}:\n${errors}`));
      done(JSON.parse(output) as Outcome);
    });
  });
}

describe.skipIf(!built)('scenarios raise exactly the alarms they list, on the real edge and gateway', () => {
  // Those that take longest first, so that no lane is left with one of them at the end.
  const costOf = ([first, ...rest]: Batch) =>
    Math.max(...[first as Scenario, ...rest].map(({ lasts }) => lasts)) / (first as Scenario).speed;
  const batches = [...batchesOf(readScenarios(ROOT).values())].sort((a, b) => costOf(b) - costOf(a));
  // A few at a time: each needs a good third of a core, and waits most of the time.
  const lanes = Math.max(1, Math.min(3, availableParallelism() + 1));
  const waiting: (() => void)[] = [];
  let busy = 0;
  const inLane = async <T>(job: () => Promise<T>): Promise<T> => {
    if (busy >= lanes) await new Promise<void>((go) => waiting.push(go));
    busy++;
    try {
      return await job();
    } finally {
      busy--;
      waiting.shift()?.();
    }
  };
  const runs = new Map<Batch, Promise<readonly RaisedAlarm[]>>();
  const runOnce = (batch: Batch) => {
    const known = runs.get(batch) ?? inLane(() => run(batch));
    runs.set(batch, known);
    return known;
  };

  it.for(batches.flatMap((batch) => batch.map((scenario) => [scenario.name, scenario, batch] as const)))(
    '%s',
    { timeout: 4 * RUN_MS + 600_000 },
    async ([, scenario, batch]) => {
      // All are queued when the first one is asked for; each test waits for its own.
      for (const each of batches) runOnce(each).catch(() => undefined);
      const raised = await runOnce(batch);
      expect(verdictOf(scenario, batch, raised)).toEqual({ missing: [], unexpected: [], wrong: [], standing: [] });
    },
  );
});
