import type { RegisterModel } from './model.ts';

const CHANNELS = ['temperatureA', 'temperatureB', 'temperatureC', 'temperatureCore'] as const;
/** Codes the device shows in place of a temperature. */
const SENSOR_OPEN = 0x7000;
const ABOVE_RANGE = 0x6000;
const BELOW_RANGE = 0x8000;
const RANGE_CEL = [-30, 240] as const;

/**
 * Lead LD-BK10 (4 channels) dry-transformer temperature controller: holding registers 0..3 in 0.1 Cel with codes for a broken sensor,
 * input register 0 with the relay bits. Takes temperatureA..C and temperatureCore Cel (NaN = sensor open),
 * and fan, trip, overTemperature, overTemperatureCore, fault, fanFault, heater, door as 0 or 1.
 *
 * @see domain notes, devices 5.1
 */
export const ldBk10: RegisterModel = {
  name: 'lead-ld-bk10',
  noise: {},
  counters: [],
  encode(memory, of) {
    CHANNELS.forEach((channel, address) => {
      const cel = of(channel);
      if (Number.isNaN(cel)) memory.uint16('holdingRegister', address, SENSOR_OPEN);
      else if (cel > RANGE_CEL[1]) memory.uint16('holdingRegister', address, ABOVE_RANGE);
      else if (cel < RANGE_CEL[0]) memory.uint16('holdingRegister', address, BELOW_RANGE);
      else memory.int16('holdingRegister', address, cel * 10);
    });
    const bits = ['fan', 'trip', 'overTemperature', 'overTemperatureCore', 'fault', 'fanFault', 'heater', 'door'];
    const word = bits.reduce((sum, bit, index) => sum + (of(bit) > 0.5 ? 1 << index : 0), 0);
    memory.uint16('inputRegister', 0, word);
  },
};
