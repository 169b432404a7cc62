/** Of a message's readings, more than this share changed an alarm: its source floods. */
const FLOOD_SHARE = 0.1;
/** Sources known to flood; beyond it the one known longest is taken for calm again. */
const SOURCES_MAX = 10_000;

/** A line in which the sources that flood stand apart. */
type Side = 'calm' | 'flooding';

/**
 * What waits for room in a commit, in two lines: readings of a source that is calm need not wait behind thousands of
 * transitions of others. Which line a source stands in goes by its last message; the order within a source is kept.
 */
export class FairLine<T> {
  private readonly lines: Record<Side, { readonly item: T; readonly source: string | undefined }[]> = {
    calm: [],
    flooding: [],
  };
  private readonly flooding = new Set<string>();
  /** What a source has waiting, and where: what comes after it stands behind it. */
  private readonly waiting = new Map<string, { readonly side: Side; count: number }>();

  get length(): number {
    return this.lines.calm.length + this.lines.flooding.length;
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
    this.flooding.add(source);
    if (this.flooding.size > SOURCES_MAX) this.flooding.delete(this.flooding.values().next().value as string);
  }
}
