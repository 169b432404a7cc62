import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { toInp } from '../../../simulators/water/inp.ts';
import { buildNetwork } from '../../../simulators/water/network.ts';

const DEMO = resolve(import.meta.dirname, '../../../examples/demo');

describe('the hydraulic model of the demo', () => {
  it('is the town that is simulated', () => {
    expect(readFileSync(join(DEMO, 'town.inp'), 'utf8')).toBe(toInp(buildNetwork()));
  });

  it('knows every pressure sensor at the node it is simulated at', () => {
    const network = buildNetwork();
    const { leakage } = parse(readFileSync(join(DEMO, 'gateway.yaml'), 'utf8')) as {
      leakage: { model: { names: Record<string, string> }; zones: { pressures: string[] }[] };
    };
    const { lines, publishers } = parse(readFileSync(join(DEMO, 'simulate.yaml'), 'utf8')) as Record<
      'lines' | 'publishers',
      { id: string; place: string; devices?: { id: string; place: string }[] }[]
    >;
    const places = new Map(
      [...(lines ?? []).flatMap(({ devices = [] }) => devices), ...(publishers ?? [])].map(({ id, place }) => [
        id,
        place,
      ]),
    );
    const nodeOf = (place = '') => {
      const [, first, ...rest] = place.split('/');
      const area = network.areas.find(({ name }) => name === first);
      if (area === undefined) return rest.join('/');
      return rest[0] === 'middle' ? network.pipes.find(({ id }) => id === area.usualBurst)?.to : area.critical;
    };
    const sensors = leakage.zones.flatMap(({ pressures }) => pressures.map((point) => point.split('/')[0] as string));
    expect(Object.fromEntries(sensors.map((id) => [id, nodeOf(places.get(id))]))).toEqual(leakage.model.names);
  });
});
