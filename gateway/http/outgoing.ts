import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Problem } from './problem.ts';

/** Exports and backups at once: each reads the disk as fast as its client takes it. */
const OUTGOING_MAX = 2;

/** Large answers under way, and the files they are made of: below the data folder, gone when they are sent. */
export class Outgoing {
  private readonly folder: string | undefined;
  private readonly newId: () => string;
  private running = 0;

  /** @param dataDir - without one there is no room for files */
  constructor(dataDir: string | undefined, newId: () => string) {
    this.folder = dataDir === undefined ? undefined : join(dataDir, 'outgoing');
    this.newId = newId;
  }

  /** What a killed process left behind. */
  async clear(): Promise<void> {
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
  }

  /** Takes one of the places. @throws Problem exports-busy */
  begin(): Transfer {
    if (this.running >= OUTGOING_MAX)
      throw new Problem('exports-busy', 'Wait for one to end.', { headers: { 'retry-after': '10' } });
    this.running++;
    return new Transfer(this.folder === undefined ? undefined : join(this.folder, this.newId()), () => {
      this.running--;
    });
  }
}

/** One large answer; it has a place on the disk of its own. */
export class Transfer {
  private readonly path: string | undefined;
  private readonly ended: () => void;
  private open = true;

  constructor(path: string | undefined, ended: () => void) {
    this.path = path;
    this.ended = ended;
  }

  /**
   * Makes the file or folder that is sent.
   *
   * @returns where it is; the transfer has ended when this throws
   */
  async make(write: (path: string) => Promise<void>): Promise<string> {
    try {
      if (this.path === undefined) throw new Error('there is no data folder');
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      await write(this.path);
      return this.path;
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Frees the place and the disk, however it came about. */
  end(): void {
    if (!this.open) return;
    this.open = false;
    this.ended();
    if (this.path !== undefined) void rm(this.path, { recursive: true, force: true });
  }
}
