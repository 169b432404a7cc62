import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';

/** How long a writer waits for another one, and when a lock left by a crash is ignored. */
const LOCK_WAIT_MS = 5000;
const LOCK_STALE_MS = 10_000;
const LOCK_RETRY_MS = 25;

export class FileLockedError extends Error {
  readonly code = 'accounts-locked';
  readonly retryable = true;
}

/**
 * One small JSON file that several processes read and write: mode 0600, replaced whole (write, fsync, rename),
 * under a lock file while it changes, read again when it has changed.
 */
export class LockedFile<T> {
  readonly path: string;
  private readonly schema: z.ZodType<T>;
  private value: T;
  private version = '';
  private last: Promise<unknown> = Promise.resolve();

  constructor(path: string, schema: z.ZodType<T>, empty: T) {
    this.path = path;
    this.schema = schema;
    this.value = empty;
  }

  /** What was read last. */
  get current(): T {
    return this.value;
  }

  /**
   * Reads the file again if it is another one than before; a missing file keeps the value.
   *
   * @returns whether the value changed
   * @throws when the file is not what it should be; the value read before stays
   */
  async refresh(): Promise<boolean> {
    const version = await this.versionOnDisk();
    if (version === undefined || version === this.version) return false;
    const text = await readFile(this.path, 'utf8');
    const parsed = this.schema.safeParse(parse(text));
    if (!parsed.success) throw new Error(`${this.path} is damaged: ${parsed.error.issues[0]?.message ?? 'not JSON'}`);
    this.value = parsed.data;
    this.version = version;
    return true;
  }

  /** Applies a change to the newest content, one writer at a time. A change that throws changes nothing. */
  change<R>(edit: (current: T) => { readonly next: T; readonly result: R }): Promise<R> {
    const turn = this.last.then(() => this.changeLocked(edit));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async changeLocked<R>(edit: (current: T) => { readonly next: T; readonly result: R }): Promise<R> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const lockPath = `${this.path}.lock`;
    await takeLock(lockPath);
    try {
      await this.refresh();
      const { next, result } = edit(this.value);
      await replaceFile(this.path, `${JSON.stringify(next, undefined, 2)}\n`);
      this.value = next;
      this.version = (await this.versionOnDisk()) ?? '';
      return result;
    } finally {
      await rm(lockPath, { force: true });
    }
  }

  private async versionOnDisk(): Promise<string | undefined> {
    try {
      const { mtimeMs, size, ino } = await stat(this.path);
      return `${mtimeMs}/${size}/${ino}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function takeLock(path: string): Promise<void> {
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > LOCK_STALE_MS) await rm(path, { force: true });
    else if (Date.now() > deadline) throw new FileLockedError(`${path} is held by another process`);
    else await delay(LOCK_RETRY_MS);
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
