import type { RegisterModel } from './model.ts';

/**
 * A single-lamp controller behind its concentrator, by the product's template: no maker publishes a map, so the registers
 * stand in a row. Takes on, level %, voltage V, current A, power W, powerFactor, temperature Cel, lampFailure.
 *
 * @see domain notes, devices 3.2 and 3.3
 */
export const lampController: RegisterModel = {
  name: 'generic-lamp-controller',
  noise: { voltage: 0.002, current: 0.01, power: 0.01, temperature: 0.01 },
  counters: [{ of: 'power', into: 'energy', perSecond: 1 / 3_600_000, startMax: 900 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    memory.uint16(table, 0, of('on'));
    memory.uint16(table, 1, of('level'));
    memory.uint16(table, 2, of('voltage') * 10);
    memory.uint16(table, 3, of('current') * 1000);
    memory.uint16(table, 4, of('power') * 10);
    memory.int16(table, 5, of('powerFactor') * 1000);
    memory.uint32(table, 6, of('energy') * 100, 'ABCD');
    memory.int16(table, 8, of('temperature') * 10);
    memory.uint16(table, 9, of('lampFailure') > 0.5 ? 1 : 0);
  },
};
