import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { BAD, GOOD, QUALITIES, type QualityCode, reasonCode } from '../contract/reading.ts';
import { parseTime } from '../contract/time.ts';
import { splitCsvLine } from './csv.ts';
import { ReadingBuffer } from './domain/readings.ts';

/** Where a column's or point's values go: value = cell * scale + offset. */
export interface Target {
  readonly point: number;
  readonly scale: number;
  readonly offset: number;
}

/** Names of the time column, first found wins; otherwise the first column. */
const TIME_COLUMNS = ['timestamp', 'time', 'date', 'datetime', 'ts'];
const NO_VALUE = reasonCode('no-value');
const PARSE = reasonCode('parse');
/** Longest line we take; a file without line ends must not fill the memory. */
const LINE_MAX = 1024 * 1024;

export class ReplayInputError extends Error {
  readonly code = 'replay-input';
}

/** What could not be read of an input, for the summary. */
export interface InputCounts {
  /** Rows whose time can't be read. */
  badTimes: number;
  /** Cells that are no numbers; they count as bad readings. */
  badCells: number;
  /** Columns or points nobody maps. */
  readonly unmapped: Set<string>;
}

type RowReader = (line: string, out: ReadingBuffer) => void;

/**
 * Reads a CSV file, gzip or not, in blocks of readings in the order of the file.
 *
 * @param resolve - where a column (wide) or point (long) goes; undefined: nowhere
 * @throws ReplayInputError when the file can't be read to its end or there is no header we understand
 */
export async function* readCsv(
  file: string,
  resolve: (name: string) => Target | undefined,
  counts: InputCounts,
): AsyncGenerator<ReadingBuffer> {
  const source = createReadStream(file, { highWaterMark: 1 << 18 });
  const isGzip = file.endsWith('.gz');
  const stream = isGzip ? source.pipe(createGunzip({ chunkSize: 1 << 18 })) : source;
  source.on('error', (error) => stream.destroy(error));
  const decoder = new TextDecoder();
  const block = new ReadingBuffer(1 << 14);
  let rest = '';
  let reader: RowReader | undefined;
  try {
    for await (const chunk of stream) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      let from = 0;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
        const line = rest.charCodeAt(end - 1) === 13 ? rest.slice(from, end - 1) : rest.slice(from, end);
        from = end + 1;
        if (line === '' || line.startsWith('#')) continue;
        if (reader === undefined) reader = readerFor(line, file, resolve, counts);
        else reader(line, block);
      }
      rest = rest.slice(from);
      if (rest.length > LINE_MAX) throw new ReplayInputError(`${file}: a line of more than ${LINE_MAX} characters`);
      if (block.length > 0) yield block;
      block.clear();
    }
  } catch (error) {
    throw error instanceof ReplayInputError ? error : new ReplayInputError(unreadable(file, error));
  } finally {
    source.destroy();
    stream.destroy();
  }
  if (reader !== undefined && rest !== '') reader(rest, block);
  if (reader === undefined) throw new ReplayInputError(`${file}: no header line`);
  if (block.length > 0) yield block;
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'may not be read',
  EISDIR: 'is a folder',
  Z_BUF_ERROR: 'its gzip data end too soon; is the file complete?',
  Z_DATA_ERROR: 'its gzip data are damaged',
};

function unreadable(file: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return `${file}: ${UNREADABLE[code] ?? message}`;
}

function readerFor(
  header: string,
  file: string,
  resolve: (name: string) => Target | undefined,
  counts: InputCounts,
): RowReader {
  const names = splitCsvLine(header.replace(/^\uFEFF/, '')).map((name) => name.trim());
  const column = (...wanted: readonly string[]) => names.findIndex((name) => wanted.includes(name.toLowerCase()));
  const time = Math.max(0, column(...TIME_COLUMNS));
  // Without this the first row of a file without a header would be taken for one, and its values for names.
  if (parseTime(names[time]) !== undefined)
    throw new ReplayInputError(`${file}: no header line: the first one begins with a time (${names[time]})`);
  const [point, value] = [column('point'), column('value')];
  if (point >= 0 && value >= 0) return longReader({ time, point, value, quality: column('quality') }, resolve, counts);
  const targets = names.map((name, index) => {
    if (index === time) return undefined;
    const target = resolve(name);
    if (target === undefined) counts.unmapped.add(name);
    return target;
  });
  if (targets.every((target) => target === undefined))
    throw new ReplayInputError(`${file}: none of its columns is in columns: (${names.slice(0, 8).join(', ')} …)`);
  return wideReader(time, targets, counts);
}

/** `timestamp,<column>,…`: an empty cell is no reading. */
function wideReader(time: number, targets: readonly (Target | undefined)[], counts: InputCounts): RowReader {
  return (line, out) => {
    const cells = line.includes('"') ? splitCsvLine(line) : line.split(',');
    const ts = parseTime(cells[time]?.trim());
    if (ts === undefined) {
      counts.badTimes++;
      return;
    }
    for (let column = 0; column < targets.length; column++) {
      const target = targets[column];
      const cell = cells[column];
      // A blank would be read as 0.
      if (target === undefined || cell === undefined || cell.trim() === '') continue;
      pushCell(out, target, ts, cell, GOOD, counts);
    }
  };
}

/** `timestamp,point,value[,quality]`: an empty value is a reading without a value. */
function longReader(
  columns: { readonly time: number; readonly point: number; readonly value: number; readonly quality: number },
  resolve: (name: string) => Target | undefined,
  counts: InputCounts,
): RowReader {
  let lastText = '';
  let lastTime: number | undefined;
  const targets = new Map<string, Target | undefined>();
  return (line, out) => {
    const cells = line.includes('"') ? splitCsvLine(line) : line.split(',');
    const text = cells[columns.time] ?? '';
    if (text !== lastText) {
      lastText = text;
      lastTime = parseTime(text.trim());
    }
    if (lastTime === undefined) {
      counts.badTimes++;
      return;
    }
    const name = (cells[columns.point] ?? '').trim();
    if (!targets.has(name)) targets.set(name, resolve(name));
    const target = targets.get(name);
    if (target === undefined) {
      counts.unmapped.add(name);
      return;
    }
    const quality = qualityOf(columns.quality < 0 ? undefined : cells[columns.quality]);
    const cell = (cells[columns.value] ?? '').trim();
    if (cell === '') out.push(target.point, lastTime, Number.NaN, BAD, NO_VALUE);
    else pushCell(out, target, lastTime, cell, quality, counts);
  };
}

function pushCell(
  out: ReadingBuffer,
  target: Target,
  ts: number,
  cell: string,
  quality: QualityCode,
  counts: InputCounts,
): void {
  const value = Number(cell) * target.scale + target.offset;
  if (Number.isFinite(value)) {
    out.push(target.point, ts, value, quality, 0);
    return;
  }
  counts.badCells++;
  out.push(target.point, ts, Number.NaN, BAD, PARSE);
}

/** `good`, `uncertain`, `bad`, or their codes 0, 1, 2; what we don't know is uncertain. */
function qualityOf(cell: string | undefined): QualityCode {
  const word = (cell ?? '').trim().toLowerCase();
  if (word === '') return GOOD;
  const code = QUALITIES.indexOf(word as never);
  if (code >= 0) return code as QualityCode;
  return word === '0' ? 0 : word === '2' ? 2 : 1;
}
