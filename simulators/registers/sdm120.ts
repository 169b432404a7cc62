import type { RegisterModel } from './model.ts';

/**
 * Eastron SDM120 single-phase meter: input registers, floats, high word first. Takes voltage V, current A, power kW,
 * energy kW.h.
 *
 * @see domain notes, devices 4; volkszaehler/mbmd, meters/rs485/sdm120.go
 */
export const sdm120: RegisterModel = {
  name: 'eastron-sdm120',
  noise: { voltage: 0.001, current: 0.003, power: 0.003 },
  counters: [{ of: 'power', into: 'energy', perSecond: 1 / 3600, startMax: 60_000 }],
  reserved: [{ table: 'inputRegister', from: 0, to: 0x160 }],
  encode(memory, of) {
    const table = 'inputRegister';
    const apparent = (of('voltage') * of('current')) / 1000;
    memory.float32(table, 0x00, of('voltage'), 'ABCD');
    memory.float32(table, 0x06, of('current'), 'ABCD');
    memory.float32(table, 0x0c, of('power') * 1000, 'ABCD');
    memory.float32(table, 0x12, apparent * 1000, 'ABCD');
    memory.float32(table, 0x18, Math.sqrt(Math.max(0, apparent ** 2 - of('power') ** 2)) * 1000, 'ABCD');
    memory.float32(table, 0x1e, apparent > 0.01 ? Math.min(1, of('power') / apparent) : 1, 'ABCD');
    memory.float32(table, 0x46, 50, 'ABCD');
    memory.float32(table, 0x48, of('energy'), 'ABCD');
    memory.float32(table, 0x4a, 0, 'ABCD');
    memory.float32(table, 0x0156, of('energy'), 'ABCD');
  },
};
