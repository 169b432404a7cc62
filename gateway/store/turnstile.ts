import { StoreError } from './store.ts';

/** Lets some in at once, and the others in the order they came. */
export class Turnstile {
  private inside = 0;
  private refusals = 0;
  private readonly queue: (() => void)[] = [];
  private readonly max: number;
  private readonly waitMax: number;

  /**
   * @param max - who may be inside at once
   * @param waitMax - who may wait
   */
  constructor(max: number, waitMax: number) {
    this.max = max;
    this.waitMax = waitMax;
  }

  get active(): number {
    return this.inside;
  }

  get waiting(): number {
    return this.queue.length;
  }

  get refused(): number {
    return this.refusals;
  }

  /** @throws StoreError `query-timeout` when too many wait already */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside < this.max) this.inside++;
    else {
      if (this.queue.length >= this.waitMax) {
        this.refusals++;
        throw new StoreError('query-timeout', 'too many queries at once', { retryable: true });
      }
      await new Promise<void>((resolve) => this.queue.push(resolve));
    }
    try {
      return await work();
    } finally {
      // Who leaves hands the place on.
      const next = this.queue.shift();
      if (next === undefined) this.inside--;
      else next();
    }
  }
}
