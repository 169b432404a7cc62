import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ConfigError, formatMistake } from '../contract/mistakes.ts';

/** Looking at a few dozen files this often costs nothing, and works on every file system, unlike notifications. */
const LOOK_EVERY_MS = 2000;

export interface WatchOptions {
  readonly files: () => readonly string[];
  /** Their YAML files are watched, also new ones. */
  readonly folders: () => readonly string[];
  /** Takes the new configuration over. @throws ConfigError and changes nothing */
  readonly changed: () => Promise<void>;
  readonly log: Logger;
}

/**
 * Takes changed files over while running; a mistake in them keeps the old configuration and says why. A file is taken once it
 * stood still for one look, so that half of it is never read.
 *
 * @returns stops watching
 */
export function watchConfig({ files, folders, changed, log }: WatchOptions): () => void {
  let taken = fingerprint(files(), folders());
  let seen = taken;
  let busy = false;
  const look = async () => {
    const now = fingerprint(files(), folders());
    const isStill = now === seen;
    seen = now;
    if (!isStill || now === taken || busy) return;
    busy = true;
    taken = now;
    try {
      await changed();
      log.info('configuration taken over');
    } catch (error) {
      const mistakes = error instanceof ConfigError ? error.mistakes.map(formatMistake) : [(error as Error).message];
      log.error({ code: 'config-invalid', mistakes }, 'the new configuration has mistakes; the old one goes on');
    }
    busy = false;
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

function fingerprint(files: readonly string[], folders: readonly string[]): string {
  const inFolders = folders.flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => /\.ya?ml$/.test(name))
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
  return [...files, ...inFolders]
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? path : `${path} ${found.mtimeMs} ${found.size} ${found.ino}`;
    })
    .join('\n');
}
