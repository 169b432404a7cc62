/** When each point changed last, counted in commits: what a stream that comes back has missed. */
export class ChangeSteps {
  /** Commits so far. */
  now = 0;
  /** Up to which of them the changes are handed to the subscriptions. */
  handedOut = 0;
  /** By dense point id; 0: not since the start. */
  private changedAt = new Float64Array(1024);

  /** A point has a newer value since the commit of now. */
  changed(point: number): void {
    if (point >= this.changedAt.length) {
      const wider = new Float64Array(Math.max(point + 1, this.changedAt.length * 2));
      wider.set(this.changedAt);
      this.changedAt = wider;
    }
    this.changedAt[point] = this.now;
  }

  of(point: number): number {
    return this.changedAt[point] ?? 0;
  }
}
