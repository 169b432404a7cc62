import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localClock } from '../../../simulators/calendar.ts';
import { demandShare } from '../../../simulators/demand.ts';
import { Lighting, lampPowerW, scheduledLevel } from '../../../simulators/lighting.ts';
import type { Plant, Surroundings } from '../../../simulators/plant.ts';
import { DataPlant, readPlantFiles } from '../../../simulators/plants/data-plant.ts';
import { Random } from '../../../simulators/random.ts';
import { Substation } from '../../../simulators/substation.ts';
import { Tunnel } from '../../../simulators/tunnel.ts';
import { Weather } from '../../../simulators/weather.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const NOON: Surroundings = {
  at: 0,
  hour: 12,
  weekday: 2,
  dayOfYear: 200,
  holiday: false,
  airCel: 28,
  humidity: 70,
  rainMmPerH: 0,
  windMPerS: 1,
  windDirectionDeg: 90,
  sunElevationDeg: 60,
  illuminanceLx: 80_000,
};
const NIGHT: Surroundings = { ...NOON, hour: 21, sunElevationDeg: -30, illuminanceLx: 0.2, airCel: 18 };

function run(plant: Plant, surroundings: Surroundings, minutes: number): void {
  for (let second = 0; second < minutes * 60; second += 2) plant.step(2, surroundings);
}
const at = (plant: Plant, place: string, quantity: string) => plant.sense(place)?.[quantity] ?? Number.NaN;

describe('demand', () => {
  it('means the daily mean over a day, and falls to a third of it at night', () => {
    const spring = { ...NOON, dayOfYear: 114, airCel: 18 };
    const hours = Array.from({ length: 24 }, (_, hour) => demandShare({ ...spring, hour }));
    expect(hours.reduce((sum, share) => sum + share, 0) / 24).toBeCloseTo(1, 1);
    expect(Math.min(...hours)).toBeLessThan(0.35);
  });

  it('knows week-ends, heat and holidays', () => {
    expect(demandShare({ ...NOON, hour: 7, weekday: 6 })).toBeLessThan(demandShare({ ...NOON, hour: 7 }));
    expect(demandShare({ ...NOON, airCel: 36 })).toBeGreaterThan(demandShare(NOON));
    expect(demandShare({ ...NOON, holiday: true, hour: 10 })).toBeGreaterThan(demandShare({ ...NOON, hour: 10 }));
  });
});

describe('weather', () => {
  it('has the sun of Kaizhou: up at noon, down at midnight, and rain when it is made to', () => {
    const noon = Date.parse('2026-06-21T12:40:00+08:00');
    const options = { timezone: 'Asia/Shanghai', latitude: 31.16, longitude: 108.39 };
    const weather = new Weather({ ...options, at: noon, random: new Random(1) });
    expect(weather.surroundings().sunElevationDeg).toBeGreaterThan(80);
    expect(weather.move(noon + 12 * 3_600_000, 1).sunElevationDeg).toBeLessThan(-30);
    weather.setFault('rain', 'station', 30);
    expect(weather.move(noon, 1).rainMmPerH).toBe(30);
    expect(localClock('Asia/Shanghai')(noon).hour).toBeCloseTo(12.67, 1);
  });
});

describe('street lighting', () => {
  const settled = (surroundings: Surroundings) => {
    const lighting = new Lighting(new Random(2));
    run(lighting, surroundings, 2);
    return lighting;
  };

  it('follows the sun, except where it burns day and night', () => {
    expect(scheduledLevel({ always: false }, NOON)).toBe(0);
    expect(scheduledLevel({ always: false }, NIGHT)).toBe(1);
    expect(scheduledLevel({ always: false }, { ...NIGHT, hour: 1 })).toBeLessThan(1);
    expect(scheduledLevel({ always: true }, NOON)).toBe(1);
  });

  it('draws power with the level, a share of its own in the driver, more with age and less with heat', () => {
    expect(lampPowerW(100, 0.5, 25, 0)).toBeGreaterThan(50);
    expect(lampPowerW(100, 1, 25, 10)).toBeGreaterThan(lampPowerW(100, 1, 25, 0));
    expect(lampPowerW(100, 1, 45, 0)).toBeLessThan(lampPowerW(100, 1, 25, 0));
    expect(lampPowerW(100, 0, 25, 0)).toBe(0);
  });

  it('goes dark behind a cut cable, in proportion to the lamps behind it', () => {
    const lighting = settled(NIGHT);
    const before = at(lighting, 'cabinet-2', 'currentB');
    lighting.setFault('cable-cut', 'cabinet-2', 9);
    lighting.step(2, NIGHT);
    expect(at(lighting, 'cabinet-2', 'currentB') / before).toBeCloseTo(9 / 36, 1);
    expect(at(lighting, 'cabinet-2', 'currentA')).toBeGreaterThan(0.9 * before);
  });

  it('leaks more in rain, slowly, and burns by day with a welded contactor', () => {
    const lighting = settled(NOON);
    const dry = at(lighting, 'cabinet-3', 'leakage');
    run(lighting, { ...NOON, rainMmPerH: 30 }, 60);
    expect(at(lighting, 'cabinet-3', 'leakage')).toBeGreaterThan(dry + 30);
    expect(at(lighting, 'cabinet-3', 'currentA')).toBe(0);
    lighting.setFault('contactor-welded', 'cabinet-3', 1);
    lighting.step(2, NOON);
    expect(at(lighting, 'cabinet-3', 'currentA')).toBeGreaterThan(5);
  });
});

describe('the tunnel', () => {
  const rush = { ...NOON, hour: 17 };
  it('stays far below its limits in an ordinary rush hour, worst where the wind leaves it', () => {
    const tunnel = new Tunnel(new Random(3));
    run(tunnel, rush, 40);
    expect(at(tunnel, 'section-3', 'co')).toBeLessThan(40);
    expect(at(tunnel, 'section-3', 'co')).toBeGreaterThan(at(tunnel, 'section-1', 'co'));
    expect(at(tunnel, 'section-3', 'visibility')).toBeLessThan(0.005);
  });

  it('starts its fans in a jam, with inertia, and they clear the air', () => {
    const jam = (fansFailed: boolean) => {
      const tunnel = new Tunnel(new Random(3));
      tunnel.setFault('congestion', 'section-2', 8);
      if (fansFailed) tunnel.setFault('fans-failed', 'fans', 4);
      run(tunnel, rush, 20);
      return tunnel;
    };
    const [cleared, foul] = [jam(false), jam(true)];
    expect(at(cleared, 'fan-1', 'running')).toBe(1);
    expect(at(foul, 'fan-1', 'fault')).toBe(1);
    expect(at(cleared, 'section-3', 'co')).toBeLessThan(0.6 * at(foul, 'section-3', 'co'));
  });

  it('carries smoke, heat and CO of a fire with the wind and not against it', () => {
    const tunnel = new Tunnel(new Random(3));
    run(tunnel, rush, 10);
    const before = at(tunnel, 'section-1', 'temperature');
    tunnel.setFault('fire', 'section-2', 10);
    run(tunnel, rush, 5);
    expect(at(tunnel, 'section-2', 'visibility')).toBeGreaterThan(0.05);
    expect(at(tunnel, 'section-3', 'temperature')).toBeGreaterThan(before + 10);
    expect(Math.abs(at(tunnel, 'section-1', 'temperature') - before)).toBeLessThan(1);
  });

  it('pumps its sump, charges its battery and lights its entrance by the sun', () => {
    const tunnel = new Tunnel(new Random(3));
    run(tunnel, { ...NOON, rainMmPerH: 20 }, 60);
    expect(at(tunnel, 'sump', 'level')).toBeLessThan(0.5);
    tunnel.setFault('mains-lost', 'ups', 1);
    run(tunnel, NOON, 30);
    expect(at(tunnel, 'ups', 'battery')).toBeCloseTo(66.7, 0);
    expect(at(tunnel, 'luminance', 'lth')).toBeGreaterThanOrEqual(0.03 * at(tunnel, 'luminance', 'l20'));
  });
});

describe('the box substation', () => {
  const build = () => new Substation(new Random(4), [{ powerKW: () => 20 }]);
  it('carries its load unevenly, inside the band of the supply', () => {
    const substation = build();
    run(substation, NOON, 5);
    for (const phase of ['A', 'B', 'C']) {
      expect(at(substation, 'incomer', `voltage${phase}`)).toBeGreaterThan(204.6);
      expect(at(substation, 'incomer', `voltage${phase}`)).toBeLessThan(235.4);
    }
    expect(at(substation, 'incomer', 'currentA')).not.toBeCloseTo(at(substation, 'incomer', 'currentB'), 0);
    expect(at(substation, 'incomer', 'apparentPower')).toBeLessThan(630);
  });

  it('heats slowly under overload, starts its fans, and is hotter when they fail', () => {
    const hot = (fanFailed: boolean) => {
      const substation = build();
      run(substation, NOON, 5);
      substation.setFault('overload', 'incomer', 150);
      if (fanFailed) substation.setFault('fan-failed', 'transformer', 1);
      run(substation, NOON, 1);
      const soon = at(substation, 'transformer', 'temperatureA');
      run(substation, NOON, 240);
      return {
        soon,
        later: at(substation, 'transformer', 'temperatureA'),
        fault: at(substation, 'transformer', 'fanFault'),
      };
    };
    const [cooled, uncooled] = [hot(false), hot(true)];
    expect(cooled.soon).toBeLessThan(80);
    expect(cooled.later).toBeGreaterThan(90);
    expect(uncooled.later).toBeGreaterThan(150);
    expect(uncooled.fault).toBe(1);
  });

  it('loses its load, not its voltage, when the breaker trips', () => {
    const substation = build();
    substation.setFault('breaker-trip', 'incomer', 1);
    run(substation, NOON, 1);
    expect(at(substation, 'incomer', 'currentA')).toBe(0);
    expect(at(substation, 'incomer', 'voltageA')).toBeGreaterThan(200);
  });
});

describe('plants described by files', () => {
  const plants = new Map(readPlantFiles(ROOT).map((file) => [file.plant, new DataPlant(file, new Random(5))]));
  const plant = (name: string) => plants.get(name) as DataPlant;

  it('fill a low point in a cloudburst when its pump fails, and drain it afterwards', () => {
    const low = plant('waterlogging');
    low.setFault('pump-failed', 'underpass', 1);
    run(low, { ...NOON, rainMmPerH: 60 }, 10);
    expect(at(low, 'underpass', 'depth')).toBeGreaterThan(27);
    low.setFault('pump-failed', 'underpass', undefined);
    run(low, NOON, 60);
    expect(at(low, 'underpass', 'depth')).toBe(0);
  });

  it('set a quantity by a fault within its lag, and refuse faults that mean nothing there', () => {
    const gallery = plant('gallery');
    expect(gallery.setFault('gas-leak', 'section-12', 30)).toBe(true);
    run(gallery, NOON, 2);
    expect(at(gallery, 'section-12', 'methane')).toBeCloseTo(30, 0);
    expect(at(gallery, 'section-12', 'oxygen')).toBeGreaterThan(20);
    expect(gallery.setFault('gas-leak', 'nowhere', 30)).toBe(false);
    expect(gallery.setFault('pump-failed', 'section-12', 1)).toBe(false);
  });
});
