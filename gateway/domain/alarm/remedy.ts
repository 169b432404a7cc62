import type { Millis } from '../../../contract/time.ts';
import type { Rule } from '../plant.ts';
import { Conditions } from './condition.ts';
import { beyondLimit, limitSide } from './limit.ts';

/** Delays that are tried, ms: what operators usually set. */
const DELAYS_MS: readonly Millis[] = [5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000];
/** A remedy is worth naming when it leaves at most this share of the alarms. */
const WORTH_SHARE = 0.5;
/** Wider than this share of the setpoint (or of what the value swings over, where that is more) it is no deadband any more: our choice. */
const DEADBAND_SHARE_MAX = 0.1;
/** Deadbands that are tried on the readings of one rule. */
const DEADBANDS_TRIED_MAX = 12;

/** One setting, and how many alarms it would have left. */
export interface Trial {
  /** Deadband in the unit of the point; delay in ms, on top of the one there is. */
  readonly value: number;
  readonly alarms: number;
  /** Alarms without it, over the same time. */
  readonly of: number;
}

/** What would have made fewer alarms of the same course of things. Absent: it would not have helped. */
export interface Remedies {
  readonly deadband?: Trial;
  readonly onDelay?: Trial;
  readonly offDelay?: Trial;
}

/** How many alarms longer delays would have left, from beginnings and ends alone. */
export class DelayTrial {
  private raises = 0;
  private lastClear: Millis | undefined;
  /** By delay: alarms left with an on-delay, alarms left with an off-delay. */
  private readonly lasting = new Float64Array(DELAYS_MS.length);
  private readonly apart = new Float64Array(DELAYS_MS.length);
  private cleared = 0;

  raise(at: Millis): void {
    this.raises++;
    const { lastClear } = this;
    DELAYS_MS.forEach((delayMs, index) => {
      if (lastClear === undefined || at - lastClear > delayMs) this.apart[index]!++;
    });
  }

  clear(at: Millis, lastedMs: Millis): void {
    this.cleared++;
    this.lastClear = at;
    DELAYS_MS.forEach((delayMs, index) => {
      if (lastedMs >= delayMs) this.lasting[index]!++;
    });
  }

  remedies(): Remedies {
    const standing = this.raises - this.cleared;
    const onDelay = this.best((index) => (this.lasting[index] as number) + standing);
    const offDelay = this.best((index) => this.apart[index] as number);
    return { ...(onDelay === undefined ? {} : { onDelay }), ...(offDelay === undefined ? {} : { offDelay }) };
  }

  /** The shortest that leaves a tenth; or the one that leaves least, when that is worth it. */
  private best(left: (index: number) => number): Trial | undefined {
    return bestOf(DELAYS_MS.map((value, index) => ({ value, alarms: left(index), of: this.raises })));
  }
}

/** @param trials - ascending by value */
function bestOf(trials: readonly Trial[]): Trial | undefined {
  const good = trials.find(({ alarms, of }) => alarms <= Math.max(1, of / 10) && alarms < of);
  if (good !== undefined) return good;
  const [best] = trials.toSorted((a, b) => a.alarms - b.alarms || a.value - b.value);
  return best !== undefined && best.alarms <= best.of * WORTH_SHARE ? best : undefined;
}

/**
 * Which deadband would have made fewer alarms of these readings: each is tried on the readings themselves, with the delays the
 * rule has.
 *
 * @param rule - a plain limit, in the unit of the readings
 * @param readings - ascending, good ones only
 * @returns undefined when the rule is no limit, did not ring twice, or no deadband helps
 */
export function deadbandTrial(
  rule: Rule,
  readings: readonly { readonly ts: Millis; readonly value: number }[],
): Trial | undefined {
  const side = limitSide(rule);
  if (side === 0 || rule.setpoint === undefined) return undefined;
  const of = alarmsWith(rule, side, rule.deadband, readings);
  if (of < 2) return undefined;
  const most = DEADBAND_SHARE_MAX * Math.max(Math.abs(rule.setpoint), swingOf(readings));
  const tried = deadbandsFor(rule, side, readings).filter((value) => value > rule.deadband && value <= most);
  return bestOf(tried.map((value) => ({ value, of, alarms: alarmsWith(rule, side, value, readings) })));
}

function swingOf(readings: readonly { readonly value: number }[]): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { value } of readings) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return readings.length === 0 ? 0 : high - low;
}

/** How far the value went back each time before it rang again: a deadband must be wider than that. */
function deadbandsFor(rule: Rule, side: -1 | 1, readings: readonly { readonly value: number }[]): number[] {
  const retreats: number[] = [];
  let deepest: number | undefined;
  let hasTripped = false;
  for (const { value } of readings) {
    const back = side > 0 ? (rule.setpoint as number) - value : value - (rule.setpoint as number);
    if (back < 0) {
      if (hasTripped && deepest !== undefined) retreats.push(deepest);
      hasTripped = true;
      deepest = undefined;
    } else if (hasTripped) deepest = Math.max(deepest ?? 0, back);
  }
  retreats.sort((a, b) => a - b);
  const shares = Array.from({ length: DEADBANDS_TRIED_MAX }, (_, n) => (n + 1) / DEADBANDS_TRIED_MAX);
  const wanted = shares.map((share) => roundedUp(retreats[Math.ceil(share * retreats.length) - 1] ?? 0));
  return [...new Set(wanted)].sort((a, b) => a - b);
}

/** The next number of two digits that is greater. */
function roundedUp(value: number): number {
  if (value <= 0) return 0;
  const step = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number(((Math.floor(value / step + 1e-9) + 1) * step).toPrecision(2));
}

function alarmsWith(
  rule: Rule,
  side: -1 | 1,
  deadband: number,
  readings: readonly { readonly ts: Millis; readonly value: number }[],
): number {
  const conditions = new Conditions();
  let alarms = 0;
  const sink = { tripped: () => void alarms++, cleared: () => {} };
  const trial = { ...rule, deadband };
  for (const { ts, value } of readings) {
    conditions.complete(0, ts - 1, Number.POSITIVE_INFINITY, sink);
    conditions.feed(0, beyondLimit(trial, side, value, conditions.isTripped(0)), ts, rule, sink);
  }
  return alarms;
}

/** `a deadband of 0.8 would have made 1 alarm out of 37; an off-delay 30 s longer 2` */
export function remedyWords({ deadband, onDelay, offDelay }: Remedies, unit = ''): string {
  const made = ({ alarms, of }: Trial) => `would have made ${alarms} alarm${alarms === 1 ? '' : 's'} out of ${of}`;
  const words = [
    ...(deadband === undefined
      ? []
      : [`a deadband of ${deadband.value}${unit === '' ? '' : ` ${unit}`} ${made(deadband)}`]),
    ...(offDelay === undefined ? [] : [`an off-delay ${lengthOf(offDelay.value)} longer ${made(offDelay)}`]),
    ...(onDelay === undefined ? [] : [`an on-delay ${lengthOf(onDelay.value)} longer ${made(onDelay)}`]),
  ];
  return words.length === 0
    ? 'no deadband or delay would have helped: look at the limit and the instrument'
    : words.join('; ');
}

const lengthOf = (ms: Millis) => (ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`);
