import type { Table } from './memory.ts';
import type { RegisterModel } from './model.ts';

/**
 * Sensorbee base unit with CO2, NO2 and CO cells: 32-bit floats, high word first, the same under function codes 3 and 4.
 * Takes co and no2 in ppm; the registers hold mg/m3 and ug/m3 (1 ppm CO = 1.16 mg/m3, NO2 = 1.91 mg/m3 at 20 Cel).
 *
 * @see https://docs.sensorbee.com, Modbus gas register map
 */
export const sensorbeeGas: RegisterModel = {
  name: 'sensorbee-gas',
  noise: { co: 0.01, no2: 0.015 },
  counters: [],
  encode(memory, of) {
    for (const table of ['holdingRegister', 'inputRegister'] satisfies Table[]) {
      for (const [address, value] of [
        [0x00a0, 420 + 8 * of('co')],
        [0x00c0, of('no2') * 1910],
        [0x00e0, of('co') * 1.16],
      ] as const) {
        memory.float32(table, address, value, 'ABCD');
        memory.float32(table, address + 2, value, 'ABCD');
        memory.float32(table, address + 4, 1, 'ABCD');
        memory.float32(table, address + 6, 0, 'ABCD');
      }
    }
  },
};
