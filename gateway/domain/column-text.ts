/**
 * A column of numbers in a JSON text: base64 of its bytes, little-endian doubles or bytes, or as earlier versions wrote it,
 * a list with null for what is no number. 329,000 numbers as digits take 30 ms to write and as long to read.
 */
export type Column = string | readonly (number | null)[];

/** Bytes of one piece of text, a multiple of three so that the pieces are one base64 text: a millisecond of work. */
const PIECE_BYTES = 393_216;

/** The columns as one JSON object, piece by piece; they must not change meanwhile. */
export function* columnsAsJson(columns: Readonly<Record<string, Float64Array | Uint8Array>>): Generator<string, void> {
  let separator = '{';
  for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(columns)) {
    yield `${separator}"${name}":"`;
    separator = '",';
    for (let from = 0; from < byteLength; from += PIECE_BYTES) {
      const bytes = Math.min(PIECE_BYTES, byteLength - from);
      yield Buffer.from(buffer, byteOffset + from, bytes).toString('base64');
    }
  }
  yield separator === '{' ? '{}' : '"}';
}

/** @throws Error for a text that is no column of doubles */
export function doublesOf(column: Column): Float64Array {
  if (typeof column !== 'string') return Float64Array.from(column, (value) => value ?? Number.NaN);
  const bytes = Buffer.from(column, 'base64');
  if (bytes.length % Float64Array.BYTES_PER_ELEMENT !== 0) throw new Error('a column of doubles is cut off');
  // A buffer of Node's may begin anywhere; doubles begin at a multiple of eight.
  return new Float64Array(new Uint8Array(bytes).buffer);
}

export function bytesOf(column: Column): Uint8Array {
  return typeof column === 'string' ? Buffer.from(column, 'base64') : Uint8Array.from(column, (value) => value ?? 0);
}
