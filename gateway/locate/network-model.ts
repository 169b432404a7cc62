import { Project, Workspace } from 'epanet-js';
import { type Pipe, PipeGraph } from '../domain/leakage/locate/pipe-graph.ts';

/** Codes of the EPANET 2.2 toolkit (its enumerated types), because the package exports them at run time only. */
const COUNT = { nodes: 0, links: 2 } as const;
const NODE = { emitter: 3, tankLevel: 8, demand: 9, pressure: 11, minLevel: 20, maxLevel: 21 } as const;
const NODE_TYPE = { junction: 0, tank: 2 } as const;
const LINK = { length: 1, initStatus: 4 } as const;
const LINK_TYPE = { checkValvePipe: 0, pipe: 1, pump: 2 } as const;
const OPTION = { emitterExponent: 3, demandMultiplier: 4 } as const;
const TIME = { patternStep: 3, patternStart: 4, startOfDay: 10 } as const;
const CUBIC_METRES_PER_HOUR = 8;
const PATTERNS = 3;
const KEEP_FLOWS = 0;

/** Nodes of a model we take; a city is cut into models of its districts. */
export const NODES_MAX = 20_000;
const DAY_S = 86_400;
const WEEK_S = 7 * DAY_S;
/** Demand is fitted to the measured supply within these factors of the model's own. */
const FACTOR_MIN = 0.05;
const FACTOR_MAX = 20;
const PRESSURE_LEAST_M = 1;

/** A hydraulic model that can't be used; the message says why in words. */
export class ModelError extends Error {
  readonly code = 'model-unusable';
  readonly retryable = false;
}

/** What the network did at one moment. */
export interface Condition {
  /** Seconds since Monday 00:00 local time. */
  readonly secondOfWeek: number;
  /** Water used in the zone by the meters, m3/h, the leak included; absent: as the model says. */
  readonly usedM3PerH?: number;
  /** Whether the leak is a part of that use; otherwise it comes on top. */
  readonly includesLeak: boolean;
  /** By pump of the model. */
  readonly running: Readonly<Record<string, boolean>>;
  /** By tank of the model, m. */
  readonly levelM: Readonly<Record<string, number>>;
}

export interface SignatureTask {
  readonly conditions: readonly Condition[];
  /** Nodes that stand for sensors, in the order of the answer. */
  readonly sensors: readonly string[];
  /** Junctions that might leak. */
  readonly candidates: readonly string[];
  readonly sizeM3PerH: number;
}

/**
 * One EPANET model. Solving is synchronous (about 1 ms for 800 nodes), so this belongs in a worker.
 * Everything is m3/h and m, whatever the file's units.
 */
export class NetworkModel {
  readonly graph: PipeGraph;
  readonly junctions: readonly string[];
  readonly pumps: ReadonlySet<string>;
  readonly tanks: ReadonlySet<string>;
  private readonly project: Project;
  private readonly nodes = new Map<string, number>();
  private readonly links = new Map<string, number>();
  private readonly joints: { readonly id: string; readonly a: string; readonly b: string }[] = [];
  private readonly emitterExponent: number;
  private readonly cycleS: number;
  private readonly clockS: number;

  private constructor(project: Project) {
    this.project = project;
    const junctions: string[] = [];
    const tanks: string[] = [];
    for (let index = 1; index <= project.getCount(COUNT.nodes); index++) {
      const id = project.getNodeId(index);
      this.nodes.set(id, index);
      const type = Number(project.getNodeType(index));
      if (type === NODE_TYPE.junction) junctions.push(id);
      else if (type === NODE_TYPE.tank) tanks.push(id);
    }
    const pipes: Pipe[] = [];
    const pumps: string[] = [];
    for (let index = 1; index <= project.getCount(COUNT.links); index++) {
      const id = project.getLinkId(index);
      this.links.set(id, index);
      const { node1, node2 } = project.getLinkNodes(index);
      const ends = { id, a: project.getNodeId(node1), b: project.getNodeId(node2) };
      // A boundary valve that the model holds closed parts the zones.
      if (project.getLinkValue(index, LINK.initStatus) !== 0) this.joints.push(ends);
      const type = Number(project.getLinkType(index));
      if (type === LINK_TYPE.pump) pumps.push(id);
      if (type === LINK_TYPE.pipe || type === LINK_TYPE.checkValvePipe)
        pipes.push({ ...ends, lengthM: project.getLinkValue(index, LINK.length) });
    }
    this.junctions = junctions;
    this.tanks = new Set(tanks);
    this.pumps = new Set(pumps);
    this.graph = new PipeGraph(pipes);
    this.emitterExponent = project.getOption(OPTION.emitterExponent) || 0.5;
    this.cycleS = this.longestPatternS() > DAY_S ? WEEK_S : DAY_S;
    this.clockS = project.getTimeParameter(TIME.startOfDay);
  }

  /**
   * @param inp - text of an EPANET input file
   * @throws ModelError when EPANET can't read or solve it
   */
  static async open(inp: string): Promise<NetworkModel> {
    const workspace = new Workspace();
    await workspace.loadModule();
    const project = new Project(workspace);
    workspace.writeFile('network.inp', inp);
    try {
      project.open('network.inp', 'network.rpt', 'network.out');
    } catch (error) {
      throw new ModelError(reportOf(workspace, error));
    }
    if (project.getCount(COUNT.nodes) > NODES_MAX)
      throw new ModelError(`${project.getCount(COUNT.nodes)} nodes; at most ${NODES_MAX}`);
    try {
      project.setFlowUnits(CUBIC_METRES_PER_HOUR);
      project.openH();
      project.initH(KEEP_FLOWS);
      project.runH();
    } catch (error) {
      throw new ModelError(`its hydraulics can't be solved: ${wordsOf(error)}`);
    }
    return new NetworkModel(project);
  }

  has(id: string): boolean {
    return this.nodes.has(id) || this.links.has(id);
  }

  isJunction(id: string): boolean {
    const index = this.nodes.get(id);
    return index !== undefined && Number(this.project.getNodeType(index)) === NODE_TYPE.junction;
  }

  /** Junctions that are joined to one of `from` by pipes or valves without crossing one of the `meters` (links). */
  junctionsAround(from: readonly string[], meters: ReadonlySet<string>): string[] {
    const neighbours = new Map<string, string[]>();
    for (const { id, a, b } of this.joints) {
      if (meters.has(id) || this.pumps.has(id)) continue;
      for (const [one, other] of [
        [a, b],
        [b, a],
      ] as const) {
        const list = neighbours.get(one);
        if (list === undefined) neighbours.set(one, [other]);
        else list.push(other);
      }
    }
    const seen = new Set(from.filter((id) => this.nodes.has(id)));
    const queue = [...seen];
    for (let node = queue.pop(); node !== undefined; node = queue.pop())
      for (const next of neighbours.get(node) ?? [])
        if (!seen.has(next)) {
          seen.add(next);
          queue.push(next);
        }
    return this.junctions.filter((id) => seen.has(id));
  }

  /**
   * Pressure changes at the sensors when one candidate leaks, mean over the conditions.
   *
   * @returns by candidate: m, in the order of the sensors; candidates the model can't feed are left out
   */
  signatures({ conditions, sensors, candidates, sizeM3PerH }: SignatureTask): Map<string, Float64Array> {
    const at = sensors.map((id) => this.nodes.get(id)!);
    const changes = new Map(candidates.map((id) => [id, new Float64Array(at.length)]));
    for (const condition of conditions) {
      const factor = this.setCondition(condition, candidates);
      const before = at.map((index) => this.pressure(index));
      const heads = candidates.map((id) => this.pressure(this.nodes.get(id)!));
      const used = this.usedBy(candidates);
      const rest = condition.includesLeak && used > sizeM3PerH ? (used - sizeM3PerH) / used : 1;
      candidates.forEach((id, place) => {
        const change = changes.get(id);
        if (change === undefined) return;
        const index = this.nodes.get(id)!;
        const own = this.project.getNodeValue(index, NODE.emitter);
        const head = Math.max(PRESSURE_LEAST_M, heads[place]!);
        this.project.setNodeValue(index, NODE.emitter, own + sizeM3PerH / head ** this.emitterExponent);
        const isSolved = this.solve(factor * rest);
        for (let sensor = 0; sensor < at.length; sensor++)
          change[sensor]! += (this.pressure(at[sensor]!) - before[sensor]!) / conditions.length;
        this.project.setNodeValue(index, NODE.emitter, own);
        if (!isSolved || !change.every((value) => Number.isFinite(value))) changes.delete(id);
      });
    }
    return changes;
  }

  close(): void {
    try {
      this.project.closeH();
      this.project.close();
    } catch {
      // What can't be closed goes with its worker.
    }
  }

  /** @returns the factor on demand at which the zone uses what its meters say */
  private setCondition({ secondOfWeek, usedM3PerH, running, levelM }: Condition, zone: readonly string[]): number {
    const { project } = this;
    const start = (((secondOfWeek - this.clockS) % this.cycleS) + this.cycleS) % this.cycleS;
    project.setTimeParameter(TIME.patternStart, Math.round(start));
    for (const [id, isRunning] of Object.entries(running))
      if (this.pumps.has(id)) project.setLinkValue(this.links.get(id)!, LINK.initStatus, isRunning ? 1 : 0);
    for (const [id, level] of Object.entries(levelM)) {
      if (!this.tanks.has(id)) continue;
      const index = this.nodes.get(id)!;
      const low = project.getNodeValue(index, NODE.minLevel);
      const high = project.getNodeValue(index, NODE.maxLevel);
      project.setNodeValue(index, NODE.tankLevel, Math.min(high - 0.01, Math.max(low + 0.01, level)));
    }
    this.solve(1);
    const used = this.usedBy(zone);
    if (usedM3PerH === undefined || !(used > 0)) return 1;
    const factor = Math.min(FACTOR_MAX, Math.max(FACTOR_MIN, usedM3PerH / used));
    this.solve(factor);
    return factor;
  }

  private solve(factor: number): boolean {
    try {
      this.project.setOption(OPTION.demandMultiplier, factor);
      this.project.initH(KEEP_FLOWS);
      this.project.runH();
      return true;
    } catch {
      return false;
    }
  }

  private pressure(index: number): number {
    return this.project.getNodeValue(index, NODE.pressure);
  }

  private usedBy(junctions: readonly string[]): number {
    return junctions.reduce((sum, id) => sum + this.project.getNodeValue(this.nodes.get(id)!, NODE.demand), 0);
  }

  private longestPatternS(): number {
    const { project } = this;
    const step = project.getTimeParameter(TIME.patternStep);
    let longest = 1;
    for (let index = 1; index <= project.getCount(PATTERNS); index++)
      longest = Math.max(longest, project.getPatternLength(index));
    return longest * step;
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

/** EPANET's own words about the first mistakes of the file. */
function reportOf(workspace: Workspace, error: unknown): string {
  let report = '';
  try {
    report = String(workspace.readFile('network.rpt'));
  } catch {
    // Without a report its error must do.
  }
  const lines = report
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /error/i.test(line))
    .slice(0, 3);
  return lines.length > 0 ? lines.join('; ').slice(0, 400) : wordsOf(error);
}
