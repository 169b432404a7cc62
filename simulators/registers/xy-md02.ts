import type { RegisterModel } from './model.ts';

/**
 * XY-MD02 temperature and humidity sensor: input registers 1 and 2. Takes temperature Cel and humidity %.
 *
 * @see domain notes, devices 6.3
 */
export const xyMd02: RegisterModel = {
  name: 'xy-md02',
  noise: { humidity: 0.002 },
  counters: [],
  encode(memory, of) {
    memory.int16('inputRegister', 1, of('temperature') * 10);
    memory.uint16('inputRegister', 2, of('humidity') * 10);
  },
};
