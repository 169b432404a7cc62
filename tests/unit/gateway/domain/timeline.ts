import type { Alarm, JournalEntry } from '../../../../contract/alarm.ts';
import { type Reason, reasonCode } from '../../../../contract/reading.ts';
import { createJudge, type Judge, type Verdict } from '../../../../gateway/domain/judge.ts';
import type { OperatorCommand, PointInfo, Refusal, Rule } from '../../../../gateway/domain/plant.ts';
import { ReadingBuffer } from '../../../../gateway/domain/readings.ts';

/** Monday 2026-11-23 08:00 in Shanghai. */
export const START = Date.UTC(2026, 10, 23, 0, 0, 0);

export const highRule = (changes: Partial<Rule> = {}): Rule => ({
  key: 'fm-12/flow#high',
  kind: 'high',
  asset: 'fm-12',
  assetClass: 'flow-meter',
  location: 'Binhu East',
  point: 0,
  pointId: 'fm-12/flow',
  priority: 2,
  unit: 'm3/h',
  setpoint: 80,
  deadband: 2,
  onDelayMs: 0,
  offDelayMs: 0,
  latch: false,
  title: 'Flow high',
  response: 'Close V-0716. Then call the shift leader.',
  ...changes,
});

export const flowPoint = (changes: Partial<PointInfo> = {}): PointInfo => ({
  id: 0,
  device: 'fm-12',
  measurement: 'flow',
  unit: 'm3/h',
  label: 'Flow',
  maxSilenceMs: 60_000,
  reportingDelayMs: 0,
  ...changes,
});

export interface TimelineOptions {
  readonly rules?: readonly Rule[];
  readonly points?: readonly PointInfo[];
  /** false: a device that publishes by itself. */
  readonly hasUpTo?: boolean;
  readonly judge?: Judge;
}

/** Drives a judge along a timeline; times are seconds from START. */
export class Timeline {
  judge: Judge;
  readonly alarms = new Map<string, Alarm>();
  readonly journal: JournalEntry[] = [];
  private options: TimelineOptions;
  private readonly buffer = new ReadingBuffer();

  constructor(options: TimelineOptions = {}) {
    this.options = options;
    this.judge = this.prepare();
  }

  private prepare(): Judge {
    const { rules = [highRule()], points = [flowPoint()], hasUpTo = true } = this.options;
    const judge = createJudge({
      timezone: 'Asia/Shanghai',
      device: () => ({ class: 'flow-meter', location: 'Binhu East' }),
    });
    judge.addSource({ id: 0, key: 'edge/e1/l1', edge: 'e1', hasUpTo });
    for (const point of points)
      judge.addPoint(
        point,
        0,
        rules.filter((rule) => rule.point === point.id),
      );
    return judge;
  }

  /** The process ends and another goes on from the snapshot, by other rules if there are some. */
  restart(rules = this.options.rules): void {
    const state = this.judge.snapshot();
    if (rules !== undefined) this.options = { ...this.options, rules };
    this.judge = this.prepare();
    this.judge.restore(state);
  }

  /** Readings that arrive in one message; rows are [second, value, point?]. */
  readings(rows: readonly (readonly [number, number, number?])[], receivedAtSecond?: number): this {
    this.buffer.clear();
    for (const [second, value, point = 0] of rows) this.buffer.push(point, START + second * 1000, value, 0, 0);
    return this.flush(receivedAtSecond ?? Math.max(...rows.map(([second]) => second)));
  }

  at(second: number, value: number, point = 0): this {
    return this.readings([[second, value, point]]);
  }

  bad(second: number, reason: Reason = 'timeout', point = 0): this {
    this.buffer.clear();
    this.buffer.push(point, START + second * 1000, Number.NaN, 2, reasonCode(reason));
    return this.flush(second);
  }

  private flush(receivedAtSecond: number): this {
    const receivedAt = START + receivedAtSecond * 1000;
    this.take((verdict) =>
      this.judge.apply(
        { kind: 'readings', source: 0, from: 0, to: this.buffer.length, receivedAt },
        this.buffer,
        verdict,
      ),
    );
    return this;
  }

  upTo(second: number): this {
    this.take((verdict) => this.judge.apply({ kind: 'up-to', source: 0, upTo: START + second * 1000 }, EMPTY, verdict));
    return this;
  }

  /** Ticks once a second, both ends included. */
  ticks(fromSecond: number, toSecond: number): this {
    for (let second = fromSecond; second <= toSecond; second++) this.tick(second);
    return this;
  }

  tick(second: number): this {
    this.take((verdict) => this.judge.apply({ kind: 'tick', at: START + second * 1000 }, EMPTY, verdict));
    return this;
  }

  heard(second: number): this {
    this.take((verdict) => this.judge.apply({ kind: 'heard', edge: 'e1', at: START + second * 1000 }, EMPTY, verdict));
    return this;
  }

  operate(
    second: number,
    action: OperatorCommand['action'],
    more: Partial<Omit<OperatorCommand, 'action' | 'at'>> = {},
  ): Refusal | undefined {
    const command = { action, alarm: this.only().id, who: 'li', at: START + second * 1000, ...more };
    return this.take((verdict) => this.judge.apply({ kind: 'operator', command }, EMPTY, verdict));
  }

  /** What a start does after the replay. */
  reconcile(open: readonly Alarm[] = []): void {
    this.take((verdict) => this.judge.reconcile(open, verdict));
  }

  /** Ann makes the rule of the first point different at run time, or switches it off. */
  change(second: number, rule: Partial<Rule> | undefined, why = 'test'): void {
    const { points = [flowPoint()] } = this.options;
    this.judge.addPoint(points[0] ?? flowPoint(), 0, rule === undefined ? [] : [highRule(rule)]);
    const by = { who: 'ann', why };
    const at = START + second * 1000;
    this.take((verdict) => this.judge.apply({ kind: 'rules', keys: [highRule().key], by, at }, EMPTY, verdict));
  }

  take<T>(step: (verdict: Verdict) => T): T {
    const verdict: Verdict = { alarms: [], journal: [] };
    const outcome = step(verdict);
    for (const alarm of verdict.alarms) this.alarms.set(alarm.id, alarm);
    this.journal.push(...verdict.journal);
    return outcome;
  }

  /** The newest alarm; fails when there is none. */
  only(kind?: string): Alarm {
    const found = [...this.alarms.values()].filter((alarm) => kind === undefined || alarm.kind === kind);
    const last = found.at(-1);
    if (last === undefined) throw new Error(`no ${kind ?? ''} alarm; journal: ${JSON.stringify(this.journal)}`);
    return last;
  }

  /** `raise@31 return@45`: what happened and when, in seconds from START. */
  story(): string {
    return this.journal.map(({ event, at }) => `${event}@${(at - START) / 1000}`).join(' ');
  }

  get active(): readonly string[] {
    return [...this.alarms.values()].filter(({ active }) => active).map(({ kind }) => kind);
  }
}

const EMPTY = new ReadingBuffer(1);
