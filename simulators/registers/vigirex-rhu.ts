import type { RegisterModel } from './model.ts';

/** Factory setting of the alarm in a lighting cabinet, mA. */
const THRESHOLD_MA = 300;

/**
 * Schneider Vigirex RHU residual-current monitor: holding registers. Takes leakage mA, toroidOpen 0 or 1.
 *
 * @see domain notes, devices 3.3
 */
export const vigirexRhu: RegisterModel = {
  name: 'schneider-vigirex-rhu',
  noise: { leakage: 0.01 },
  counters: [],
  encode(memory, of) {
    const table = 'holdingRegister';
    const leakage = of('leakage');
    memory.uint16(table, 0x0190, leakage);
    memory.uint16(table, 0x01a4, leakage);
    memory.uint16(table, 0x01b8, (100 * leakage) / THRESHOLD_MA);
    memory.uint16(table, 0x00c9, leakage > THRESHOLD_MA ? 1 : 0);
    memory.uint16(table, 0x00cb, leakage > THRESHOLD_MA / 2 ? 1 : 0);
    memory.uint16(table, 0x00cd, 0);
    memory.uint16(table, 0x00cf, of('toroidOpen') > 0.5 ? 1 : 0);
    memory.uint16(table, 0x01f4, THRESHOLD_MA);
  },
};
