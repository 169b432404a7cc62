import type { RegisterModel } from './model.ts';

/**
 * WP8026ADAM, 16 digital inputs: discrete inputs 0..15. Takes in0..in15 (1 = closed).
 *
 * @see domain notes, devices 5.4
 */
export const wp8026adam: RegisterModel = {
  name: 'wellpro-wp8026adam',
  noise: {},
  counters: [],
  encode(memory, of) {
    for (let input = 0; input < 16; input++) memory.bit('discreteInput', input, of(`in${input}`) > 0.5);
  },
};
