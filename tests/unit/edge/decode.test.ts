import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { WireValue } from '../../../contract/reading.ts';
import { decodePoint, decodeText, toWire } from '../../../edge/decode.ts';
import { planDevice } from '../../../edge/device.ts';
import { loadModels } from '../../../edge/library.ts';
import { type PointModel, parseModel } from '../../../edge/model.ts';
import { decodeBlock } from '../../../edge/poll.ts';

const models = loadModels([resolve(import.meta.dirname, '../../../edge/devices')]);

/** Decodes registers, given by address, as a device of the library. */
function read(model: string, registers: Readonly<Record<number, number>>): Record<string, WireValue> {
  const found = models.get(model);
  if (found === undefined) throw new Error(`no model ${model}`);
  const config = { id: 'd', model, unitId: 1, every: 1000, groups: {}, report: [] };
  const names = new Map(found.points.filter((point) => !point.hidden).map((point) => [point.id, point.id]));
  const device = {
    names,
    settingIds: new Set(found.points.map((point) => point.id)),
    settings: new Map<string, number>(),
  };
  const values: Record<string, WireValue> = {};
  for (const { block } of planDevice(config, found, {})) {
    const words = Array.from({ length: block.count }, (_, index) => registers[block.address + index] ?? 0);
    const bytes = Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
    Object.assign(values, decodeBlock(device, block, bytes));
  }
  return values;
}

const single = (more: string): PointModel => {
  const text = `model: m\nname: a model\nmaker: t\nclass: other\nsources: { s: a document }\npoints:\n  p: { address: 0, ${more} }\n`;
  const { value, mistakes } = parseModel('m.yaml', text);
  if (value?.points[0] === undefined) throw new Error(JSON.stringify(mistakes));
  return value.points[0];
};
const decodeOne = (more: string, ...words: number[]) => {
  const point = single(more);
  const bytes = Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
  return toWire(
    decodePoint(point, bytes, { table: point.table, address: 0, count: point.length, points: [point] }, new Map()),
  );
};

describe('decoding real devices', () => {
  it('TUF-2000M: low word first, 806B 4212 is 36.625; totals are integer plus fraction', () => {
    const values = read('taosonics-tuf-2000m', { 0: 0x806b, 1: 0x4212, 8: 1234, 9: 0, 10: 0, 11: 0x3f00, 91: 0x0255 });
    expect(values.flow).toBeCloseTo(36.625, 3);
    expect(values.total).toBe(1234.5);
    expect(values.signalQuality).toBe(0x55);
  });

  it('LD-BK10: 7000 is an open sensor, 012C is 30.0, 03E9 is 100.1; door and fan from one register', () => {
    const values = read('lead-ld-bk10', { 0: 0x7000, 1: 0x012c, 2: 0x03e9 });
    expect(values.temperatureA).toEqual({ quality: 'bad', reason: 'sensor-fault' });
    expect(values.temperatureB).toBe(30);
    expect(values.temperatureC).toBe(100.1);
    expect(read('lead-ld-bk10', { 0: 0x0081 })).toMatchObject({ fan: 1, door: 1, trip: 0 });
  });

  it('a pressure transmitter tells unit and decimals: 412 with 3 decimals in MPa are 412 kPa', () => {
    expect(read('generic-rs485-pressure', { 2: 0, 3: 3, 4: 412 }).pressure).toBe(412);
    expect(read('generic-rs485-pressure', { 2: 1, 3: 1, 4: 4125 }).pressure).toBe(412.5);
    expect(read('generic-rs485-pressure', { 2: 99, 3: 1, 4: 4125 }).pressure).toEqual({
      quality: 'bad',
      reason: 'configuration',
    });
  });

  it('ABB B23: all ones are no value, in 32 and 64 bits', () => {
    const values = read('abb-b23', {
      23296: 0xffff,
      23297: 0xffff,
      20480: 0xffff,
      20481: 0xffff,
      20482: 0xffff,
      20483: 0xffff,
    });
    expect(values.voltageA).toEqual({ quality: 'bad', reason: 'no-value' });
    expect(values.energy).toEqual({ quality: 'bad', reason: 'no-value' });
  });

  it('MagFlux: cubic millimetres in 64 bits, lowest word first', () => {
    // 1,234.567 m3 = 1,234,567,000,000 mm3 = 0x0000 011F 71F6 3BC0
    const mm3 = 1_234_567_000_000n;
    const word = (at: bigint) => Number((mm3 >> (16n * at)) & 0xffffn);
    expect(read('xylem-magflux', { 604: word(0n), 605: word(1n), 606: word(2n), 607: word(3n) }).total).toBe(1234.567);
  });

  it('KROHNE: m3/s become m3/h, kelvin become degrees', () => {
    const float = (value: number) => {
      const view = new DataView(new ArrayBuffer(4));
      view.setFloat32(0, value);
      return [view.getUint16(0), view.getUint16(2)] as const;
    };
    const [flowHigh, flowLow] = float(0.01);
    const [kelvinHigh, kelvinLow] = float(293.15);
    const values = read('krohne-ifc300', { 2: flowHigh, 3: flowLow, 6: kelvinHigh, 7: kelvinLow });
    expect(values.flow).toBeCloseTo(36, 4);
    expect(values.coilTemperature).toBeCloseTo(20, 3);
  });

  it('ADL3000-E: energy times the ratio of the current transformers read from the meter', () => {
    expect(read('acrel-adl3000e', { 1: 10_000, 332: 40 }).energy).toBe(4000);
    expect(read('acrel-adl3000e', { 1: 10_000, 332: 0 }).energy).toEqual({ quality: 'bad', reason: 'no-value' });
  });
});

describe('decoding', () => {
  it('NaN and infinity are reasons, never numbers', () => {
    expect(decodeOne('type: float32', 0x7fc0, 0)).toEqual({ quality: 'bad', reason: 'not-a-number' });
    expect(decodeOne('type: float32', 0x7f80, 0)).toEqual({ quality: 'bad', reason: 'not-a-number' });
  });

  it('a value outside its range is a reason, not a number', () => {
    expect(decodeOne('type: int16, range: [0, 100]', 101)).toEqual({ quality: 'bad', reason: 'out-of-range' });
    expect(decodeOne('type: int16, range: [0, 100]', 100)).toBe(100);
  });

  it('reads packed decimals, and refuses digits above nine', () => {
    expect(decodeOne('type: bcd16', 0x1234)).toBe(1234);
    expect(decodeOne('type: bcd32, scale: 0.01', 0x0012, 0x3456)).toBe(1234.56);
    expect(decodeOne('type: bcd16', 0x12a4)).toEqual({ quality: 'bad', reason: 'not-a-number' });
  });

  it('a code without a label keeps its number but is uncertain', () => {
    expect(decodeOne('labels: { 0: closed, 1: open }', 1)).toBe(1);
    expect(decodeOne('labels: { 0: closed, 1: open }', 7)).toEqual({
      value: 7,
      quality: 'uncertain',
      reason: 'out-of-range',
    });
  });

  it('short decimals stay short: 3 times 0.1 is 0.3', () => {
    expect(decodeOne('scale: 0.1', 3)).toBe(0.3);
  });

  it('text drops padding, in either byte order', () => {
    const point = single('type: string, registers: 3');
    const block = { table: point.table, address: 0, count: 3, points: [point] };
    expect(decodeText(point, Uint8Array.from([65, 66, 67, 0, 32, 0]), block)).toBe('ABC');
    expect(decodeText({ ...point, order: 'BADC' }, Uint8Array.from([66, 65, 0, 67, 0, 32]), block)).toBe('ABC');
  });
});
