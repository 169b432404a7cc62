export interface Pipe {
  readonly id: string;
  readonly a: string;
  readonly b: string;
  readonly lengthM: number;
}

/** A network's pipes as lengths between nodes. */
export class PipeGraph {
  readonly pipes: readonly Pipe[];
  private readonly byId = new Map<string, Pipe>();
  private readonly ends = new Map<string, { readonly to: string; readonly lengthM: number }[]>();

  constructor(pipes: readonly Pipe[]) {
    this.pipes = pipes;
    for (const pipe of pipes) {
      this.byId.set(pipe.id, pipe);
      this.join(pipe.a, pipe.b, pipe.lengthM);
      this.join(pipe.b, pipe.a, pipe.lengthM);
    }
  }

  /** Along the pipes from the middle of one pipe to the middle of another, m; infinite when they are not joined. */
  distancesFrom(pipeId: string): (pipeId: string) => number {
    const from = this.byId.get(pipeId);
    if (from === undefined) return () => Number.POSITIVE_INFINITY;
    const reach = this.reach([
      [from.a, from.lengthM / 2],
      [from.b, from.lengthM / 2],
    ]);
    return (id) => {
      const to = this.byId.get(id);
      if (to === undefined) return Number.POSITIVE_INFINITY;
      if (to === from) return 0;
      const near = Math.min(reach.get(to.a) ?? Number.POSITIVE_INFINITY, reach.get(to.b) ?? Number.POSITIVE_INFINITY);
      return near + to.lengthM / 2;
    };
  }

  private join(from: string, to: string, lengthM: number): void {
    const list = this.ends.get(from);
    if (list === undefined) this.ends.set(from, [{ to, lengthM }]);
    else list.push({ to, lengthM });
  }

  /** Dijkstra with a binary heap. */
  private reach(starts: readonly (readonly [node: string, at: number])[]): ReadonlyMap<string, number> {
    const settled = new Map<string, number>();
    const heap: [number, string][] = [];
    const push = (item: [number, string]) => {
      heap.push(item);
      for (let at = heap.length - 1; at > 0; ) {
        const up = (at - 1) >> 1;
        if (heap[up]![0] <= heap[at]![0]) break;
        [heap[up], heap[at]] = [heap[at]!, heap[up]!];
        at = up;
      }
    };
    const pop = (): [number, string] => {
      const top = heap[0]!;
      const last = heap.pop()!;
      if (heap.length === 0) return top;
      heap[0] = last;
      for (let at = 0; ; ) {
        const left = 2 * at + 1;
        const right = left + 1;
        let least = at;
        if (left < heap.length && heap[left]![0] < heap[least]![0]) least = left;
        if (right < heap.length && heap[right]![0] < heap[least]![0]) least = right;
        if (least === at) return top;
        [heap[at], heap[least]] = [heap[least]!, heap[at]!];
        at = least;
      }
    };
    for (const [node, at] of starts) push([at, node]);
    while (heap.length > 0) {
      const [at, node] = pop();
      if (settled.has(node)) continue;
      settled.set(node, at);
      for (const { to, lengthM } of this.ends.get(node) ?? []) if (!settled.has(to)) push([at + lengthM, to]);
    }
    return settled;
  }
}
