import { describe, expect, it } from 'vitest';
import { Random } from '../../../../simulators/random.ts';
import { Hydraulics } from '../../../../simulators/water/hydraulics.ts';
import { buildNetwork } from '../../../../simulators/water/network.ts';
import { Water } from '../../../../simulators/water/water.ts';
import { Weather } from '../../../../simulators/weather.ts';

const MIDNIGHT = Date.parse('2026-11-22T16:00:00Z');
/** Pressures a town of this height can have: people need 14 m, pipes of class 1.0 MPa hold 100 m. */
const PLAUSIBLE_M = [14, 75] as const;

async function open() {
  const random = new Random(11);
  const weather = new Weather({ timezone: 'Asia/Shanghai', latitude: 31, longitude: 108, at: MIDNIGHT, random });
  const water = await Water.open(random);
  let at = MIDNIGHT;
  const move = (minutes: number, stepS = 60) => {
    for (let second = 0; second < minutes * 60; second += stepS) {
      at += stepS * 1000;
      water.step(stepS, weather.move(at, stepS));
    }
  };
  const flow = (place: string) => water.sense(place)?.flow ?? Number.NaN;
  const pressures = () => water.network.junctions.map(({ id }) => water.hydraulics.pressureM(id));
  return { water, move, flow, pressures };
}

describe('the water network', () => {
  it('is a town of about 300 nodes that does not change from run to run', () => {
    const network = buildNetwork();
    expect(network.junctions.length).toBeGreaterThan(270);
    expect(network.junctions.length).toBeLessThan(330);
    expect(network.areas).toHaveLength(4);
    expect(buildNetwork()).toEqual(network);
  });

  it('loses no water: in less out less stored is below 0.1 % over two days with a burst, a flushing and a pump failure', async () => {
    const { water, move } = await open();
    move(8 * 60);
    water.setFault('burst', 'dma-2/inlet', 45);
    move(4 * 60);
    water.setFault('pump-failed', 'pump-1', 1);
    water.setFault('flushing', 'dma-3/inlet', 60);
    move(12 * 60);
    water.setFault('burst', 'dma-2/inlet', undefined);
    move(24 * 60);
    const { fromSources, drawn, intoTank } = water.hydraulics.balance();
    expect(fromSources).toBeGreaterThan(7000);
    expect(Math.abs(fromSources - drawn - intoTank) / fromSources).toBeLessThan(0.001);
  });

  it('keeps every pressure plausible over a week of ordinary days', async () => {
    const { move, pressures, water } = await open();
    for (let hour = 0; hour < 7 * 24; hour += 2) {
      move(120, 300);
      const all = pressures();
      expect(Math.min(...all)).toBeGreaterThan(PLAUSIBLE_M[0]);
      expect(Math.max(...all)).toBeLessThan(PLAUSIBLE_M[1]);
    }
    const level = water.hydraulics.tankLevelM();
    expect(level).toBeGreaterThan(1.5);
    expect(level).toBeLessThan(5.3);
  });

  it('leaks by the orifice law: the flow out of a hole goes with the square root of its pressure', async () => {
    const network = buildNetwork();
    const hydraulics = await Hydraulics.open(network);
    const node = network.areas[3]?.critical as string;
    for (const { id } of network.junctions) hydraulics.setDemand(id, 0);
    hydraulics.setLeak(node, 3);
    const samples = [0, 250, 500].map((drawnNearby) => {
      hydraulics.setDemand(network.areas[3]?.entry as string, drawnNearby);
      hydraulics.step(5);
      return { pressure: hydraulics.pressureM(node), flow: hydraulics.outflow(node) };
    });
    const [high, , low] = samples as [{ pressure: number }, unknown, { pressure: number }];
    expect(high.pressure / low.pressure).toBeGreaterThan(1.08);
    for (const { pressure, flow } of samples) expect(flow / (3 * Math.sqrt(pressure))).toBeCloseTo(1, 3);
    hydraulics.close();
  });

  it('sends the whole of a burst through the meter of its own area and lowers its pressure', async () => {
    const { water, move, flow } = await open();
    move(180);
    const before = {
      dma1: flow('dma-1/inlet'),
      dma3: flow('dma-3/inlet'),
      kPa: water.sense('dma-1/pressure')?.pressure,
    };
    water.setFault('burst', 'dma-1/inlet', 60);
    move(1, 5);
    expect(flow('dma-1/inlet') - before.dma1).toBeGreaterThan(50);
    expect(flow('dma-1/inlet') - before.dma1).toBeLessThan(66);
    expect(Math.abs(flow('dma-3/inlet') - before.dma3)).toBeLessThan(3);
    expect(water.sense('dma-1/pressure')?.pressure).toBeLessThan(before.kPa ?? 0);
  });

  it('lets a slow leak grow day by day', async () => {
    const { water, move, flow } = await open();
    move(180, 300);
    const before = flow('dma-4/inlet');
    water.setFault('leak', 'dma-4/inlet', 10);
    move(24 * 60, 300);
    expect(flow('dma-4/inlet') - before).toBeGreaterThan(7);
    move(24 * 60, 300);
    expect(flow('dma-4/inlet') - before).toBeGreaterThan(16);
  });

  it('starts the second pump when the first one fails, and keeps the tank from running dry', async () => {
    const { water, move, flow } = await open();
    water.setFault('pump-failed', 'pump-1', 1);
    move(24 * 60);
    expect(flow('pump-1')).toBeCloseTo(0, 3);
    expect(water.hydraulics.tankLevelM()).toBeGreaterThan(1);
  });

  it('raises the pressure of the harbour when its reducing valve fails open, and lowers it when that is repaired', async () => {
    const { water, move } = await open();
    const harbour = () => water.sense('dma-4/pressure')?.pressure ?? 0;
    move(60);
    const before = harbour();
    water.setFault('prv-open', 'dma-4/inlet', 1);
    move(1, 5);
    expect(harbour()).toBeGreaterThan(before + 100);
    water.setFault('prv-open', 'dma-4/inlet', undefined);
    move(1, 5);
    expect(Math.abs(harbour() - before)).toBeLessThan(15);
  });

  it('leaves an area dry when its inlet is shut, without negative flows', async () => {
    const { water, move, flow } = await open();
    move(60);
    water.setFault('inlet-closed', 'dma-2/inlet', 1);
    move(1, 5);
    expect(flow('dma-2/inlet')).toBeCloseTo(0, 3);
    expect(water.sense('dma-2/pressure')?.pressure).toBe(0);
  });

  it('gives every household draws that its meter can count, fewer at night', async () => {
    const { move, flow } = await open();
    let day = 0;
    let night = 0;
    for (let minute = 0; minute < 24 * 60; minute++) {
      move(1);
      const drawn = Array.from({ length: 12 }, (_, index) => flow(`customer/${index + 1}`)).reduce((a, b) => a + b, 0);
      if (minute < 5 * 60) night += drawn / 5;
      else day += drawn / 19;
    }
    expect(night).toBeGreaterThan(0);
    expect(day).toBeGreaterThan(1.5 * night);
  });

  it('refuses a fault where it means nothing', async () => {
    const { water } = await open();
    expect(water.setFault('prv-open', 'dma-1/inlet', 1)).toBe(false);
    expect(water.setFault('burst', 'tank', 1)).toBe(false);
    expect(water.setFault('burst', 'nowhere', 1)).toBe(false);
  });
});
