import { demandShare } from '../demand.ts';
import { FaultBoard, type FaultKind, type Plant, type Quantities, type Surroundings } from '../plant.ts';
import { type Random, Wander } from '../random.ts';
import { Customer } from './customer.ts';
import { Hydraulics, LEAK_EXPONENT } from './hydraulics.ts';
import { type Area, buildNetwork, type Network, type Pipe, PRV_M, PUMP, TANK } from './network.ts';
import { CUSTOMERS, waterPlaces } from './places.ts';
import { controlPumps, type PumpsState } from './pumps.ts';

/** The hydraulics are usually solved this often, in simulated seconds, and at once after a change. */
const SOLVE_S = 5;
/** Share of the mean demand that seeps out everywhere at normal pressure, and that pressure. */
const BACKGROUND_SHARE = 0.08;
/** What customers' meters see of what customers draw: old ones run slow. */
const METERED_SHARE = 0.975;
const NORMAL_PRESSURE_M = 45;
const NODE_NOISE = 0.25;
const NODE_MEMORY_S = 900;
const KPA_PER_M = 9.806_65;
const PUMP_EFFICIENCY = 0.72;

interface Leak {
  /** m3/h at 1 m of pressure. */
  coefficient: number;
  /** Growth of the coefficient per simulated second. */
  readonly growth: number;
}

/**
 * The hill town's water: 300 nodes by EPANET, two sources, a tank, pumps, four metered areas.
 * Flows m3/h, velocity m/s, pressure kPa, level m.
 */
export class Water implements Plant {
  readonly name = 'water';
  readonly faults: readonly FaultKind[] = [
    { name: 'burst', what: 'a main bursts: this much flows out at the present pressure', unit: 'm3/h', usual: 120 },
    { name: 'leak', what: 'a leak opens slowly: it grows by this much each day', unit: 'm3/h', usual: 6 },
    { name: 'flushing', what: 'a hydrant is flushed: this much is drawn', unit: 'm3/h', usual: 70 },
    { name: 'inlet-closed', what: 'somebody closed the inlet valve of the area', unit: '1', usual: 1 },
    { name: 'boundary-open', what: 'the boundary valve between areas 1 and 2 is open', unit: '1', usual: 1 },
    { name: 'prv-open', what: 'the reducing valve of area 4 fails open', unit: '1', usual: 1 },
    { name: 'pump-failed', what: 'the pump does not start', unit: '1', usual: 1 },
    { name: 'spring-off', what: 'the spring main is shut', unit: '1', usual: 1 },
  ];
  readonly network: Network;
  readonly hydraulics: Hydraulics;
  private readonly solveS: number;
  private readonly board = new FaultBoard();
  private readonly areas: ReadonlyMap<string, Area>;
  private readonly pipes: ReadonlyMap<string, Pipe>;
  private readonly means: ReadonlyMap<string, number>;
  private readonly known: ReadonlySet<string>;
  private readonly wanders: readonly Wander[];
  private readonly customers: readonly { readonly node: string; readonly household: Customer }[];
  private readonly drawn: number[] = Array.from({ length: CUSTOMERS }, () => 0);
  /** What the meters of an area's customers see together, m3/h. */
  private readonly metered = new Map<string, number>();
  private readonly leaks = new Map<string, Leak>();
  private readonly flushed = new Map<string, number>();
  private pumps: PumpsState = { lead: true, second: false };
  private sinceSolveS = 0;
  /** Something was opened or closed: solved with the next step. */
  private isChanged = true;
  private waterCel = 14;

  private constructor(random: Random, network: Network, hydraulics: Hydraulics, solveS: number) {
    this.solveS = solveS;
    this.network = network;
    this.hydraulics = hydraulics;
    this.areas = new Map(network.areas.map((area) => [area.name, area]));
    this.pipes = new Map(network.pipes.map((pipe) => [pipe.id, pipe]));
    this.means = new Map(network.junctions.map(({ id, meanM3PerH }) => [id, meanM3PerH]));
    this.known = new Set(waterPlaces(network));
    this.wanders = network.junctions.map(({ id }) => new Wander(random.fork(`water/${id}`), NODE_MEMORY_S));
    const houses = network.junctions.filter(({ dma }) => dma !== undefined);
    this.customers = Array.from({ length: CUSTOMERS }, (_, index) => ({
      node: (houses[(index * 23) % houses.length] as { id: string }).id,
      household: new Customer(random.fork(`customer/${index + 1}`)),
    }));
    for (const { id, meanM3PerH } of network.junctions)
      if (meanM3PerH > 0) hydraulics.setLeak(id, background(meanM3PerH));
  }

  /** @param solveS - how often the hydraulics are solved, in simulated seconds; between, flows and pressures stand still */
  static async open(random: Random, solveS: number = SOLVE_S): Promise<Water> {
    const network = buildNetwork();
    return new Water(random, network, await Hydraulics.open(network), solveS);
  }

  places(): readonly string[] {
    return [...this.known];
  }

  step(seconds: number, surroundings: Surroundings): void {
    const share = demandShare(surroundings);
    this.waterCel += ((surroundings.airCel + 8) / 2 - this.waterCel) * (1 - Math.exp(-seconds / 86_400));
    this.customers.forEach(({ household }, index) => {
      this.drawn[index] = household.step(seconds, share);
    });
    this.sinceSolveS += seconds;
    if (this.sinceSolveS < (this.isChanged ? 1 : this.solveS)) return;
    this.isChanged = false;
    const whole = Math.floor(this.sinceSolveS);
    this.sinceSolveS -= whole;
    this.solve(whole, share);
  }

  sense(place: string): Quantities | undefined {
    if (!this.known.has(place)) return undefined;
    const [first, ...rest] = place.split('/');
    const spot = rest.join('/');
    const area = this.areas.get(first as string);
    if (area !== undefined && spot === 'customers') return { flow: this.metered.get(area.name) ?? 0 };
    if (area !== undefined && spot === 'inlet') return this.atPipe(area.inletPipe, area.entry);
    if (area !== undefined) return this.atNode(spot === 'pressure' ? area.critical : this.endOf(area.usualBurst));
    if (first === 'pipe') return this.atPipe(spot, this.endOf(spot));
    if (first === 'node') return this.atNode(spot);
    if (first === 'customer') return { flow: this.drawn[Number(spot) - 1] ?? 0, waterCel: this.waterCel };
    if (first === 'tank') return this.atTank();
    if (first === 'spring') return { flow: this.hydraulics.flow('spring-main'), signalQuality: 84 };
    if (first === 'works') {
      const flow = this.hydraulics.flow('pump-1') + this.hydraulics.flow('pump-2');
      return { flow, pressure: this.hydraulics.pressureM('T0') * KPA_PER_M, signalQuality: 90 };
    }
    return this.atPump(first as 'pump-1' | 'pump-2');
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    if (!this.known.has(place) || !this.faults.some(({ name }) => name === fault)) return false;
    const [first, ...rest] = place.split('/');
    const area = this.areas.get(first as string);
    const pipe = area?.usualBurst ?? (first === 'pipe' ? rest.join('/') : undefined);
    const here: Readonly<Record<string, boolean>> = {
      burst: pipe !== undefined,
      leak: pipe !== undefined,
      flushing: area !== undefined,
      'inlet-closed': area !== undefined,
      'boundary-open': area?.name === 'dma-1' || area?.name === 'dma-2',
      'prv-open': area?.name === 'dma-4',
      'pump-failed': first === 'pump-1' || first === 'pump-2',
      'spring-off': first === 'spring',
    };
    if (here[fault] !== true) return false;
    this.board.set(fault, place, value);
    if (fault === 'burst' || fault === 'leak') this.openLeak(fault, this.endOf(pipe as string), value);
    else if (fault === 'flushing') this.flushed.set(this.endOf(pipe as string), value ?? 0);
    else if (fault === 'inlet-closed') this.hydraulics.setOpen((area as Area).inletPipe, value === undefined);
    else if (fault === 'boundary-open') this.hydraulics.setOpen('boundary-12', value !== undefined);
    else if (fault === 'spring-off') this.hydraulics.setOpen('spring-main', value === undefined);
    else if (fault === 'prv-open' && value !== undefined) this.hydraulics.setOpen('prv-4', true);
    else if (fault === 'prv-open') this.hydraulics.setSetting('prv-4', PRV_M);
    this.isChanged = true;
    return true;
  }

  private solve(seconds: number, share: number): void {
    const { hydraulics, network } = this;
    const people = share * (1 - BACKGROUND_SHARE);
    this.metered.clear();
    network.junctions.forEach(({ id, dma, meanM3PerH }, index) => {
      if (meanM3PerH === 0) return;
      const noise = 1 + NODE_NOISE * (this.wanders[index] as Wander).step(seconds);
      let drawn = meanM3PerH * people * Math.max(0, noise);
      this.customers.forEach(({ node }, customer) => {
        if (node === id) drawn += this.drawn[customer] as number;
      });
      if (dma !== undefined) this.metered.set(dma, (this.metered.get(dma) ?? 0) + drawn * METERED_SHARE);
      hydraulics.setDemand(id, drawn + (this.flushed.get(id) ?? 0));
    });
    for (const [id, leak] of this.leaks) {
      leak.coefficient += leak.growth * seconds;
      hydraulics.setLeak(id, background(this.meanAt(id)) + leak.coefficient);
    }
    this.pumps = controlPumps(this.pumps, hydraulics.tankLevelM());
    const failed = (pump: string) => this.board.has('pump-failed', pump);
    hydraulics.setOpen('pump-1', this.pumps.lead && !failed('pump-1'));
    hydraulics.setOpen('pump-2', this.standbyWanted() && !failed('pump-2'));
    hydraulics.step(seconds);
  }

  /** The second pump runs when the level asks for it, and in place of the first when that fails. */
  private standbyWanted(): boolean {
    return this.pumps.second || (this.pumps.lead && this.board.has('pump-failed', 'pump-1'));
  }

  /** A leak of a given size has the coefficient that gives this flow at the pressure of the moment. */
  private openLeak(kind: 'burst' | 'leak', node: string, value: number | undefined): void {
    if (value === undefined) {
      this.leaks.delete(node);
      this.hydraulics.setLeak(node, background(this.meanAt(node)));
      return;
    }
    const pressure = Math.max(5, this.hydraulics.pressureM(node));
    const coefficient = value / pressure ** LEAK_EXPONENT;
    this.leaks.set(
      node,
      kind === 'burst' ? { coefficient, growth: 0 } : { coefficient: 0, growth: coefficient / 86_400 },
    );
  }

  private atPipe(id: string, node: string): Quantities {
    const flow = this.hydraulics.flow(id);
    const bore = (this.pipes.get(id)?.diameterMm ?? 200) / 1000;
    return {
      flow,
      velocity: flow / 3600 / (Math.PI * (bore / 2) ** 2),
      pressure: this.hydraulics.pressureM(node) * KPA_PER_M,
      signalQuality: 87,
      waterCel: this.waterCel,
    };
  }

  private atNode(id: string): Quantities {
    return { pressure: Math.max(0, this.hydraulics.pressureM(id)) * KPA_PER_M, flow: this.hydraulics.outflow(id) };
  }

  private atTank(): Quantities {
    const level = this.hydraulics.tankLevelM();
    return {
      level,
      pressure: level * KPA_PER_M,
      flow: this.hydraulics.flow('tank-main'),
      filled: (100 * level) / TANK.highestM,
    };
  }

  private atPump(pump: 'pump-1' | 'pump-2'): Quantities {
    const flow = this.hydraulics.flow(pump);
    const lift = this.hydraulics.pressureM('T0');
    const power = flow > 0.5 ? ((flow / 3600) * 9.81 * Math.max(lift, PUMP.headM / 2)) / PUMP_EFFICIENCY : 0;
    const running = power > 0 ? 1 : 0;
    const wanted = pump === 'pump-1' ? this.pumps.lead : this.standbyWanted();
    return {
      flow,
      power,
      current: (power * 1000) / (Math.sqrt(3) * 400 * 0.86),
      running,
      wanted: wanted ? 1 : 0,
      in0: running,
      in1: wanted ? 1 : 0,
    };
  }

  private endOf(pipe: string): string {
    return this.pipes.get(pipe)?.to as string;
  }

  private meanAt(node: string): number {
    return this.means.get(node) ?? 0;
  }
}

function background(meanM3PerH: number): number {
  return (BACKGROUND_SHARE * meanM3PerH) / NORMAL_PRESSURE_M ** LEAK_EXPONENT;
}
