/** What a snapshot holds: a line of JSON of the judge's state, and one of the newest value of each point. */
export interface SnapshotText {
  readonly judge: string;
  /** Absent: an earlier version wrote it. */
  readonly last?: string;
}

/** In pieces, of which none has a line break: JSON has none. */
export function* writeSnapshot(judge: Iterable<string>, last: Iterable<string>): Generator<string, void> {
  yield* judge;
  yield '\n';
  yield* last;
}

export function readSnapshot(text: string): SnapshotText {
  const end = text.indexOf('\n');
  return end < 0 ? { judge: text } : { judge: text.slice(0, end), last: text.slice(end + 1) };
}
