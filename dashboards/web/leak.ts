import type { Millis } from '../../contract/time.ts';

/** What the evidence of a leak alarm says, checked: nothing of it is trusted to be there. */
export interface Leak {
  /** m3/h, with what it lies between. */
  readonly size: number;
  readonly interval?: readonly [low: number, high: number];
  readonly lostM3?: number;
  readonly lostValue?: number;
  readonly growing: boolean;
  readonly sensors: readonly string[];
  readonly ruledOut: readonly string[];
  /** Net inflow and what it should have been, m3/h, oldest first; undefined where a sample was missing or not believed. */
  readonly series: readonly LeakSlot[];
}

export interface LeakSlot {
  readonly at: Millis;
  readonly flow?: number;
  readonly expected?: number;
}

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
const wordsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : []).flatMap((one) => {
    if (typeof one === 'string') return [one];
    const named = (one ?? {}) as Record<string, unknown>;
    const name = named.sensor ?? named.point ?? named.id;
    return typeof name === 'string' ? [name] : [];
  });

/** @param evidence - of an alarm; undefined when it is no leak's */
export function leakOf(evidence: Readonly<Record<string, unknown>>): Leak | undefined {
  const size = numberOf(evidence.size);
  if (size === undefined) return undefined;
  const [low, high] = (Array.isArray(evidence.interval) ? evidence.interval : []).map(numberOf);
  const lostM3 = numberOf(evidence.lostM3);
  const lostValue = numberOf(evidence.lostValue);
  return {
    size,
    growing: evidence.type === 'slow',
    sensors: wordsOf(evidence.sensors),
    ruledOut: wordsOf(evidence.ruledOut),
    series: (Array.isArray(evidence.series) ? evidence.series : []).flatMap(slotOf),
    ...(low === undefined || high === undefined ? {} : { interval: [low, high] as const }),
    ...(lostM3 === undefined ? {} : { lostM3 }),
    ...(lostValue === undefined ? {} : { lostValue }),
  };
}

function slotOf(row: unknown): readonly LeakSlot[] {
  if (!Array.isArray(row)) return [];
  const at = typeof row[0] === 'string' ? Date.parse(row[0]) : Number.NaN;
  if (!Number.isFinite(at)) return [];
  const flow = numberOf(row[1]);
  const expected = numberOf(row[2]);
  return [{ at, ...(flow === undefined ? {} : { flow }), ...(expected === undefined ? {} : { expected }) }];
}
