import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Millis } from '../../contract/time.ts';

/** One reading a point and minute: what a utility's historian keeps. */
export const EVERY_MS = 60_000;

/** The last of it is as dense as what is live, so that a chart of "the last 15 minutes" is one line. */
export const TAIL_MS = 20 * 60_000;
/** A divisor of a minute. */
export const TAIL_STEP_MS = 1000;

const planSchema = z.object({
  seed: z.number(),
  from: z.number(),
  to: z.number(),
  /** Lane of the edges' outboxes the history travels in. */
  lane: z.string(),
  /** Devices that publish by themselves whose history is stored. */
  devicesDone: z.array(z.string()),
  isDone: z.boolean(),
});

/**
 * What of the past is written. Made once and kept on disk: the same plan makes the same batches with the same numbers, so that
 * a run that was killed goes on where the gateway's stored marks say, and nothing is stored twice.
 */
export type HistoryPlan = z.output<typeof planSchema>;

/** @returns undefined when none was made yet; a damaged file counts as none */
export function readPlan(file: string): HistoryPlan | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return planSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** @param now - the history ends with the last whole minute before it */
export function makePlan(options: {
  readonly lengthMs: number;
  readonly seed: number;
  readonly now: Millis;
}): HistoryPlan {
  const to = Math.floor(options.now / EVERY_MS) * EVERY_MS;
  const from = to - Math.round(options.lengthMs / EVERY_MS) * EVERY_MS;
  return { seed: options.seed, from, to, lane: `history-${to.toString(36)}`, devicesDone: [], isDone: false };
}

/** Written beside and moved into place: a kill leaves the old plan or the new one. */
export function writePlan(file: string, plan: HistoryPlan): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.partial`, JSON.stringify(plan), { mode: 0o600 });
  renameSync(`${file}.partial`, file);
}
