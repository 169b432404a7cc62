import { describe, expect, it } from 'vitest';
import { walk } from '../../../../gateway/http/walk.ts';

describe('a walk', () => {
  it('visits all in order and lets others have their turn', async () => {
    const seen: number[] = [];
    let turns = 0;
    let isWalking = true;
    const others = (async () => {
      while (isWalking) {
        await new Promise((resolve) => setImmediate(resolve));
        turns++;
      }
    })();
    const items = Array.from({ length: 2000 }, (_, n) => n);
    await walk(items, (item) => {
      seen.push(item);
      // Long work: the clock moves on by itself.
      const until = performance.now() + 0.05;
      while (performance.now() < until);
      return true;
    });
    isWalking = false;
    await others;
    expect(seen).toEqual(items);
    expect(turns).toBeGreaterThan(3);
  });

  it('ends where it is told to', async () => {
    const seen: number[] = [];
    await walk([1, 2, 3, 4], (item) => {
      seen.push(item);
      return item < 3;
    });
    expect(seen).toEqual([1, 2, 3]);
  });
});
