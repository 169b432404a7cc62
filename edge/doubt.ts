/** What a reply looks like from outside: on a serial line that is all that tells one reply from another. */
export type Shape = string;

/** Function code and number of data bytes. */
export function shapeOf(functionCode: number, count: number): Shape {
  return `${functionCode}:${functionCode <= 2 ? Math.ceil(count / 8) : count * 2}`;
}

/**
 * Which late replies may still come from one device on a line whose replies carry nothing to tell them apart.
 *
 * After a time-out a late reply would pass for the answer to the next request of the same function and length, and so
 * would the one after it, for as long as polling goes on. So a request whose reply could be mistaken is not sent before
 * the late reply has been seen going by, or can no longer come. Nothing is concluded from the order of replies: a
 * converter or a radio link may change it.
 */
export interface Doubt {
  /** True if no late reply can pass for the reply to a request of this shape. */
  isSafe(shape: Shape, nowMs: number): boolean;
  timedOut(shape: Shape, nowMs: number): void;
  /** A reply of this shape came that nobody waits for any more. */
  seen(shape: Shape): void;
  /** An exception came that nobody waits for any more. */
  seenException(functionCode: number): void;
  /** A request was answered by an exception: it may be the late answer to another one of the same function. */
  refused(shape: Shape, nowMs: number): void;
  /** When the last doubt ends by itself, monotonic ms; 0 = there is none. */
  endsMs(): number;
}

/** @param worstLateMs - no reply ever comes later than this */
export function createDoubt(worstLateMs: number): Doubt {
  const outstanding = new Map<Shape, number>();
  const ofFunction = (functionCode: number) =>
    [...outstanding.keys()].filter((shape) => shape.startsWith(`${functionCode}:`));
  return {
    isSafe(shape, nowMs) {
      const sinceMs = outstanding.get(shape);
      if (sinceMs === undefined) return true;
      if (nowMs - sinceMs <= worstLateMs) return false;
      outstanding.delete(shape);
      return true;
    },
    timedOut: (shape, nowMs) => void outstanding.set(shape, nowMs),
    seen: (shape) => void outstanding.delete(shape),
    seenException(functionCode) {
      const [only, ...more] = ofFunction(functionCode);
      // Of several it could belong to any: then only time helps.
      if (only !== undefined && more.length === 0) outstanding.delete(only);
    },
    refused(shape, nowMs) {
      const functionCode = Number(shape.slice(0, shape.indexOf(':')));
      if (ofFunction(functionCode).length > 0) outstanding.set(shape, nowMs);
    },
    endsMs: () => (outstanding.size === 0 ? 0 : Math.max(...outstanding.values()) + worstLateMs),
  };
}
