import { bilinear, inverse } from './linear.ts';
import type { PipeGraph } from './pipe-graph.ts';
import { meanOffDiagonal, type Residual } from './residual.ts';

/** A crew with listening sticks covers this much of the mains around a point in a shift, m along the pipes. */
export const SEARCH_RADIUS_M = 300;
/** The radius that is told holds the leak with this probability, if the model is right. */
const RADIUS_PART = 0.8;
/** Loggers and models are not better than this, m. */
const FLOOR_M = 0.01;
/** A model is off by this part of the change it foretells. */
const MODEL_PART = 0.1;
/** Part of what sensors stray by for themselves that a covariance of few windows may have missed. */
const SINGLE_PART = 0.1;
/** Deviation of the size's factor around the estimate: at least, and when no interval is known. */
const SIZE_SIGMA_MIN = 0.25;
/** Of a residual that no candidate explains nothing is concluded. */
const EXPLAINED_MIN = 0.4;
const ALIKE_MIN = 0.6;
/** Pressures that want a leak of another size than the flow tells, by more than this factor, have another cause. */
const SIZE_FACTOR_MAX = 2;
/** A pipe is named when the search radius around it holds the leak with this probability: a crew in the wrong street costs more than a zone. */
const CONFIDENCE_MIN = 0.7;
/** A sensor this far from even the best candidate is faulty; at most one in ten of them. */
const OUTLIER_SIGMAS = 6;
const OUTLIER_PART = 0.1;
/** Pipes that are tried as the middle of the search, and that are told. */
const MIDDLES_MAX = 60;
const TOLD_MAX = 10;

export interface RankTask {
  readonly residual: Residual;
  /** By candidate node: pressure change at every sensor of the residual's task for a leak of the estimated size, m. */
  readonly signatures: ReadonlyMap<string, ArrayLike<number>>;
  readonly graph: PipeGraph;
  /** Half the width of the size's interval over the size. */
  readonly sizeSpread: number;
}

export interface Ranked {
  /** Pipe in the middle of where the leak probably is. */
  readonly pipe: string;
  /** m along the pipes around it that hold the leak with 80 %. */
  readonly radiusM: number;
  /** Probability that it lies within {@link SEARCH_RADIUS_M} of `pipe`. */
  readonly confidence: number;
  /** Likely enough to send a crew there. */
  readonly isSure: boolean;
  /** Why it is not. */
  readonly doubt?: string;
  /** Part of the weighted residual that a leak there explains, 0..1. */
  readonly explained: number;
  /** Size by the pressures over the size by the flow. */
  readonly sizeFactor: number;
  /** Likely pipes, most first. */
  readonly pipes: readonly { readonly pipe: string; readonly probability: number; readonly distanceM: number }[];
  /** All pipes within {@link SEARCH_RADIUS_M} of `pipe`. */
  readonly around: readonly string[];
  /** Indices of sensors that were left out as faulty. */
  readonly faulty: readonly number[];
}

/** Which pipes explain a pressure residual best. @returns undefined without candidates */
export function rankPipes(task: RankTask): Ranked | undefined {
  const { residual, signatures, graph } = task;
  let sensors = residual.used.map((_, at) => at);
  let found = score(task, sensors);
  const faulty: number[] = [];
  const outliersMax = Math.floor(OUTLIER_PART * sensors.length);
  while (found !== undefined && faulty.length < outliersMax) {
    const { strays } = found;
    const worst = strays.reduce((most, stray, at) => (stray > strays[most]! ? at : most), 0);
    if (strays[worst]! < OUTLIER_SIGMAS) break;
    faulty.push(residual.used[sensors[worst]!]!);
    sensors = sensors.filter((_, at) => at !== worst);
    found = score(task, sensors);
  }
  if (found === undefined) return undefined;
  const { misfit, least, all } = found;
  // A misfit beyond what noise explains makes every difference worth less.
  const temper = Math.max(1, least / Math.max(1, sensors.length - 3));
  const pipes = graph.pipes
    .filter(({ a, b }) => signatures.has(a) && signatures.has(b))
    .map((pipe) => {
      const height = (misfit.get(pipe.a)! + misfit.get(pipe.b)!) / 2 - least;
      return { pipe, weight: Math.max(1, pipe.lengthM) * Math.exp(-height / 2 / temper) };
    })
    .sort((one, other) => other.weight - one.weight);
  const total = pipes.reduce((sum, { weight }) => sum + weight, 0);
  if (!(total > 0)) return undefined;
  let best: { readonly index: number; readonly mass: number; readonly distances: readonly number[] } | undefined;
  for (let index = 0; index < Math.min(MIDDLES_MAX, pipes.length); index++) {
    const from = graph.distancesFrom(pipes[index]!.pipe.id);
    const distances = pipes.map(({ pipe }) => from(pipe.id));
    const mass = pipes.reduce((sum, { weight }, at) => sum + (distances[at]! <= SEARCH_RADIUS_M ? weight : 0), 0);
    if (best === undefined || mass > best.mass * (1 + 1e-9)) best = { index, mass, distances };
  }
  if (best === undefined) return undefined;
  const { index, distances } = best;
  const confidence = best.mass / total;
  const explained = all > 0 ? Math.max(0, 1 - least / all) : 0;
  const doubt = doubtOf(confidence, explained, found.alike, found.factor);
  return {
    pipe: pipes[index]!.pipe.id,
    radiusM: radiusOf(
      pipes.map(({ weight }, at) => ({ weight: weight / total, distance: distances[at]! })),
      pipes[index]!.pipe.lengthM / 2,
    ),
    confidence,
    isSure: doubt === undefined,
    ...(doubt === undefined ? {} : { doubt }),
    explained,
    sizeFactor: found.factor,
    pipes: pipes
      .slice(0, TOLD_MAX)
      .map(({ pipe, weight }, at) => ({ pipe: pipe.id, probability: weight / total, distanceM: distances[at]! })),
    around: pipes.flatMap(({ pipe }, at) => (distances[at]! <= SEARCH_RADIUS_M ? [pipe.id] : [])),
    faulty,
  };
}

function doubtOf(confidence: number, explained: number, alike: number, factor: number): string | undefined {
  if (explained < EXPLAINED_MIN) return 'no single leak explains the pressures';
  if (alike < ALIKE_MIN) return 'the pattern of the pressures is not that of a leak';
  if (factor > SIZE_FACTOR_MAX || factor < 1 / SIZE_FACTOR_MAX)
    return `the pressures want a leak of ${factor.toPrecision(2)} times the size that the flow tells`;
  if (confidence < CONFIDENCE_MIN) return 'too many pipes explain the pressures equally well';
  return undefined;
}

interface Score {
  /** By node: weighted squares left, with the best factor of size. */
  readonly misfit: ReadonlyMap<string, number>;
  readonly least: number;
  /** Without any leak. */
  readonly all: number;
  readonly factor: number;
  /** Cosine between the residual and the best signature. */
  readonly alike: number;
  /** By sensor, deviations from the best candidate. */
  readonly strays: readonly number[];
  /** Change by sensor at the best candidate, m. */
  readonly foretold: readonly number[];
}

/** In two passes: the model's error is taken from what it foretells of a usual leak first, then of the best one. */
function score(task: RankTask, sensors: readonly number[]): Score | undefined {
  const usual = sensors.map((at) => {
    let sum = 0;
    for (const sign of task.signatures.values()) sum += sign[task.residual.used[at]!]! ** 2;
    return Math.sqrt(sum / Math.max(1, task.signatures.size));
  });
  const first = scoreWith(task, sensors, usual);
  return first === undefined ? undefined : scoreWith(task, sensors, first.foretold);
}

/** @param foretold - change by sensor that the model's error is a part of, m */
function scoreWith(
  { residual, signatures, sizeSpread }: RankTask,
  sensors: readonly number[],
  foretold: readonly number[],
): Score | undefined {
  const mean = sensors.map((at) => residual.mean[at]!);
  const count = Math.max(1, sensors.length);
  const spread = sensors.reduce((sum, at) => sum + residual.covariance[at]![at]!, 0) / count;
  const single = Math.max(0, spread - Math.max(0, meanOffDiagonal(residual.covariance)));
  const size = Math.sqrt(foretold.reduce((sum, value) => sum + value * value, 0) / count);
  const own = foretold.map(
    (value) => FLOOR_M ** 2 + SINGLE_PART * single + (MODEL_PART * (Math.abs(value) + size) * 0.5) ** 2,
  );
  const weights = inverse(
    sensors.map((a, row) => sensors.map((b, column) => residual.covariance[a]![b]! + (row === column ? own[row]! : 0))),
  );
  if (weights === undefined) return undefined;
  const all = bilinear(weights, mean, mean);
  // The factor is drawn towards 1 as by a normal prior.
  const pull = 1 / Math.max(SIZE_SIGMA_MIN, sizeSpread) ** 2;
  const misfit = new Map<string, number>();
  let best: { readonly least: number; readonly factor: number; readonly alike: number; sign: number[] } | undefined;
  for (const [node, full] of signatures) {
    const sign = sensors.map((at) => full[residual.used[at]!]!);
    const along = bilinear(weights, sign, mean);
    const square = bilinear(weights, sign, sign);
    const factor = Math.max(0.3, (along + pull) / (square + pull));
    const left = all - 2 * factor * along + factor * factor * square + pull * (factor - 1) ** 2;
    misfit.set(node, left);
    if (best === undefined || left < best.least) {
      const alike = square > 0 && all > 0 ? along / Math.sqrt(square * all) : 0;
      best = { least: left, factor, alike, sign };
    }
  }
  if (best === undefined) return undefined;
  const { sign, factor, least, alike } = best;
  const strays = mean.map(
    (value, at) =>
      Math.abs(value - factor * sign[at]!) / Math.sqrt(residual.covariance[sensors[at]!]![sensors[at]!]! + own[at]!),
  );
  return { misfit, least, all, factor, alike, strays, foretold: sign.map((value) => factor * value) };
}

/** Least distance that holds {@link RADIUS_PART} of the weight. */
function radiusOf(parts: readonly { readonly weight: number; readonly distance: number }[], least: number): number {
  let sum = 0;
  let radius = least;
  for (const { weight, distance } of [...parts].sort((a, b) => a.distance - b.distance)) {
    sum += weight;
    if (!Number.isFinite(distance)) break;
    radius = Math.max(least, distance);
    if (sum >= RADIUS_PART) break;
  }
  return radius;
}
