import type { Alarm } from '../../contract/alarm.ts';
import { BAD } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { Conditions } from './alarm/condition.ts';
import { EvidenceFinder } from './alarm/evidence.ts';
import { LateConditions } from './alarm/late.ts';
import { AlarmLedger } from './alarm/ledger.ts';
import { NAMES_MAX } from './alarm/occurrence.ts';
import { Raising } from './alarm/raising.ts';
import { Evaluations } from './condition/evaluations.ts';
import { Delays, type SourceState, timeOf } from './delays.ts';
import { Detectors, RECEIPT_LAG_MS } from './detectors.ts';
import { DeviceHealth } from './fault/device-health.ts';
import type { DeviceState } from './fault/devices.ts';
import { EdgeSilence } from './fault/edge-silence.ts';
import type { Judge, JudgeOptions, Verdict } from './judge.ts';
import { adoptAlarms, freezeState, type JudgeParts, restoreState } from './judge-state.ts';
import { tellPast } from './past-findings.ts';
import type { Author, JudgeInput, PointInfo, Refusal, Rule, SourceInfo } from './plant.ts';
import { PointNames } from './point-names.ts';
import { PointRules } from './point-rules.ts';
import { PointStates } from './point-states.ts';
import { ReadingJudge } from './reading-judge.ts';
import type { Readings } from './readings.ts';
import { type RuleSheet, RuleTable } from './rule-table.ts';
import { Almanac } from './schedule/almanac.ts';
import { localDays } from './schedule/local-days.ts';
import { siteClock } from './site-clock.ts';

/** Ticks further apart than this: the gateway was deaf in between, so the gap counts as one second of silence. */
export const TICK_GAP_MAX_MS = 10_000;
/** New points of a source are looked at for silence this much of its time later, together. */
const LOOK_AT_NEW_MS = 1000;

/** One spare point to so many, for what comes up later. */
const SPARE_PART = 32;
/** As many as most points have; of more rules there is room as they come. */
const RULES_A_POINT = 2;

/** Judges in place over typed arrays: takes each input to what decides on it, and moves the time of the sources. */
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
  private readonly rules: PointRules;
  private readonly readings: ReadingJudge;
  private readonly parts: JudgeParts;
  private readonly detectors: Detectors;
  private readonly sources = new Map<number, SourceState>();
  /** Sum of the ticks, gaps cut: how long we have been listening. */
  private clock: Millis = 0;
  private lastTick: Millis | undefined;

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
    const { points, infos, table, conditions, late, ledger, evaluations, detectors, sources, findPoint } = this;
    this.health = new DeviceHealth({ points, table, conditions, infos, where });
    this.edges = new EdgeSilence(table, (edge) => this.affectedBy(edge));
    this.raising = new Raising({
      ledger,
      rule: (row) => table.rule(row),
      evidence: new EvidenceFinder({ table, points, evaluations, answers: this.health.answers }),
      where,
      deviceOf: ({ point }) => infos[point]?.device,
      windows: options.maintenance ?? [],
    });
    const { health, edges, raising } = this;
    const settled = (point: number) => this.rules.rearm(point);
    this.delays = new Delays({ table, points, conditions, evaluations, sink: raising, settled });
    const { delays } = this;
    const shared = { points, table, conditions, evaluations, raising, detectors, sources };
    this.rules = new PointRules({ ...shared, delays, ledger, findPoint });
    this.readings = new ReadingJudge({ ...shared, late, health, delays, rules: this.rules });
    this.parts = { ...shared, late, ledger, health, edges, findPoint };
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

  reserve(points: number): void {
    const withSpare = points + Math.ceil(points / SPARE_PART);
    this.points.reserve(withSpare);
    this.table.reserve(RULES_A_POINT * withSpare);
    this.conditions.resize(RULES_A_POINT * withSpare);
  }

  addPoint(info: PointInfo, sourceId: number, rules: readonly Rule[] | RuleSheet): void {
    const { id } = info;
    const source = this.sources.get(sourceId);
    if (source === undefined) throw new RangeError(`point ${info.device}/${info.measurement}: no source ${sourceId}`);
    this.points.resize(id + 1);
    const isNew = this.points.source[id] === -1;
    const running = isNew ? [] : this.rules.take(id);
    this.infos[id] = info;
    if (isNew) this.names.added(id);
    if (this.evaluations.areWaiting || this.detectors.areThere) this.tellName(info, sourceId);
    this.points.maxSilenceMs[id] = info.maxSilenceMs;
    if (isNew || this.points.source[id] !== sourceId) {
      this.points.source[id] = sourceId;
      this.health.join(id, source.line);
    }
    this.raising.hang(info.device, source.line.key, isNew);
    this.rules.add(id, rules);
    this.rules.resume(id, source, running);
    // A thousand new points a second are no reason to look at all of their line each time.
    const lookAt = isNew ? source.now + LOOK_AT_NEW_MS : Number.NEGATIVE_INFINITY;
    source.wakeSilence = Math.min(source.wakeSilence, lookAt);
    this.rules.rearm(id);
  }

  /** Rules over several points, and detectors, may want this one. */
  private tellName({ id, device, measurement, unit }: PointInfo, source: number): void {
    const name = `${device}/${measurement}`;
    this.evaluations.pointKnown(name, id, this.rules.watch);
    if (this.detectors.pointKnown(name, id, unit, source)) this.rules.watch(id);
  }

  private readonly findPoint = (name: string): number | undefined => this.names.idOf(name);

  apply(input: JudgeInput, readings: Readings, verdict: Verdict): Refusal | undefined {
    this.raising.verdict = verdict;
    if (input.kind === 'rules') this.raising.wall = Math.max(this.raising.wall, input.at);
    if (this.rules.mayDiffer) this.rules.follow(input.kind === 'rules' ? input.by : CONFIGURATION);
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
        this.rules.mayDiffer = true;
        break;
      case 'operator':
        this.raising.wall = Math.max(this.raising.wall, input.command.at);
        refusal = this.ledger.operate(input.command, verdict);
        break;
      case 'located':
        this.ledger.locate(input, verdict);
        break;
      case 'rules':
        this.rules.judgeAgain(input.keys, this.clock);
        break;
    }
    this.raising.flush();
    this.raising.release();
    this.ledger.tellFloods(verdict);
    return refusal;
  }

  private judge(input: Extract<JudgeInput, { kind: 'readings' }>, readings: Readings): void {
    const source = this.sources.get(input.source);
    if (source !== undefined) this.readings.judge(input, source, readings, this.clock);
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
      source.wakeSilence = this.health.silence.lookForSilence(
        source.line.devices,
        timeOf(source, this.raising.wall),
        this.raising,
      );
      for (const device of source.line.devices) if (device.changed) this.rearmDevice(device);
    }
  }

  private rearmDevice(device: DeviceState): void {
    device.changed = false;
    for (const point of device.points) this.rules.rearm(point);
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
    for (let point = 0; point < this.points.count; point++)
      if (this.infos[point] !== undefined) this.rules.rearm(point);
    this.rules.mayDiffer = false;
  }

  adopt(open: readonly Alarm[]): void {
    for (const point of adoptAlarms(this.parts, open, this.clock)) this.rules.rearm(point);
  }

  reconcile(open: readonly Alarm[], verdict: Verdict): void {
    this.raising.verdict = verdict;
    this.adopt(open.filter(({ id }) => !this.ledger.knows(id)));
    this.rules.follow(CONFIGURATION);
  }
}

/** Who it was when no person is behind a change of rules. */
const CONFIGURATION: Author = { who: 'system', why: 'the configuration is another one now' };
