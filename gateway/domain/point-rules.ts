import type { Millis } from '../../contract/time.ts';
import { type Conditions, QUIET } from './alarm/condition.ts';
import type { AlarmLedger } from './alarm/ledger.ts';
import { beyondLimit } from './alarm/limit.ts';
import type { Opening, Raising } from './alarm/raising.ts';
import type { Evaluations } from './condition/evaluations.ts';
import type { Delays, SourceState } from './delays.ts';
import type { Detectors } from './detectors.ts';
import type { Author, Rule } from './plant.ts';
import { BUSY_BAD, BUSY_DEVICE_SILENT, BUSY_EVALUATOR, BUSY_STALE, type PointStates } from './point-states.ts';
import type { FindPoint, RuleSheet, RuleTable } from './rule-table.ts';

export interface PointRuleParts {
  readonly points: PointStates;
  readonly table: RuleTable;
  readonly conditions: Conditions;
  readonly evaluations: Evaluations;
  readonly delays: Delays;
  readonly raising: Raising;
  readonly ledger: AlarmLedger;
  readonly detectors: Detectors;
  readonly sources: ReadonlyMap<number, SourceState>;
  readonly findPoint: FindPoint;
}

/** Which rules each point has, and what becomes of running delays and open alarms when they are others. */
export class PointRules {
  /** Rules may be others than the open alarms know: {@link follow} has to be called. */
  mayDiffer = false;
  private readonly points: PointStates;
  private readonly table: RuleTable;
  private readonly conditions: Conditions;
  private readonly evaluations: Evaluations;
  private readonly delays: Delays;
  private readonly raising: Raising;
  private readonly ledger: AlarmLedger;
  private readonly detectors: Detectors;
  private readonly sources: ReadonlyMap<number, SourceState>;
  private readonly findPoint: FindPoint;

  constructor(parts: PointRuleParts) {
    this.points = parts.points;
    this.table = parts.table;
    this.conditions = parts.conditions;
    this.evaluations = parts.evaluations;
    this.delays = parts.delays;
    this.raising = parts.raising;
    this.ledger = parts.ledger;
    this.detectors = parts.detectors;
    this.sources = parts.sources;
    this.findPoint = parts.findPoint;
  }

  /** A point's rules from now on. */
  add(point: number, rules: readonly Rule[] | RuleSheet): void {
    const { points, table } = this;
    points.firstRule[point] = table.length;
    const { low, high } = 'limits' in rules ? table.addSheet(rules, point) : this.addEach(point, rules);
    points.ruleCount[point] = table.length - points.firstRule[point]!;
    this.conditions.resize(table.length);
    points.restLow[point] = low;
    points.restHigh[point] = high;
  }

  private addEach(point: number, rules: readonly Rule[]): { readonly low: number; readonly high: number } {
    const { table } = this;
    let low = Number.NEGATIVE_INFINITY;
    let high = Number.POSITIVE_INFINITY;
    for (const rule of rules) {
      const row = table.add(rule, point);
      this.evaluations.add(row, rule, this.findPoint, this.watch);
      if (table.side[row] === 1) high = Math.min(high, rule.setpoint as number);
      if (table.side[row] === -1) low = Math.max(low, rule.setpoint as number);
    }
    return { low, high };
  }

  /** Rows of the rules a point has now. */
  private rowsOf(point: number): number[] {
    const first = this.points.firstRule[point]!;
    return Array.from({ length: this.points.ruleCount[point]! }, (_, place) => first + place);
  }

  /** Nothing of a point's rules runs or is tripped. */
  areQuiet(point: number): boolean {
    const first = this.points.firstRule[point]!;
    const end = first + this.points.ruleCount[point]!;
    for (let row = first; row < end; row++) if (this.conditions.phase[row] !== QUIET) return false;
    return true;
  }

  /** A rule over several points, or a detector, wants every reading of this one. */
  readonly watch = (point: number): void => {
    this.points.busy[point]! |= BUSY_EVALUATOR;
    this.rearm(point);
  };

  /** Sets the fast path of a point: open while nothing of its rules runs and nothing else wants each reading. */
  rearm(point: number): void {
    this.points.rearm(point, this.points.busy[point] === 0 && this.areQuiet(point));
  }

  /** Takes a point's rules out of the running; what runs is handed to those that follow under the same key. */
  take(point: number): RunningRule[] {
    const { phase, since, due } = this.conditions;
    const source = this.sources.get(this.points.source[point]!);
    const first = this.points.firstRule[point]!;
    const running: RunningRule[] = [];
    for (let row = first; row < first + this.points.ruleCount[point]!; row++) {
      const known = this.evaluations.remove(row);
      const opening = this.raising.takeOpening(row);
      if (phase[row] !== QUIET || known !== undefined)
        running.push({
          key: this.table.rule(row).key,
          phase: phase[row]!,
          since: since[row]!,
          due: due[row]!,
          known,
          opening,
        });
      this.conditions.drop(row);
      source?.timed.delete(row);
    }
    this.mayDiffer = true;
    return running;
  }

  /** What ran under the same keys runs on. */
  resume(point: number, source: SourceState, running: readonly RunningRule[]): void {
    for (const { key, phase, since, due, known, opening } of running) {
      const row = this.rowsOf(point).find((one) => this.table.rule(one).key === key);
      if (row === undefined) continue;
      this.evaluations.load(row, known);
      if (opening !== undefined) this.raising.putOpening(row, opening);
      this.conditions.phase[row] = phase;
      this.conditions.since[row] = since;
      this.conditions.due[row] = due;
      this.delays.watch(source, row);
    }
  }

  /**
   * Rules were made different: what is known of their points is judged by the new limits and delays at once, not with a
   * reading that may come tomorrow. Conditions over time or several points hear of it with their next reading.
   *
   * @param clock - the judge's clock, by which points of sources without `upTo` grow older
   */
  judgeAgain(keys: readonly string[], clock: Millis): void {
    for (const row of this.table.rowsByKey(new Set(keys), this.findPoint).values()) {
      const point = this.table.point[row]!;
      const source = point < 0 ? undefined : this.sources.get(this.points.source[point]!);
      if (source === undefined || !this.isCurrent(row)) continue;
      const rule = this.table.rule(row);
      this.conditions.setDelays(row, rule);
      const value = this.points.value(point);
      const newest = this.points.newest(point);
      const ts = Math.max(newest, this.delays.pointTime(source, point, clock));
      const isSilent = (this.points.busy[point]! & (BUSY_BAD | BUSY_STALE | BUSY_DEVICE_SILENT)) !== 0;
      const isKnown =
        !isSilent &&
        !Number.isNaN(value) &&
        ts <= newest + this.points.maxSilenceMs[point]! &&
        newest >= (rule.since ?? newest);
      const side = this.table.side[row] as -1 | 0 | 1;
      if (side !== 0 && isKnown) {
        const truth = beyondLimit(rule, side, value, this.conditions.isTripped(row));
        this.conditions.feed(row, truth, ts, rule, this.raising);
      }
      this.delays.watch(source, row);
      this.rearm(point);
    }
  }

  private isCurrent(row: number): boolean {
    if (this.table.isBuiltIn(row)) return true;
    const point = this.table.point[row]!;
    const first = point < 0 ? row : this.points.firstRule[point]!;
    return row >= first && row < first + this.points.ruleCount[point]!;
  }

  /** Alarms whose rule is gone are closed, the others follow theirs. */
  follow(by: Author): void {
    this.mayDiffer = false;
    const { wall, verdict } = this.raising;
    const known = new Set<string>();
    const open = new Set<string>();
    for (const { rule, isActive } of this.ledger.open())
      (this.detectors.isOwn(rule.key, isActive) ? known : open).add(rule.key);
    for (const [key, row] of this.table.rowsByKey(open, this.findPoint)) {
      if (!this.isCurrent(row)) continue;
      known.add(key);
      this.ledger.renew(this.table.rule(row), by, wall, verdict);
    }
    this.ledger.closeUnknown((key) => known.has(key), by, wall, verdict);
  }
}

/** What runs of a rule that is taken out, for the one that follows under its key. */
export interface RunningRule {
  readonly key: string;
  readonly phase: number;
  readonly since: Millis;
  readonly due: Millis;
  readonly known: unknown;
  readonly opening: Opening | undefined;
}
