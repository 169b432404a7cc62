import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Table } from './model.ts';
import type { Cuts } from './plan.ts';

/** What a device taught is forgotten after a day: firmware changes, and a fault must not cripple the plan for ever. */
export const LEARNED_MAX_AGE_MS = 86_400_000;
/** Most cuts kept for one device: more than its points it can't have. */
const CUTS_MAX = 500;

const fileSchema = z.record(
  z.string(),
  z.array(z.object({ table: z.string(), address: z.number().int(), atMs: z.number() })).max(CUTS_MAX),
);
type Learned = z.output<typeof fileSchema>;

/** Where requests to a device must be cut, kept on disk over restarts. */
export interface LearnedStore {
  /** @param key - device, model and unit: a changed device starts afresh */
  cuts(key: string): Cuts;
  cut(key: string, table: Table, address: number): void;
}

/**
 * Opens what was learned.
 *
 * @param file - JSON; missing or damaged means nothing was learned
 * @param now - wall clock, since it must survive restarts
 */
export function openLearned(file: string, now: () => number, log: Logger): LearnedStore {
  let learned: Learned = {};
  try {
    learned = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn(
        { file, error: (error as Error).message },
        'what was learned about devices is unreadable: starting afresh',
      );
  }
  const fresh = (key: string) => (learned[key] ?? []).filter((cut) => Math.abs(now() - cut.atMs) < LEARNED_MAX_AGE_MS);
  const save = () => {
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, JSON.stringify(learned));
      renameSync(`${file}.new`, file);
    } catch (error) {
      // It only saves a few refused requests after a restart.
      log.warn({ file, error: (error as Error).message }, 'what was learned about devices can not be kept');
    }
  };
  return {
    cuts(key) {
      const cuts: Partial<Record<Table, Set<number>>> = {};
      for (const { table, address } of fresh(key)) {
        const known = cuts[table as Table] ?? new Set<number>();
        cuts[table as Table] = known.add(address);
      }
      return cuts;
    },
    cut(key, table, address) {
      learned = { ...learned, [key]: [...fresh(key), { table, address, atMs: now() }].slice(-CUTS_MAX) };
      save();
    },
  };
}
