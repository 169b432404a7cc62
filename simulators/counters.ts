import { mkdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Quantities } from './plant.ts';
import type { Simulation } from './simulation.ts';

const fileSchema = z.object({
  /** When the counters stood so, in the district's time, epoch ms. */
  at: z.number(),
  devices: z.record(
    z.string(),
    z.object({ totals: z.record(z.string(), z.number()), perSecond: z.record(z.string(), z.number()) }),
  ),
});

/**
 * What the meters counted outlives the program that plays them, as with real meters: while nobody looks they count on at
 * the pace they had.
 */
export class Counters {
  private readonly simulation: Simulation;
  private readonly path: string;
  private writing: Promise<void> | undefined;

  constructor(simulation: Simulation, path: string) {
    this.simulation = simulation;
    this.path = path;
  }

  /**
   * Sets every meter to what it would show now. Without a file the meters stay as they are.
   *
   * @throws Error when the file can't be read or is no such file
   */
  restore(): void {
    mkdirSync(dirname(this.path), { recursive: true });
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const { at, devices } = fileSchema.parse(JSON.parse(text));
    const seconds = Math.max(0, (this.simulation.district.now() - at) / 1000);
    for (const [id, { totals, perSecond }] of Object.entries(devices))
      this.simulation.instruments.get(id)?.setCounters(later(totals, perSecond, seconds));
  }

  /** Writes them down; while a write is under way nothing happens. */
  save(): Promise<void> {
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
    return this.writing;
  }

  private async write(): Promise<void> {
    const devices: z.infer<typeof fileSchema>['devices'] = {};
    for (const [id, instrument] of this.simulation.instruments)
      if (instrument.model.counters.length > 0)
        devices[id] = { totals: instrument.counted(), perSecond: instrument.counting() };
    await writeFile(`${this.path}.new`, JSON.stringify({ at: this.simulation.district.now(), devices }));
    await rename(`${this.path}.new`, this.path);
  }
}

function later(totals: Quantities, perSecond: Quantities, seconds: number): Quantities {
  return Object.fromEntries(
    Object.entries(totals).map(([quantity, total]) => [quantity, total + (perSecond[quantity] ?? 0) * seconds]),
  );
}
