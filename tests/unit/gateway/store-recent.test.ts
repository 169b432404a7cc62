import { describe, expect, it } from 'vitest';
import { ReadingBuffer } from '../../../gateway/domain/readings.ts';
import { Recent } from '../../../gateway/store/recent.ts';

const ALL = { from: 0, to: 1e15 };

function rows(...list: readonly (readonly [point: number, ts: number, value: number])[]): ReadingBuffer {
  const readings = new ReadingBuffer(1);
  for (const [point, ts, value] of list) readings.push(point, ts, value, 0, 0);
  return readings;
}

describe('rows of hot tables in memory', () => {
  it('come by point in the order of time, of one moment the one that came last', () => {
    const recent = new Recent();
    recent.begin('hot_1');
    recent.take('hot_1', rows([7, 10, 1], [3000, 10, 2], [7, 30, 3], [7, 20, 4]));
    recent.begin('hot_2');
    recent.take('hot_2', rows([7, 20, 5], [7, 40, 6]));
    expect(recent.view().rowsOf(7, ALL)).toMatchObject({
      ts: [10, 20, 30, 40],
      value: [1, 5, 3, 6],
      isLate: [0, 1, 0, 0],
    });
    expect(recent.view().rowsOf(7, { from: 20, to: 40 })).toMatchObject({ ts: [20, 30] });
    expect(recent.view().rowsOf(8, ALL)).toMatchObject({ ts: [] });
    expect(recent.view().rowsOf(1e6, ALL)).toMatchObject({ ts: [] });
  });

  it('are seen as they were when the question began', () => {
    const recent = new Recent();
    recent.begin('hot_1');
    recent.take('hot_1', rows([1, 10, 1]));
    const before = recent.view();
    recent.take('hot_1', rows([1, 20, 2]));
    recent.drop('hot_1');
    expect(before.rowsOf(1, ALL)).toMatchObject({ ts: [10] });
    expect(recent.view().tables.size).toBe(0);
  });

  it('take a bounded room: the oldest table goes, never a part of one', () => {
    const recent = new Recent(5);
    recent.begin('hot_1');
    recent.take('hot_1', rows([1, 1, 1], [1, 2, 2], [1, 3, 3]));
    recent.begin('hot_2');
    recent.take('hot_2', rows([1, 4, 4], [1, 5, 5]));
    expect(recent.view().rowsOf(1, ALL).ts).toEqual([1, 2, 3, 4, 5]);
    recent.take('hot_2', rows([1, 6, 6]));
    expect([...recent.view().tables]).toEqual(['hot_2']);
    expect(recent.view().rowsOf(1, ALL).ts).toEqual([4, 5, 6]);
    // More than there is room for, in one table: none of it.
    recent.take('hot_2', rows([1, 7, 7], [1, 8, 8], [1, 9, 9]));
    expect(recent.view().tables.size).toBe(0);
  });

  it('count as late when something of the point may be as new: before the start, or in a table that is gone', () => {
    const recent = new Recent();
    recent.start(100);
    recent.begin('hot_2');
    // Goes to a table that is not held here.
    recent.take('hot_1', rows([3, 500, 0]));
    recent.take('hot_2', rows([1, 100, 0], [2, 101, 0], [2, 60, 0], [3, 400, 0], [3, 501, 0]));
    const isLate = (point: number) => recent.view().rowsOf(point, ALL).isLate;
    expect([isLate(1), isLate(2), isLate(3)]).toEqual([[1], [1, 0], [1, 0]]);
    recent.clear();
    recent.begin('hot_3');
    recent.take('hot_3', rows([3, 501, 0], [3, 502, 0]));
    expect(isLate(3)).toEqual([1, 0]);
  });

  it('of more than one piece of a table are all there', () => {
    const recent = new Recent();
    recent.begin('hot_1');
    const many = new ReadingBuffer();
    for (let row = 0; row < 200_000; row++) many.push(row % 3, row, row, 0, 0);
    recent.take('hot_1', many);
    const { ts, value } = recent.view().rowsOf(2, ALL);
    expect([ts.length, ts[0], ts.at(-1), value.at(-1)]).toEqual([66_666, 2, 199_997, 199_997]);
  });
});
