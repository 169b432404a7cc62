import { ID_PATTERN } from '../contract/reading.ts';

/** Names remembered as texts between messages; with more, the next message begins anew. Devices of three districts. */
const NAMES_MAX = 1 << 18;
/** Places looked at for one name; who makes names that fall together gets no more of us. */
const PROBES_MAX = 64;
/** The byte that ends a name. */
export const QUOTE = 0x22;

/** Names of devices and measurements by their bytes: each is made a text and checked once, not with every message. */
export class NameTable {
  /** Text of each name, by its number. */
  texts: string[] = [];
  /** Number of a name plus one, where its hash points to; 0 = free. */
  private places = new Int32Array(2048);
  private starts = new Int32Array(1025);
  private hashes = new Int32Array(1024);
  private seenIn = new Float64Array(1024);
  /** Of each name the one that stood after it last, negative = none. */
  followers = new Int32Array(1024).fill(-1);
  private letters = new Uint8Array(16_384);
  private object = 0;

  /** @returns whether all names are forgotten, and their numbers with them */
  beginMessage(): boolean {
    if (this.texts.length < NAMES_MAX) return false;
    this.texts = [];
    this.places.fill(0);
    this.seenIn.fill(0);
    this.followers.fill(-1);
    return true;
  }

  /** Where the text from here on ends, its quote included, when it is the name that stood after this one last; else -1. */
  endOfFollower(after: number, bytes: Buffer, from: number): number {
    const name = this.followers[after] as number;
    if (name < 0) return -1;
    const { starts, letters } = this;
    const end = starts[name + 1] as number;
    let letter = starts[name] as number;
    let at = from;
    while (letter < end && bytes[at] === letters[letter]) {
      letter++;
      at++;
    }
    return letter === end && bytes[at] === QUOTE ? at + 1 : -1;
  }

  /** From here on every name is the first of its kind again. */
  beginObject(): void {
    this.object++;
  }

  isFirst(name: number): boolean {
    if (this.seenIn[name] === this.object) return false;
    this.seenIn[name] = this.object;
    return true;
  }

  /** Number of the name in bytes [from, to), known or new; negative when it is no id, or can't be remembered. */
  find(bytes: Buffer, from: number, to: number, hash: number): number {
    const { places, hashes, starts, letters } = this;
    const mask = places.length - 1;
    let place = placeOf(hash, mask);
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const name = (places[place] as number) - 1;
      if (name < 0) return this.add(bytes, from, to, hash, place);
      if (hashes[name] === hash) {
        let letter = starts[name] as number;
        if ((starts[name + 1] as number) - letter === to - from) {
          let at = from;
          while (at < to && bytes[at] === letters[letter]) {
            at++;
            letter++;
          }
          if (at === to) return name;
        }
      }
      place = (place + 1) & mask;
    }
    return -1;
  }

  private add(bytes: Buffer, from: number, to: number, hash: number, place: number): number {
    const text = bytes.toString('latin1', from, to);
    if (!ID_PATTERN.test(text)) return -1;
    const name = this.texts.length;
    const start = name === 0 ? 0 : (this.starts[name] as number);
    while (start + text.length > this.letters.length) this.letters = widened(this.letters, Uint8Array);
    if (name === this.hashes.length) {
      this.hashes = widened(this.hashes, Int32Array);
      this.seenIn = widened(this.seenIn, Float64Array);
      const known = this.followers.length;
      this.followers = widened(this.followers, Int32Array).fill(-1, known);
      const starts = new Int32Array(this.hashes.length + 1);
      starts.set(this.starts);
      this.starts = starts;
    }
    this.letters.set(bytes.subarray(from, to), start);
    this.starts[name] = start;
    this.starts[name + 1] = start + text.length;
    this.hashes[name] = hash;
    this.texts.push(text);
    this.places[place] = name + 1;
    // A third full at most, so that a name is found where it should be.
    if (3 * this.texts.length > this.places.length) this.spread();
    return name;
  }

  private spread(): void {
    const places = new Int32Array(this.places.length * 4);
    const mask = places.length - 1;
    for (let name = 0; name < this.texts.length; name++) {
      const hash = this.hashes[name] as number;
      let place = placeOf(hash, mask);
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = name + 1;
    }
    this.places = places;
  }
}

/** Names that count up have hashes that nearly do: mixed, or they would stand in one long row. */
function placeOf(hash: number, mask: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) & mask;
}

function widened<T extends Int32Array | Float64Array | Uint8Array>(old: T, Columns: new (length: number) => T): T {
  const next = new Columns(old.length * 2);
  next.set(old);
  return next;
}
