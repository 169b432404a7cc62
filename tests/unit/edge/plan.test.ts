import { describe, expect, it } from 'vitest';
import { budgetOf, requestMs, silentIntervalMs } from '../../../edge/budget.ts';
import { type DeviceConfig, type LineConfig, parseEdgeConfig } from '../../../edge/config.ts';
import { planDevice, wantedPoints } from '../../../edge/device.ts';
import { type DeviceModel, parseModel } from '../../../edge/model.ts';

function model(points: string, more = ''): DeviceModel {
  const text = `model: m\nname: a model\nmaker: t\nclass: other\nsources: { s: a document }\n${more}\npoints:\n${points}`;
  const { value, mistakes } = parseModel('m.yaml', text);
  if (value === undefined) throw new Error(JSON.stringify(mistakes));
  return value;
}

function line(text: string): LineConfig {
  const { value, mistakes } = parseEdgeConfig(`edge: e\nlines:\n  - ${text}\n`, 'edge.yaml');
  const [first] = value?.lines ?? [];
  if (first === undefined) throw new Error(JSON.stringify(mistakes));
  return first;
}

const device = (more: Partial<DeviceConfig> = {}): DeviceConfig => ({
  id: 'd',
  model: 'm',
  unitId: 1,
  every: 1000,
  groups: {},
  report: [],
  ...more,
});
const shape = (planned: ReturnType<typeof planDevice>) =>
  planned.map(({ block, everyMs }) => `${block.table} ${block.address}+${block.count} each ${everyMs}`);

describe('the plan of a device', () => {
  it('reads registers in a row with one request, and tables apart', () => {
    const rows =
      '  a: { address: 1 }\n  b: { address: 2, type: float32 }\n  c: { address: 4 }\n  d: { table: coils, address: 4 }\n';
    expect(shape(planDevice(device(), model(rows), {}))).toEqual([
      'coils 4+1 each 1000',
      'holding-registers 1+4 each 1000',
    ]);
  });

  it('reads point groups at their own rates: the file of the edge first, then the model', () => {
    const rows =
      '  fast: { address: 1, group: quick }\n  normal: { address: 2 }\n  slow: { address: 3, group: seldom }\n';
    const known = model(rows, 'groups: { quick: 100ms, seldom: 1h }');
    expect(shape(planDevice(device({ groups: { seldom: 60_000 } }), known, {}))).toEqual([
      'holding-registers 1+1 each 100',
      'holding-registers 2+1 each 1000',
      'holding-registers 3+1 each 60000',
    ]);
  });

  it('asks first for what other values are computed from, and for nothing that is not needed', () => {
    const rows =
      '  p: { address: 4, decimalsFrom: n }\n  n: { address: 30, hidden: true, group: settings }\n  x: { address: 50 }\n  y: { address: 60 }\n';
    const known = model(rows, 'groups: { settings: 1h }');
    expect(shape(planDevice(device({ points: ['p'] }), known, {}))).toEqual([
      'holding-registers 30+1 each 3600000',
      'holding-registers 4+1 each 1000',
    ]);
  });

  it('gives points the names the edge wants', () => {
    const known = model('  in0: { table: coils, address: 0 }\n  in1: { table: coils, address: 1 }\n');
    expect([...wantedPoints(device({ points: { contactor: 'in0' } }), known).names]).toEqual([['in0', 'contactor']]);
    expect(wantedPoints(device({ points: { contactor: 'in9' } }), known).unknown).toEqual(['in9']);
  });

  it('takes fewer registers a request where the edge says so', () => {
    const rows = Array.from({ length: 10 }, (_, at) => `  p${at}: { address: ${at} }\n`).join('');
    expect(planDevice(device({ maxRegisters: 3 }), model(rows), {})).toHaveLength(4);
  });
});

describe('the time budget of a line', () => {
  const rows = Array.from({ length: 20 }, (_, at) => `  p${at}: { address: ${at} }\n`).join('');
  const planned = planDevice(device(), model(rows), {}).map((one) => ({ ...one, pauseMs: 0, values: 20 }));

  it('adds silence, request, turnaround and reply: 20 registers at 9600 8N1 take about a tenth of a second', () => {
    const rtu = line('{ id: l, transport: rtu, path: /dev/ttyS0, baud: 9600, interFrame: 0ms }');
    const [one] = planned;
    if (one === undefined) throw new Error('no plan');
    // 8 + 45 characters of 10 bits are 55.2 ms, 30 ms turnaround, 3.5 characters of 11 bits are 4.0 ms.
    expect(requestMs(rtu, one)).toBeCloseTo(55.2 + 30 + 4.01, 1);
    expect(budgetOf(rtu, planned)).toMatchObject({ cycleMs: 1000, neededMs: 89, valuesPerSecond: 20 });
  });

  it('counts a request by what it was measured to take, once it was', () => {
    const rtu = line('{ id: l, transport: rtu, path: /dev/ttyS0, interFrame: 20ms }');
    expect(
      budgetOf(
        rtu,
        planned.map((one) => ({ ...one, measuredMs: 180 })),
      )?.neededMs,
    ).toBe(200);
  });

  it('knows the silence of slow and fast lines', () => {
    expect(silentIntervalMs(9600)).toBeCloseTo(4.01, 2);
    expect(silentIntervalMs(2400)).toBeCloseTo(16.04, 2);
    expect(silentIntervalMs(115_200)).toBe(1.75);
  });
});
