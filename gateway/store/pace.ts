/** Work goes on for so long before the loop may turn. */
const TURN_MS = 5;

/** Lets others have their turn during work of many small pieces. */
export class Pace {
  private endsAt = performance.now() + TURN_MS;

  /** Call between two pieces: resolves after a turn of the loop when one is due; undefined when the work may go on. */
  breathe(): Promise<void> | undefined {
    if (performance.now() < this.endsAt) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.endsAt = performance.now() + TURN_MS;
        resolve();
      });
    });
  }
}
