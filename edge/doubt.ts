/** What a reply looks like from outside: on a serial line that is all that tells one reply from another. */
export type Shape = string;

/** Function code and number of data bytes. */
export function shapeOf(functionCode: number, count: number): Shape {
  return `${functionCode}:${functionCode <= 2 ? Math.ceil(count / 8) : count * 2}`;
}

/**
 * Which late replies may still come from one device on a serial line.
 *
 * A serial reply carries no address: after a time-out a late reply would pass for the answer to the next request of the
 * same function and length, and so would the one after it, for as long as polling goes on. So a request whose reply
 * could be mistaken is not sent. A device answers in order: a reply of another shape proves that the late ones have
 * gone by.
 */
export interface Doubt {
  /** True if no late reply can pass for the reply to a request of this shape. */
  isSafe(shape: Shape, nowMs: number): boolean;
  /** True if nothing at all is outstanding. */
  isClear(nowMs: number): boolean;
  timedOut(shape: Shape, nowMs: number): void;
  /** A good reply of a safe shape has come. */
  answered(): void;
  /** An exception has come: it may be the late answer to another request of the same function. */
  refused(shape: Shape, nowMs: number): void;
  /** When the doubt ends by itself, monotonic ms. */
  endsMs(): number;
}

/** @param worstLateMs - no reply ever comes later than this */
export function createDoubt(worstLateMs: number): Doubt {
  const outstanding = new Map<Shape, number>();
  const forget = (nowMs: number) => {
    for (const [shape, sinceMs] of outstanding) if (nowMs - sinceMs > worstLateMs) outstanding.delete(shape);
  };
  return {
    isSafe(shape, nowMs) {
      if (outstanding.size === 0) return true;
      forget(nowMs);
      return !outstanding.has(shape);
    },
    isClear(nowMs) {
      forget(nowMs);
      return outstanding.size === 0;
    },
    timedOut: (shape, nowMs) => void outstanding.set(shape, nowMs),
    answered: () => outstanding.clear(),
    refused(shape, nowMs) {
      const functionCode = shape.slice(0, shape.indexOf(':') + 1);
      for (const other of outstanding.keys()) {
        if (other.startsWith(functionCode)) return void outstanding.set(shape, nowMs);
      }
    },
    endsMs: () => Math.max(0, ...outstanding.values()) + worstLateMs,
  };
}
