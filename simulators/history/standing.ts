import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { FaultOrder, Simulation } from '../simulation.ts';

/** Faults that somebody put right, as `<fault>@<device>`. */
const fileSchema = z.object({ repaired: z.array(z.string()) });

const keyOf = ({ name, device }: Pick<FaultOrder, 'name' | 'device'>): string => `${name}@${device}`;

/**
 * Faults that the past left behind. They are there at each start until somebody puts them right; what was repaired stays
 * repaired.
 */
export class StandingFaults {
  private readonly simulation: Simulation;
  private readonly file: string | undefined;
  private readonly repaired: Set<string>;
  private readonly watched = new Set<string>();

  /**
   * @param file - remembers repairs; undefined: nothing is remembered
   * @throws Error when the file is there and can't be read
   */
  constructor(simulation: Simulation, file: string | undefined) {
    this.simulation = simulation;
    this.file = file;
    this.repaired = new Set(
      file === undefined || !existsSync(file) ? [] : fileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).repaired,
    );
  }

  /** Switches on those that nobody has repaired. @returns them */
  begin(faults: readonly FaultOrder[]): readonly FaultOrder[] {
    const left = faults.filter((fault) => !this.repaired.has(keyOf(fault)));
    for (const fault of left) {
      this.simulation.order(fault);
      this.watched.add(keyOf(fault));
    }
    return left;
  }

  /** Remembers what was switched off since. @throws Error of the system when it can't be written */
  remember(): void {
    if (this.watched.size === 0) return;
    const active = new Set(this.simulation.activeFaults().map(keyOf));
    const repaired = [...this.watched].filter((key) => !active.has(key));
    if (repaired.length === 0) return;
    for (const key of repaired) {
      this.watched.delete(key);
      this.repaired.add(key);
    }
    if (this.file === undefined) return;
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(`${this.file}.new`, JSON.stringify({ repaired: [...this.repaired] }));
    renameSync(`${this.file}.new`, this.file);
  }
}
