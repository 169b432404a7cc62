/**
 * Seeded random numbers (mulberry32, 32 bits of state). The same seed and the same forks give the same run,
 * whatever else draws numbers in between.
 */
export class Random {
  private state: number;
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.state = this.seed;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Mean 0, standard deviation 1 (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** An independent stream for a named thing; depends on the seed and the name only, not on numbers drawn. */
  fork(name: string): Random {
    let hash = 0x811c9dc5 ^ this.seed;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    return new Random(hash >>> 0);
  }
}

/** A value that wanders around 0 with standard deviation 1 and forgets itself over `memoryS` (Ornstein-Uhlenbeck). */
export class Wander {
  value: number;
  private readonly random: Random;
  private readonly memoryS: number;

  constructor(random: Random, memoryS: number) {
    this.random = random;
    this.memoryS = memoryS;
    this.value = random.normal();
  }

  step(seconds: number): number {
    const keep = Math.exp(-seconds / this.memoryS);
    this.value = this.value * keep + Math.sqrt(1 - keep * keep) * this.random.normal();
    return this.value;
  }
}
