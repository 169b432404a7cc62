import { LampFeeder } from './lamp-feeder.ts';
import { CABINETS } from './lighting.ts';
import { readPlantFiles } from './plants/data-plant.ts';
import { SUBSTATION_PLACES } from './substation.ts';
import { TUNNEL_PLACES } from './tunnel.ts';
import { buildNetwork } from './water/network.ts';
import { waterPlaces } from './water/places.ts';

/** Every `plant/place` of the district, known before anything runs. */
export function placesOfDistrict(root: string): ReadonlySet<string> {
  const inPlant = (plant: string, places: readonly string[]) => places.map((place) => `${plant}/${place}`);
  return new Set([
    ...inPlant('weather', ['station']),
    ...inPlant('water', waterPlaces(buildNetwork())),
    ...inPlant('lighting', [...CABINETS.map(({ name }) => name), ...new LampFeeder().places()]),
    ...inPlant('tunnel', TUNNEL_PLACES),
    ...inPlant('substation', SUBSTATION_PLACES),
    ...readPlantFiles(root).flatMap(({ plant, places }) => inPlant(plant, Object.keys(places))),
  ]);
}
