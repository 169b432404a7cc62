import type { RegisterModel } from './model.ts';

/**
 * The common RS-485 submersible level transmitter: decimals at 3, value at 4. Takes level in m.
 *
 * @see domain notes, devices 2.1
 */
export const rs485Level: RegisterModel = {
  name: 'generic-rs485-level',
  noise: { level: 0.001 },
  counters: [],
  reserved: [{ table: 'holdingRegister', from: 0, to: 15 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    memory.uint16(table, 0, 1);
    memory.uint16(table, 1, 3);
    memory.uint16(table, 2, 16);
    memory.uint16(table, 3, 3);
    memory.int16(table, 4, of('level') * 1000);
    memory.int16(table, 6, 10_000);
  },
};
