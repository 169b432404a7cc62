import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBResultReader } from '@duckdb/node-api';
import { formatTime, type Millis } from '../../contract/time.ts';
import { int, literal } from './columns.ts';

export const DAY_MS = 86_400_000;
/** Day number of a segment that holds scattered late readings of many days. */
export const LATE = -1;
/**
 * Points with neighbouring ids share a file: the fewer, the less is read for one point; the more, the fewer files.
 * At full load 20 shards, and four sealed tables of a million readings give files of 200,000.
 */
export const SHARD_POINTS = 16_384;

/** One Parquet file of the sealed history, as the manifest knows it. */
export interface Segment {
  readonly id: number;
  /** Raw readings sorted by (point, ts), or their sums per quarter of an hour or per day. */
  readonly kind: 'readings' | 'quarters' | 'days';
  /** UTC days since 1970, or {@link LATE}. */
  readonly day: number;
  /** How often its rows were merged; a whole closed day has {@link DAY_LEVEL}. */
  readonly level: number;
  /** Below the data folder. */
  readonly file: string;
  /** Rows. */
  readonly readings: number;
  readonly bytes: number;
  /** Of the copy of these sums that finds a point's rows at once; 0 = none. */
  readonly byPointBytes: number;
  readonly minPoint: number;
  /** Inclusive. */
  readonly maxPoint: number;
  readonly minTs: Millis;
  /** Inclusive. */
  readonly maxTs: Millis;
  readonly firstCommit: number;
  readonly lastCommit: number;
}

export const DAY_LEVEL = 9;

/** The shard all of whose points these are; undefined when they are of several. */
export function shardOf({ minPoint, maxPoint }: Pick<Segment, 'minPoint' | 'maxPoint'>): number | undefined {
  const shard = Math.floor(minPoint / SHARD_POINTS);
  return shard === Math.floor(maxPoint / SHARD_POINTS) ? shard : undefined;
}

/**
 * Whether a file of readings may hold one moment of a point twice: scattered late ones, and those written before there were shards.
 * Of all others the order between files decides.
 */
export function mayRepeat(segment: Segment): boolean {
  return segment.day === LATE || shardOf(segment) === undefined;
}

/** Files of one shard together; those of several all together. */
export function byShard(segments: readonly Segment[]): readonly Segment[][] {
  if (segments.some((segment) => shardOf(segment) === undefined)) return [[...segments]];
  const shards = new Map<number, Segment[]>();
  for (const segment of segments) {
    const shard = shardOf(segment) as number;
    const list = shards.get(shard);
    if (list === undefined) shards.set(shard, [segment]);
    else list.push(segment);
  }
  return [...shards.values()];
}

const FOLDERS = { readings: 'history', quarters: 'rollups', days: 'rollups' } as const;
const OURS = /^(?:readings|quarters|days)-\d+\.(?:parquet|by-point)(?:\.tmp)?$/;

/** Where a segment lies: `history/date=2026-11-23/readings-12.parquet`, so that any engine finds its day. */
export function segmentFile(kind: Segment['kind'], day: number, id: number): string {
  const folder = day === LATE ? 'late' : `date=${formatTime(day * DAY_MS).slice(0, 10)}`;
  return join(FOLDERS[kind], folder, `${kind}-${id}.parquet`);
}

/** The copy of a file of sums that finds a point's rows at once, beside it. */
export function byPointFile({ file }: Pick<Segment, 'file'>): string {
  return file.replace(/\.parquet$/, '.by-point');
}

/** All files of a segment. */
export function filesOf(segment: Pick<Segment, 'file' | 'byPointBytes'>): string[] {
  return segment.byPointBytes > 0 ? [segment.file, byPointFile(segment)] : [segment.file];
}

/** What they take on disk. */
export function bytesOf(segments: readonly Pick<Segment, 'bytes' | 'byPointBytes'>[]): number {
  return segments.reduce((sum, { bytes, byPointBytes }) => sum + bytes + byPointBytes, 0);
}

export interface FileShape {
  readonly rowGroupRows: number;
  /** Of zstd. */
  readonly compressionLevel: number;
}
/** The smaller a row group, the less is read for one point; but each group is looked at, for 18 us, and costs bytes. */
export const LASTING: FileShape = { rowGroupRows: 61_440, compressionLevel: 6 };
/**
 * Of files that hold few readings of each point and are merged soon: a point's are found, and the file is written, in two
 * thirds of the processor time.
 */
export const FRESH: FileShape = { rowGroupRows: 20_480, compressionLevel: 1 };
/** Of readings merged once, which lie in a few files at a time and will be merged again: a quarter less to do than at 6. */
export const MERGED_ONCE: FileShape = { rowGroupRows: 30_720, compressionLevel: 3 };
/** Of sums, of which a copy by point is asked instead: a sixth smaller. */
export const SUMS: FileShape = { rowGroupRows: 245_760, compressionLevel: 6 };

/** What a file holds, as its writer counted it. */
export interface Written {
  readonly rows: number;
  readonly bytes: number;
  /** Smallest and largest of a column of whole numbers; 0 of a file without rows. */
  range(column: string): readonly [min: number, max: number];
}

/**
 * Writes a query's rows into a Parquet file that is either whole and durable or not there:
 * COPY beside it, fsync, rename, fsync of the folder.
 */
export async function writeParquet(
  connection: DuckDBConnection,
  sql: string,
  path: string,
  { rowGroupRows, compressionLevel } = LASTING,
): Promise<Written> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const unfinished = `${path}.tmp`;
  const copied = await connection.runAndReadAll(
    `COPY (${sql}) TO ${literal(unfinished)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL ${compressionLevel},
       PARQUET_VERSION v2, ROW_GROUP_SIZE ${rowGroupRows}, RETURN_STATS)`,
  );
  await sync(unfinished);
  const { size } = await stat(unfinished);
  await rename(unfinished, path);
  await syncFolder(path);
  return { bytes: size, ...statisticsOf(copied) };
}

/** What COPY tells with RETURN_STATS: rows, and of each column `"name"` texts by name, among them `min` and `max`. */
function statisticsOf(copied: DuckDBResultReader): Omit<Written, 'bytes'> {
  type Statistics = readonly { readonly key: string; readonly value: readonly { key: string; value: string }[] }[];
  const [told] = copied.getRowObjectsJson() as { count: string; column_statistics: Statistics | null }[];
  const texts = new Map(
    told?.column_statistics?.map(({ key, value }) => [key, new Map(value.map((each) => [each.key, each.value]))]),
  );
  const number = (column: string, name: string) => Number(texts.get(`"${column}"`)?.get(name) ?? 0);
  return { rows: Number(told?.count ?? 0), range: (column) => [number(column, 'min'), number(column, 'max')] };
}

/** Makes a new name of a file durable. */
export function syncFolder(path: string): Promise<void> {
  return sync(dirname(path));
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function readManifest(connection: DuckDBConnection): Promise<Segment[]> {
  const result = await connection.runAndReadAll(
    `SELECT id, kind, day, level, file, readings::DOUBLE AS readings, bytes::DOUBLE AS bytes,
       by_point_bytes::DOUBLE AS "byPointBytes",
       min_point AS "minPoint", max_point AS "maxPoint", min_ts::DOUBLE AS "minTs",
       max_ts::DOUBLE AS "maxTs", first_commit::DOUBLE AS "firstCommit", last_commit::DOUBLE AS "lastCommit"
     FROM segments WHERE state = 'live' ORDER BY last_commit, id`,
  );
  return result.getRowObjects() as unknown as Segment[];
}

export async function insertSegments(connection: DuckDBConnection, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments) {
    const { id, kind, day, level, file, readings, bytes, minTs, maxTs, firstCommit, lastCommit } = segment;
    await connection.run(
      `INSERT INTO segments VALUES (${int(id)}, '${kind}', ${int(day)}, ${int(level)}, $1, ${int(readings)}, ${int(bytes)},
         ${int(minTs)}, ${int(maxTs)}, ${int(firstCommit)}, ${int(lastCommit)}, 'live',
         ${int(segment.minPoint)}, ${int(segment.maxPoint)}, ${int(segment.byPointBytes)})`,
      [file],
    );
  }
}

export async function deleteSegments(connection: DuckDBConnection, segments: readonly Segment[]): Promise<void> {
  if (segments.length === 0) return;
  await connection.run(`DELETE FROM segments WHERE id IN (${segments.map(({ id }) => int(id)).join(', ')})`);
}

/** Removes what a crash left behind: files of ours that the manifest does not name. Their rows are elsewhere. */
export async function removeStrays(dataDir: string, segments: readonly Segment[]): Promise<string[]> {
  const known = new Set(segments.flatMap(filesOf));
  const strays: string[] = [];
  for (const folder of new Set(Object.values(FOLDERS))) {
    for (const name of await list(join(dataDir, folder))) {
      for (const file of await list(join(dataDir, folder, name))) {
        const path = join(folder, name, file);
        if (OURS.test(file) && !known.has(path)) strays.push(path);
      }
    }
  }
  for (const path of strays) await rm(join(dataDir, path), { force: true });
  return strays;
}

function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

/** What is wrong with a file, undefined when it looks whole: there, of the size it had, with Parquet's mark at both ends. */
export async function fileProblem(path: string, bytes: number): Promise<string | undefined> {
  const mark = Buffer.alloc(4);
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r');
  } catch {
    return 'missing';
  }
  try {
    const { size } = await handle.stat();
    if (size !== bytes) return `${size} bytes, expected ${bytes}`;
    for (const position of [0, size - 4]) {
      await handle.read(mark, 0, 4, position);
      if (mark.toString('latin1') !== 'PAR1') return 'no Parquet file';
    }
    return undefined;
  } finally {
    await handle.close();
  }
}
