import type { RegisterModel } from './model.ts';

const PHASES = ['A', 'B', 'C'] as const;

/**
 * Acrel ADW300 three-phase meter, as used in lighting cabinets: holding registers, high word first.
 * Takes voltageA..C V, currentA..C A, powerA..C kW, power kW, energy kW.h.
 *
 * @see domain notes, devices 4.6
 */
export const adw300: RegisterModel = {
  name: 'acrel-adw300',
  noise: { voltageA: 0.001, voltageB: 0.001, voltageC: 0.001, currentA: 0.003, currentB: 0.003, currentC: 0.003 },
  counters: [{ of: 'power', into: 'energy', perSecond: 1 / 3600, startMax: 190_000 }],
  reserved: [{ table: 'holdingRegister', from: 0, to: 70 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    PHASES.forEach((phase, index) => {
      memory.uint16(table, 20 + index, of(`voltage${phase}`) * 10);
      memory.uint16(table, 23 + index, of(`voltage${phase}`) * Math.sqrt(3) * 10);
      memory.uint16(table, 26 + index, of(`current${phase}`) * 100);
      memory.int32(table, 30 + 2 * index, of(`power${phase}`) * 1000, 'ABCD');
    });
    memory.uint16(table, 29, 0);
    memory.int32(table, 36, of('power') * 1000, 'ABCD');
    memory.int32(table, 62, of('energy') * 100, 'ABCD');
    memory.int32(table, 64, 0, 'ABCD');
  },
};
