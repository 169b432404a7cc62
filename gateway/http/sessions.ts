import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Millis } from '../../contract/time.ts';
import { SmallFile } from '../small-file.ts';

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
  private readonly file: SmallFile;
  private readonly now: () => Millis;
  private readonly onFault: (error: unknown) => void;
  private savedUseAt: Millis;

  /**
   * @param file - undefined keeps them in memory only
   * @param onFault - told when they can't be written: they go on in memory, for a full disk must lock nobody out
   */
  constructor(file: string | undefined, now: () => Millis, onFault: (error: unknown) => void = () => {}) {
    this.onFault = onFault;
    this.file = new SmallFile(file);
    this.now = now;
    this.savedUseAt = now();
    for (const session of readSessions(this.file)) {
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

  private save(): Promise<void> {
    return this.file.write(() => JSON.stringify([...this.byKey.values()])).catch(this.onFault);
  }
}

function readSessions(file: SmallFile): readonly Session[] {
  try {
    return fileSchema.parse(JSON.parse(file.read() ?? '[]'));
  } catch {
    // Torn or foreign: people sign in again.
    return [];
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}
