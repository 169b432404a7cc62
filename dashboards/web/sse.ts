/** One event of a server-sent stream. */
export interface ServerEvent {
  readonly name: string;
  readonly data: string;
  /** Last id seen on the stream so far; `''` when none was. */
  readonly id: string;
}

/** Longest unfinished event we hold; a stream that sends more is broken. */
export const EVENT_CHARS_MAX = 4 * 1024 * 1024;

/**
 * Reads server-sent events from pieces of text cut anywhere.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventReader {
  #rest = '';
  #data: string[] = [];
  #name = '';
  #id = '';
  #length = 0;

  /**
   * @returns the events finished by this piece, in order
   * @throws RangeError when an event grows beyond EVENT_CHARS_MAX
   */
  push(piece: string): readonly ServerEvent[] {
    const events: ServerEvent[] = [];
    const text = this.#rest + piece;
    let start = 0;
    for (let index = 0; index < text.length; index += 1) {
      const char = text[index];
      if (char !== '\n' && char !== '\r') continue;
      // A carriage return at the very end may be half of a pair: wait for the other half.
      if (char === '\r' && index === text.length - 1) break;
      const event = this.#line(text.slice(start, index));
      if (event !== undefined) events.push(event);
      if (char === '\r' && text[index + 1] === '\n') index += 1;
      start = index + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length + this.#length > EVENT_CHARS_MAX)
      throw new RangeError('an event of the live feed is too large');
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch();
    if (line.startsWith(':')) return undefined;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#length += value.length;
    } else if (field === 'event') this.#name = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const data = this.#data;
    const name = this.#name === '' ? 'message' : this.#name;
    this.#data = [];
    this.#name = '';
    this.#length = 0;
    return data.length === 0 ? undefined : { name, data: data.join('\n'), id: this.#id };
  }
}
