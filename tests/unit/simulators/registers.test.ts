import { describe, expect, it } from 'vitest';
import { REGISTER_MODELS } from '../../../simulators/registers/index.ts';
import { RegisterMemory } from '../../../simulators/registers/memory.ts';

const hex = (values: readonly number[] | undefined) =>
  values?.map((value) => value.toString(16).padStart(4, '0')).join(' ');

function encoded(model: string, quantities: Readonly<Record<string, number>>): RegisterMemory {
  const memory = new RegisterMemory();
  REGISTER_MODELS.get(model)?.encode(memory, (quantity) => quantities[quantity] ?? 0);
  return memory;
}

describe('register maps of real devices', () => {
  it('shows a flow as the TUF-2000M manual does: low word first', () => {
    // The manual's own example: bytes 80 6B 42 12 are 36.625.
    expect(hex(encoded('taosonics-tuf-2000m', { flow: 36.625_408_172_607_42 }).read('holdingRegister', 0, 2))).toBe(
      '806b 4212',
    );
  });

  it('splits a total of the TUF-2000M into a whole part and a fraction', () => {
    const memory = encoded('taosonics-tuf-2000m', { total: 123_456.75 });
    expect(hex(memory.read('holdingRegister', 8, 4))).toBe('e240 0001 0000 3f40');
  });

  it('answers with the test vector of the LD-BK10 manual: A open, B 30.0, C 100.1', () => {
    const memory = encoded('lead-ld-bk10', { temperatureA: Number.NaN, temperatureB: 30, temperatureC: 100.1 });
    expect(hex(memory.read('holdingRegister', 0, 3))).toBe('7000 012c 03e9');
  });

  it('sets the relay bits of the LD-BK10: fan, trip and door', () => {
    expect(encoded('lead-ld-bk10', { fan: 1, trip: 1, door: 1 }).read('inputRegister', 0, 1)).toEqual([0b1000_0011]);
  });

  it('shows power of the SDM630 in watts, high word first', () => {
    // 1500 W = 44 BB 80 00
    expect(hex(encoded('eastron-sdm630', { power: 1.5 }).read('inputRegister', 0x34, 2))).toBe('44bb 8000');
  });

  it('shows ADW300 volts in tenths and amperes in hundredths', () => {
    const memory = encoded('acrel-adw300', { voltageA: 231.4, currentB: 5.25, power: -1.5 });
    expect(memory.read('holdingRegister', 20, 1)).toEqual([2314]);
    expect(memory.read('holdingRegister', 27, 1)).toEqual([525]);
    expect(hex(memory.read('holdingRegister', 36, 2))).toBe('ffff fa24');
  });

  it('has no value at an address the device does not have', () => {
    expect(encoded('lead-ld-bk10', {}).read('holdingRegister', 0, 5)).toBeUndefined();
  });

  it('holds a value at the end of its range instead of wrapping round', () => {
    const memory = new RegisterMemory();
    memory.uint16('holdingRegister', 0, 70_000);
    memory.int16('holdingRegister', 1, -40_000);
    expect(memory.read('holdingRegister', 0, 2)).toEqual([0xffff, 0x8000]);
  });
});
