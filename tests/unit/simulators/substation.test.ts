import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSimulation } from '../../../simulators/config.ts';
import { buildDistrict } from '../../../simulators/district.ts';
import { compensatedKPa, gaugeKPa, SF6_FILL_KPA, stepSf6 } from '../../../simulators/sf6.ts';
import { Simulation } from '../../../simulators/simulation.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const START = Date.parse('2026-11-23T12:00:00Z');
const YAML = `
seed: 5
lines:
  - id: box
    listen: 127.0.0.1:0
    devices:
      - { id: pm-01, unitId: 1, model: eastron-sdm630, place: substation/incomer }
      - { id: pm-02, unitId: 2, model: eastron-sdm630, place: substation/feeder-1 }
      - { id: pm-03, unitId: 3, model: eastron-sdm630, place: substation/feeder-2 }
      - { id: pm-04, unitId: 4, model: eastron-sdm630, place: substation/feeder-3 }
      - { id: rc-03, unitId: 5, model: schneider-vigirex-rhu, place: substation/feeder-1 }
      - { id: rm-01, unitId: 6, model: generic-rs485-pressure, place: substation/ring-main }
`;
const FEEDERS = ['pm-02', 'pm-03', 'pm-04'];

async function build() {
  const { config } = parseSimulation(YAML, 'simulate.yaml');
  if (config === undefined) throw new Error('the test configuration is wrong');
  const simulation = new Simulation(await buildDistrict({ ...config, root: ROOT, start: START }), config);
  let now = START;
  return {
    simulation,
    later: (ms: number) => {
      now += ms;
      simulation.moveTo(now);
    },
    of: (device: string, quantity: string) => simulation.values()[device]?.[quantity] ?? Number.NaN,
  };
}

describe('gas of a ring main unit', () => {
  it('presses more when it is warm, and the monitor takes that out again', () => {
    const warm = { fillKPa: SF6_FILL_KPA, gasCel: 45 };
    expect(gaugeKPa({ fillKPa: SF6_FILL_KPA, gasCel: 20 })).toBeCloseTo(SF6_FILL_KPA, 9);
    expect(gaugeKPa(warm)).toBeCloseTo(SF6_FILL_KPA + (141.3 * 25) / 293.15, 6);
    for (const gasCel of [-25, 0, 20, 60])
      expect(compensatedKPa(gaugeKPa({ ...warm, gasCel }), gasCel)).toBeCloseTo(SF6_FILL_KPA, 9);
  });

  it('leaks ever slower, never below the air outside, and is full again when mended', () => {
    const step = (fillKPa: number, leakKPaPerH: number | undefined) =>
      stepSf6({ fillKPa, gasCel: 20 }, { leakKPaPerH, ambientCel: 20, seconds: 3600 }).fillKPa;
    expect(step(SF6_FILL_KPA, 2)).toBeCloseTo(SF6_FILL_KPA - 2, 9);
    expect(step(SF6_FILL_KPA / 4, 2)).toBeCloseTo(SF6_FILL_KPA / 4 - 1, 9);
    expect(step(1, 1e6)).toBe(0);
    expect(step(10, undefined)).toBe(SF6_FILL_KPA);
  });
});

describe('the switchgear of the box substation', () => {
  it('shares the load of the incomer among its feeders, and none is lost', async () => {
    const { of, later } = await build();
    later(60_000);
    const sum = FEEDERS.reduce((total, feeder) => total + of(feeder, 'power'), 0);
    expect(sum).toBeCloseTo(of('pm-01', 'power'), 6);
  });

  it('takes a feeder off when its breaker trips: its load is gone, its voltage and the other feeders stay', async () => {
    const { simulation, of, later } = await build();
    const [before, other] = [of('pm-01', 'power'), of('pm-03', 'power')];
    simulation.order({ name: 'breaker-trip', device: 'pm-02', on: true });
    later(10_000);
    expect(of('pm-02', 'power')).toBe(0);
    expect(of('pm-02', 'currentA')).toBe(0);
    expect(of('pm-02', 'voltageA')).toBeGreaterThan(210);
    expect(of('pm-02', 'in0')).toBe(0);
    expect(of('pm-02', 'in1')).toBe(1);
    expect(of('pm-03', 'power') / other).toBeCloseTo(1, 0);
    expect(of('pm-01', 'power')).toBeLessThan(before * 0.75);
    simulation.order({ name: 'breaker-trip', device: 'pm-02', on: false });
    later(10_000);
    expect(of('pm-02', 'in0')).toBe(1);
    expect(of('pm-02', 'power')).toBeGreaterThan(0);
  });

  it('is dead behind the main breaker, although no feeder breaker moved', async () => {
    const { simulation, of, later } = await build();
    simulation.order({ name: 'breaker-trip', device: 'pm-01', on: true });
    later(10_000);
    for (const feeder of FEEDERS) {
      expect(of(feeder, 'power')).toBe(0);
      expect(of(feeder, 'voltageA')).toBe(0);
      expect(of(feeder, 'in0')).toBe(1);
    }
    expect(of('pm-01', 'currentA')).toBe(0);
    expect(of('pm-01', 'voltageA')).toBeGreaterThan(210);
  });

  it('leaks to earth on the feeder that has the fault, until that one is off', async () => {
    const { simulation, of, later } = await build();
    expect(of('rc-03', 'leakage')).toBeLessThan(100);
    simulation.order({ name: 'earth-fault', device: 'rc-03', on: true, value: 400 });
    later(10_000);
    expect(of('rc-03', 'leakage')).toBeGreaterThan(400);
    expect(of('pm-03', 'leakage')).toBeLessThan(100);
    simulation.order({ name: 'breaker-trip', device: 'rc-03', on: true });
    later(10_000);
    expect(of('rc-03', 'leakage')).toBe(0);
    expect(() => simulation.order({ name: 'earth-fault', device: 'pm-01', on: true })).toThrow(/./);
  });

  it('keeps the gas pressure through a night, and shows a slow leak of two hours', async () => {
    const { simulation, of, later } = await build();
    later(8 * 3_600_000);
    expect(Math.abs(of('rm-01', 'pressure') - SF6_FILL_KPA)).toBeLessThan(0.5);
    simulation.order({ name: 'sf6-leak', device: 'rm-01', on: true, value: 2 });
    later(2 * 3_600_000);
    expect(of('rm-01', 'pressure')).toBeGreaterThan(35.5);
    expect(of('rm-01', 'pressure')).toBeLessThan(36.6);
  });
});
