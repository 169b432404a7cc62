import type { Alarm } from '../../contract/alarm.ts';
import type { Millis } from '../../contract/time.ts';
import { ACTIVE, type Conditions, QUIET } from './alarm/condition.ts';
import type { LateConditions } from './alarm/late.ts';
import type { AlarmLedger } from './alarm/ledger.ts';
import type { Raising } from './alarm/raising.ts';
import type { Evaluations } from './condition/evaluations.ts';
import type { SourceState } from './delays.ts';
import type { Detectors } from './detectors.ts';
import type { DeviceHealth } from './fault/device-health.ts';
import type { EdgeSilence } from './fault/edge-silence.ts';
import { listAsJson } from './json-pieces.ts';
import type { Rule } from './plant.ts';
import type { PointStates } from './point-states.ts';
import type { FindPoint, RuleTable } from './rule-table.ts';
import { parseState, STATE_FORMAT } from './state-format.ts';

/** Everything of a judge that has a state. */
export interface JudgeParts {
  readonly findPoint: FindPoint;
  readonly points: PointStates;
  readonly table: RuleTable;
  readonly conditions: Conditions;
  readonly sources: ReadonlyMap<number, SourceState>;
  readonly late: LateConditions;
  readonly ledger: AlarmLedger;
  readonly health: DeviceHealth;
  readonly edges: EdgeSilence;
  readonly evaluations: Evaluations;
  readonly raising: Raising;
  readonly detectors: Detectors;
}

export interface JudgeClock {
  readonly clock: Millis;
  readonly lastTick?: Millis;
}

/** The state as of now, as pieces of one JSON text; later steps don't show in it. */
export function freezeState(parts: JudgeParts, clock: JudgeClock): Iterable<string> {
  const points = parts.points.freeze();
  const ledger = parts.ledger.freeze();
  const running = runningConditions(parts);
  const rest = restOf(parts, clock);
  return (function* () {
    yield rest.slice(0, -1);
    yield ',"conditions":[';
    yield* listAsJson(running);
    yield '],"ledger":';
    yield* ledger();
    yield ',"points":';
    yield* points();
    yield '}';
  })();
}

function runningConditions({ table, conditions }: JudgeParts): readonly unknown[] {
  const running: unknown[] = [];
  const { phase, since, due } = conditions;
  for (let row = 0; row < table.length; row++) {
    if (phase[row] !== QUIET) running.push([table.rule(row).key, phase[row], since[row], due[row]]);
  }
  return running;
}

/** All but the columns of the points and the alarms: little, because only what is going on is in it. */
function restOf(parts: JudgeParts, { clock, lastTick }: JudgeClock): string {
  const { table, sources, late, health, edges, evaluations, raising, detectors } = parts;
  const keyOf = (row: number) => table.rule(row).key;
  return JSON.stringify({
    format: STATE_FORMAT,
    clock,
    lastTick,
    wall: raising.wall,
    sources: [...sources].map(([id, { now }]) => [id, Number.isFinite(now) ? now : null]),
    builtIn: table.snapshotBuiltIn(),
    devices: health.snapshot(),
    intervals: health.silence.intervals.snapshot(),
    edges: edges.snapshot(),
    late: late.snapshot(keyOf),
    evaluations: evaluations.snapshot(keyOf),
    ...raising.snapshot(keyOf),
    detectors: detectors.snapshot(),
  });
}

/**
 * Fast paths of the points must be set anew afterwards.
 *
 * @throws Error, with nothing changed, for a text it can't use
 */
export function restoreState(parts: JudgeParts, text: string): JudgeClock {
  const {
    findPoint,
    points,
    table,
    conditions,
    sources,
    late,
    ledger,
    health,
    edges,
    evaluations,
    raising,
    detectors,
  } = parts;
  const state = parseState(text);
  points.restore(state.points);
  raising.wall = state.wall;
  table.restoreBuiltIn(state.builtIn as unknown as { rule: Rule; point: number }[]);
  health.restore(state.devices);
  health.silence.intervals.restore(state.intervals);
  edges.restore(state.edges);
  ledger.restore(state.ledger);
  detectors.restore(state.detectors);
  conditions.resize(table.length);
  const keyed = [state.conditions, state.episodes, state.openings, state.evaluations].flatMap((list) =>
    list.map(([key]) => key),
  );
  const rows = table.rowsByKey(new Set([...keyed, ...state.late.map(({ key }) => key)]), findPoint);
  const rowOf = (key: string) => rows.get(key);
  for (const [key, phase, since, due] of state.conditions) {
    const row = rowOf(key);
    if (row === undefined) continue;
    conditions.phase[row] = phase;
    conditions.since[row] = since;
    conditions.due[row] = due;
  }
  late.restore(state.late, rowOf);
  evaluations.restore(state.evaluations, rowOf);
  raising.restore(state, rowOf);
  for (const [id, now] of state.sources) {
    const source = sources.get(id);
    if (source === undefined) continue;
    source.now = now ?? Number.NEGATIVE_INFINITY;
    source.wakeSilence = Number.NEGATIVE_INFINITY;
    source.wakeTimed = Number.NEGATIVE_INFINITY;
  }
  for (const row of rows.values()) {
    const source = sources.get(points.source[table.point[row]!] ?? -1);
    if (source !== undefined && conditions.isTimed(row)) source.timed.add(row);
  }
  return { clock: state.clock, ...(state.lastTick === undefined ? {} : { lastTick: state.lastTick }) };
}

/**
 * Takes over alarms that are open by their records, instead of a state that can't be used.
 *
 * @returns points whose fast path must be set anew
 */
export function adoptAlarms(parts: JudgeParts, open: readonly Alarm[], clock: Millis): number[] {
  const { table, conditions, ledger, health, edges, raising } = parts;
  const byKey = table.rowsByKey(new Set(open.map(ruleKeyOf)), parts.findPoint);
  const ofHealth = health.adopt(open);
  const touched: number[] = [];
  for (const alarm of open) {
    const row = byKey.get(ruleKeyOf(alarm)) ?? ofHealth.get(alarm.id) ?? edges.adopt(alarm, clock);
    raising.wall = Math.max(raising.wall, alarm.changedAt);
    if (row === undefined) {
      // Its rule is gone: the next step closes it.
      ledger.adopt(goneRule(alarm), alarm);
      continue;
    }
    const rule = table.rule(row);
    ledger.adopt(rule, alarm);
    const point = table.point[row]!;
    // Silence and edges keep their own state; everything else is cleared by a reading that says it is over.
    if (alarm.active && point >= 0 && rule.kind !== 'stale') conditions.phase[row] = ACTIVE;
    if (alarm.active && rule.explains !== undefined) raising.suppression.rootRaised(rule);
    if (point >= 0) touched.push(...health.deviceOf(point).points);
  }
  return touched;
}

/** Records of earlier versions don't name their rule. */
function ruleKeyOf(alarm: Alarm): string {
  return alarm.rule ?? `${alarm.point ?? alarm.asset}#${alarm.kind}`;
}

/** What is known of a rule that is no longer configured. */
function goneRule(alarm: Alarm): Rule {
  const { kind, asset, priority, point, location } = alarm;
  return {
    key: `${ruleKeyOf(alarm)}@${alarm.id}`,
    kind,
    asset,
    priority,
    point: -1,
    pointId: point ?? '',
    deadband: 0,
    onDelayMs: 0,
    offDelayMs: 0,
    latch: false,
    title: alarm.message,
    ...(location === undefined ? {} : { location }),
  };
}
