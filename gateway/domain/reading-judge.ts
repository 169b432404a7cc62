import { AHEAD_MAX_MS, BAD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import type { Conditions } from './alarm/condition.ts';
import type { LateConditions } from './alarm/late.ts';
import { beyondLimit } from './alarm/limit.ts';
import type { Raising } from './alarm/raising.ts';
import type { Evaluations } from './condition/evaluations.ts';
import { type Delays, type SourceState, timeOf } from './delays.ts';
import type { Detectors } from './detectors.ts';
import type { DeviceHealth } from './fault/device-health.ts';
import type { JudgeInput } from './plant.ts';
import type { PointRules } from './point-rules.ts';
import {
  BUSY_BAD,
  BUSY_DEVICE_SILENT,
  BUSY_EVALUATOR,
  BUSY_QUIET,
  BUSY_STALE,
  CALM_HIGH,
  CALM_LOW,
  NEWEST,
  type PointStates,
  STRIDE,
  VALUE,
} from './point-states.ts';
import type { Readings } from './readings.ts';
import type { RuleTable } from './rule-table.ts';

export interface ReadingJudgeParts {
  readonly points: PointStates;
  readonly table: RuleTable;
  readonly conditions: Conditions;
  readonly late: LateConditions;
  readonly health: DeviceHealth;
  readonly evaluations: Evaluations;
  readonly raising: Raising;
  readonly delays: Delays;
  readonly rules: PointRules;
  readonly detectors: Detectors;
  readonly sources: ReadonlyMap<number, SourceState>;
}

/**
 * What a reading changes. One whose value lies in its point's calm band costs a few loads and stores; everything else takes
 * the long way.
 */
export class ReadingJudge {
  private readonly points: PointStates;
  private readonly table: RuleTable;
  private readonly conditions: Conditions;
  private readonly late: LateConditions;
  private readonly health: DeviceHealth;
  private readonly evaluations: Evaluations;
  private readonly raising: Raising;
  private readonly delays: Delays;
  private readonly rules: PointRules;
  private readonly detectors: Detectors;
  private readonly sources: ReadonlyMap<number, SourceState>;
  /** The judge's clock as of the message. */
  private clock: Millis = 0;

  constructor(parts: ReadingJudgeParts) {
    this.points = parts.points;
    this.table = parts.table;
    this.conditions = parts.conditions;
    this.late = parts.late;
    this.health = parts.health;
    this.evaluations = parts.evaluations;
    this.raising = parts.raising;
    this.delays = parts.delays;
    this.rules = parts.rules;
    this.detectors = parts.detectors;
    this.sources = parts.sources;
  }

  /**
   * The readings of one message, in their order.
   *
   * @param clock - the judge's clock, at which they are heard
   */
  judge(
    input: Extract<JudgeInput, { kind: 'readings' }>,
    source: SourceState,
    readings: Readings,
    clock: Millis,
  ): void {
    this.clock = clock;
    const { point: points, tsMs, value: values, quality: qualities, reason: reasons } = readings;
    const { hot, heard } = this.points;
    const horizon = input.receivedAt + AHEAD_MAX_MS;
    for (let row = input.from; row < input.to; row++) {
      const point = points[row]!;
      const ts = tsMs[row]!;
      const value = values[row]!;
      const at = point * STRIDE;
      if (
        value >= hot[at + CALM_LOW]! &&
        value <= hot[at + CALM_HIGH]! &&
        ts > hot[at + NEWEST]! &&
        ts <= horizon &&
        qualities[row] !== BAD
      ) {
        hot[at + NEWEST] = ts;
        hot[at + VALUE] = value;
        heard[point] = clock;
      } else if (point < this.points.count && this.points.source[point] !== -1) {
        const asOf = ts <= horizon ? ts : input.receivedAt;
        if (qualities[row] === BAD || !this.hearCalm(source, point, asOf, value))
          this.judgeCarefully(source, point, asOf, value, qualities[row]!, reasons[row]!);
      }
    }
    for (const due of this.evaluations.takeAll()) this.evaluate(due.row, due.ts);
  }

  /**
   * A point that is looked at only because it learns its interval: within its limits nothing else is to be done, and its
   * rules need not be made.
   *
   * @returns whether that was all
   */
  private hearCalm(source: SourceState, point: number, ts: Millis, value: number): boolean {
    const { points } = this;
    if (points.busy[point] !== BUSY_QUIET || !(ts > points.newest(point))) return false;
    if (!(value >= points.restLow[point]! && value <= points.restHigh[point]!) || !this.rules.areQuiet(point))
      return false;
    source.wakeSilence = Math.min(
      source.wakeSilence,
      this.health.silence.quietOver(point, ts, timeOf(source, this.raising.wall)),
    );
    points.hot[point * STRIDE + NEWEST] = ts;
    points.hot[point * STRIDE + VALUE] = value;
    points.heard[point] = this.clock;
    this.rules.rearm(point);
    return true;
  }

  private judgeCarefully(
    source: SourceState,
    point: number,
    ts: Millis,
    value: number,
    quality: number,
    reason: number,
  ): void {
    const { points } = this;
    this.detectors.reading(point, ts, value, quality);
    for (const due of this.evaluations.takeDue(point, ts)) this.evaluate(due.row, due.ts);
    const newest = points.newest(point);
    if (ts < newest) return this.judgeLate(point, ts, value, quality);
    const isBad = quality === BAD;
    if (ts === newest && (isBad ? points.quality[point] === BAD : value === points.value(point))) return;

    this.settleUntil(point, ts, newest);
    const device = this.health.deviceOf(point);
    if ((points.busy[point]! & BUSY_QUIET) !== 0)
      source.wakeSilence = Math.min(
        source.wakeSilence,
        this.health.silence.quietOver(point, ts, timeOf(source, this.raising.wall)),
      );
    if ((points.busy[point]! & (BUSY_STALE | BUSY_DEVICE_SILENT)) !== 0) {
      this.health.silence.silenceOver(point, ts, timeOf(source, this.raising.wall), this.raising);
      source.wakeSilence = Number.NEGATIVE_INFINITY;
      for (const sibling of device.points) this.rules.rearm(sibling);
    }
    points.hot[point * STRIDE + NEWEST] = ts;
    points.heard[point] = this.clock;
    points.quality[point] = quality;
    points.reason[point] = reason;
    this.health.answers.note(point, ts, isBad, reason, this.raising);
    if (isBad) points.busy[point]! |= BUSY_BAD;
    else {
      points.busy[point]! &= ~BUSY_BAD;
      points.hot[point * STRIDE + VALUE] = value;
      this.feedRules(point, ts, value);
      if ((points.busy[point]! & BUSY_EVALUATOR) !== 0)
        for (const row of this.evaluations.news(point, ts)) this.evaluate(row, ts);
    }
    this.delays.watchPoint(source, point);
    for (const row of this.health.answers.rowsOf(point)) this.delays.watch(source, row);
    this.rules.rearm(point);
  }

  private feedRules(point: number, ts: Millis, value: number): void {
    const first = this.points.firstRule[point]!;
    const end = first + this.points.ruleCount[point]!;
    for (let row = first; row < end; row++) {
      const side = this.table.side[row] as -1 | 0 | 1;
      if (side === 0) continue;
      const rule = this.table.rule(row);
      this.conditions.feed(row, beyondLimit(rule, side, value, this.conditions.isTripped(row)), ts, rule, this.raising);
    }
  }

  /** A rule that is no plain limit, on what is known at `ts`. */
  private evaluate(row: number, ts: Millis): void {
    if (!this.evaluations.isUnknown(row))
      this.conditions.complete(row, ts - 1, this.evaluations.heldUntil(row), this.raising);
    const found = this.evaluations.evaluate(row, ts, this.conditions.isTripped(row));
    if (found === undefined) return;
    this.conditions.feed(row, found.truth, found.ts, this.table.rule(row), this.raising);
    const source = this.sources.get(this.points.source[this.table.point[row]!]!);
    if (source !== undefined) this.delays.watch(source, row);
  }

  /** Delays that were over before this reading were over on what was known until then. */
  private settleUntil(point: number, ts: Millis, newest: Millis): void {
    const heldUntil = newest + this.points.maxSilenceMs[point]!;
    if (this.points.quality[point] !== BAD) {
      const first = this.points.firstRule[point]!;
      const end = first + this.points.ruleCount[point]!;
      for (let row = first; row < end; row++)
        if (this.table.side[row] !== 0) this.conditions.complete(row, ts - 1, heldUntil, this.raising);
    }
    for (const row of this.health.answers.rowsOf(point)) this.conditions.complete(row, ts - 1, heldUntil, this.raising);
  }

  /** Came after newer readings: the live state stays as it is; what began and ended in there is journalled as late. */
  private judgeLate(point: number, ts: Millis, value: number, quality: number): void {
    if (quality === BAD) return;
    const first = this.points.firstRule[point]!;
    const end = first + this.points.ruleCount[point]!;
    const isCalm = value >= this.points.restLow[point]! && value <= this.points.restHigh[point]!;
    for (let row = first; row < end; row++) {
      const side = this.table.side[row] as -1 | 0 | 1;
      if (side === 0 || (isCalm && !this.late.follows(row))) continue;
      const rule = this.table.rule(row);
      this.late.feed(
        row,
        {
          ts,
          value,
          liveIsTripped: this.conditions.isTripped(row),
          maxSilenceMs: this.points.maxSilenceMs[point]!,
        },
        (tripped) => beyondLimit(rule, side, value, tripped),
        rule,
        this.raising,
      );
    }
  }
}
