import type { RegisterModel } from './model.ts';

/**
 * WP3066ADAM, eight temperature inputs: holding registers 0..7 in 0.1 Cel. Takes temperature0..7.
 *
 * @see domain notes, devices 5.4
 */
export const wp3066adam: RegisterModel = {
  name: 'wellpro-wp3066adam',
  noise: {},
  counters: [],
  encode(memory, of) {
    for (let input = 0; input < 8; input++) memory.int16('holdingRegister', input, of(`temperature${input}`) * 10);
  },
};
