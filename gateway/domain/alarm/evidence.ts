import { QUALITIES, REASONS } from '../../../contract/reading.ts';
import { formatTime, type Millis } from '../../../contract/time.ts';
import type { Evaluations } from '../condition/evaluations.ts';
import type { Answers } from '../fault/answers.ts';
import type { Rule } from '../plant.ts';
import type { PointStates } from '../point-states.ts';
import type { RuleTable } from '../rule-table.ts';
import type { Evidence } from './occurrence.ts';
import { formatFigure } from './sentence.ts';

/** What a rule that trips rests on: value, limit and window, or what its evaluator saw. */
export class EvidenceFinder {
  private readonly table: RuleTable;
  private readonly points: PointStates;
  private readonly evaluations: Evaluations;
  private readonly answers: Answers;

  constructor(parts: { table: RuleTable; points: PointStates; evaluations: Evaluations; answers: Answers }) {
    this.table = parts.table;
    this.points = parts.points;
    this.evaluations = parts.evaluations;
    this.answers = parts.answers;
  }

  of(row: number, since: Millis, at: Millis): Evidence {
    const rule = this.table.rule(row);
    const point = this.table.point[row]!;
    if (this.table.side[row] !== 0) return this.ofLimit(rule, this.points.value(point), since, at);
    const evaluator = this.evaluations.evaluator(row);
    if (evaluator === undefined) return this.answers.evidence(row, since, at);
    const { details, ...evidence } = evaluator.evidence();
    return { ...evidence, details: { ...details, window: { from: formatTime(since), to: formatTime(at) } } };
  }

  ofLimit(rule: Rule, value: number, since: Millis, at: Millis): Evidence {
    const quality = this.points.quality[rule.point] ?? 0;
    return {
      value,
      against: `limit ${formatFigure(rule.setpoint as number)}`,
      againstZh: `限值 ${formatFigure(rule.setpoint as number)}`,
      details: {
        value,
        limit: rule.setpoint,
        deadband: rule.deadband,
        ...(rule.unit === undefined ? {} : { unit: rule.unit }),
        window: { from: formatTime(since), to: formatTime(at) },
        ...(quality === 0 ? {} : { quality: QUALITIES[quality], reason: REASONS[this.points.reason[rule.point]!] }),
      },
    };
  }
}
