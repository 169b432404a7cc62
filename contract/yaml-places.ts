import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { Spot, TextPlace } from './mistakes.ts';

/** Levels that a path can have; a merge or an alias that leads round in a circle ends here. */
const DEPTH_MAX = 100;

/**
 * Says where in the text of their file mistakes are: at the key, or at the entry of a list; what is missing at that in which
 * it is missing. What is merged in (`<<`) is found where it is written.
 *
 * @param mistakes - all of the file that `text` is of; those with a place, and those whose path the text does not have, stay as they are
 */
export function withPlaces<Placed extends Spot>(mistakes: readonly Placed[], text: string): readonly Placed[] {
  if (mistakes.every(({ at }) => at !== undefined)) return mistakes;
  const lines = new LineCounter();
  const document = parseDocument(text, { merge: true, lineCounter: lines });
  const entries = entriesById(document.contents);
  return mistakes.map((mistake) => {
    if (mistake.at !== undefined) return mistake;
    const { node, rest } = entryNamed(entries, mistake.path) ?? { node: document.contents, rest: mistake.path };
    const offset = offsetOf(node, rest, document);
    if (offset === undefined) return mistake;
    const { line, col: column } = lines.linePos(offset);
    const at: TextPlace = { line, column };
    return { ...mistake, at };
  });
}

/** What is declared in the list that the file is, or in its `devices:`, by id. */
function entriesById(root: unknown): ReadonlyMap<string, YAMLMap> {
  const list = isMap(root) ? root.get('devices') : root;
  const entries = new Map<string, YAMLMap>();
  for (const item of isSeq(list) ? list.items : []) if (isMap(item)) entries.set(String(item.get('id')), item);
  return entries;
}

/** An entry and the path within it, where a path begins with its id: `lamp-7.class`. */
function entryNamed(entries: ReadonlyMap<string, YAMLMap>, path: string): Step | undefined {
  for (const { index = 0 } of path.matchAll(/[.[]|$/g)) {
    const node = entries.get(path.slice(0, index));
    if (node !== undefined) return { node, rest: path.slice(index).replace(/^\./, '') };
  }
  return undefined;
}

/** Where the deepest part of a path begins that is there; undefined when none is and the path is no key that is missing. */
function offsetOf(root: unknown, path: string, document: Document.Parsed): number | undefined {
  let node = root;
  let offset = startOf(node);
  let rest = path;
  for (let depth = 0; rest !== '' && depth < DEPTH_MAX; depth++) {
    if (isAlias(node)) node = node.resolve(document);
    const step = isMap(node) ? intoMap(node, rest, document) : isSeq(node) ? intoList(node.items, rest) : undefined;
    // A word that is no path of this file at all names no place in it.
    if (step === undefined) return depth > 0 || /^[\w-]+$/.test(rest) ? offset : undefined;
    ({ node, offset = offset, rest } = step);
  }
  return offset;
}

interface Step {
  readonly node: unknown;
  readonly offset?: number | undefined;
  readonly rest: string;
}

/** The longest key that the path goes on with: keys may have dots. */
function intoMap(map: YAMLMap, path: string, document: Document.Parsed): Step | undefined {
  const found = longest(map, path, document, 0);
  if (found === undefined) return undefined;
  const { pair, key } = found;
  const rest = path.slice(key.length).replace(/^\./, '');
  return { node: pair.value, offset: startOf(pair.key), rest };
}

interface Found {
  readonly pair: Pair;
  readonly key: string;
}

function longest(map: YAMLMap, path: string, document: Document.Parsed, depth: number): Found | undefined {
  let best: Found | undefined;
  const merged: unknown[] = [];
  for (const pair of map.items) {
    const key = isScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : '';
    if (key === '<<') merged.push(pair.value);
    else if (goesOnWith(path, key) && key.length > (best?.key.length ?? -1)) best = { pair, key };
  }
  if (best !== undefined || depth === DEPTH_MAX) return best;
  for (const source of merged.flatMap((value) => (isSeq(value) ? value.items : [value]))) {
    const node = isAlias(source) ? source.resolve(document) : source;
    const inside = isMap(node) ? longest(node, path, document, depth + 1) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}

const goesOnWith = (path: string, key: string) =>
  path.startsWith(key) && (path.length === key.length || path[key.length] === '.' || path[key.length] === '[');

function intoList(items: readonly unknown[], path: string): Step | undefined {
  const [whole = '', index] = /^\[(\d+)\]\.?/.exec(path) ?? [];
  const node = index === undefined ? undefined : items[Number(index)];
  return node === undefined ? undefined : { node, offset: startOf(node), rest: path.slice(whole.length) };
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
}
