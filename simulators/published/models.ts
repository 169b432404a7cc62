import type { InstrumentModel, QuantityOf } from '../registers/model.ts';

/** A device that publishes by itself over MQTT: battery meters and gauges without a cabinet near them. */
export interface PublishedModel extends InstrumentModel {
  /** One message's values by measurement, in the units of the product's asset classes. */
  measure(of: QuantityOf): Readonly<Record<string, number>>;
}

const rounded = (value: number, step: number) => Number((Math.round(value / step) * step).toFixed(6));

/** Household meter, DN15: a register in whole litres, flow in litres an hour. */
const waterMeter: PublishedModel = {
  name: 'nb-water-meter',
  noise: {},
  counters: [{ of: 'flow', into: 'total', perSecond: 1 / 3600, startMax: 900 }],
  measure: (of) => ({ total: rounded(of('total'), 0.001), flow: rounded(of('flow'), 0.001) }),
};

/** Head end of the customers' meters of an area: their sum, a register in m3 and what they draw in m3/h. */
const headEnd: PublishedModel = {
  name: 'amr-head-end',
  noise: {},
  counters: [{ of: 'flow', into: 'total', perSecond: 1 / 3600, startMax: 900_000 }],
  measure: (of) => ({ total: rounded(of('total'), 0.001), flow: rounded(of('flow'), 0.01) }),
};

/** Battery pressure logger in a hydrant: kPa in steps of 1. */
const pressureLogger: PublishedModel = {
  name: 'nb-pressure-logger',
  noise: { pressure: 0.002 },
  counters: [],
  measure: (of) => ({ pressure: rounded(of('pressure'), 1) }),
};

/** Water on the road: depth in cm in steps of 0.1, battery in V. */
const depthGauge: PublishedModel = {
  name: 'nb-depth-gauge',
  noise: { depth: 0.01 },
  counters: [],
  measure: (of) => ({ depth: rounded(of('depth'), 0.1), battery: 3.6 }),
};

/** Section of a pipe gallery: methane in % LEL, oxygen in % vol, temperature, humidity, sump level in m. */
const galleryStation: PublishedModel = {
  name: 'nb-gallery-station',
  noise: { methane: 0.01, oxygen: 0.001, humidity: 0.003 },
  counters: [],
  measure: (of) => ({
    methane: rounded(of('methane'), 0.1),
    oxygen: rounded(of('oxygen'), 0.1),
    temperature: rounded(of('temperature'), 0.1),
    humidity: rounded(of('humidity'), 0.1),
    sumpLevel: rounded(of('sumpLevel'), 0.01),
  }),
};

/** Lighting controller of a tunnel: luminance in cd/m2, stages as numbers. */
const tunnelLighting: PublishedModel = {
  name: 'plc-tunnel-lighting',
  noise: { l20: 0.01, lth: 0.005, interior: 0.01 },
  counters: [],
  measure: (of) => ({
    l20: rounded(of('l20'), 0.1),
    lth: rounded(of('lth'), 0.1),
    interior: rounded(of('interior'), 0.01),
    stage: of('stage'),
    stageCommand: of('stageCommand'),
  }),
};

/** Every device model that publishes by itself, by name. */
export const PUBLISHED_MODELS: ReadonlyMap<string, PublishedModel> = new Map(
  [waterMeter, headEnd, pressureLogger, depthGauge, galleryStation, tunnelLighting].map((model) => [model.name, model]),
);
