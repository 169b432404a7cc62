import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Kept on the disk for the day it is full: given up so that a checkpoint finds room and the operator time. */
export const BALLAST_BYTES = 64 * 1024 * 1024;
/** The ballast is taken on (again) only while this many times its size is free. */
const ROOM = 8;
const BLOCK_BYTES = 1024 * 1024;

/** A file that only takes up room. */
export class Ballast {
  private readonly file: string;
  private readonly bytes: number;
  private readonly freeBytes: () => Promise<number>;

  /** @param bytes - 0 = none */
  constructor(dataDir: string, bytes: number, freeBytes: () => Promise<number>) {
    this.file = join(dataDir, 'ballast');
    this.bytes = bytes;
    this.freeBytes = freeBytes;
  }

  /** Takes the ballast on when there is plenty of room. @returns whether it is there now */
  async takeOn(): Promise<boolean> {
    if (await this.isOn()) return true;
    if ((await this.freeBytes()) < ROOM * this.bytes) return false;
    // Written, not just sized: a hole would hold no room.
    const handle = await open(this.file, 'w', 0o640);
    try {
      const block = Buffer.alloc(BLOCK_BYTES);
      for (let written = 0; written < this.bytes; written += block.length) await handle.write(block);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return true;
  }

  /** Gives the room free. @returns whether there was any */
  async giveUp(): Promise<boolean> {
    if (this.bytes === 0 || !(await this.isOn())) return false;
    await rm(this.file, { force: true });
    return true;
  }

  private isOn(): Promise<boolean> {
    if (this.bytes === 0) return Promise.resolve(true);
    return stat(this.file).then(
      ({ size }) => size >= this.bytes,
      () => false,
    );
  }
}
