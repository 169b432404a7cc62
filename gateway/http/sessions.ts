import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Millis } from '../../contract/time.ts';

/** A signed-in browser. Its id is known to the browser only; we keep its hash. */
export interface Session {
  /** SHA-256 of the id, hex. */
  readonly key: string;
  readonly username: string;
  /** When the password was last given in this session. */
  readonly authenticatedAt: Millis;
  readonly usedAt: Millis;
}

/** Unused for so long, a session ends: one shift. */
export const IDLE_MAX_MS = 12 * 3_600_000;
/** More sessions than a site has screens and people; beyond, the longest unused one ends. */
export const SESSIONS_MAX = 1000;
/** Use is written to disk this coarsely, so that a screen that asks all the time costs no writes. */
const USE_SAVED_EVERY_MS = 10 * 60_000;

const fileSchema = z.array(
  z.object({
    key: z.string().length(64),
    username: z.string(),
    authenticatedAt: z.number(),
    usedAt: z.number(),
  }),
);

/** All sessions: in memory, and hashed on disk so that a restart signs nobody out. */
export class Sessions {
  private readonly byKey = new Map<string, Session>();
  private readonly listeners = new Set<(key: string) => void>();
  private readonly file: string | undefined;
  private readonly now: () => Millis;
  private saving: Promise<void> | undefined;
  private again = false;
  private savedUseAt: Millis;

  /** @param file - undefined keeps them in memory only */
  constructor(file: string | undefined, now: () => Millis) {
    this.file = file;
    this.now = now;
    this.savedUseAt = now();
    if (file === undefined) return;
    for (const session of readSessions(file)) {
      if (this.savedUseAt - session.usedAt < IDLE_MAX_MS) this.byKey.set(session.key, session);
    }
  }

  /** @returns the id for the cookie: 256 random bits; on disk by the time it resolves */
  async create(username: string): Promise<string> {
    const id = randomBytes(32).toString('base64url');
    const at = this.now();
    const key = hashOf(id);
    if (this.byKey.size >= SESSIONS_MAX) this.dropLongestUnused();
    this.byKey.set(key, { key, username, authenticatedAt: at, usedAt: at });
    await this.save();
    return id;
  }

  /** The session of a cookie, and notes that it is in use; undefined when unknown or idle for too long. */
  use(id: string): Session | undefined {
    return this.touch(hashOf(id));
  }

  /** The same by its key, for streams that stay open. */
  touch(key: string): Session | undefined {
    const session = this.byKey.get(key);
    if (session === undefined) return undefined;
    const at = this.now();
    if (at - session.usedAt >= IDLE_MAX_MS) {
      void this.end(key);
      return undefined;
    }
    const used = { ...session, usedAt: at };
    this.byKey.set(key, used);
    if (at - this.savedUseAt >= USE_SAVED_EVERY_MS) {
      this.savedUseAt = at;
      void this.save();
    }
    return used;
  }

  async end(key: string): Promise<void> {
    if (!this.byKey.delete(key)) return;
    for (const listener of this.listeners) listener(key);
    await this.save();
  }

  /** Ends all sessions of a person but one: after the password changed. */
  async endOthers(username: string, keep: string | undefined): Promise<void> {
    const others = [...this.byKey.values()].filter((session) => session.username === username && session.key !== keep);
    for (const { key } of others) await this.end(key);
  }

  /** The session goes on under another name or after a new password. */
  async renew(key: string, username: string): Promise<void> {
    const session = this.byKey.get(key);
    if (session !== undefined) this.byKey.set(key, { ...session, username, authenticatedAt: this.now() });
    await this.save();
  }

  get size(): number {
    return this.byKey.size;
  }

  onEnded(listener: (key: string) => void): void {
    this.listeners.add(listener);
  }

  async close(): Promise<void> {
    await this.save();
  }

  private dropLongestUnused(): void {
    const [oldest] = [...this.byKey.values()].sort((a, b) => a.usedAt - b.usedAt);
    if (oldest === undefined) return;
    this.byKey.delete(oldest.key);
    for (const listener of this.listeners) listener(oldest.key);
  }

  /** One write at a time; what changes meanwhile goes into one more. */
  private save(): Promise<void> {
    if (this.file === undefined) return Promise.resolve();
    if (this.saving !== undefined) {
      this.again = true;
      return this.saving;
    }
    this.saving = this.write(this.file).finally(() => {
      this.saving = undefined;
    });
    return this.saving;
  }

  private async write(file: string): Promise<void> {
    do {
      this.again = false;
      const text = JSON.stringify([...this.byKey.values()]);
      await writeFile(`${file}.new`, text, { mode: 0o600 });
      await rename(`${file}.new`, file);
    } while (this.again);
  }
}

function readSessions(file: string): readonly Session[] {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Absent at the first start; torn or foreign: people sign in again.
    return [];
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}
