import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBMaterializedResult,
  INTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Readings } from '../domain/readings.ts';

/** Rows of one DuckDB vector. */
const CHUNK_ROWS = 2048;
/** Rows appended before the loop may turn: 5-10 ms at the measured 100-300 ns a row. */
const SLICE_ROWS = CHUNK_ROWS * 16;
/** Records of one chunk: making their texts takes one to three milliseconds on the JavaScript thread. */
const LIST_ROWS = 500;
/** Chunks are appended for so long before the loop may turn: on a busy one each turn costs a commit 10 ms. */
const LIST_TURN_MS = 5;

const TWO_32 = 2 ** 32;

/** Columns of a hot table, in this order. */
const HOT_TYPES = [BIGINT, INTEGER, BIGINT, DOUBLE, UTINYINT, UTINYINT].map(
  (type) => type.toLogicalType().logical_type,
);

/** The binding's appender behind the class of the API: the only way to hand over raw chunks. */
type RawAppender = { readonly appender: duckdb.Appender };

/**
 * Appends readings as raw chunks, in slices that let the event loop turn. Call inside a transaction:
 * outside of one every flush of the appender would commit by itself.
 */
export async function appendReadings(
  connection: DuckDBConnection,
  table: string,
  commit: number,
  readings: Readings,
): Promise<void> {
  if (readings.length === 0) return;
  const commits = new Int32Array(CHUNK_ROWS * 2);
  for (let row = 0; row < CHUNK_ROWS; row++) writeBigint(commits, row, commit);
  const times = new Int32Array(CHUNK_ROWS * 2);
  let appender = await connection.createAppender(table);
  try {
    for (let from = 0; from < readings.length; from += CHUNK_ROWS) {
      appendChunk(appender, readings, from, Math.min(CHUNK_ROWS, readings.length - from), commits, times);
      const done = from + CHUNK_ROWS;
      if (done % SLICE_ROWS === 0 && done < readings.length) {
        // Closing flushes in slices too; one close at the end would flush everything at once.
        appender.closeSync();
        await turn();
        appender = await connection.createAppender(table);
      }
    }
  } finally {
    appender.closeSync();
  }
}

function appendChunk(
  appender: DuckDBAppender,
  readings: Readings,
  from: number,
  rows: number,
  commits: Int32Array,
  times: Int32Array,
): void {
  for (let row = 0; row < rows; row++) writeBigint(times, row, readings.tsMs[from + row] as number);
  const chunk = duckdb.create_data_chunk(HOT_TYPES);
  duckdb.data_chunk_set_size(chunk, rows);
  const copy = (column: number, source: Int32Array | Float64Array | Uint8Array, offset: number, bytes: number) =>
    duckdb.copy_data_to_vector(
      duckdb.data_chunk_get_vector(chunk, column),
      0,
      source.buffer as ArrayBuffer,
      source.byteOffset + offset,
      bytes,
    );
  copy(0, commits, 0, rows * 8);
  copy(1, readings.point, from * 4, rows * 4);
  copy(2, times, 0, rows * 8);
  copy(3, readings.value, from * 8, rows * 8);
  copy(4, readings.quality, from, rows);
  copy(5, readings.reason, from, rows);
  duckdb.append_data_chunk((appender as unknown as RawAppender).appender, chunk);
}

/** Little-endian 64-bit integer as two words; a BigInt per value would cost more than the append. */
function writeBigint(words: Int32Array, row: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  words[2 * row] = value - high * TWO_32;
  words[2 * row + 1] = high;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Column of a result chunk as numbers without an object per value; NULL is not expected. */
export type NumberColumnType = 'bigint' | 'integer' | 'double' | 'utinyint';

/**
 * Streams a query's chunks as typed columns, in the order of `types`.
 *
 * @param visit - called per chunk; the arrays are valid only during the call; the next one comes once it is done
 */
export async function streamColumns(
  connection: DuckDBConnection,
  sql: string,
  types: readonly NumberColumnType[],
  visit: (columns: readonly ArrayLike<number>[], rows: number) => Promise<void> | void,
): Promise<void> {
  const result = await connection.stream(sql);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    const waits = visit(chunkColumns(chunk, types), chunk.rowCount);
    if (waits !== undefined) await waits;
  }
}

/** The binding's connection behind the class of the API. */
type RawConnection = { readonly connection: duckdb.Connection };
/** Chunks visited before the loop may turn: at most some 5 ms. */
const CHUNKS_A_TURN = 16;

/**
 * The same for an answer that may be in memory whole. A stream costs a turn of the event loop to read the text, to plan, to
 * begin, and for each chunk, 5-15 ms each on a busy loop; this is one turn.
 */
export async function takeColumns(
  connection: DuckDBConnection,
  sql: string,
  types: readonly NumberColumnType[],
  visit: (columns: readonly ArrayLike<number>[], rows: number) => void,
): Promise<void> {
  const result = await duckdb.query((connection as unknown as RawConnection).connection, sql);
  const chunks = duckdb.result_chunk_count(result);
  for (let index = 0; index < chunks; index++) {
    if (index > 0 && index % CHUNKS_A_TURN === 0) await turn();
    const chunk = duckdb.result_get_chunk(result, index);
    const rows = duckdb.data_chunk_get_size(chunk);
    visit(
      types.map((type, column) => readColumn(chunk, column, type, rows)),
      rows,
    );
  }
}

/** The chunks of an answer that is there whole, as typed columns; the arrays are valid until the next one is asked for. */
export function* resultColumns(
  result: DuckDBMaterializedResult,
  types: readonly NumberColumnType[],
): Generator<{ readonly columns: readonly ArrayLike<number>[]; readonly rows: number }, void> {
  for (let index = 0; index < result.chunkCount; index++) {
    const chunk = result.getChunk(index);
    yield { rows: chunk.rowCount, columns: chunkColumns(chunk, types) };
  }
}

function chunkColumns({ chunk, rowCount }: DuckDBDataChunk, types: readonly NumberColumnType[]): ArrayLike<number>[] {
  return types.map((type, index) => readColumn(chunk, index, type, rowCount));
}

function readColumn(chunk: duckdb.DataChunk, index: number, type: NumberColumnType, rows: number): ArrayLike<number> {
  const width = type === 'integer' ? 4 : type === 'utinyint' ? 1 : 8;
  const bytes = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, index), rows * width);
  switch (type) {
    case 'utinyint':
      return bytes;
    case 'integer':
      return new Int32Array(bytes.buffer, bytes.byteOffset, rows);
    case 'double':
      return new Float64Array(bytes.buffer, bytes.byteOffset, rows);
    case 'bigint': {
      const words = new Int32Array(bytes.buffer, bytes.byteOffset, rows * 2);
      const numbers = new Float64Array(rows);
      for (let row = 0; row < rows; row++)
        numbers[row] = (words[2 * row + 1] as number) * TWO_32 + ((words[2 * row] as number) >>> 0);
      return numbers;
    }
  }
}

/** One column of rows to write, whole. */
export type ListColumn =
  | { readonly type: 'text'; readonly values: readonly string[] }
  /** Records, made into text slice by slice. */
  | { readonly type: 'json'; readonly values: readonly unknown[] }
  | { readonly type: 'integer' | 'boolean'; readonly values: readonly number[] };

/** Rows beyond which an upsert goes through a table of its own: below, making that table costs more than it spares. */
const STAGED_ROWS_MIN = 100;

/**
 * Adds rows to a table without a key, as raw chunks: no statement, no object of the binding per value, and no text that
 * the database would take apart again. Call inside a transaction.
 */
export async function appendRows(
  connection: DuckDBConnection,
  table: string,
  columns: readonly ListColumn[],
): Promise<void> {
  const rows = columns[0]?.values.length ?? 0;
  let turnEndsAt = performance.now() + LIST_TURN_MS;
  for (let from = 0; from < rows; from += LIST_ROWS) {
    if (performance.now() >= turnEndsAt) {
      await turn();
      turnEndsAt = performance.now() + LIST_TURN_MS;
    }
    const appender = await connection.createAppender(table);
    try {
      const chunk = chunkOf(columns, from, Math.min(rows, from + LIST_ROWS));
      duckdb.append_data_chunk((appender as unknown as RawAppender).appender, chunk);
    } finally {
      appender.closeSync();
    }
  }
}

/**
 * Writes rows of which some are there already, by their key: many by way of a passing table, few by one statement.
 *
 * @param columns - all columns of the table, in its order; the first is the key
 * @param conflict - what to do with a row that is there: `ON CONFLICT ...`
 */
export async function upsertRows(
  connection: DuckDBConnection,
  table: string,
  columns: readonly ListColumn[],
  conflict: string,
): Promise<void> {
  const rows = columns[0]?.values.length ?? 0;
  if (rows === 0) return;
  if (rows < STAGED_ROWS_MIN) {
    const selected = columns.map(({ type }, index) => selectedAs(type, `$${index + 1}`)).join(', ');
    await connection.run(`INSERT INTO ${table} SELECT ${selected} ${conflict}`, columns.map(columnText));
    return;
  }
  // Made anew each time: rows deleted from a table in memory would keep their room.
  const stage = `staged_${table}`;
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${stage} AS FROM ${table} LIMIT 0`);
  await appendRows(connection, stage, columns);
  await connection.run(`INSERT INTO ${table} FROM ${stage} ${conflict}`);
  await connection.run(`DROP TABLE ${stage}`);
}

const LIST_TYPES = { text: VARCHAR, json: VARCHAR, integer: BIGINT, boolean: BOOLEAN } as const;

/** Rows of all columns as one chunk; the appender casts numbers to what the table has. */
function chunkOf(columns: readonly ListColumn[], from: number, to: number): duckdb.DataChunk {
  const rows = to - from;
  const chunk = duckdb.create_data_chunk(columns.map(({ type }) => LIST_TYPES[type].toLogicalType().logical_type));
  duckdb.data_chunk_set_size(chunk, rows);
  columns.forEach(({ type, values }, column) => {
    const vector = duckdb.data_chunk_get_vector(chunk, column);
    if (type === 'integer' || type === 'boolean') {
      const bytes = type === 'integer' ? new Int32Array(rows * 2) : new Uint8Array(rows);
      for (let row = 0; row < rows; row++) {
        const value = Math.round(values[from + row] as number);
        if (type === 'integer') writeBigint(bytes as Int32Array, row, value);
        else bytes[row] = value;
      }
      duckdb.copy_data_to_vector(vector, 0, bytes.buffer as ArrayBuffer, 0, bytes.byteLength);
      return;
    }
    for (let row = 0; row < rows; row++) {
      const value = values[from + row];
      const text = type === 'json' ? JSON.stringify(value) : (value as string);
      // The binding hands texts on as far as their first zero.
      if (text.includes('\0')) duckdb.vector_assign_string_element_len(vector, row, Buffer.from(text));
      else duckdb.vector_assign_string_element(vector, row, text);
    }
  });
  return chunk;
}

/** A column of few rows is bound as one JSON text: a bound list makes an object of the binding for every value. */
function selectedAs(type: ListColumn['type'], parameter: string): string {
  if (type === 'text' || type === 'json') return `unnest(from_json(${parameter}, '["VARCHAR"]'))`;
  const numbers = `unnest(from_json(${parameter}, '["BIGINT"]'))`;
  return type === 'boolean' ? `${numbers}::BOOLEAN` : numbers;
}

/** What JSON.stringify makes of half a character; the database's reader refuses it. */
const HALF_CHARACTER = /\\ud[89a-f]/;

function columnText({ type, values }: ListColumn): string {
  switch (type) {
    case 'json':
      return JSON.stringify(values.map((record) => JSON.stringify(record)));
    case 'text': {
      const text = JSON.stringify(values);
      // Then as UTF-8 has it, with U+FFFD in its place.
      return HALF_CHARACTER.test(text) ? JSON.stringify(values.map((value) => Buffer.from(value).toString())) : text;
    }
    default:
      return JSON.stringify(values.map((value) => Math.round(value)));
  }
}

/**
 * Columns of numbers as a relation inside the text of a question: the database reads one JSON text in a tenth of the time
 * that it takes for as many values in the text itself.
 */
export function inlineColumns(
  columns: Readonly<Record<string, { readonly type: NumberColumnType; readonly values: readonly number[] }>>,
): string {
  const selected = Object.entries(columns).map(
    ([name, { type, values }]) => `unnest(from_json('[${values.join(',')}]', '["${type.toUpperCase()}"]')) AS ${name}`,
  );
  return `SELECT ${selected.join(', ')}`;
}

/** Rows as a question without parameters, which would cost two turns of the event loop more. */
export function rowsAsText(columns: readonly ListColumn[]): string {
  return `SELECT ${columns.map((column) => selectedAs(column.type, literal(columnText(column)))).join(', ')}`;
}

/** A text to stand in SQL text. It must hold no zero character: JSON never does. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** An integer to stand in SQL text: a bound number would be a DOUBLE and hide the column's zone maps. */
export function int(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not an integer: ${value}`);
  return String(value);
}
