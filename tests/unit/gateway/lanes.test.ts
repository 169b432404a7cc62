import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AHEAD_MAX,
  countReadings,
  type LaneStep,
  missingReadings,
  newLane,
  placeBatch,
} from '../../../gateway/lanes.ts';

const step = (seq: number, more: Partial<LaneStep> = {}): LaneStep => ({ seq, made: seq, at: 0, ...more });

/** A lane to which these numbers came, in this order. */
const laneOf = (...seqs: number[]) =>
  seqs.reduce((lane, seq) => placeBatch(lane, step(seq)).lane, newLane('e1', 'live'));

describe('a lane', () => {
  it('takes each number once, whatever order and repetition they come in, and ends with no gap', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...Array(20).keys()], { minLength: 20 }),
        fc.array(fc.nat(19)),
        (order, again) => {
          let lane = newLane('e1', 'live');
          const taken: number[] = [];
          for (const number of [...again.slice(0, 10), ...order, ...again]) {
            const verdict = placeBatch(lane, step(number + 1));
            if (verdict.kind === 'new') taken.push(number);
            ({ lane } = verdict);
          }
          expect([...taken].sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
          expect(lane).toMatchObject({
            mark: 20,
            ahead: [],
            made: 20,
            duplicateBatches: again.slice(0, 10).length + again.length,
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('moves its mark over a gap that is filled, up to the next one', () => {
    expect(laneOf(1, 3, 4, 6)).toMatchObject({ mark: 1, ahead: [3, 4, 6] });
    expect(laneOf(1, 3, 4, 6, 2)).toMatchObject({ mark: 4, ahead: [6] });
  });

  it('keeps so many numbers ahead, and leaves what is further to come again', () => {
    const ahead = Array.from({ length: AHEAD_MAX - 1 }, (_, n) => n + 3);
    const lane = { ...newLane('e1', 'live'), ahead };
    const last = placeBatch(lane, step(AHEAD_MAX + 2));
    expect(last.kind).toBe('new');
    const more = placeBatch(last.lane, step(AHEAD_MAX + 3));
    expect(more).toEqual({ kind: 'too-far', lane: last.lane });
    expect(placeBatch(last.lane, step(1)).kind).toBe('new');
  });

  it('counts of a tombstone only the readings of numbers it does not have', () => {
    const dropped = { from: 1, to: 5, readings: 15, counts: [1, 2, 3, 4, 5] };
    const placed = placeBatch(laneOf(1, 4), step(5, { dropped, made: 15 }));
    expect(placed).toMatchObject({ kind: 'new', lane: { mark: 5, ahead: [], dropped: 2 + 3 + 5 } });
    expect(placeBatch(placed.lane, step(5, { dropped, made: 15 }))).toMatchObject({
      kind: 'duplicate',
      lane: { dropped: 10 },
    });
    const { counts: _, ...uncounted } = dropped;
    expect(placeBatch(newLane('e1', 'live'), step(5, { dropped: uncounted })).lane.dropped).toBe(15);
  });

  it('misses what was made and is neither stored, rejected nor dropped', () => {
    const { lane } = placeBatch(
      newLane('e1', 'live'),
      step(2, { made: 100, dropped: { from: 1, to: 1, readings: 20 } }),
    );
    expect(missingReadings(countReadings(lane, { stored: 70, rejected: 4 }))).toBe(6);
    expect(missingReadings(countReadings(lane, { stored: 90, rejected: 4 }))).toBe(0);
  });
});
