import type { RegisterModel } from './model.ts';

/**
 * TUF-2000M clamp-on ultrasonic flow meter: holding registers, low word first, register N of the manual at address N-1.
 * Takes flow m3/h, velocity m/s, total and totalReverse m3, signalQuality 0..99, errorCode.
 *
 * @see TUF-2000F manual, Modbus register list; domain notes, devices 1.1
 */
export const tuf2000m: RegisterModel = {
  name: 'taosonics-tuf-2000m',
  noise: { flow: 0.004, velocity: 0.004 },
  counters: [{ of: 'flow', into: 'total', reverse: 'totalReverse', perSecond: 1 / 3600, startMax: 400_000 }],
  reserved: [{ table: 'holdingRegister', from: 0, to: 199 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    const quality = of('signalQuality');
    memory.float32(table, 0, of('flow'), 'CDAB');
    memory.float32(table, 2, 0, 'CDAB');
    memory.float32(table, 4, of('velocity'), 'CDAB');
    memory.float32(table, 6, 1482, 'CDAB');
    for (const [address, total] of [
      [8, of('total')],
      [12, of('totalReverse')],
      [24, of('total') - of('totalReverse')],
    ] as const) {
      const whole = Math.trunc(total);
      memory.int32(table, address, whole, 'CDAB');
      memory.float32(table, address + 2, total - whole, 'CDAB');
    }
    memory.float32(table, 32, of('waterCel'), 'CDAB');
    memory.float32(table, 34, of('waterCel'), 'CDAB');
    memory.uint16(table, 71, of('errorCode'));
    memory.uint16(table, 91, quality);
    memory.uint16(table, 92, 18 * quality);
    memory.uint16(table, 93, 18 * quality);
    memory.float32(table, 96, quality > 50 ? 100.2 : 92, 'CDAB');
    memory.uint16(table, 1436, 0);
    memory.uint16(table, 1437, 0);
  },
};
