import type { RegisterModel } from './model.ts';

/**
 * Sokol-M weather station: holding registers. Takes temperature Cel, humidity %, windSpeed m/s, windDirection deg,
 * rain mm/h, illuminance lx (the register holds at most 65535).
 *
 * @see domain notes, devices 6.2
 */
export const sokolM: RegisterModel = {
  name: 'sokol-m',
  noise: { windSpeed: 0.02, illuminance: 0.01 },
  counters: [],
  reserved: [{ table: 'holdingRegister', from: 0, to: 80 }],
  encode(memory, of) {
    const table = 'holdingRegister';
    memory.int16(table, 3, of('temperature') * 100);
    memory.uint16(table, 4, 9680);
    memory.uint16(table, 5, of('humidity'));
    memory.int16(table, 6, of('windSpeed') * 100);
    memory.uint16(table, 7, of('windDirection'));
    memory.uint16(table, 8, of('rain') * 10);
    memory.uint16(table, 9, of('illuminance'));
    memory.int16(table, 10, of('windSpeed') * 100);
    memory.uint16(table, 11, of('windDirection'));
    memory.uint16(table, 12, 0);
    memory.uint16(table, 13, of('illuminance') / 120);
  },
};
