import type { StoredMark } from '../../contract/state.ts';
import type { Millis } from '../../contract/time.ts';
import type { LaneMark } from '../store/store.ts';

/** The mark of one edge goes out at most this often. */
export const MARK_EVERY_MS = 1000;
/** Lanes named in one mark: those that moved last. An edge opens one per outage. */
export const LANES_PUBLISHED_MAX = 500;

interface EdgeMarks {
  /** Lane to mark; the lane that moved last comes last. */
  readonly lanes: Map<string, number>;
  publishedAt: Millis;
}

/** What each edge has to be told about its stored numbers, and when. Pure: the clock is handed in. */
export class MarkBook {
  private readonly edges = new Map<string, EdgeMarks>();
  private readonly dirty = new Set<string>();

  /** A lane's mark after a commit, or as it was at the start. */
  note(mark: Pick<LaneMark, 'edge' | 'lane' | 'mark'>): void {
    const edge = this.edge(mark.edge);
    edge.lanes.delete(mark.lane);
    edge.lanes.set(mark.lane, mark.mark);
    if (edge.lanes.size > LANES_PUBLISHED_MAX) edge.lanes.delete(edge.lanes.keys().next().value as string);
    this.touch(mark.edge);
  }

  /** This edge is to be told again, though nothing changed: it came back, or the broker forgot. */
  touch(edge: string): void {
    if (this.edges.has(edge)) this.dirty.add(edge);
  }

  /** The broker may have forgotten everything. */
  touchAll(): void {
    for (const edge of this.edges.keys()) this.dirty.add(edge);
  }

  /** Edges whose turn it is, with all their marks; they count as told from now on. */
  takeDue(now: Millis): { readonly edge: string; readonly marks: StoredMark['marks'] }[] {
    const due: { readonly edge: string; readonly marks: StoredMark['marks'] }[] = [];
    for (const id of this.dirty) {
      const edge = this.edge(id);
      if (now - edge.publishedAt < MARK_EVERY_MS && now >= edge.publishedAt) continue;
      edge.publishedAt = now;
      this.dirty.delete(id);
      due.push({ edge: id, marks: Object.fromEntries(edge.lanes) });
    }
    return due;
  }

  get waiting(): boolean {
    return this.dirty.size > 0;
  }

  private edge(id: string): EdgeMarks {
    let edge = this.edges.get(id);
    if (edge === undefined) {
      edge = { lanes: new Map(), publishedAt: Number.NEGATIVE_INFINITY };
      this.edges.set(id, edge);
    }
    return edge;
  }
}
