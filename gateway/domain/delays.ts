import { BAD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { ConditionSink, Conditions } from './alarm/condition.ts';
import type { Evaluations } from './condition/evaluations.ts';
import type { LineState } from './fault/devices.ts';
import type { SourceTime } from './fault/silence.ts';
import type { SourceInfo } from './plant.ts';
import type { PointStates } from './point-states.ts';
import type { RuleTable } from './rule-table.ts';

/** One stream of event time. */
export interface SourceState {
  readonly info: SourceInfo;
  /** With `upTo`: event time so far. Without: the judge's clock. */
  now: Millis;
  readonly line: LineState;
  /** Rules with a running delay. */
  readonly timed: Set<number>;
  /** Nothing is due before these moments of the source's time. */
  wakeTimed: Millis;
  wakeSilence: Millis;
}

/** What is now for a source, as its silences are counted. @param wall - newest wall clock, UTC */
export function timeOf(source: SourceState, wall: Millis): SourceTime {
  return { now: source.now, byReceipt: !source.info.hasUpTo, wall };
}

export interface DelayParts {
  readonly table: RuleTable;
  readonly points: PointStates;
  readonly conditions: Conditions;
  readonly evaluations: Evaluations;
  readonly sink: ConditionSink;
  /** A delay of this point's rules is over. */
  readonly settled: (point: number) => void;
}

/** On-delays and off-delays that run, per source of event time: what completes them is time, where no reading does. */
export class Delays {
  private readonly table: RuleTable;
  private readonly points: PointStates;
  private readonly conditions: Conditions;
  private readonly evaluations: Evaluations;
  private readonly sink: ConditionSink;
  private readonly settled: (point: number) => void;

  constructor(parts: DelayParts) {
    this.table = parts.table;
    this.points = parts.points;
    this.conditions = parts.conditions;
    this.evaluations = parts.evaluations;
    this.sink = parts.sink;
    this.settled = parts.settled;
  }

  /** The rules of a point may have begun or ended a delay. */
  watchPoint(source: SourceState, point: number): void {
    const first = this.points.firstRule[point]!;
    const end = first + this.points.ruleCount[point]!;
    for (let row = first; row < end; row++) this.watch(source, row);
  }

  watch(source: SourceState, row: number): void {
    if (!this.conditions.isTimed(row)) {
      source.timed.delete(row);
      return;
    }
    source.timed.add(row);
    const point = this.table.point[row]!;
    source.wakeTimed = Math.min(source.wakeTimed, this.sourceTime(source, point, this.conditions.due[row]!));
  }

  /**
   * Time has come so far: running delays may be over.
   *
   * @param clock - the judge's clock, by which points of sources without `upTo` grow older
   */
  complete(source: SourceState, clock: Millis): void {
    let wake = Number.POSITIVE_INFINITY;
    for (const row of source.timed) {
      const point = this.table.point[row]!;
      const isEvaluated = this.evaluations.has(row);
      const heldUntil = isEvaluated
        ? this.evaluations.heldUntil(row)
        : this.points.newest(point) + this.points.maxSilenceMs[point]!;
      // What is built in judges quality and silence: a bad value does not make it unknown.
      const isUnknown = isEvaluated
        ? this.evaluations.isUnknown(row)
        : this.points.quality[point] === BAD && !this.table.isBuiltIn(row);
      if (!isUnknown) this.conditions.complete(row, this.pointTime(source, point, clock), heldUntil, this.sink);
      if (!this.conditions.isTimed(row)) {
        source.timed.delete(row);
        this.settled(point);
      } else if (!isUnknown && this.conditions.due[row]! <= heldUntil) {
        wake = Math.min(wake, this.sourceTime(source, point, this.conditions.due[row]!));
      }
    }
    source.wakeTimed = wake;
  }

  /** Event time that a point's silence has reached. */
  pointTime(source: SourceState, point: number, clock: Millis): Millis {
    if (source.info.hasUpTo) return source.now;
    return this.points.newest(point) + (clock - this.points.heard[point]!);
  }

  /** The source's time at which the point's event time will be `at`. */
  private sourceTime(source: SourceState, point: number, at: Millis): Millis {
    return source.info.hasUpTo ? at : this.points.heard[point]! + (at - this.points.newest(point));
  }
}
