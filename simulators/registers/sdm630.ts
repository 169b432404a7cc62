import type { RegisterModel } from './model.ts';

const PHASES = ['A', 'B', 'C'] as const;

/**
 * Eastron SDM630 three-phase power meter: input registers, 32-bit floats, high word first.
 * Takes voltageA..C V, currentA..C A, powerA..C kW, power kW, apparentPower kV.A, reactivePower kvar, powerFactor,
 * frequency Hz, energy kW.h, thdVoltage %. Power registers are in W, VA and var.
 *
 * @see domain notes, devices 4.1
 */
export const sdm630: RegisterModel = {
  name: 'eastron-sdm630',
  noise: { voltageA: 0.0005, voltageB: 0.0005, voltageC: 0.0005, currentA: 0.002, currentB: 0.002, currentC: 0.002 },
  counters: [{ of: 'power', into: 'energy', perSecond: 1 / 3600, startMax: 2_000_000 }],
  reserved: [
    { table: 'inputRegister', from: 0, to: 0x63 },
    { table: 'inputRegister', from: 0xe0, to: 0xff },
  ],
  encode(memory, of) {
    const put = (address: number, value: number) => memory.float32('inputRegister', address, value, 'ABCD');
    PHASES.forEach((phase, index) => {
      const step = 2 * index;
      put(0x00 + step, of(`voltage${phase}`));
      put(0x06 + step, of(`current${phase}`));
      put(0x0c + step, of(`power${phase}`) * 1000);
      put(0x12 + step, of(`voltage${phase}`) * of(`current${phase}`));
      put(0x18 + step, (of('reactivePower') * 1000) / 3);
      put(0x1e + step, of('powerFactor'));
      put(0xea + step, of('thdVoltage'));
    });
    put(0x30, of('currentA') + of('currentB') + of('currentC'));
    put(0x34, of('power') * 1000);
    put(0x38, of('apparentPower') * 1000);
    put(0x3c, of('reactivePower') * 1000);
    put(0x3e, of('powerFactor'));
    put(0x42, (Math.acos(Math.min(1, Math.max(-1, of('powerFactor')))) * 180) / Math.PI);
    put(0x46, of('frequency'));
    put(0x48, of('energy'));
    put(0x4a, 0);
    put(0x4c, of('energy') * 0.3);
    put(0x4e, 0);
    put(0xf8, of('thdVoltage'));
    put(0x0156, of('energy'));
    put(0x0158, of('energy') * 0.3);
  },
};
