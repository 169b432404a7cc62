import type { Millis } from '../../contract/time.ts';
import { type Json, maybe, numberOf, objectOf, rowsOf, textOf, wordsOf } from './json.ts';

/** What the evidence of a leak alarm says, checked: nothing of it is trusted to be there. */
export interface Leak {
  readonly zone?: string;
  /** m3/h, with what it lies between. */
  readonly size: number;
  readonly interval?: readonly [low: number, high: number];
  readonly lostM3?: number;
  readonly lostValue?: number;
  readonly growing: boolean;
  /** How many times the usual scatter the evidence is. */
  readonly score?: number;
  /** `water balance` or `net inflow`. */
  readonly basis?: string;
  /** m3/h of other leaks that were open already. */
  readonly otherOpenLeaks?: number;
  /** Those that fell most first. */
  readonly sensors: readonly LeakSensor[];
  readonly ruledOut: readonly string[];
  /** Net inflow and what it should have been, m3/h, oldest first; undefined where a sample was missing or not believed. */
  readonly series: readonly LeakSlot[];
  readonly place?: LeakPlace;
}

export interface LeakSensor {
  readonly point: string;
  /** In the unit of the point, and in its own standard deviations. */
  readonly drop?: number;
  readonly sigmas?: number;
}

export interface LeakSlot {
  readonly at: Millis;
  readonly flow?: number;
  readonly expected?: number;
}

/** Where a leak is, as far as it could be told. */
export interface LeakPlace {
  /** `hydraulic model` or `pressure pattern`. */
  readonly basis: string;
  readonly model?: string;
  readonly pipe?: string;
  readonly radiusM?: number;
  readonly radiusBasis?: string;
  /** That it lies within the search radius of the pipe, 0..1. */
  readonly probability?: number;
  /** Why the pipe is no more than the best guess, or why there is none. */
  readonly doubt?: string;
  /** Likeliest first; distance from the likeliest along the pipes, m. */
  readonly pipes: readonly { readonly pipe: string; readonly probability: number; readonly distanceM?: number }[];
  readonly leftOut: readonly string[];
  /** Middle of the sensors that fell most, WGS-84. */
  readonly about?: { readonly latitude: number; readonly longitude: number; readonly radiusM: number };
}

/** @param evidence - of an alarm; undefined when it is no leak's */
export function leakOf(evidence: Readonly<Record<string, unknown>>): Leak | undefined {
  const size = numberOf(evidence.size);
  if (size === undefined) return undefined;
  const [low, high] = (Array.isArray(evidence.interval) ? evidence.interval : []).map(numberOf);
  return {
    size,
    growing: evidence.type === 'slow',
    sensors: (Array.isArray(evidence.sensors) ? evidence.sensors : []).flatMap(sensorOf),
    ruledOut: wordsOf(evidence.ruledOut),
    series: (Array.isArray(evidence.series) ? evidence.series : []).flatMap(slotOf),
    ...maybe('zone', textOf(evidence.zone)),
    ...maybe('interval', low === undefined || high === undefined ? undefined : ([low, high] as const)),
    ...maybe('lostM3', numberOf(evidence.lostM3)),
    ...maybe('lostValue', numberOf(evidence.lostValue)),
    ...maybe('score', numberOf(evidence.score)),
    ...maybe('basis', textOf(evidence.basis)),
    ...maybe('otherOpenLeaks', numberOf(evidence.otherOpenLeaks)),
    ...maybe('place', placeOf(evidence.located)),
  };
}

function sensorOf(row: unknown): readonly LeakSensor[] {
  const named = objectOf(row);
  const point = textOf(row) ?? textOf(named.point) ?? textOf(named.sensor) ?? textOf(named.id);
  return point === undefined
    ? []
    : [{ point, ...maybe('drop', numberOf(named.drop)), ...maybe('sigmas', numberOf(named.sigmas)) }];
}

function slotOf(row: unknown): readonly LeakSlot[] {
  if (!Array.isArray(row)) return [];
  const at = typeof row[0] === 'string' ? Date.parse(row[0]) : Number.NaN;
  if (!Number.isFinite(at)) return [];
  return [{ at, ...maybe('flow', numberOf(row[1])), ...maybe('expected', numberOf(row[2])) }];
}

function placeOf(answer: unknown): LeakPlace | undefined {
  const row = objectOf(answer);
  const basis = textOf(row.basis);
  if (basis === undefined) return undefined;
  return {
    basis,
    leftOut: wordsOf(row.leftOut),
    pipes: rowsOf(row.pipes).flatMap(({ pipe, probability, distanceM }) => {
      const name = textOf(pipe);
      return name === undefined
        ? []
        : [{ pipe: name, probability: numberOf(probability) ?? 0, ...maybe('distanceM', numberOf(distanceM)) }];
    }),
    ...maybe('model', textOf(row.model)),
    ...maybe('pipe', textOf(row.pipe)),
    ...maybe('radiusM', numberOf(row.radiusM)),
    ...maybe('radiusBasis', textOf(row.radiusBasis)),
    ...maybe('probability', numberOf(row.probability)),
    ...maybe('doubt', textOf(row.doubt) ?? textOf(row.reason)),
    ...maybe('about', aboutOf(row) ?? aboutOf(objectOf(row.pattern))),
  };
}

function aboutOf({ latitude, longitude, radiusM }: Json): LeakPlace['about'] {
  const [lat, lon, radius] = [numberOf(latitude), numberOf(longitude), numberOf(radiusM)];
  return lat === undefined || lon === undefined || radius === undefined
    ? undefined
    : { latitude: lat, longitude: lon, radiusM: radius };
}

/** The sample nearest to a moment. */
export function valueAt(series: readonly LeakSlot[], at: Millis): LeakSlot | undefined {
  let nearest: LeakSlot | undefined;
  for (const slot of series)
    if (nearest === undefined || Math.abs(slot.at - at) < Math.abs(nearest.at - at)) nearest = slot;
  return nearest;
}
