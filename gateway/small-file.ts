import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** A small text file that is replaced as a whole; a reader sees the old or the new content, never half of it. */
export class SmallFile {
  private readonly path: string | undefined;
  private writing: Promise<void> = Promise.resolve();

  /** @param path - undefined: nothing is read or kept */
  constructor(path: string | undefined) {
    this.path = path;
  }

  /** Undefined when it is not there. */
  read(): string | undefined {
    if (this.path === undefined) return undefined;
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * One write after the other.
   *
   * @param content - asked when the turn has come, so that it holds everything known by then
   * @returns resolves once it is in place
   */
  write(content: () => string): Promise<void> {
    const { path } = this;
    if (path === undefined) return Promise.resolve();
    const turn = async () => {
      await writeFile(`${path}.new`, content(), { mode: 0o600 });
      await rename(`${path}.new`, path);
    };
    this.writing = this.writing.then(turn, turn);
    return this.writing;
  }
}
