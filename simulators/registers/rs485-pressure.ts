import type { RegisterModel } from './model.ts';

/**
 * The common RS-485 pressure or level transmitter: unit code and decimals stand beside the integer value.
 * Takes pressure in kPa. Holding registers; 2 unit (1 = kPa), 3 decimals, 4 value, 5 and 6 range.
 *
 * @see domain notes, devices 2.1
 */
export const rs485Pressure: RegisterModel = {
  name: 'generic-rs485-pressure',
  noise: { pressure: 0.001 },
  counters: [],
  reserved: [{ table: 'holdingRegister', from: 0, to: 15 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    memory.uint16(table, 0, 1);
    memory.uint16(table, 1, 3);
    memory.uint16(table, 2, 1);
    memory.uint16(table, 3, 1);
    memory.int16(table, 4, of('pressure') * 10);
    memory.int16(table, 5, 0);
    memory.int16(table, 6, 16_000);
  },
};
