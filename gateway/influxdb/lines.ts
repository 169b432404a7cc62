import { BAD, QUALITIES, REASONS } from '../../contract/reading.ts';
import type { Readings } from '../domain/readings.ts';

/** What a point is called in InfluxDB. */
export interface SeriesName {
  readonly device: string;
  readonly measurement: string;
  /** Asset class of the device. */
  readonly class?: string | undefined;
  readonly site?: string | undefined;
}

/**
 * The part of a line that a point's lines begin with: `flow,class=flow-meter,device=fm-12,site=binhu `. Tags in the order
 * of their names, which InfluxDB sorts them into otherwise.
 */
export function seriesKey({ device, measurement, class: assetClass, site }: SeriesName): string {
  let key = measurement.replaceAll(/[\\, \n]/g, escaped);
  if (assetClass !== undefined && assetClass !== '') key += `,class=${tag(assetClass)}`;
  key += `,device=${tag(device)}`;
  if (site !== undefined && site !== '') key += `,site=${tag(site)}`;
  return `${key} `;
}

/** A backslash can't be escaped at the end of a tag: it would take the comma with it. */
function tag(text: string): string {
  return text.replaceAll('\\', '/').replaceAll(/[,= \n]/g, escaped);
}

function escaped(character: string): string {
  return character === '\n' ? '\\ ' : `\\${character}`;
}

/** Fields of a reading without its value, by quality and reason. */
const WORDS = QUALITIES.map((quality) =>
  REASONS.map((reason) => Buffer.from(`quality="${quality}",reason="${reason ?? ''}"`)),
);
const VALUE = Buffer.from('value=');
const EMPTY = { true: Buffer.from(',empty=true'), false: Buffer.from(',empty=false') };
const COMMA = 44;
const SPACE = 32;
const NEWLINE = 10;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
/** Room for all of a line but its key: the longest number has 25 characters, the longest reason below 100. */
const REST_BYTES = 256;
/** Numbers of at most so many digits behind the point, and below this, are written digit by digit. */
const DECIMALS = 3;
const SCALE = 10 ** DECIMALS;
const PLAIN_BELOW = 1e9;

/**
 * Readings as line protocol, one line each, times in milliseconds. Every line writes all fields, so that a corrected
 * reading leaves nothing of the one it replaces; where there is no value, `empty=true` says that an older one is void.
 *
 * Written as bytes into one buffer that is used again: texts would be five million short strings a second at full load.
 */
export class LineEncoder {
  private bytes = Buffer.allocUnsafe(1 << 16);
  private at = 0;

  /**
   * @param from - first row; `to` exclusive
   * @param keyOf - {@link seriesKey} of a point as bytes; undefined: the point is unknown and its rows are left out
   * @returns the lines, valid until the next call
   */
  encode(
    { point, tsMs, value, quality, reason }: Readings,
    from: number,
    to: number,
    keyOf: (point: number) => Uint8Array | undefined,
  ): Buffer {
    this.at = 0;
    for (let row = from; row < to; row++) {
      const key = keyOf(point[row] as number);
      if (key === undefined) continue;
      this.makeRoom(key.length + REST_BYTES);
      this.put(key);
      const number = value[row] as number;
      const hasValue = Number.isFinite(number);
      if (hasValue) {
        this.put(VALUE);
        this.putNumber(number);
        this.bytes[this.at++] = COMMA;
      }
      const code = quality[row] as number;
      this.put((WORDS[code]?.[reason[row] as number] ?? WORDS[BAD]?.[0]) as Buffer);
      if (code >= BAD || !hasValue) this.put(EMPTY[hasValue ? 'false' : 'true']);
      this.bytes[this.at++] = SPACE;
      this.putNumber(tsMs[row] as number);
      this.bytes[this.at++] = NEWLINE;
    }
    return this.bytes.subarray(0, this.at);
  }

  private put(text: Uint8Array): void {
    const { bytes } = this;
    let { at } = this;
    // Short ones: a call of the engine for each would take longer.
    for (let index = 0; index < text.length; index++) bytes[at++] = text[index] as number;
    this.at = at;
  }

  /** As JavaScript writes it: the shortest that reads back the same. */
  private putNumber(number: number): void {
    const size = Math.abs(number);
    const scaled = Math.round(size * SCALE);
    if (Number.isInteger(number) && size < Number.MAX_SAFE_INTEGER) {
      // Minus zero is written as zero.
      if (number < 0) this.bytes[this.at++] = MINUS;
      this.putInteger(size, 1);
    } else if (size < PLAIN_BELOW && scaled / SCALE === size) {
      if (number < 0) this.bytes[this.at++] = MINUS;
      const whole = Math.floor(scaled / SCALE);
      let decimals = scaled - whole * SCALE;
      let digits = DECIMALS;
      for (; decimals % 10 === 0; decimals /= 10) digits--;
      this.putInteger(whole, 1);
      this.bytes[this.at++] = POINT;
      this.putInteger(decimals, digits);
    } else this.at += this.bytes.write(String(number), this.at, 'latin1');
  }

  /** @param digits - at least so many, zeros in front */
  private putInteger(number: number, digits: number): void {
    let length = digits;
    for (let above = 10 ** digits; number >= above; above *= 10) length++;
    let rest = number;
    for (let place = this.at + length - 1; place >= this.at; place--) {
      const next = Math.floor(rest / 10);
      this.bytes[place] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.at += length;
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + bytes));
    this.bytes.copy(wider, 0, 0, this.at);
    this.bytes = wider;
  }
}
