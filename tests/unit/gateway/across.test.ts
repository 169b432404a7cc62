import { expect, it } from 'vitest';
import { Fold } from '../../../gateway/across.ts';
import type { Series } from '../../../gateway/store/store.ts';

const at = (ts: number, value: number, count = 1, worstQuality: 'good' | 'uncertain' = 'good') => ({
  ts,
  value,
  count,
  worstQuality,
});

it('points folded some at a time are what they are all at once', () => {
  const series: Pick<Series, 'values'>[] = [
    { values: [at(20, 1), at(0, 5, 2)] },
    { values: [at(0, -3, 1, 'uncertain')] },
    { values: [at(0, 10), at(20, 7)] },
  ];
  const together = new Fold();
  together.add(series);
  const apart = new Fold();
  for (const one of series) apart.add([one]);
  for (const across of ['sum', 'mean', 'max'] as const) expect(apart.end(across)).toEqual(together.end(across));
  expect(apart.end('sum')).toEqual([at(0, 12, 4, 'uncertain'), at(20, 8, 2)]);
  expect(apart.end('mean').map(({ value }) => value)).toEqual([4, 4]);
  expect(apart.end('max').map(({ value }) => value)).toEqual([10, 7]);
});
