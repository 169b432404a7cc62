import type { Alarm } from '../../contract/alarm.ts';
import { BAD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { Conditions, QUIET } from './alarm/condition.ts';
import { EvidenceFinder } from './alarm/evidence.ts';
import { LateConditions } from './alarm/late.ts';
import { AlarmLedger } from './alarm/ledger.ts';
import { beyondLimit } from './alarm/limit.ts';
import { NAMES_MAX, type Opening, Raising } from './alarm/raising.ts';
import { Evaluations } from './condition/evaluations.ts';
import { Delays, type SourceState } from './delays.ts';
import { Detectors, RECEIPT_LAG_MS } from './detectors.ts';
import { DeviceHealth, type DeviceState } from './fault/device-health.ts';
import { EdgeSilence } from './fault/edge-silence.ts';
import type { Judge, JudgeOptions, Verdict } from './judge.ts';
import { adoptAlarms, freezeState, type JudgeParts, restoreState } from './judge-state.ts';
import { tellPast } from './past-findings.ts';
import type { Author, JudgeInput, PointInfo, Refusal, Rule, SourceInfo } from './plant.ts';
import { PointNames } from './point-names.ts';
import {
  BUSY_BAD,
  BUSY_DEVICE_SILENT,
  BUSY_EVALUATOR,
  BUSY_QUIET,
  BUSY_STALE,
  CALM_HIGH,
  CALM_LOW,
  NEWEST,
  PointStates,
  STRIDE,
  VALUE,
} from './point-states.ts';
import type { Readings } from './readings.ts';
import { type RuleSheet, RuleTable } from './rule-table.ts';
import { Almanac } from './schedule/almanac.ts';
import { localDays } from './schedule/local-days.ts';
import { siteClock } from './site-clock.ts';

/** A reading stamped further ahead of its receipt than this is judged at its receipt: its clock is wrong. */
export const AHEAD_MAX_MS = 5 * 60_000;
/** Ticks further apart than this: the gateway was deaf in between, so the gap counts as one second of silence. */
export const TICK_GAP_MAX_MS = 10_000;
/** New points of a source are looked at for silence this much of its time later, together. */
const LOOK_AT_NEW_MS = 1000;

/**
 * Judges in place over typed arrays: a reading whose value lies in its point's calm band costs a few loads and stores;
 * everything else takes the long way.
 */
export class LiveJudge implements Judge {
  private readonly points = new PointStates();
  private readonly infos: PointInfo[] = [];
  private readonly names = new PointNames(this.infos);
  private readonly table = new RuleTable(this.infos);
  private readonly conditions = new Conditions();
  private readonly late = new LateConditions();
  private readonly ledger: AlarmLedger;
  private readonly health: DeviceHealth;
  private readonly edges: EdgeSilence;
  private readonly evaluations: Evaluations;
  private readonly raising: Raising;
  private readonly delays: Delays;
  private readonly parts: JudgeParts;
  private readonly detectors: Detectors;
  private readonly sources = new Map<number, SourceState>();
  /** Sum of the ticks, gaps cut: how long we have been listening. */
  private clock: Millis = 0;
  private lastTick: Millis | undefined;
  /** Rules may have gone since the snapshot; settled with the next input. */
  private checkRules = false;

  constructor(options: JudgeOptions) {
    const site = siteClock(options.timezone);
    this.ledger = new AlarmLedger(site, options.groupOf);
    const { hourOfWeek } = site;
    const almanac = new Almanac(localDays(options.timezone));
    this.evaluations = new Evaluations(this.points, (point) => this.points.quality[point] === BAD, {
      hourOfWeek,
      almanac,
    });
    this.detectors = new Detectors(options.detectors ?? []);
    const where = options.device ?? (() => undefined);
    this.health = new DeviceHealth(this.points, this.table, this.conditions, this.infos, where);
    this.edges = new EdgeSilence(this.table, (edge) => this.affectedBy(edge));
    const { table, points, evaluations, health } = this;
    this.raising = new Raising({
      ledger: this.ledger,
      rule: (row) => table.rule(row),
      evidence: new EvidenceFinder({ table, points, evaluations, health }),
      where,
      deviceOf: ({ point }) => this.infos[point]?.device,
      windows: options.maintenance ?? [],
    });
    const settled = (point: number) => this.rearm(point);
    this.delays = new Delays({
      table,
      points,
      conditions: this.conditions,
      evaluations,
      health,
      sink: this.raising,
      settled,
    });
    const { conditions, sources, late, ledger, edges, raising, detectors, findPoint } = this;
    this.parts = {
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
    };
  }

  addSource(info: SourceInfo): void {
    if (this.sources.has(info.id)) return;
    this.sources.set(info.id, {
      info,
      now: info.hasUpTo ? Number.NEGATIVE_INFINITY : this.clock,
      line: {
        key: info.edge === undefined ? undefined : info.key.slice('edge/'.length),
        edge: info.edge,
        devices: [],
        offline: 0,
      },
      timed: new Set(),
      wakeTimed: Number.POSITIVE_INFINITY,
      wakeSilence: Number.NEGATIVE_INFINITY,
    });
  }

  addPoint(info: PointInfo, sourceId: number, rules: readonly Rule[] | RuleSheet): void {
    const { id } = info;
    const source = this.sources.get(sourceId);
    if (source === undefined) throw new RangeError(`point ${info.device}/${info.measurement}: no source ${sourceId}`);
    this.points.resize(id + 1);
    const isNew = this.points.source[id] === -1;
    const running = isNew ? [] : this.takeRules(id);
    this.infos[id] = info;
    if (isNew) this.names.added(id);
    if (this.evaluations.areWaiting || this.detectors.areThere) this.tellName(info, sourceId);
    this.points.maxSilenceMs[id] = info.maxSilenceMs;
    if (isNew || this.points.source[id] !== sourceId) {
      this.points.source[id] = sourceId;
      this.health.join(id, source.line);
    }
    this.raising.hang(info.device, source.line.key, isNew);
    this.addRules(id, rules);
    for (const { key, phase, since, due, known, opening } of running) {
      const row = this.ruleRows(id).find((one) => this.table.rule(one).key === key);
      if (row === undefined) continue;
      this.evaluations.load(row, known);
      if (opening !== undefined) this.raising.putOpening(row, opening);
      this.conditions.phase[row] = phase;
      this.conditions.since[row] = since;
      this.conditions.due[row] = due;
      this.delays.watch(source, row);
    }
    // A thousand new points a second are no reason to look at all of their line each time.
    const lookAt = isNew ? source.now + LOOK_AT_NEW_MS : Number.NEGATIVE_INFINITY;
    source.wakeSilence = Math.min(source.wakeSilence, lookAt);
    this.rearm(id);
  }

  /** Rules over several points, and detectors, may want this one. */
  private tellName({ id, device, measurement }: PointInfo, source: number): void {
    const name = `${device}/${measurement}`;
    this.evaluations.pointKnown(name, id, this.watchPoint);
    if (this.detectors.pointKnown(name, id, source)) this.watchPoint(id);
  }

  private addRules(point: number, rules: readonly Rule[] | RuleSheet): void {
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
      this.evaluations.add(row, rule, this.findPoint, this.watchPoint);
      if (table.side[row] === 1) high = Math.min(high, rule.setpoint as number);
      if (table.side[row] === -1) low = Math.max(low, rule.setpoint as number);
    }
    return { low, high };
  }

  private readonly findPoint = (name: string): number | undefined => this.names.idOf(name);

  /** Rows of the rules a point has now. */
  private ruleRows(point: number): number[] {
    const first = this.points.firstRule[point]!;
    return Array.from({ length: this.points.ruleCount[point]! }, (_, place) => first + place);
  }

  apply(input: JudgeInput, readings: Readings, verdict: Verdict): Refusal | undefined {
    this.raising.verdict = verdict;
    if (input.kind === 'rules') this.raising.wall = Math.max(this.raising.wall, input.at);
    if (this.checkRules) this.followRules(input.kind === 'rules' ? input.by : CONFIGURATION);
    let refusal: Refusal | undefined;
    switch (input.kind) {
      case 'readings':
        this.raising.wall = Math.max(this.raising.wall, input.receivedAt);
        this.judge(input, readings);
        break;
      case 'up-to': {
        const source = this.sources.get(input.source);
        // Without `upTo` of its own a source goes by the judge's clock.
        if (source?.info.hasUpTo === true) {
          this.advance(source, input.upTo);
          this.detect(input.source, input.upTo);
        }
        break;
      }
      case 'tick':
        this.tick(input.at);
        break;
      case 'heard':
        this.raising.wall = Math.max(this.raising.wall, input.at);
        this.edges.heard(input.edge, input.at, this.clock, this.raising);
        break;
      case 'edge':
        this.edges.state(input.edge, input.online, input.at, this.clock, input.heartbeatMs);
        break;
      case 'delivery':
        this.edges.delivery(input.edge, input.missing, input.at, this.clock, this.raising);
        break;
      case 'taught':
        this.raising.wall = Math.max(this.raising.wall, input.at);
        this.detectors.teach(input.detectors);
        tellPast(input.findings, this.raising);
        this.checkRules = true;
        break;
      case 'operator':
        this.raising.wall = Math.max(this.raising.wall, input.command.at);
        refusal = this.ledger.operate(input.command, verdict);
        break;
      case 'located':
        this.ledger.locate(input, verdict);
        break;
      case 'rules':
        this.judgeAgain(input.keys);
        break;
    }
    this.raising.flush();
    this.raising.release();
    this.ledger.tellFloods(verdict);
    return refusal;
  }

  // -- readings ---------------------------------------------------------------------------------------------------------

  private judge(input: Extract<JudgeInput, { kind: 'readings' }>, readings: Readings): void {
    const source = this.sources.get(input.source);
    if (source === undefined) return;
    const { point: points, tsMs, value: values, quality: qualities, reason: reasons } = readings;
    const { hot, heard } = this.points;
    const horizon = input.receivedAt + AHEAD_MAX_MS;
    const { clock } = this;
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
      } else if (point < this.points.count && this.infos[point] !== undefined) {
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
    if (!(value >= points.restLow[point]! && value <= points.restHigh[point]!) || !this.areRulesQuiet(point))
      return false;
    source.wakeSilence = Math.min(source.wakeSilence, this.health.quietOver(point, ts, this.timeOf(source)));
    points.hot[point * STRIDE + NEWEST] = ts;
    points.hot[point * STRIDE + VALUE] = value;
    points.heard[point] = this.clock;
    this.rearm(point);
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
      source.wakeSilence = Math.min(source.wakeSilence, this.health.quietOver(point, ts, this.timeOf(source)));
    if ((points.busy[point]! & (BUSY_STALE | BUSY_DEVICE_SILENT)) !== 0) {
      this.health.silenceOver(point, ts, this.timeOf(source), this.raising);
      source.wakeSilence = Number.NEGATIVE_INFINITY;
      for (const sibling of device.points) this.rearm(sibling);
    }
    points.hot[point * STRIDE + NEWEST] = ts;
    points.heard[point] = this.clock;
    points.quality[point] = quality;
    points.reason[point] = reason;
    this.health.note(point, ts, isBad, reason, this.raising);
    if (isBad) points.busy[point]! |= BUSY_BAD;
    else {
      points.busy[point]! &= ~BUSY_BAD;
      points.hot[point * STRIDE + VALUE] = value;
      this.feedRules(point, ts, value);
      if ((points.busy[point]! & BUSY_EVALUATOR) !== 0)
        for (const row of this.evaluations.news(point, ts)) this.evaluate(row, ts);
    }
    this.delays.watchPoint(source, point);
    for (const row of this.health.rowsOf(point)) this.delays.watch(source, row);
    this.rearm(point);
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

  private readonly watchPoint = (point: number): void => {
    this.points.busy[point]! |= BUSY_EVALUATOR;
    this.rearm(point);
  };

  /** Delays that were over before this reading were over on what was known until then. */
  private settleUntil(point: number, ts: Millis, newest: Millis): void {
    const heldUntil = newest + this.points.maxSilenceMs[point]!;
    if (this.points.quality[point] !== BAD) {
      const first = this.points.firstRule[point]!;
      const end = first + this.points.ruleCount[point]!;
      for (let row = first; row < end; row++)
        if (this.table.side[row] !== 0) this.conditions.complete(row, ts - 1, heldUntil, this.raising);
    }
    for (const row of this.health.rowsOf(point)) this.conditions.complete(row, ts - 1, heldUntil, this.raising);
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

  // -- time -------------------------------------------------------------------------------------------------------------

  private tick(at: Millis): void {
    const gap = this.lastTick === undefined ? 0 : at - this.lastTick;
    this.clock += gap > TICK_GAP_MAX_MS ? 1000 : Math.max(0, gap);
    this.lastTick = at;
    this.raising.wall = Math.max(this.raising.wall, at);
    for (const [id, source] of this.sources) {
      if (source.info.hasUpTo) continue;
      this.advance(source, this.clock);
      if (this.detectors.feeds(id)) this.detect(id, at - RECEIPT_LAG_MS);
    }
    this.edges.tick(at, this.clock, this.raising);
    this.raising.flush();
    this.ledger.tick(at, this.raising.verdict);
  }

  /** What watches many points hears how far time has come. */
  private detect(source: number, upTo: Millis): void {
    for (const finding of this.detectors.advance(source, upTo)) {
      if (finding.kind === 'raise') this.raising.raise(finding.rule, finding.raise);
      else if (finding.kind === 'update') this.raising.update(finding.rule, finding.evidence);
      else this.raising.clear(finding.rule, finding.at);
    }
  }

  private advance(source: SourceState, now: Millis): void {
    if (now < source.now) return;
    source.now = now;
    if (now >= source.wakeTimed) this.delays.complete(source, this.clock);
    if (now >= source.wakeSilence) {
      source.wakeSilence = this.health.lookForSilence(source.line.devices, this.timeOf(source), this.raising);
      for (const device of source.line.devices) if (device.changed) this.rearmDevice(device);
    }
  }

  private timeOf(source: SourceState): { readonly now: Millis; readonly byReceipt: boolean; readonly wall: Millis } {
    return { now: source.now, byReceipt: !source.info.hasUpTo, wall: this.raising.wall };
  }

  private rearm(point: number): void {
    this.points.rearm(point, this.points.busy[point] === 0 && this.areRulesQuiet(point));
  }

  private areRulesQuiet(point: number): boolean {
    const first = this.points.firstRule[point]!;
    const end = first + this.points.ruleCount[point]!;
    for (let row = first; row < end; row++) if (this.conditions.phase[row] !== QUIET) return false;
    return true;
  }

  private rearmDevice(device: DeviceState): void {
    device.changed = false;
    for (const point of device.points) this.rearm(point);
  }

  // -- rules come and go ------------------------------------------------------------------------------------------------

  /** Takes a point's rules out of the running; what runs is handed to those that follow under the same key. */
  private takeRules(point: number): RunningRule[] {
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
    this.checkRules = true;
    return running;
  }

  private affectedBy(edge: string): Readonly<Record<string, unknown>> {
    const devices = [...this.sources.values()]
      .filter(({ info }) => info.edge === edge)
      .flatMap(({ line }) => line.devices);
    return {
      devices: devices.slice(0, NAMES_MAX).map(({ id }) => id),
      affectedDevices: devices.length,
      affectedPoints: devices.reduce((sum, { points }) => sum + points.length, 0),
    };
  }

  /**
   * Rules were made different: what is known of their points is judged by the new limits and delays at once, not with a
   * reading that may come tomorrow. Conditions over time or several points hear of it with their next reading.
   */
  private judgeAgain(keys: readonly string[]): void {
    for (const row of this.table.rowsByKey(new Set(keys), this.findPoint).values()) {
      const point = this.table.point[row]!;
      const source = point < 0 ? undefined : this.sources.get(this.points.source[point]!);
      if (source === undefined || !this.isCurrent(row)) continue;
      const rule = this.table.rule(row);
      this.conditions.setDelays(row, rule);
      const value = this.points.value(point);
      const newest = this.points.newest(point);
      const ts = Math.max(newest, this.delays.pointTime(source, point, this.clock));
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

  /** Rules may be others than before: alarms whose rule is gone are closed, the others follow theirs. */
  private followRules(by: Author): void {
    this.checkRules = false;
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

  // -- snapshot ---------------------------------------------------------------------------------------------------------

  snapshot(): string {
    return [...this.freeze()].join('');
  }

  freeze(): Iterable<string> {
    return freezeState(this.parts, {
      clock: this.clock,
      ...(this.lastTick === undefined ? {} : { lastTick: this.lastTick }),
    });
  }

  restore(text: string): void {
    const { clock, lastTick } = restoreState(this.parts, text);
    this.clock = clock;
    this.lastTick = lastTick;
    for (let point = 0; point < this.points.count; point++) if (this.infos[point] !== undefined) this.rearm(point);
    this.checkRules = false;
  }

  adopt(open: readonly Alarm[]): void {
    for (const point of adoptAlarms(this.parts, open, this.clock)) this.rearm(point);
  }

  reconcile(open: readonly Alarm[], verdict: Verdict): void {
    this.raising.verdict = verdict;
    this.adopt(open.filter(({ id }) => !this.ledger.knows(id)));
    this.followRules(CONFIGURATION);
  }
}

/** Who it was when no person is behind a change of rules. */
const CONFIGURATION: Author = { who: 'system', why: 'the configuration is another one now' };

/** What runs of a rule that is taken out, for the one that follows under its key. */
interface RunningRule {
  readonly key: string;
  readonly phase: number;
  readonly since: Millis;
  readonly due: Millis;
  readonly known: unknown;
  readonly opening: Opening | undefined;
}
