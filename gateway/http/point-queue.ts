/** Points waiting to be told, each once, first come first served; a point is its dense id. */
export class PointQueue {
  private readonly items: number[] = [];
  private head = 0;
  /** Per dense id: 1 while it waits. */
  private waiting = new Uint8Array(1024);

  get size(): number {
    return this.items.length - this.head;
  }

  add(point: number): void {
    if (point >= this.waiting.length) {
      const wider = new Uint8Array(Math.max(point + 1, this.waiting.length * 2));
      wider.set(this.waiting);
      this.waiting = wider;
    }
    if (this.waiting[point] === 1) return;
    this.waiting[point] = 1;
    this.items.push(point);
  }

  /** @returns the one that waits longest, undefined when none does */
  take(): number | undefined {
    const point = this.items[this.head];
    if (point === undefined) return undefined;
    this.head++;
    this.waiting[point] = 0;
    // Taking from the front of an array or a Set costs its whole length each time: the taken part goes now and then.
    if (this.head === this.items.length || this.head >= 65_536) {
      this.items.splice(0, this.head);
      this.head = 0;
    }
    return point;
  }

  clear(): void {
    this.items.length = 0;
    this.head = 0;
    this.waiting.fill(0);
  }
}
