import { describe, expect, it } from 'vitest';
import { seeded } from '../../../../../bench/leakage/made-network.ts';
import { PressureWatch } from '../../../../../gateway/domain/leakage/pressure-watch.ts';

const QUARTERS = 384;

/** Four days of three sensors whose pressure follows the flow, with something happening in the last three hours. */
function run(late: { readonly flow?: number; readonly fall?: number }, options: { readonly missing?: boolean } = {}) {
  const random = seeded(5);
  const watch = new PressureWatch(3);
  for (let index = 0; index < QUARTERS; index++) {
    const isLate = index >= QUARTERS - 12;
    const flow = 60 + 40 * Math.sin((2 * Math.PI * index) / 96) + 6 * random() + (isLate ? (late.flow ?? 0) : 0);
    const at = (loss: number, fall = 0) => 45 - loss * (flow / 60) ** 1.852 + 0.1 * random() - (isLate ? fall : 0);
    const pressures = [at(1), at(2), at(0.5, late.fall ?? 0)];
    watch.step(options.missing ? [undefined, undefined, undefined] : pressures, flow, undefined);
  }
  return watch;
}

describe('the pressures of a zone', () => {
  it('say that a sensor fell by more than the flow explains', () => {
    expect(run({ flow: 15, fall: 0.5 }).fall(12)).toBeGreaterThan(5);
  });

  it('keep quiet when more is drawn everywhere', () => {
    expect(run({ flow: 15 }).fall(12)).toBeLessThan(3);
  });

  it('keep quiet when a pressure rises, far from a leak or at a repair', () => {
    expect(run({ flow: -15, fall: -0.5 }).fall(12)).toBeLessThan(3);
  });

  it('name the sensor', () => {
    const falls = run({ flow: 15, fall: 0.5 }).falls(12);
    expect(falls.indexOf(Math.max(...falls.map((fall) => fall ?? 0)))).toBe(2);
  });

  it('say nothing when nothing is known', () => {
    expect(run({}, { missing: true }).fall(12)).toBeUndefined();
  });
});
