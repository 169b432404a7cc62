import { describe, expect, it } from 'vitest';
import { checkZones, whyNoBalance, type ZoneModel } from '../../../../../gateway/domain/leakage/network.ts';

const zone = (id: string, more: Partial<ZoneModel> = {}): ZoneModel => ({
  id,
  inlets: [],
  outlets: [],
  tanks: [],
  customers: [],
  pressures: [],
  ...more,
});

describe('zones of a network', () => {
  it('may pass water on', () => {
    expect(checkZones([zone('A', { inlets: ['m/1'], outlets: ['m/2'] }), zone('B', { inlets: ['m/2'] })])).toEqual([]);
  });

  it('can not be fed and left by the same meter, nor share one', () => {
    const faults = checkZones([zone('A', { inlets: ['m/1'], outlets: ['m/1'] }), zone('B', { inlets: ['m/1'] })]);
    expect(faults.map(({ zone: of, key }) => `${of} ${key}`)).toEqual(['A inlets', 'B inlets']);
  });

  it('lie within zones that exist, and not within themselves', () => {
    expect(checkZones([zone('A', { within: 'X' })])[0]).toMatchObject({ key: 'within', found: 'X' });
    expect(checkZones([zone('A', { within: 'B' }), zone('B', { within: 'A' })])).toHaveLength(2);
  });

  it('within another do not lie behind its outlets', () => {
    const zones = [zone('A', { inlets: ['m/1'], outlets: ['m/2'] }), zone('B', { within: 'A', inlets: ['m/2'] })];
    expect(checkZones(zones)).toMatchObject([{ zone: 'B', key: 'inlets', found: 'm/2' }]);
  });

  it('say of what their coverage, counters and tanks are', () => {
    expect(checkZones([zone('A', { inlets: ['m/1'], coverage: 0.5 })])[0]).toMatchObject({ key: 'coverage' });
    expect(checkZones([zone('A', { inlets: ['m/1'], totalizers: { 'm/9': 'c/9' } })])[0]).toMatchObject({
      key: 'totalizers',
      found: 'm/9',
    });
    expect(checkZones([zone('A', { tanks: [{ level: 't/level', areaM2: 9 }] })])[0]).toMatchObject({ key: 'tanks' });
  });

  it('say why they have no balance', () => {
    expect(whyNoBalance(zone('B', { within: 'A' }))).toBe('no inlet meter; seen by the meters of A');
    expect(whyNoBalance(zone('A', { inlets: ['m/1'] }))).toBeUndefined();
  });
});
