import type { Network } from './network.ts';

export const CUSTOMERS = 12;

/** Every place of the water plant an instrument or a fault can be at. */
export function waterPlaces({ areas, pipes, junctions }: Network): readonly string[] {
  return [
    ...areas.flatMap(({ name }) => [`${name}/inlet`, `${name}/pressure`, `${name}/middle`, `${name}/customers`]),
    'tank',
    'works',
    'spring',
    'pump-1',
    'pump-2',
    ...Array.from({ length: CUSTOMERS }, (_, index) => `customer/${index + 1}`),
    ...pipes.map(({ id }) => `pipe/${id}`),
    ...junctions.map(({ id }) => `node/${id}`),
  ];
}
