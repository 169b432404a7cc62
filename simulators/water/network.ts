import { Random } from '../random.ts';

/** A place where water is drawn; metres, mean demand in m3/h. */
export interface Junction {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly elevationM: number;
  readonly meanM3PerH: number;
  /** District metered area; undefined on the trunk. */
  readonly dma?: string;
}

export interface Pipe {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly lengthM: number;
  readonly diameterMm: number;
  /** Hazen-Williams C. */
  readonly roughness: number;
  readonly closed?: true;
}

/** One district metered area: fed through one metered inlet pipe. */
export interface Area {
  readonly name: string;
  readonly inletPipe: string;
  readonly entry: string;
  /** The node with the lowest pressure: what a logger watches. */
  readonly critical: string;
  /** A pipe in its middle, where a burst happens when nobody names one. */
  readonly usualBurst: string;
  readonly meanM3PerH: number;
}

/** A whole network of our own making. */
export interface Network {
  readonly junctions: readonly Junction[];
  readonly pipes: readonly Pipe[];
  readonly areas: readonly Area[];
}

/** Heads and levels of the fixed parts, m; the lake lies at 160. */
export const WORKS_HEAD_M = 166;
export const SPRING_HEAD_M = 233;
export const TANK = { elevationM: 224, lowestM: 0.3, highestM: 5.5, startM: 3.6, diameterM: 16 } as const;
/** Pressure the harbour's reducing valve holds behind itself, m. */
export const PRV_M = 30;
/** One pump: flow m3/h at head m, the middle of its curve. */
export const PUMP = { flowM3PerH: 150, headM: 68 } as const;

/** The town does not change with the seed of a run: its map stands in documents and boards. */
const TOWN_SEED = 735;
const COLUMNS = 8;
const ROWS = 9;
const DIAMETERS_MM = [100, 150, 200, 250, 300] as const;
/** Pipes are chosen so that peak flow stays below this. */
const VELOCITY_MAX_M_PER_S = 0.9;
const PEAK_SHARE = 1.9;
/** Share of the streets that carry a second pipe besides the tree that feeds every house: they close the loops. */
const LOOP_SHARE = 0.38;

interface AreaPlan {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly spacingM: number;
  readonly meanM3PerH: number;
  /** Trunk node its inlet pipe starts from. */
  readonly fedFrom: string;
}

const PLANS: readonly AreaPlan[] = [
  { name: 'dma-1', x: 2000, y: 220, spacingM: 85, meanM3PerH: 42, fedFrom: 'T3' },
  { name: 'dma-2', x: 1050, y: 320, spacingM: 78, meanM3PerH: 65, fedFrom: 'T2' },
  { name: 'dma-3', x: 1150, y: 1180, spacingM: 82, meanM3PerH: 28, fedFrom: 'T4' },
  { name: 'dma-4', x: 80, y: 90, spacingM: 92, meanM3PerH: 51, fedFrom: 'V4' },
];

/** Ground rises from the lake shore (y = 0) into the hills, with a swell across. */
export function groundM(x: number, y: number): number {
  return 164 + 0.018 * y + 3.5 * Math.sin(x / 520);
}

/** Builds the hill town by the lake: about 300 nodes, four areas, two sources, one tank. */
export function buildNetwork(): Network {
  const random = new Random(TOWN_SEED);
  const trunk = [
    junction('T0', -120, 260, 0),
    junction('T1', 350, 900, 0),
    junction('T2', 1000, 1050, 0),
    junction('T3', 1900, 980, 0),
    junction('T4', 1500, 1650, 0),
    junction('V4', 360, 860, 0),
  ];
  const built = PLANS.map((plan) => buildArea(plan, random.fork(plan.name)));
  const inlets = built.map(({ area, entry }, index): Pipe => {
    const plan = PLANS[index] as AreaPlan;
    const from = trunk.find(({ id }) => id === plan.fedFrom) as Junction;
    return pipe(area.inletPipe, from, entry, 250);
  });
  const byId = new Map([...trunk, ...built.flatMap(({ junctions }) => junctions)].map((node) => [node.id, node]));
  const between = (id: string, from: string, to: string, diameterMm: number) =>
    pipe(id, byId.get(from) as Junction, byId.get(to) as Junction, diameterMm);
  return {
    junctions: [...byId.values()],
    pipes: [
      between('trunk-1', 'T0', 'T1', 400),
      between('trunk-2', 'T1', 'T2', 400),
      between('trunk-3', 'T2', 'T3', 300),
      between('trunk-4', 'T2', 'T4', 350),
      ...inlets,
      ...built.flatMap(({ pipes }) => pipes),
      // The valve between the harbour's neighbours stays shut: an open one mixes two areas' balances.
      { ...between('boundary-12', 'dma-1-r3c1', 'dma-2-r3c8', 150), closed: true },
    ],
    areas: built.map(({ area }) => area),
  };
}

function junction(id: string, x: number, y: number, meanM3PerH: number, dma?: string): Junction {
  return { id, x, y, elevationM: groundM(x, y), meanM3PerH, ...(dma === undefined ? {} : { dma }) };
}

function pipe(id: string, from: Junction, to: Junction, diameterMm: number): Pipe {
  const lengthM = Math.max(20, 1.08 * Math.hypot(to.x - from.x, to.y - from.y));
  return { id, from: from.id, to: to.id, lengthM, diameterMm, roughness: diameterMm >= 300 ? 125 : 112 };
}

/** Streets in a bent grid: a tree that reaches every node, plus loops; sized for peak flow along the tree. */
function buildArea(plan: AreaPlan, random: Random) {
  const grid = layOut(plan, random);
  const nodes = grid.flat();
  const entry = grid[ROWS - 1]?.[Math.floor(COLUMNS / 2)] as Junction;
  const { parents, order, spare } = growTree(grid, entry, random);
  const carried = new Map(nodes.map((node) => [node.id, node.meanM3PerH]));
  for (const node of [...order].reverse()) {
    const parent = parents.get(node.id);
    if (parent !== undefined)
      carried.set(parent.id, (carried.get(parent.id) as number) + (carried.get(node.id) as number));
  }
  const pipes: Pipe[] = [];
  const add = (from: Junction, to: Junction, diameterMm: number) => {
    const id = `${plan.name}-p${pipes.length + 1}`;
    pipes.push(pipe(id, from, to, diameterMm));
    return id;
  };
  const ids = new Map<string, string>();
  for (const node of order) {
    const parent = parents.get(node.id);
    if (parent !== undefined) ids.set(node.id, add(parent, node, diameterFor(carried.get(node.id) as number)));
  }
  for (const [from, to] of spare) if (random.next() < LOOP_SHARE) add(from, to, 100);
  const middle = order[Math.floor(order.length / 2)] as Junction;
  const highest = nodes.reduce((top, node) => (node.elevationM > top.elevationM ? node : top));
  const area: Area = {
    name: plan.name,
    inletPipe: `${plan.name}-inlet`,
    entry: entry.id,
    critical: plan.name === 'dma-4' ? (order.at(-1) as Junction).id : highest.id,
    usualBurst: ids.get(middle.id) as string,
    meanM3PerH: plan.meanM3PerH,
  };
  return { area, entry, junctions: nodes, pipes };
}

function layOut({ name, x, y, spacingM, meanM3PerH }: AreaPlan, random: Random): Junction[][] {
  const weights = Array.from({ length: ROWS * COLUMNS }, () => Math.exp(0.6 * random.normal()));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: COLUMNS }, (_, column) =>
      junction(
        `${name}-r${row + 1}c${column + 1}`,
        x + column * spacingM + random.between(-0.25, 0.25) * spacingM,
        y + row * spacingM + random.between(-0.25, 0.25) * spacingM,
        (meanM3PerH * (weights[row * COLUMNS + column] as number)) / total,
        name,
      ),
    ),
  );
}

/** Breadth-first from the entry over neighbours in random order. `spare` are neighbours the tree did not join. */
function growTree(grid: readonly (readonly Junction[])[], entry: Junction, random: Random) {
  const place = new Map(grid.flatMap((row, r) => row.map((node, c) => [node.id, [r, c] as const])));
  const neighbours = ({ id }: Junction) => {
    const [row, column] = place.get(id) as readonly [number, number];
    const sides = [
      [row - 1, column],
      [row + 1, column],
      [row, column - 1],
      [row, column + 1],
    ] as const;
    return sides.flatMap(([r, c]) => grid[r]?.[c] ?? []);
  };
  const parents = new Map<string, Junction | undefined>([[entry.id, undefined]]);
  const order: Junction[] = [entry];
  const spare: [Junction, Junction][] = [];
  for (let index = 0; index < order.length; index++) {
    const node = order[index] as Junction;
    const around = neighbours(node)
      .map((next) => ({ next, key: random.next() }))
      .sort((a, b) => a.key - b.key);
    for (const { next } of around) {
      if (!parents.has(next.id)) {
        parents.set(next.id, node);
        order.push(next);
      } else if (parents.get(node.id)?.id !== next.id && parents.get(next.id)?.id !== node.id && node.id < next.id)
        spare.push([node, next]);
    }
  }
  return { parents, order, spare };
}

function diameterFor(meanM3PerH: number): number {
  const peakM3PerS = (meanM3PerH * PEAK_SHARE) / 3600;
  const needed = Math.sqrt((4 * peakM3PerS) / (Math.PI * VELOCITY_MAX_M_PER_S)) * 1000;
  return DIAMETERS_MM.find((diameter) => diameter >= needed) ?? 300;
}
