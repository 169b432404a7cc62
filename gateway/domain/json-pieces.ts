/** Records of one piece of text: some milliseconds of work. */
const PIECE_RECORDS = 1000;

/** What stands between the brackets of a JSON list, piece by piece; the records must not change meanwhile. */
export function* listAsJson(list: readonly unknown[]): Generator<string, void> {
  for (let from = 0; from < list.length; from += PIECE_RECORDS) {
    const piece = JSON.stringify(list.slice(from, from + PIECE_RECORDS)).slice(1, -1);
    yield from === 0 ? piece : `,${piece}`;
  }
}
