import type { Random } from '../random.ts';

/** Draws a day of a household, and how long and how hard they run: taps, showers, a washing machine, a cistern. */
const DRAWS_PER_DAY = 38;
const DRAW_S = [15, 240] as const;
const DRAW_M3_PER_H = [0.12, 0.85] as const;
/** A dripping cistern: what one household in four loses all the time. */
const DRIP_M3_PER_H = 0.012;
const DRIP_SHARE = 0.25;

/** One household behind a meter: water runs in draws, seldom at night. */
export class Customer {
  private readonly random: Random;
  private readonly dripM3PerH: number;
  private leftS = 0;
  private drawM3PerH = 0;

  constructor(random: Random) {
    this.random = random;
    this.dripM3PerH = random.next() < DRIP_SHARE ? DRIP_M3_PER_H : 0;
  }

  /** @returns what it draws now, m3/h */
  step(seconds: number, share: number): number {
    this.leftS -= seconds;
    if (this.leftS <= 0) {
      const starts = this.random.next() < (DRAWS_PER_DAY * share * seconds) / 86_400;
      this.leftS = starts ? this.random.between(...DRAW_S) : 0;
      this.drawM3PerH = starts ? this.random.between(...DRAW_M3_PER_H) : 0;
    }
    return this.drawM3PerH + this.dripM3PerH;
  }
}
