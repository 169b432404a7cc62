import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Millis } from '../../contract/time.ts';
import { SmallFile } from '../small-file.ts';
import type { CopyPosition } from '../store/spool.ts';

const count = z.number().int().min(0);
const fileSchema = z.object({
  target: z.string(),
  store: z.string(),
  commit: count,
  past: z.object({ file: z.string(), rows: count }).optional(),
  lost: count,
  rejected: count,
  completeAt: z.number().optional(),
});

/** What is known of a copy over restarts. */
export interface CopyRecord {
  readonly position: CopyPosition;
  /** Readings given up because InfluxDB was away for longer than the buffer lasts. */
  readonly lost: number;
  /** Readings that InfluxDB did not take. */
  readonly rejected: number;
  /** When everything was there last; undefined = never. */
  readonly completeAt?: Millis | undefined;
}

const NOTHING: CopyRecord = { position: { commit: 0 }, lost: 0, rejected: 0 };

/** How far the copy is, in a small file of the data folder; one that is lost or of another target begins the copy anew. */
export class PositionFile {
  /** Whether nothing was found to go on from. */
  isNew = true;
  record: CopyRecord = NOTHING;
  private readonly file: SmallFile;
  private readonly target: string;
  private store: string | undefined;

  constructor(dataDir: string, target: string) {
    const path = join(dataDir, 'influxdb', 'position.json');
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    this.file = new SmallFile(path);
    this.target = target;
    const found = parse(this.file.read());
    if (found === undefined || found.target !== target) return;
    const { commit, past, lost, rejected, completeAt } = found;
    this.store = found.store;
    this.record = { position: past === undefined ? { commit } : { commit, past }, lost, rejected, completeAt };
    this.isNew = false;
  }

  /** The data folder is known now: a position in another one means nothing. */
  inStore(id: string): void {
    if (this.store !== id && !this.isNew) {
      this.isNew = true;
      this.record = { ...this.record, position: { commit: 0 }, completeAt: undefined };
    }
    this.store = id;
  }

  /** Resolves when it is in place. */
  async save(change: Partial<CopyRecord>): Promise<void> {
    this.record = { ...this.record, ...change };
    this.isNew = false;
    const { target, store = '' } = this;
    await this.file.write(() => {
      const { position, ...rest } = this.record;
      return JSON.stringify({ target, store, ...position, ...rest });
    });
  }
}

function parse(text: string | undefined): z.infer<typeof fileSchema> | undefined {
  try {
    return fileSchema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
