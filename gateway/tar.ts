import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

const BLOCK = 512;
/** Octal digits hold this; a larger size is written in binary, as GNU tar does. */
const OCTAL_MAX = 8 ** 11;
const NAME_MAX = 100;
const PREFIX_MAX = 155;

/** One file of an archive: where it is, and what it is called inside. */
export interface TarEntry {
  readonly file: string;
  /** With `/` between folders. */
  readonly name: string;
}

/** All files of a folder, with their names relative to it, sorted. */
export async function filesOf(folder: string): Promise<TarEntry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ file, name: file.slice(folder.length + 1).replaceAll(sep, '/') }));
}

/**
 * Files as one tar archive, read as they are taken. A file must not change meanwhile.
 *
 * @throws Error when a file grew or shrank while it was read
 * @see POSIX.1-1988 ustar interchange format; sizes of 8 GiB and more as in the GNU tar manual, "Extensions to the Archive Format"
 */
export async function* tar(entries: readonly TarEntry[], modifiedAtMs: number): AsyncGenerator<Uint8Array> {
  for (const { file, name } of entries) {
    const { size } = await stat(file);
    yield header(name, size, modifiedAtMs);
    let read = 0;
    for await (const chunk of createReadStream(file)) {
      read += (chunk as Uint8Array).length;
      yield chunk as Uint8Array;
    }
    if (read !== size) throw new Error(`${name} changed while it was read: ${size} bytes, then ${read}`);
    if (size % BLOCK !== 0) yield new Uint8Array(BLOCK - (size % BLOCK));
  }
  yield new Uint8Array(2 * BLOCK);
}

/**
 * Unpacks an archive made by {@link tar} into a folder.
 *
 * @throws Error when it is cut off, damaged, or names files outside of the folder
 */
export async function untar(archive: AsyncIterable<Uint8Array>, folder: string): Promise<readonly string[]> {
  const source = new Blocks(archive);
  const names: string[] = [];
  for (;;) {
    const block = await source.read(BLOCK);
    if (block === undefined) throw new Error('the archive is cut off: it has no end');
    if (block.every((byte) => byte === 0)) return names;
    const { name, size } = parseHeader(block);
    const file = resolve(folder, name);
    if (!file.startsWith(resolve(folder) + sep)) throw new Error(`${name} would lie outside of ${folder}`);
    await mkdir(dirname(file), { recursive: true });
    await pipeline(source.take(size), createWriteStream(file, { mode: 0o600 }));
    if (size % BLOCK !== 0) await source.read(BLOCK - (size % BLOCK));
    names.push(name);
  }
}

function header(name: string, size: number, modifiedAtMs: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const [prefix, rest] = splitName(name);
  block.write(rest, 0, NAME_MAX);
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  if (size < OCTAL_MAX) block.write(octal(size, 11), 124);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  block.write(octal(Math.floor(modifiedAtMs / 1000), 11), 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  block.write(prefix, 345, PREFIX_MAX);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function splitName(name: string): [prefix: string, rest: string] {
  if (Buffer.byteLength(name) <= NAME_MAX) return ['', name];
  for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
    const parts: [string, string] = [name.slice(0, slash), name.slice(slash + 1)];
    if (Buffer.byteLength(parts[0]) <= PREFIX_MAX && Buffer.byteLength(parts[1]) <= NAME_MAX) return parts;
  }
  throw new Error(`${name} is too long for an archive`);
}

function parseHeader(block: Uint8Array): { readonly name: string; readonly size: number } {
  const buffer = Buffer.from(block);
  const text = (from: number, length: number) => {
    const part = buffer.subarray(from, from + length);
    const end = part.indexOf(0);
    return part.subarray(0, end < 0 ? length : end).toString('utf8');
  };
  const expected = Number.parseInt(text(148, 8), 8);
  buffer.fill(0x20, 148, 156);
  if (checksum(buffer) !== expected) throw new Error('the archive is damaged: a checksum is wrong');
  const prefix = text(345, PREFIX_MAX);
  const size = buffer[124] === 0x80 ? Number(buffer.readBigUInt64BE(128)) : Number.parseInt(text(124, 12), 8);
  return { name: `${prefix === '' ? '' : `${prefix}/`}${text(0, NAME_MAX)}`, size };
}

function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}

/** Cuts a stream into pieces of wanted length. */
class Blocks {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** @returns exactly so many bytes; undefined at the end */
  async read(length: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for await (const part of this.take(length)) parts.push(part);
    return length > 0 && parts.length === 0 ? undefined : Buffer.concat(parts);
  }

  /** @throws Error when the stream ends in the middle */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    let left = length;
    while (left > 0) {
      if (this.rest.length === 0) {
        const { value, done } = await this.iterator.next();
        if (done === true) {
          if (left === length) return;
          throw new Error('the archive is cut off');
        }
        this.rest = value;
      }
      const part = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
