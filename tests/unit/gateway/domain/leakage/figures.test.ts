import { describe, expect, it } from 'vitest';
import {
  backgroundLeakage,
  correctedLossRate,
  grossLossRate,
  leakageIndex,
  legitimateNightUse,
  minimumNightFlow,
  nightToDayFactor,
  regionLossRate,
  unavoidableLosses,
  waterBalance,
} from '../../../../../gateway/domain/leakage/figures.ts';

const SIZE = { mainsKm: 40, connections: 4000, privateKm: 20, pressure: 40 };

describe('figures a utility reports', () => {
  it('splits the supplied water into authorised use, apparent and real losses', () => {
    const balance = waterBalance({ suppliedM3: 1000, billedM3: 800, unbilledM3: 20, apparentM3: 30 });
    expect(balance).toEqual({ authorisedM3: 820, lossesM3: 180, apparentM3: 30, realM3: 150, nonRevenueM3: 200 });
  });

  it('says which rate it is, and grades only the corrected one', () => {
    const gross = grossLossRate(1000, 840)!;
    expect(gross).toEqual({ basis: 'gross', percent: 16 });
    const none = { households: 0, pipeLength: 0, pressure: 0, frost: 0 };
    expect(correctedLossRate(gross, { ...none, households: 3, pressure: 1.5 })).toEqual({
      basis: 'corrected',
      percent: 11.5,
      grade: 'II',
    });
    expect(correctedLossRate(gross, { ...none, households: 6 }).grade).toBe('I');
    expect(correctedLossRate(gross, none).grade).toBe('worse than II');
  });

  it('has no rate without supply', () => {
    expect(grossLossRate(0, 0)).toBeUndefined();
    expect(regionLossRate([])).toBeUndefined();
  });

  it('weighs regions by their supply', () => {
    expect(
      regionLossRate([
        { suppliedM3: 900, percent: 10 },
        { suppliedM3: 100, percent: 30 },
      ]),
    ).toBeCloseTo(12);
  });

  it('takes the least whole hour of a night and no hour with a hole', () => {
    expect(minimumNightFlow([9, 9, 9, 9, 4, null, 4, 4, 6, 6, 6, 6], 4)).toBe(5);
    expect(minimumNightFlow([1, null, 1, 1], 4)).toBeUndefined();
  });

  it('allows 0.6 litres a person and hour at night', () => {
    expect(legitimateNightUse(1000)).toBeCloseTo(0.6);
  });

  it('carries the night to the day by pressure', () => {
    expect(nightToDayFactor(new Array(24).fill(50), 50)).toBe(24);
    expect(nightToDayFactor([...new Array(12).fill(50), ...new Array(12).fill(25)], 50)).toBe(18);
    expect(nightToDayFactor([50], 50)).toBeUndefined();
  });

  it('computes background leakage, unavoidable losses and their index', () => {
    expect(backgroundLeakage({ ...SIZE, pressure: 50 })).toBeCloseTo(17.6);
    expect(unavoidableLosses(SIZE)).toBeCloseTo(176.8);
    expect(leakageIndex(884, SIZE)).toMatchObject({ ili: 5, band: 'B', doubts: [] });
  });

  it('says when the index should not be quoted', () => {
    const small = leakageIndex(100, { ...SIZE, connections: 200, pressure: 20 })!;
    expect(small.doubts).toEqual(['fewer than 3000 connections', 'pressure below 25 m']);
    expect(leakageIndex(10, { mainsKm: 0, connections: 0, privateKm: 0, pressure: 40 })).toBeUndefined();
  });
});
