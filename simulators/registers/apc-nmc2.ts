import type { RegisterModel } from './model.ts';

/**
 * APC UPS with network management card 2: holding registers. Takes onBattery 0 or 1, battery %, minutesLeft min,
 * batteryVoltage V, temperature Cel, load %, replaceBattery 0 or 1.
 *
 * @see domain notes, devices 5.5
 */
export const apcNmc2: RegisterModel = {
  name: 'apc-nmc2',
  noise: {},
  counters: [],
  reserved: [{ table: 'holdingRegister', from: 3, to: 18 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    const onBattery = of('onBattery') > 0.5;
    const low = of('battery') < 25;
    const bits = (onBattery ? 1 << 4 : 1 << 3) | (low ? 1 << 6 : 0) | (of('replaceBattery') > 0.5 ? 1 << 7 : 0);
    memory.uint16(table, 3, bits);
    memory.uint16(table, 5, of('battery'));
    memory.uint16(table, 6, of('minutesLeft'));
    memory.uint16(table, 7, of('batteryVoltage'));
    memory.uint16(table, 8, of('temperature'));
    memory.uint16(table, 12, of('load'));
    memory.uint16(table, 14, 220);
    memory.uint16(table, 17, onBattery ? 0 : 221);
    memory.uint16(table, 18, 50);
  },
};
