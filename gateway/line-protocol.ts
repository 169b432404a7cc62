import { ID_PATTERN, QUALITIES, type Quality } from '../contract/reading.ts';
import { EARLIEST_TIME_MS, LATEST_TIME_MS, type Millis } from '../contract/time.ts';
import { READINGS_MAX } from '../contract/wire-readings.ts';

/** Unit of the timestamps of a request; `m` and `h` only version 1 of the protocol knows. */
export type Precision = 'ns' | 'us' | 'ms' | 's' | 'm' | 'h';

/** Bad lines named in an answer; the others are only counted. */
export const LINE_ERRORS_MAX = 1000;

export interface LineError {
  /** From 1. */
  readonly line: number;
  readonly detail: string;
}

export interface ParsedLines {
  /** `{device, ts?, values}` as ingest takes them, one per good line, in order. */
  readonly entries: readonly {
    readonly device: string;
    readonly ts?: Millis;
    readonly values: Readonly<Record<string, number | { readonly value: number; readonly quality: Quality }>>;
  }[];
  /** Line number of each entry. */
  readonly lines: readonly number[];
  /** The first {@link LINE_ERRORS_MAX} bad lines. */
  readonly errors: readonly LineError[];
  readonly badLines: number;
}

/**
 * Reads InfluxDB line protocol, so that an existing collector can write to us. Pure; never throws; a bad line costs
 * that line only.
 *
 * - device: the tag `device`; without it the measurement and all tag values, joined by dots, so that series don't mix
 * - measurement: the field's key; for a field `value` the line's measurement
 * - a tag or string field `quality` (good, uncertain, bad) goes to all values of its line; other strings carry no
 *   reading and are passed over
 *
 * @param precision - unit of the timestamps; a line without one gets its time on receipt
 * @see https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
export function parseLineProtocol(text: string, precision: Precision): ParsedLines {
  return new LineReader(text, precision).read(Number.POSITIVE_INFINITY);
}

/** Reads a request part by part, so that a long one leaves room for others. @see parseLineProtocol */
export class LineReader {
  private readonly scanner: Scanner;
  private readonly precision: Precision;
  private taken = 0;
  private named = 0;

  constructor(text: string, precision: Precision) {
    this.scanner = new Scanner(text);
    this.precision = precision;
  }

  get atEnd(): boolean {
    return this.scanner.atEnd;
  }

  /** The next lines. */
  read(linesMax: number): ParsedLines {
    const { scanner } = this;
    const entries: ParsedLines['entries'][number][] = [];
    const lines: number[] = [];
    const errors: LineError[] = [];
    let badLines = 0;
    const bad = (line: number, detail: string) => {
      badLines += 1;
      if (this.named >= LINE_ERRORS_MAX) return;
      this.named += 1;
      errors.push({ line, detail });
    };
    for (let count = 0; count < linesMax && !scanner.atEnd; count++) {
      const { line } = scanner;
      const read = scanner.blank() ? undefined : readLine(scanner, this.precision);
      if (typeof read === 'string') bad(line, read);
      else if (read !== undefined && this.taken >= READINGS_MAX) bad(line, `more than ${READINGS_MAX} lines`);
      else if (read !== undefined) {
        this.taken += 1;
        entries.push(read);
        lines.push(line);
      }
      scanner.nextLine();
    }
    return { entries, lines, errors, badLines };
  }
}

/** One line to an entry, or what is wrong with it. */
function readLine(scanner: Scanner, precision: Precision): ParsedLines['entries'][number] | string {
  const measurement = scanner.word(', ');
  if (measurement === '') return 'no measurement';
  let device: string | undefined;
  let quality: string | undefined;
  const tags: [key: string, value: string][] = [];
  while (scanner.take(',')) {
    const key = scanner.word('=, ');
    if (key === '' || !scanner.take('=')) return 'a tag is key=value';
    const value = scanner.word(', ');
    if (value === '') return `tag ${key} has no value`;
    if (key === 'device') device = value;
    else if (key === 'quality') quality = value;
    else tags.push([key, value]);
  }
  if (!scanner.take(' ')) return 'no fields';
  scanner.spaces();

  // Without a prototype: a field may be called __proto__.
  const numbers = Object.create(null) as Record<string, number>;
  let count = 0;
  do {
    const key = scanner.word('=, ');
    if (key === '' || !scanner.take('=')) return 'a field is key=value';
    const value = scanner.value();
    if (value === undefined) return `field ${key} is no number, boolean or quoted string`;
    if (typeof value === 'string') {
      if (key === 'quality') quality = value;
      continue;
    }
    const name = key === 'value' ? measurement : key;
    if (!ID_PATTERN.test(name)) return `${name.slice(0, 80)} is no measurement id: 1-64 of A-Z a-z 0-9 . _ -`;
    numbers[name] = value;
    count += 1;
  } while (scanner.take(','));
  if (count === 0) return 'no field with a number';

  const ts = readTime(scanner, precision);
  if (typeof ts === 'string') return ts;
  const id = device ?? [measurement, ...tags.sort(byKey).map(([, value]) => value)].join('.');
  if (!ID_PATTERN.test(id)) return `${id.slice(0, 80)} is no device id: 1-64 of A-Z a-z 0-9 . _ -; give a tag device`;
  if (quality !== undefined && !isQuality(quality))
    return `quality ${quality.slice(0, 40)}: expected good, uncertain or bad`;
  const values = quality === undefined || quality === 'good' ? numbers : withQuality(numbers, quality);
  return ts === undefined ? { device: id, values } : { device: id, ts, values };
}

/** Milliseconds of the coarse units. */
const FACTORS: Partial<Record<Precision, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds; undefined when there is none; otherwise what is wrong. */
function readTime(scanner: Scanner, precision: Precision): Millis | undefined | string {
  scanner.spaces();
  if (scanner.atLineEnd) return undefined;
  const digits = scanner.word(' ');
  scanner.spaces();
  if (!scanner.atLineEnd) return 'something after the timestamp';
  if (!/^\d{1,19}$/.test(digits)) return `timestamp ${digits.slice(0, 40)} is no whole number`;
  // Cut as text: a number of nanoseconds does not fit a double.
  const timeMs =
    precision === 'ns'
      ? Number(digits.slice(0, -6))
      : precision === 'us'
        ? Number(digits.slice(0, -3))
        : Number(digits);
  const ts = timeMs * (FACTORS[precision] ?? 1);
  return ts >= EARLIEST_TIME_MS && ts <= LATEST_TIME_MS
    ? ts
    : `timestamp ${digits} is not in 2000..2100 with precision ${precision}`;
}

function withQuality(numbers: Readonly<Record<string, number>>, quality: Quality) {
  const values = Object.create(null) as Record<string, { value: number; quality: Quality }>;
  for (const key in numbers) values[key] = { value: numbers[key] as number, quality };
  return values;
}

function isQuality(text: string): text is Quality {
  return (QUALITIES as readonly string[]).includes(text);
}

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const TRUE = new Set(['t', 'T', 'true', 'True', 'TRUE']);
const FALSE = new Set(['f', 'F', 'false', 'False', 'FALSE']);
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+[iu]$/;

/** A position in the text, and what stands there. */
class Scanner {
  /** Line of the position, from 1. */
  line = 1;
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  get atLineEnd(): boolean {
    const character = this.text[this.at];
    return character === undefined || character === '\n' || (character === '\r' && this.endsAfter(this.at + 1));
  }

  /** Nothing to read on this line: empty or a comment. */
  blank(): boolean {
    this.spaces();
    return this.atLineEnd || this.text[this.at] === '#';
  }

  spaces(): void {
    while (this.text[this.at] === ' ') this.at += 1;
  }

  take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  /** Text up to one of these characters or the line's end; a backslash before a special character is left out. */
  word(ends: string): string {
    let word = '';
    let from = this.at;
    while (!this.atLineEnd && !ends.includes(this.text[this.at] as string)) {
      if (this.text[this.at] === '\\' && ',= '.includes(this.text[this.at + 1] ?? '\n')) {
        word += this.text.slice(from, this.at);
        from = this.at + 1;
        this.at += 1;
      }
      this.at += 1;
    }
    return word + this.text.slice(from, this.at);
  }

  /** A field's value; undefined when it is none. Strings may hold line ends. */
  value(): number | string | undefined {
    if (this.take('"')) return this.quoted();
    const word = this.word(', ');
    if (NUMBER.test(word)) return finite(Number(word));
    if (INTEGER.test(word)) return finite(Number(word.slice(0, -1)));
    if (TRUE.has(word)) return 1;
    return FALSE.has(word) ? 0 : undefined;
  }

  nextLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end + 1;
    this.line += 1;
  }

  private quoted(): string | undefined {
    const from = this.at;
    let breaks = 0;
    for (; this.at < this.text.length; this.at++) {
      const character = this.text[this.at];
      if (character === '\\') this.at += 1;
      else if (character === '\n') breaks += 1;
      else if (character === '"') {
        this.line += breaks;
        this.at += 1;
        return this.text.slice(from, this.at - 1).replaceAll(/\\(["\\])/g, '$1');
      }
    }
    // Never closed: only its own line is lost, not the rest of the request.
    this.at = from;
    return undefined;
  }

  private endsAfter(at: number): boolean {
    return at >= this.text.length || this.text[at] === '\n';
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
