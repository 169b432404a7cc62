import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { z } from 'zod';
import { idSchema } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import type { Clock } from './clock.ts';
import { writeAtomically } from './outbox/files.ts';

/** Longer than a shift: a forgotten service mode must not silence a cabinet for days. */
export const SERVICE_MAX_MS = 24 * 3_600_000;
const ENTRIES_MAX = 1000;

const entrySchema = z.object({
  /** Absent: the whole cabinet. */
  device: idSchema.optional(),
  since: z.number(),
  until: z.number(),
  who: z.string().max(64),
  why: z.string().max(200).optional(),
});
/** Somebody works on a device or on the whole cabinet: its readings are `uncertain`/`maintenance` until then. */
export type ServiceEntry = z.infer<typeof entrySchema>;

export interface ServiceOptions {
  readonly file: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Tells acquisition; undefined `until` ends it. */
  readonly apply: (device: string | undefined, until: Millis | undefined) => void;
  readonly log: Logger;
}

/** Service mode per device or cabinet; survives a restart, ends by itself. */
export class ServiceMode {
  private readonly options: ServiceOptions;
  private entries: readonly ServiceEntry[];

  constructor(options: ServiceOptions) {
    this.options = options;
    this.entries = readEntries(options);
    for (const { device, until } of this.entries) options.apply(device, until);
  }

  active(): readonly ServiceEntry[] {
    const now = this.options.clock.now();
    const ended = this.entries.filter(({ until }) => until <= now);
    if (ended.length > 0) {
      this.entries = this.entries.filter(({ until }) => until > now);
      for (const { device } of ended) this.options.log.info({ device: device ?? '(cabinet)' }, 'service mode expired');
    }
    return this.entries;
  }

  covers(device: string): boolean {
    return this.active().some((entry) => entry.device === undefined || entry.device === device);
  }

  /** @param forMs - 1 ms to SERVICE_MAX_MS */
  async begin(entry: {
    readonly device?: string | undefined;
    readonly forMs: number;
    readonly who: string;
    readonly why?: string | undefined;
  }): Promise<ServiceEntry> {
    const since = this.options.clock.now();
    const until = since + Math.min(entry.forMs, SERVICE_MAX_MS);
    const { device, who, why } = entry;
    const made = {
      ...(device === undefined ? {} : { device }),
      since,
      until,
      who,
      ...(why === undefined ? {} : { why }),
    };
    const others = this.active().filter((known) => known.device !== device);
    await this.save([...others.slice(-ENTRIES_MAX + 1), made]);
    this.options.apply(device, until);
    this.options.log.info(
      { device: device ?? '(cabinet)', who, why, until: new Date(until).toISOString() },
      'service mode on',
    );
    return made;
  }

  /** @returns false when it was not on */
  async end(device: string | undefined, who: string): Promise<boolean> {
    const others = this.active().filter((known) => known.device !== device);
    if (others.length === this.entries.length) return false;
    await this.save(others);
    this.options.apply(device, undefined);
    this.options.log.info({ device: device ?? '(cabinet)', who }, 'service mode off');
    return true;
  }

  private async save(entries: readonly ServiceEntry[]): Promise<void> {
    this.entries = entries;
    await writeAtomically(this.options.file, JSON.stringify(entries));
  }
}

function readEntries({ file, log }: ServiceOptions): readonly ServiceEntry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  try {
    return z.array(entrySchema).max(ENTRIES_MAX).parse(JSON.parse(text));
  } catch (error) {
    log.warn({ code: 'service-file-damaged', err: error }, 'service mode forgotten');
    return [];
  }
}
