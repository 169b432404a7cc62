import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSimulation } from '../../../simulators/config.ts';
import { buildDistrict } from '../../../simulators/district.ts';
import { readPast, standingFaults } from '../../../simulators/history/past.ts';
import { StandingFaults } from '../../../simulators/history/standing.ts';
import { Simulation } from '../../../simulators/simulation.ts';
import { removeFolder } from '../../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('what the past left behind', () => {
  const faults = standingFaults(readPast(ROOT));
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hanfeng-standing-'));
  });
  afterAll(() => removeFolder(folder));

  const district = async () => {
    const config = loadSimulation(join(ROOT, 'examples/demo/simulate.yaml'));
    const start = Date.parse('2026-11-29T12:00:00+08:00');
    return new Simulation(await buildDistrict({ ...config, root: ROOT, start }), config);
  };

  it('is there from the start, at each start, until somebody repairs it; then it stays repaired', async () => {
    const file = join(folder, 'standing-faults.json');
    const first = await district();
    const standing = new StandingFaults(first, file);
    expect(standing.begin(faults)).toEqual(faults);
    standing.remember();
    expect(first.activeFaults()).toMatchObject(faults.map(({ name, device, value }) => ({ name, device, value })));

    const again = await district();
    const goesOn = new StandingFaults(again, file);
    expect(goesOn.begin(faults)).toEqual(faults);
    for (const { name, device } of faults) again.order({ name, device, on: false });
    goesOn.remember();

    const repaired = await district();
    expect(new StandingFaults(repaired, file).begin(faults)).toEqual([]);
    expect(repaired.activeFaults()).toEqual([]);
  });

  it('draws water: the inflow of Old Town is higher by about what leaks', async () => {
    const [dry, wet] = [await district(), await district()];
    new StandingFaults(wet, undefined).begin(faults);
    const inflow = (simulation: Simulation) => {
      simulation.moveTo(simulation.district.now() + 60_000);
      return simulation.district.plants.get('water')?.sense('dma-2/inlet')?.flow ?? Number.NaN;
    };
    const more = inflow(wet) - inflow(dry);
    expect(more).toBeGreaterThan(10);
    expect(more).toBeLessThan(18);
  });

  it('says so when the file is no such file', async () => {
    const file = join(folder, 'damaged.json');
    writeFileSync(file, '{"repaired": 5}');
    const simulation = await district();
    expect(() => new StandingFaults(simulation, file)).toThrow();
  });
});
