import { QUARTER_MS } from '../../gateway/domain/leakage/locate/locate.ts';
import { Random } from '../../simulators/random.ts';
import { Hydraulics } from '../../simulators/water/hydraulics.ts';
import { toInp } from '../../simulators/water/inp.ts';
import { buildNetwork } from '../../simulators/water/network.ts';

/** Monday. */
export const TOWN_FROM = Date.UTC(2026, 0, 5);
export const ZONE = 'dma-2';
export const SENSORS = ['r1c2', 'r2c7', 'r4c4', 'r5c1', 'r6c6', 'r8c3', 'r9c7', 'r7c8'].map((at) => `${ZONE}-${at}`);
const PER_DAY = 96;

export const TOWN = buildNetwork();
export const TOWN_INP = toInp(TOWN);
/** A pipe in the middle of the zone. */
export const LEAKY_PIPE = TOWN.pipes.find(({ id }) => id === TOWN.areas.find(({ name }) => name === ZONE)?.usualBurst)!;

export interface LeakyTown {
  /** Quarter-hour values by point: `<node>/pressure` m, `dma-2-inlet/flow` m3/h. */
  readonly columns: Readonly<Record<string, Float64Array>>;
  readonly leakFrom: number;
  readonly to: number;
}

/** The simulated hill town over `days` days and then `leakQuarters` quarters with a leak at one end of the pipe. */
export async function leakyTown(days: number, leakQuarters: number, leakM3PerH: number): Promise<LeakyTown> {
  const town = await Hydraulics.open(TOWN);
  const random = new Random(5);
  const quarters = days * PER_DAY + leakQuarters;
  const columns: Record<string, Float64Array> = { [`${ZONE}-inlet/flow`]: new Float64Array(quarters) };
  for (const id of SENSORS) columns[`${id}/pressure`] = new Float64Array(quarters);
  try {
    for (let at = 0; at < quarters; at++) {
      const hour = (at / 4) % 24;
      const use = 1 + 0.5 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + 0.2 * Math.sin(((hour - 4) / 12) * 2 * Math.PI);
      for (const { id, meanM3PerH } of TOWN.junctions)
        if (meanM3PerH > 0) town.setDemand(id, meanM3PerH * use * (1 + 0.06 * random.normal()));
      if (at === days * PER_DAY)
        town.setLeak(LEAKY_PIPE.to, leakM3PerH / Math.sqrt(Math.max(1, town.pressureM(LEAKY_PIPE.to))));
      town.step(900);
      columns[`${ZONE}-inlet/flow`]![at] = town.flow(`${ZONE}-inlet`);
      for (const id of SENSORS) columns[`${id}/pressure`]![at] = town.pressureM(id) + 0.01 * random.normal();
    }
  } finally {
    town.close();
  }
  return {
    columns,
    leakFrom: TOWN_FROM + days * PER_DAY * QUARTER_MS,
    to: TOWN_FROM + quarters * QUARTER_MS,
  };
}
