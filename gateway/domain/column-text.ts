/**
 * A column of numbers in a JSON text, in the shortest way that gives every bit back: 329,000 numbers as digits take 30 ms
 * to write and as long to read.
 *
 * - one number for all rows (null: none), and how many rows there are
 * - whole numbers close to each other, such as moments of a day: base64 of little-endian 32-bit differences from the first
 * - otherwise base64 of the bytes of the doubles or of the column of bytes
 * - as earlier versions wrote it, a list with null for what is no number
 */
export type Column =
  | { readonly all: number | null; readonly rows: number }
  | { readonly from: number; readonly int32: string }
  | string
  | readonly (number | null)[];

/** Of the differences from the first this one stands for no number. */
const NONE = -(2 ** 31);
const DIFFERENCE_MAX = 2 ** 31 - 1;
/** Bytes of one piece of text, a multiple of three so that the pieces are one base64 text: a millisecond of work. */
const PIECE_BYTES = 393_216;
/** Rows looked at in one piece of work. */
const PIECE_ROWS = 65_536;

/** Writes columns as text, in room of its own that it keeps: new room for each costs more than what is done in it. */
export class ColumnWriter {
  private differences = new Int32Array(0);

  /**
   * The columns as one JSON object, piece by piece; each of them is asked for when it is its turn. Of one that changes
   * meanwhile every row is as it was at some moment since then.
   */
  *write(columns: Readonly<Record<string, () => Float64Array | Uint8Array>>): Generator<string, void> {
    let separator = '{';
    for (const [name, column] of Object.entries(columns)) {
      yield `${separator}"${name}":`;
      separator = ',';
      yield* this.writeOne(column());
    }
    yield separator === '{' ? '{}' : '}';
  }

  private *writeOne(column: Float64Array | Uint8Array): Generator<string, void> {
    const first = column[0] ?? Number.NaN;
    if (areAll(column, first) && !Object.is(first, -0)) {
      // Of what is no number nobody needs to know which one it is.
      yield JSON.stringify({ all: Number.isFinite(first) ? first : null, rows: column.length });
      return;
    }
    const from = column instanceof Float64Array ? yield* this.takeDifferences(column) : undefined;
    if (from === undefined) {
      yield '"';
      yield* base64Of(column);
      yield '"';
      return;
    }
    yield `{"from":${from},"int32":"`;
    yield* base64Of(this.differences.subarray(0, column.length));
    yield '"}';
  }

  /**
   * Empty pieces: work, and no text yet.
   *
   * @returns what they are the differences from; undefined for numbers that are not whole or not close to each other
   */
  private *takeDifferences(column: Float64Array): Generator<string, number | undefined> {
    const from = firstNumber(column);
    if (from === undefined || !Number.isSafeInteger(from)) return undefined;
    if (this.differences.length < column.length) this.differences = new Int32Array(column.length);
    for (let row = 0; row < column.length; row += PIECE_ROWS) {
      if (!takeDifferences(column.subarray(row, row + PIECE_ROWS), from, this.differences, row)) return undefined;
      yield '';
    }
    return from;
  }
}

// Plain loops: the first snapshot of a process runs them before they are compiled.

function areAll(column: Float64Array | Uint8Array, value: number): boolean {
  for (let row = 0; row < column.length; row++) if (!Object.is(column[row], value)) return false;
  return true;
}

function firstNumber(column: Float64Array): number | undefined {
  for (let row = 0; row < column.length; row++) if (Number.isFinite(column[row])) return column[row];
  return undefined;
}

function takeDifferences(column: Float64Array, from: number, into: Int32Array, at: number): boolean {
  for (let row = 0; row < column.length; row++) {
    const value = column[row]!;
    const difference = value - from;
    if (!Number.isFinite(value)) into[at + row] = NONE;
    else if (Math.abs(difference) <= DIFFERENCE_MAX && Object.is(from + Math.trunc(difference), value))
      into[at + row] = difference;
    else return false;
  }
  return true;
}

/** Copies of columns in room that is kept for the next time: new room of 20 MB costs more than copying does. */
export class Held {
  private readonly rooms = new Map<string, Float64Array | Uint8Array>();

  /** The first rows of a column as they are now. */
  hold(name: string, column: Float64Array | Uint8Array, rows: number): Float64Array | Uint8Array {
    const room = this.room(name, column, rows);
    room.set(column.subarray(0, rows));
    return room;
  }

  /** Room for so many rows of the kind of a column, with whatever stood there before. */
  room(name: string, like: Float64Array | Uint8Array, rows: number): Float64Array | Uint8Array {
    let room = this.rooms.get(name);
    if (room === undefined || room.length < rows) {
      room = like instanceof Float64Array ? new Float64Array(like.length) : new Uint8Array(like.length);
      this.rooms.set(name, room);
    }
    return room.subarray(0, rows);
  }
}

function* base64Of({ buffer, byteOffset, byteLength }: ArrayBufferView): Generator<string, void> {
  for (let from = 0; from < byteLength; from += PIECE_BYTES)
    yield Buffer.from(buffer as ArrayBuffer, byteOffset + from, Math.min(PIECE_BYTES, byteLength - from)).toString(
      'base64',
    );
}

/**
 * What is no number comes back as NaN or as it was.
 *
 * @throws Error for what is no column of doubles
 */
export function doublesOf(column: Column): Float64Array {
  if (typeof column === 'string') return new Float64Array(bufferOf(column, Float64Array.BYTES_PER_ELEMENT));
  if ('all' in column) return new Float64Array(column.rows).fill(column.all ?? Number.NaN);
  if (!('int32' in column)) return Float64Array.from(column, (value) => value ?? Number.NaN);
  const differences = new Int32Array(bufferOf(column.int32, Int32Array.BYTES_PER_ELEMENT));
  const doubles = new Float64Array(differences.length);
  for (let row = 0; row < doubles.length; row++)
    doubles[row] = differences[row] === NONE ? Number.NaN : column.from + differences[row]!;
  return doubles;
}

/** @throws Error for what is no column of bytes */
export function bytesOf(column: Column): Uint8Array {
  if (typeof column === 'string') return new Uint8Array(bufferOf(column, 1));
  if ('all' in column) return new Uint8Array(column.rows).fill(column.all ?? 0);
  if ('int32' in column) throw new Error('a column of bytes has differences');
  return Uint8Array.from(column, (value) => value ?? 0);
}

/** Bytes of their own, which begin where any kind of number may. */
function bufferOf(base64: string, bytesEach: number): ArrayBuffer {
  const bytes = Buffer.byteLength(base64, 'base64');
  const buffer = new ArrayBuffer(bytes);
  const written = Buffer.from(buffer).write(base64, 'base64');
  if (written !== bytes || bytes % bytesEach !== 0) throw new Error('a column is cut off');
  return buffer;
}
