import type { Millis } from '../../../contract/time.ts';
import type { Rule } from '../plant.ts';
import type { PointStates } from '../point-states.ts';
import { type Evaluator, type EvaluatorParts, evaluatorFor } from './evaluator.ts';

interface Row {
  readonly evaluator: Evaluator;
  /** Dense ids of the inputs; -1 for a point that has not come up yet. */
  readonly inputs: number[];
  /** Event time of the newest evaluation. */
  ts: Millis;
}

/**
 * All rules that need more than a limit: which points they look at, and what they make of them.
 * A rule over several points is evaluated once per moment, after all readings of that moment in a message.
 */
export class Evaluations {
  private readonly points: PointStates;
  private readonly isBad: (point: number) => boolean;
  private readonly parts: EvaluatorParts;
  private readonly rows = new Map<number, Row>();
  /** Rows by the point they look at. */
  private readonly byPoint = new Map<number, number[]>();
  /** Places that wait for a point of this name. */
  private readonly wanted = new Map<string, { readonly row: number; readonly place: number }[]>();
  /** Rows over several points with news of this moment. */
  private readonly pending = new Map<number, Millis>();

  constructor(points: PointStates, isBad: (point: number) => boolean, parts: EvaluatorParts) {
    this.points = points;
    this.isBad = isBad;
    this.parts = parts;
  }

  /**
   * @param find - dense id of a point by its text id
   * @param watch - a point whose every reading is needed from now on
   */
  add(row: number, rule: Rule, find: (pointId: string) => number | undefined, watch: (point: number) => void): void {
    const evaluator = evaluatorFor(rule, this.parts);
    if (evaluator === undefined) return;
    const inputs = evaluator.inputs.map((name, place) => {
      // The rule's own point may bear the name of its asset.
      const id = name === rule.pointId ? rule.point : find(name);
      if (id !== undefined) return id;
      this.wanted.set(name, [...(this.wanted.get(name) ?? []), { row, place }]);
      return -1;
    });
    this.rows.set(row, { evaluator, inputs, ts: Number.NEGATIVE_INFINITY });
    for (const point of inputs) if (point >= 0) this.follow(point, row, watch);
  }

  /** Some rule looks at a point that has not come up yet. */
  get areWaiting(): boolean {
    return this.wanted.size > 0;
  }

  /** A point came up that some rule may wait for. */
  pointKnown(pointId: string, point: number, watch: (point: number) => void): void {
    const places = this.wanted.get(pointId);
    if (places === undefined) return;
    this.wanted.delete(pointId);
    for (const { row, place } of places) {
      const entry = this.rows.get(row);
      if (entry === undefined) continue;
      entry.inputs[place] = point;
      this.follow(point, row, watch);
    }
  }

  /** @returns what it knew, for the rule that follows under the same key */
  remove(row: number): unknown {
    const entry = this.rows.get(row);
    if (entry === undefined) return undefined;
    this.rows.delete(row);
    this.pending.delete(row);
    for (const point of entry.inputs) {
      const rows = this.byPoint.get(point)?.filter((other) => other !== row);
      if (rows !== undefined) this.byPoint.set(point, rows);
    }
    return entry.evaluator.save?.();
  }

  load(row: number, state: unknown): void {
    if (state !== undefined && state !== null) this.rows.get(row)?.evaluator.load?.(state);
  }

  has(row: number): boolean {
    return this.rows.has(row);
  }

  evaluator(row: number): Evaluator | undefined {
    return this.rows.get(row)?.evaluator;
  }

  rowsOf(point: number): readonly number[] {
    return this.byPoint.get(point) ?? NONE;
  }

  /** Rows that must be evaluated before this reading changes what they look at. */
  takeDue(point: number, ts: Millis): readonly { readonly row: number; readonly ts: Millis }[] {
    if (this.pending.size === 0) return NONE_DUE;
    const due: { row: number; ts: Millis }[] = [];
    for (const row of this.rowsOf(point)) {
      const at = this.pending.get(row);
      if (at === undefined || at >= ts) continue;
      this.pending.delete(row);
      due.push({ row, ts: at });
    }
    return due;
  }

  /** All that is still to be evaluated at the end of a message. */
  takeAll(): readonly { readonly row: number; readonly ts: Millis }[] {
    if (this.pending.size === 0) return NONE_DUE;
    const due = [...this.pending].map(([row, ts]) => ({ row, ts }));
    this.pending.clear();
    return due;
  }

  /** A usable reading of the point: @returns rows to evaluate at once; those over several points wait. */
  news(point: number, ts: Millis): readonly number[] {
    const now: number[] = [];
    for (const row of this.rowsOf(point)) {
      const { inputs } = this.rows.get(row) as Row;
      if (inputs.length === 1) now.push(row);
      else this.pending.set(row, ts);
    }
    return now;
  }

  /** @returns the truth at `ts`, and the moment it counts for; undefined while it can't be said */
  evaluate(row: number, ts: Millis, isTripped: boolean): { readonly truth: boolean; readonly ts: Millis } | undefined {
    const entry = this.rows.get(row) as Row;
    const at = Math.max(ts, entry.ts);
    const values: number[] = [];
    let maxSilenceMs = Number.POSITIVE_INFINITY;
    const { isTolerant = false, optional } = entry.evaluator;
    for (let place = 0; place < entry.inputs.length; place++) {
      const point = entry.inputs[place]!;
      const value = this.known(point, at);
      const mayLack = isTolerant || (point < 0 && optional?.has(place) === true);
      if (Number.isNaN(value) && !mayLack) return undefined;
      values.push(value);
      if (point >= 0) maxSilenceMs = Math.min(maxSilenceMs, this.points.maxSilenceMs[point]!);
    }
    entry.ts = at;
    const truth = entry.evaluator.evaluate({ ts: at, values, isTripped, maxSilenceMs });
    return truth === undefined ? undefined : { truth, ts: at };
  }

  /** Something it needs is missing or bad: time alone must not conclude anything. */
  isUnknown(row: number): boolean {
    const { inputs, evaluator } = this.rows.get(row) as Row;
    if (evaluator.isTolerant === true) return false;
    return inputs.some((point, place) =>
      point < 0 ? evaluator.optional?.has(place) !== true : this.isBad(point) || Number.isNaN(this.points.value(point)),
    );
  }

  /** How far the newest truth may be held over. */
  heldUntil(row: number): Millis {
    const { inputs, evaluator } = this.rows.get(row) as Row;
    let until = evaluator.isTolerant === true ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    for (const point of inputs) {
      if (point < 0) continue;
      const held = this.points.newest(point) + this.points.maxSilenceMs[point]!;
      until = evaluator.isTolerant === true ? Math.max(until, held) : Math.min(until, held);
    }
    return Math.min(until, evaluator.heldUntil?.() ?? Number.POSITIVE_INFINITY);
  }

  snapshot(keyOf: (row: number) => string): unknown {
    return [...this.rows].map(([row, { evaluator, ts }]) => [
      keyOf(row),
      Number.isFinite(ts) ? ts : null,
      evaluator.save?.() ?? null,
    ]);
  }

  restore(state: unknown, rowOf: (key: string) => number | undefined): void {
    for (const [key, ts, saved] of state as [string, number | null, unknown][]) {
      const row = rowOf(key);
      const entry = row === undefined ? undefined : this.rows.get(row);
      if (row === undefined || entry === undefined) continue;
      entry.ts = ts ?? Number.NEGATIVE_INFINITY;
      this.load(row, saved);
    }
  }

  private known(point: number, at: Millis): number {
    if (point < 0 || this.isBad(point)) return Number.NaN;
    const isFresh = at - this.points.newest(point) <= this.points.maxSilenceMs[point]!;
    return isFresh ? this.points.value(point) : Number.NaN;
  }

  private follow(point: number, row: number, watch: (point: number) => void): void {
    const rows = this.byPoint.get(point) ?? [];
    if (!rows.includes(row)) this.byPoint.set(point, [...rows, row]);
    watch(point);
  }
}

const NONE: readonly number[] = [];
const NONE_DUE: readonly { readonly row: number; readonly ts: Millis }[] = [];
