import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import type { DeviceInfo, PointInfo } from '../domain/plant.ts';
import { int } from './columns.ts';
import { syncFolder } from './segments.ts';

/** Records of one page, half a megabyte of text: a few milliseconds to parse. */
export const PAGE_RECORDS = 4096;
/** Records must have been the same for so long before they are written again: a district is discovered within a minute. */
const CALM_MS = 2000;
/** The image is written again after so long at the earliest. */
const RENEW_MS = 60_000;
const MARK = 'HFplant1';
/** At the end of the file: length of the contents, and the mark. */
const TAIL_BYTES = 4 + MARK.length;
const CONTENTS_BYTES_MAX = 1024 * 1024;

const pageSchema = z.object({
  table: z.enum(['devices', 'points']),
  /** Of which records: `id // PAGE_RECORDS` of points; devices by the order of their ids. */
  number: z.int().nonnegative(),
  /** What the database says of these records; of devices, of all of them. */
  hash: z.string(),
  bytes: z.int().nonnegative(),
  crc: z.int(),
});
const contentsSchema = z.object({ pages: z.array(pageSchema) });
type PageEntry = z.output<typeof pageSchema>;

/** Records of devices and points as they once were, with what the database said of them. */
export interface PlantRecords {
  readonly devices: { readonly hash: string; readonly records: readonly DeviceInfo[] };
  readonly points: ReadonlyMap<number, { readonly hash: string; readonly records: readonly PointInfo[] }>;
}

export const NO_RECORDS: PlantRecords = { devices: { hash: '', records: [] }, points: new Map() };

const HASH_OF_DEVICES = `SELECT coalesce(bit_xor(hash(id, record))::VARCHAR, '') FROM devices`;

/** A hash of all devices; '' without any. */
export async function hashOfDevices(connection: DuckDBConnection): Promise<string> {
  return (await connection.runAndReadAll(HASH_OF_DEVICES)).getRows()[0]?.[0] as string;
}

/** A hash of each page of points. */
export async function hashesOfPoints(connection: DuckDBConnection): Promise<ReadonlyMap<number, string>> {
  const read = await connection.runAndReadAll(
    `SELECT (id // ${PAGE_RECORDS})::INTEGER AS page, bit_xor(hash(id, record))::VARCHAR FROM points GROUP BY page ORDER BY page`,
  );
  return new Map(read.getRows() as [number, string][]);
}

/**
 * A copy of the records of devices and points in a file of its own, read and parsed while the database replays its log:
 * otherwise a start of 329,000 points waits a second for them. The database decides of each page whether it still is what
 * the table says; a file that is missing, damaged or out of date only makes a start slower.
 */
export class PlantImage {
  private readonly file: string;
  private readonly monotonicMs: () => number;
  private isOld = false;
  private changedAt = Number.NEGATIVE_INFINITY;
  private writtenAt = Number.NEGATIVE_INFINITY;

  constructor(dataDir: string, monotonicMs: () => number = () => performance.now()) {
    this.file = join(dataDir, 'plant.image');
    this.monotonicMs = monotonicMs;
  }

  /** Records changed, or were not in the image. */
  changed(): void {
    this.isOld = true;
    this.changedAt = this.monotonicMs();
  }

  /** Written again when it is old and the records are calm. */
  async renew(work: <T>(run: (connection: DuckDBConnection) => Promise<T>) => Promise<T>): Promise<void> {
    const now = this.monotonicMs();
    if (!this.isOld || now - this.changedAt < CALM_MS || now - this.writtenAt < RENEW_MS) return;
    this.writtenAt = now;
    // What changes meanwhile makes it old again.
    this.isOld = false;
    try {
      await work((connection) => this.write(connection));
    } catch (error) {
      this.isOld = true;
      throw error;
    }
  }

  /** What the file holds, as far as it can be used. */
  async read(): Promise<PlantRecords> {
    let handle: FileHandle;
    try {
      handle = await open(this.file, 'r');
    } catch {
      return NO_RECORDS;
    }
    try {
      return await readPages(handle);
    } catch {
      return NO_RECORDS;
    } finally {
      await handle.close();
    }
  }

  private async write(connection: DuckDBConnection): Promise<void> {
    const unfinished = `${this.file}.tmp`;
    const handle = await open(unfinished, 'w', 0o640);
    try {
      const pages: PageEntry[] = [];
      const add = async (table: PageEntry['table'], number: number, hash: string, text: string) => {
        const data = Buffer.from(text);
        await handle.appendFile(data);
        pages.push({ table, number, hash, bytes: data.length, crc: crc32(data) });
      };
      // Text and hash of one and the same question: whatever is committed meanwhile, they are of the same records.
      const devices = await connection.stream(
        `SELECT '[' || string_agg(record, ',' ORDER BY n) || ']', (${HASH_OF_DEVICES}) FROM
           (SELECT record, row_number() OVER (ORDER BY id) - 1 AS n FROM devices) GROUP BY n // ${PAGE_RECORDS} ORDER BY min(n)`,
      );
      for (;;) {
        const chunk = await devices.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        for (const [text, hash] of chunk.getRows() as [string, string][])
          await add('devices', pages.length, hash, text);
      }
      for (const number of (await hashesOfPoints(connection)).keys()) {
        const read = await connection.runAndReadAll(
          `SELECT '[' || string_agg(record, ',' ORDER BY id) || ']', bit_xor(hash(id, record))::VARCHAR
           FROM points WHERE id >= ${int(number * PAGE_RECORDS)} AND id < ${int((number + 1) * PAGE_RECORDS)}`,
        );
        const [text, ofPage] = read.getRows()[0] as [string, string];
        await add('points', number, ofPage, text);
      }
      const contents = Buffer.from(JSON.stringify({ pages }));
      const tail = Buffer.alloc(TAIL_BYTES);
      tail.writeUInt32LE(contents.length);
      tail.write(MARK, 4, 'latin1');
      await handle.appendFile(Buffer.concat([contents, tail]));
      await handle.sync();
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    await rename(unfinished, this.file);
    await syncFolder(this.file);
  }
}

async function readPages(handle: FileHandle): Promise<PlantRecords> {
  const { size } = await handle.stat();
  let buffer = Buffer.alloc(0);
  const readAt = async (position: number, bytes: number) => {
    if (buffer.length < bytes) buffer = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await handle.read(buffer, 0, bytes, position);
    if (bytesRead !== bytes) throw new Error('the file ends too soon');
    return buffer.subarray(0, bytes);
  };
  const tail = await readAt(size - TAIL_BYTES, TAIL_BYTES);
  const contentsBytes = tail.readUInt32LE(0);
  if (tail.toString('latin1', 4) !== MARK || contentsBytes > CONTENTS_BYTES_MAX) throw new Error('no image of a plant');
  const contents = await readAt(size - TAIL_BYTES - contentsBytes, contentsBytes);
  const { pages } = contentsSchema.parse(JSON.parse(contents.toString()));
  const devices: DeviceInfo[] = [];
  const points = new Map<number, { readonly hash: string; readonly records: readonly PointInfo[] }>();
  let position = 0;
  for (const { table, number, hash, bytes, crc } of pages) {
    const data = await readAt(position, bytes);
    position += bytes;
    if (crc32(data) !== crc) throw new Error('a page is damaged');
    const records = JSON.parse(data.toString()) as unknown[];
    if (table === 'points') points.set(number, { hash, records: records as PointInfo[] });
    else for (const record of records) devices.push(record as DeviceInfo);
  }
  return { devices: { hash: pages.find(({ table }) => table === 'devices')?.hash ?? '', records: devices }, points };
}
