import { demandShare } from './demand.ts';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from './plant.ts';
import { type Random, Wander } from './random.ts';

/** Mean inflow of each district metered area, m3/h, and its pressure at rest, kPa. */
const AREAS = [
  { name: 'dma-1', meanM3PerH: 42, restKPa: 420 },
  { name: 'dma-2', meanM3PerH: 65, restKPa: 380 },
  { name: 'dma-3', meanM3PerH: 28, restKPa: 460 },
  { name: 'dma-4', meanM3PerH: 51, restKPa: 350 },
] as const;
/** Losses in the mains at mean flow, kPa, growing with the square of the flow. */
const LOSS_KPA = 18;
const INLET_BORE_M = 0.2;

/** District metered areas with an inlet meter and a pressure point each. */
export class Water implements Plant {
  readonly name = 'water';
  readonly faults: readonly FaultKind[] = [
    {
      name: 'burst',
      what: 'a main bursts: this much flows out at the area’s normal pressure',
      unit: 'm3/h',
      usual: 120,
    },
  ];
  private readonly board = new FaultBoard();
  private readonly wanders: ReadonlyMap<string, Wander>;
  private readonly flows = new Map<string, Quantities>();

  constructor(random: Random) {
    this.wanders = new Map(AREAS.map(({ name }) => [name, new Wander(random.fork(`water/${name}`), 300)]));
  }

  places(): readonly string[] {
    return AREAS.flatMap(({ name }) => [`${name}/inlet`, `${name}/pressure`]);
  }

  step(seconds: number, surroundings: Surroundings): void {
    for (const { name, meanM3PerH, restKPa } of AREAS) {
      const noise = 1 + 0.03 * (this.wanders.get(name) as Wander).step(seconds);
      const drawn = meanM3PerH * demandShare(surroundings) * noise;
      const burst = this.board.get('burst', `${name}/inlet`) ?? 0;
      const pressure = Math.max(0, restKPa - LOSS_KPA * ((drawn + burst) / meanM3PerH) ** 2);
      const flow = drawn + burst * Math.sqrt(pressure / restKPa);
      const velocity = flow / 3600 / (Math.PI * (INLET_BORE_M / 2) ** 2);
      this.flows.set(name, { flow, velocity, pressure, signalQuality: 87, waterCel: surroundings.airCel * 0.5 + 8 });
    }
  }

  sense(place: string): Quantities | undefined {
    return this.flows.get(place.split('/')[0] as string);
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    if (fault !== 'burst' || !place.endsWith('/inlet') || !this.places().includes(place)) return false;
    this.board.set(fault, place, value);
    return true;
  }
}
