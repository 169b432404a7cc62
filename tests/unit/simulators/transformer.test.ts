import { describe, expect, it } from 'vitest';
import {
  drySettledRise,
  hotSpotCel,
  type OilConstants,
  ONAN_DISTRIBUTION,
  oilSettled,
  stepDryWinding,
  stepOil,
} from '../../../simulators/transformer.ts';

describe('temperatures of an oil-immersed transformer', () => {
  it('follow the worked example of IEC 60076-7: a day of load steps on an ONAF unit', () => {
    // Data and results of the example as published in the tests of alliander-opensource/transformer-thermal-model
    // (rated top-oil rise 38.3 K, gradient 14.5 K, hot-spot factor 1.4, ambient 25.6; tolerance 1.1 K there too).
    const onaf: OilConstants = {
      R: 1000,
      oilExponent: 0.8,
      windingExponent: 1.3,
      k11: 0.5,
      k21: 2,
      k22: 2,
      tauOilMin: 150,
      tauWindingMin: 7,
      topOilRiseK: 38.3,
      hotSpotRiseK: 1.4 * 14.5,
    };
    const published = [
      { untilMin: 190, loadFactor: 1, topOil: 61.9, hotSpot: 83.8 },
      { untilMin: 365, loadFactor: 0.6, topOil: 44.4, hotSpot: 54 },
      { untilMin: 500, loadFactor: 1.5, topOil: 89.2, hotSpot: 127 },
      { untilMin: 705, loadFactor: 0.3, topOil: 35, hotSpot: 37.5 },
      { untilMin: 730, loadFactor: 2.1, topOil: 67.9, hotSpot: 138.6 },
      { untilMin: 745, loadFactor: 0, topOil: 60.3, hotSpot: 75.3 },
    ];
    let state = { topOilCel: 25.6 + 12.7, windingRiseK: 0, oilCirculationRiseK: 0 };
    let atMin = 0;
    for (const { untilMin, loadFactor, topOil, hotSpot } of published) {
      for (; atMin < untilMin; atMin++) state = stepOil(onaf, state, { loadFactor, ambientCel: 25.6, minutes: 1 });
      expect(Math.abs(state.topOilCel - topOil)).toBeLessThan(1.1);
      expect(Math.abs(hotSpotCel(state) - hotSpot)).toBeLessThan(1.1);
    }
  });

  it('settle where the steady-state formula says, at rated load on the rated rises', () => {
    const settled = oilSettled(ONAN_DISTRIBUTION, 1, 20);
    expect(settled.topOilCel).toBeCloseTo(75, 6);
    expect(hotSpotCel(settled)).toBeCloseTo(98, 6);
    let state = oilSettled(ONAN_DISTRIBUTION, 0.4, 20);
    for (let hour = 0; hour < 48; hour++)
      state = stepOil(ONAN_DISTRIBUTION, state, { loadFactor: 1, ambientCel: 20, minutes: 60 });
    expect(hotSpotCel(state)).toBeCloseTo(98, 1);
  });

  it('do not depend on how a stretch of time is cut into steps', () => {
    const start = oilSettled(ONAN_DISTRIBUTION, 0.4, 20);
    let fine = start;
    for (let minute = 0; minute < 60; minute++)
      fine = stepOil(ONAN_DISTRIBUTION, fine, { loadFactor: 1.3, ambientCel: 30, minutes: 1 });
    const coarse = stepOil(ONAN_DISTRIBUTION, start, { loadFactor: 1.3, ambientCel: 30, minutes: 60 });
    expect(Math.abs(hotSpotCel(fine) - hotSpotCel(coarse))).toBeLessThan(0.5);
  });
});

describe('windings of a cast-resin transformer', () => {
  it('cool when the fans start and heat with the load', () => {
    expect(drySettledRise(1, false)).toBeGreaterThan(drySettledRise(1, true));
    expect(drySettledRise(1.2, false)).toBeGreaterThan(drySettledRise(1, false));
    const after = stepDryWinding(60, { loadFactor: 1, ambientCel: 25, fanOn: false, seconds: 45 * 60 });
    expect((after - 60) / (25 + drySettledRise(1, false) - 60)).toBeCloseTo(1 - Math.exp(-1), 6);
  });
});
