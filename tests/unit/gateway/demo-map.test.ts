import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadGatewayConfig } from '../../../gateway/config.ts';
import { loadPlant } from '../../../gateway/plant-files.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const config = loadGatewayConfig(resolve(ROOT, 'examples/demo/gateway.yaml'), {});
const plant = loadPlant(config, ROOT);

/** Whether a ring holds a place: how often a line to the east crosses it. */
function holds(ring: readonly number[][], [x = 0, y = 0]: readonly (number | undefined)[]): boolean {
  let inside = false;
  for (let at = 1; at < ring.length; at += 1) {
    const [[x1 = 0, y1 = 0], [x2 = 0, y2 = 0]] = [ring[at - 1] as number[], ring[at] as number[]];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) inside = !inside;
  }
  return inside;
}

describe('the map of the demo', () => {
  const features = config.ground?.features ?? [];

  it('outlines every metered area around what measures it', () => {
    for (const { id, inlets, pressures } of config.leakage.zones) {
      const outline = features.find(({ properties }) => properties.zone === id)?.geometry.coordinates[0] as number[][];
      for (const point of [...inlets, ...pressures]) {
        const { latitude, longitude } = plant.describeDevice(point.split('/')[0] as string, {});
        expect(holds(outline, [longitude, latitude]), `${point} in ${id}`).toBe(true);
      }
    }
  });

  it('names what it names in both languages, and puts no instrument into the lake', () => {
    for (const { properties } of features) expect(properties.name === undefined).toBe(properties.nameZh === undefined);
    const lake = features.find(({ properties }) => properties.name === 'Hanfeng Lake')?.geometry.coordinates[0];
    const devices = [...new Set(plant.declared.map(({ device }) => device))].map((id) => plant.describeDevice(id, {}));
    expect(devices.filter(({ latitude }) => latitude !== undefined).length).toBeGreaterThan(90);
    const wet = devices.filter(({ latitude, longitude }) => holds(lake as number[][], [longitude, latitude]));
    expect(wet.map(({ id }) => id)).toEqual([]);
  });
});
