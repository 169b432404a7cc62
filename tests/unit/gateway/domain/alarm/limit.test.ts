import { describe, expect, it } from 'vitest';
import { beyondLimit, limitSide } from '../../../../../gateway/domain/alarm/limit.ts';
import { highRule } from '../timeline.ts';

describe('a limit with a deadband', () => {
  const rule = highRule({ setpoint: 80, deadband: 2 });

  it.each([
    ['above', 1, 80, false, false],
    ['above', 1, 80.1, false, true],
    ['above', 1, 79, false, false],
    ['above', 1, 78.1, true, true],
    ['above', 1, 78, true, false],
    ['below', -1, 80, false, false],
    ['below', -1, 79.9, false, true],
    ['below', -1, 81, false, false],
    ['below', -1, 81.9, true, true],
    ['below', -1, 82, true, false],
  ] as const)('%s (%i): %f, tripped %s, is beyond it: %s', (_, side, value, tripped, isBeyond) => {
    expect(beyondLimit(rule, side, value, tripped)).toBe(isBeyond);
  });

  it('of none is left at the setpoint itself', () => {
    const sharp = highRule({ setpoint: 80, deadband: 0 });
    expect(beyondLimit(sharp, 1, 80, true)).toBe(false);
    expect(beyondLimit(sharp, -1, 80, true)).toBe(false);
  });
});

describe('the side of a limit', () => {
  it('is said by its test or its kind, and by neither for what is no plain limit', () => {
    expect(limitSide({ kind: 'high-high', setpoint: 1 })).toBe(1);
    expect(limitSide({ kind: 'low', setpoint: 1 })).toBe(-1);
    expect(limitSide({ kind: 'overload', setpoint: 1, test: { type: 'above' } })).toBe(1);
    expect(limitSide({ kind: 'high', setpoint: 1, test: { type: 'below' } })).toBe(-1);
    expect(limitSide({ kind: 'high' })).toBe(0);
    expect(limitSide({ kind: 'overload', setpoint: 1 })).toBe(0);
    expect(limitSide({ kind: 'high', setpoint: 1, when: [] })).toBe(0);
  });
});
