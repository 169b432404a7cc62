import type { RegisterModel } from './model.ts';

/**
 * Danfoss VLT drive, here of a jet fan: parameter PP-NN at address PPNN * 10 - 1. Takes current A, frequency Hz, power kW,
 * running and fault as 0 or 1, runHours h, energy kW.h.
 *
 * @see domain notes, devices 6.1
 */
export const danfossFc: RegisterModel = {
  name: 'danfoss-fc',
  noise: { current: 0.01 },
  counters: [
    { of: 'running', into: 'runHours', perSecond: 1 / 3600, startMax: 9000 },
    { of: 'power', into: 'energy', perSecond: 1 / 3600, startMax: 60_000 },
  ],
  encode(memory, of) {
    const table = 'holdingRegister';
    memory.uint16(table, 16_139, of('current') * 100);
    memory.uint16(table, 16_129, of('frequency') * 10);
    memory.uint32(table, 16_899, of('fault') > 0.5 ? 0x0000_4000 : 0, 'ABCD');
    memory.uint32(table, 16_919, 0, 'ABCD');
    memory.uint32(table, 15_009, of('runHours'), 'ABCD');
    memory.uint32(table, 15_019, of('energy'), 'ABCD');
    const running = of('running') > 0.5;
    memory.uint16(table, 50_199, 0b11 | (of('fault') > 0.5 ? 1 << 3 : 0) | (1 << 9) | (running ? 1 << 11 : 0));
  },
};
