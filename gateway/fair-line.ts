/** Of a message's readings, more than this share changed an alarm: its source floods. */
const FLOOD_SHARE = 0.1;
/** Sources known to flood; beyond it the one known longest is taken for calm again. */
const SOURCES_MAX = 10_000;

/** A line in which the sources that flood stand apart. */
type Side = 'calm' | 'flooding';

interface Placed<T> {
  readonly item: T;
  readonly source: string | undefined;
}

/**
 * What waits for room in a commit, in two lines: readings of a source that is calm need not wait behind thousands of
 * transitions of others. Which line a source stands in goes by its last message; the order within a source is kept.
 */
export class FairLine<T> {
  private readonly lines: Record<Side, Placed<T>[]> = {
    calm: [],
    flooding: [],
  };
  /** Sources that flood, and how many transitions their last message brought. */
  private readonly flooding = new Map<string, number>();
  /** What a source has waiting, and where: what comes after it stands behind it. */
  private readonly waiting = new Map<string, { readonly side: Side; count: number }>();

  get length(): number {
    return this.lines.calm.length + this.lines.flooding.length;
  }

  /** Transitions that the next message of a source, or of the first that floods and waits, will bring if it goes on as it did. */
  transitionsOf(source = this.lines.flooding[0]?.source): number {
    return source === undefined ? 0 : (this.flooding.get(source) ?? 0);
  }

  waitingOn(side: Side): number {
    return this.lines[side].length;
  }

  sideOf(source: string | undefined): Side {
    if (source === undefined) return 'calm';
    return this.waiting.get(source)?.side ?? (this.flooding.has(source) ? 'flooding' : 'calm');
  }

  add(item: T, source: string | undefined): void {
    const side = this.sideOf(source);
    this.lines[side].push({ item, source });
    if (source === undefined) return;
    const own = this.waiting.get(source);
    if (own === undefined) this.waiting.set(source, { side, count: 1 });
    else own.count++;
  }

  take(side: Side): T | undefined {
    const first = this.lines[side].shift();
    if (first === undefined) return undefined;
    const own = first.source === undefined ? undefined : this.waiting.get(first.source);
    if (own !== undefined && --own.count === 0) this.waiting.delete(first.source as string);
    return first.item;
  }

  /** All of it, of calm sources first. */
  takeAll(): T[] {
    this.waiting.clear();
    return [...this.lines.calm.splice(0), ...this.lines.flooding.splice(0)].map(({ item }) => item);
  }

  /** What a message of this source brought. */
  learn(source: string, { readings, transitions }: { readonly readings: number; readonly transitions: number }): void {
    this.flooding.delete(source);
    if (transitions <= readings * FLOOD_SHARE) return;
    this.flooding.set(source, transitions);
    if (this.flooding.size > SOURCES_MAX) this.flooding.delete(this.flooding.keys().next().value as string);
  }
}
